// AbortMultipartUpload: ends an upload; its parts become garbage.
import { openBucket } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { noSuchUpload, requestedUploadId } from '../multipart.ts'

export async function abortMultipartUpload(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const uploadId = requestedUploadId(call)
  const outcome = await call.services.store.abortUpload(bucket.name, call.key, uploadId)
  if (outcome === 'no-such-upload') throw noSuchUpload(uploadId)
  return { status: 204 }
}
