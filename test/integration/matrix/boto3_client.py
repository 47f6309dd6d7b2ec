"""boto3's part of the client matrix."""
import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

import steps


class Client:
    def __init__(self, stage):
        self.s3 = boto3.client(
            's3',
            endpoint_url='http://' + stage['server'],
            aws_access_key_id=stage['accessKey'],
            aws_secret_access_key=stage['secretKey'],
            region_name='us-east-1',
            config=Config(s3={'addressing_style': 'path'}, signature_version='s3v4'),
        )
        self.transfer = TransferConfig(multipart_threshold=8 * 1024 ** 2, multipart_chunksize=stage['partBytes'])

    def upload(self, bucket, key, path):
        self.s3.upload_file(path, bucket, key, Config=self.transfer)

    def download(self, bucket, key, path, version=None):
        extra = {'VersionId': version} if version else {}
        self.s3.download_file(bucket, key, path, ExtraArgs=extra, Config=self.transfer)

    def keys(self, bucket, prefix):
        pages = self.s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix)
        return [item['Key'] for page in pages for item in page.get('Contents', [])]

    def presigned(self, bucket, key, method):
        name = 'get_object' if method == 'GET' else 'put_object'
        return self.s3.generate_presigned_url(name, Params={'Bucket': bucket, 'Key': key}, ExpiresIn=60)

    def enable_versioning(self, bucket):
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={'Status': 'Enabled'})

    def versions(self, bucket):
        page = self.s3.list_object_versions(Bucket=bucket)
        shown = [[item['VersionId'] for item in page.get(kind, [])] for kind in ('Versions', 'DeleteMarkers')]
        return shown[0], shown[1]

    def delete(self, bucket, key, version=None):
        self.s3.delete_object(Bucket=bucket, Key=key, **({'VersionId': version} if version else {}))

    def delete_all(self, bucket, keys):
        for start in range(0, len(keys), 1000):
            objects = [{'Key': key} for key in keys[start : start + 1000]]
            answer = self.s3.delete_objects(Bucket=bucket, Delete={'Objects': objects})
            assert len(answer['Deleted']) == len(objects), answer.get('Errors')

    def checksums(self, bucket):
        for algorithm in ('CRC32', 'SHA1', 'SHA256'):
            body = b'x' * 9000
            put = self.s3.put_object(Bucket=bucket, Key='summed', Body=body, ChecksumAlgorithm=algorithm)
            head = self.s3.head_object(Bucket=bucket, Key='summed', ChecksumMode='ENABLED')
            assert head['Checksum' + algorithm] == put['Checksum' + algorithm]
            got = self.s3.get_object(Bucket=bucket, Key='summed', ChecksumMode='ENABLED')
            assert got['Body'].read() == body


steps.main(Client)
