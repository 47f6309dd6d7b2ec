// PutObjectTagging, GetObjectTagging and DeleteObjectTagging. A change of tags is a change of a stored version: it needs replication of its own.
import { openBucket, openWithBody } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { noTags, parseTagging } from '../objects/tag-set.ts'
import { changeFields, findDescribed, versionHeaders } from '../objects/version-change.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putObjectTagging(call: Call): Promise<Answer> {
  const read = async () => parseTagging(await readDocument(call))
  const { open, body: tags } = await openWithBody(call, read, requestTags => ({ requestTags }))
  const fields = () => ({ tags })
  const found = await changeFields(call, open, { originOp: 's3:ObjectTagging:Put', trigger: 'put-tagging', fields })
  return 'refusal' in found ? found.refusal : { status: 200, headers: versionHeaders(open, found.record) }
}

export async function deleteObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const fields = () => ({ tags: noTags })
  const originOp = 's3:ObjectTagging:Delete'
  const found = await changeFields(call, open, { originOp, trigger: 'delete-tagging', fields })
  return 'refusal' in found ? found.refusal : { status: 204, headers: versionHeaders(open, found.record) }
}

export async function getObjectTagging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const found = await findDescribed(call, open)
  if ('refusal' in found) return found.refusal
  const { record } = found
  const tags = Object.entries(record.metadata.tags).map(([key, value]) => ({ Key: key, Value: value }))
  return xmlAnswer('Tagging', { TagSet: { Tag: tags } }, versionHeaders(open, record), s3Namespace)
}
