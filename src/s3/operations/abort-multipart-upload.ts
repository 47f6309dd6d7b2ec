// AbortMultipartUpload: ends an upload; its parts become garbage.
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { parseHttpDate } from '../auth/claim.ts'
import type { Answer, Call } from '../call.ts'
import { findUpload, noSuchUpload, requestedUploadId } from '../uploads/multipart.ts'

export async function abortMultipartUpload(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const uploadId = requestedUploadId(call)
  await checkInitiated(call)
  const outcome = await call.services.store.abortUpload(bucket.name, call.key, uploadId)
  if (outcome === 'no-such-upload') throw noSuchUpload(uploadId)
  return { status: 204 }
}

/** x-amz-if-match-initiated-time: only an upload that was begun then. A date that is none is not looked at. Throws PreconditionFailed. */
async function checkInitiated(call: Call): Promise<void> {
  const header = 'x-amz-if-match-initiated-time'
  const wanted = parseHttpDate(call.headers.get(header) ?? '')
  if (wanted === undefined) return
  const { initiated } = await findUpload(call)
  if (Math.floor(Date.parse(initiated) / 1000) === Math.floor(wanted / 1000)) return
  throw serviceError('PreconditionFailed', { details: { Condition: header } })
}
