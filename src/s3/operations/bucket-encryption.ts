// PutBucketEncryption, GetBucketEncryption and DeleteBucketEncryption.
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { bucketEncryptionContent, parseBucketEncryption } from '../encryption/bucket-configuration.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

const rootName = 'ServerSideEncryptionConfiguration'

export async function putBucketEncryption(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const encryption = parseBucketEncryption(parseXml(await readDocument(call), defaultXmlLimits, rootName))
  await changeSettings(call, bucket, { encryption })
  return { status: 200 }
}

export async function getBucketEncryption(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { encryption } = bucket.settings
  if (encryption === undefined) {
    throw serviceError('ServerSideEncryptionConfigurationNotFoundError', { details: { BucketName: bucket.name } })
  }
  return xmlAnswer(rootName, bucketEncryptionContent(encryption), [], s3Namespace)
}

export async function deleteBucketEncryption(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { encryption: null })
  return { status: 204 }
}
