// CreateMultipartUpload: remembers what the object will say about itself; its bytes come by part.
import { noSuchBucket, openBucket } from '../access.ts'
import { xmlAnswer } from '../answer.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { requestedChoice } from '../checksum-request.ts'
import type { UploadSettings } from '../multipart.ts'
import { dataStoreOf } from '../object-data.ts'
import { readSettings } from '../object-settings.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function createMultipartUpload(call: Call): Promise<Answer> {
  const { services } = call
  const { bucket, account } = await openBucket(call)
  dataStoreOf(services, bucket)
  const checksum = requestedChoice(call.headers)
  const settings: UploadSettings = {
    ...readSettings(call.headers),
    ...(checksum === undefined ? undefined : { checksum }),
  }
  const uploadId = services.world.random.uuid().replaceAll('-', '')
  const outcome = await services.store.createUpload({
    uploadId,
    bucket: bucket.name,
    key: call.key,
    initiated: new Date(services.world.clock.now()).toISOString(),
    ownerId: account.canonicalId,
    ownerDisplayName: account.displayName,
    settings: JSON.stringify(settings),
  })
  if (outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  const headers: FlatHeaders = []
  if (checksum !== undefined) {
    headers.push('x-amz-checksum-algorithm', checksum.algorithm, 'x-amz-checksum-type', checksum.type)
  }
  const content = { Bucket: bucket.name, Key: call.key, UploadId: uploadId }
  return xmlAnswer('InitiateMultipartUploadResult', content, headers, s3Namespace)
}
