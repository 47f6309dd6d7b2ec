// PutBucketTagging, GetBucketTagging and DeleteBucketTagging. An empty set is no set: S3 then answers NoSuchTagSet.
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { parseTagging } from '../objects/tag-set.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketTagging(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const tags = parseTagging(await readDocument(call), 'bucket')
  await changeSettings(call, bucket, { tags: Object.keys(tags).length === 0 ? null : tags })
  return { status: 204 }
}

export async function getBucketTagging(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { tags } = bucket.settings
  if (tags === undefined) throw serviceError('NoSuchTagSet', { details: { BucketName: bucket.name } })
  const elements = Object.entries(tags).map(([key, value]) => ({ Key: key, Value: value }))
  return xmlAnswer('Tagging', { TagSet: { Tag: elements } }, [], s3Namespace)
}

export async function deleteBucketTagging(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { tags: null })
  return { status: 204 }
}
