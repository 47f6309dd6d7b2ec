"""minio-py's part of the client matrix."""
from minio import Minio
from minio.commonconfig import ENABLED
from minio.deleteobjects import DeleteObject
from minio.versioningconfig import VersioningConfig

import steps


class Client:
    def __init__(self, stage):
        self.part_bytes = stage['partBytes']
        self.s3 = Minio(stage['server'], stage['accessKey'], stage['secretKey'], secure=False, region='us-east-1')

    def upload(self, bucket, key, path):
        self.s3.fput_object(bucket, key, path, part_size=self.part_bytes)

    def download(self, bucket, key, path, version=None):
        self.s3.fget_object(bucket, key, path, version_id=version)

    def keys(self, bucket, prefix):
        return [item.object_name for item in self.s3.list_objects(bucket, prefix, recursive=True)]

    def presigned(self, bucket, key, method):
        return self.s3.get_presigned_url(method, bucket, key)

    def enable_versioning(self, bucket):
        self.s3.set_bucket_versioning(bucket, VersioningConfig(ENABLED))

    def versions(self, bucket):
        listed = list(self.s3.list_objects(bucket, include_version=True))
        versions = [item.version_id for item in listed if not item.is_delete_marker]
        return versions, [item.version_id for item in listed if item.is_delete_marker]

    def delete(self, bucket, key, version=None):
        self.s3.remove_object(bucket, key, version)

    def delete_all(self, bucket, keys):
        errors = list(self.s3.remove_objects(bucket, [DeleteObject(key) for key in keys]))
        assert errors == [], errors

    def checksums(self, bucket):
        raise steps.Cannot('it knows no checksum headers, only MD5 and SHA-256 of what it sends')


steps.main(Client)
