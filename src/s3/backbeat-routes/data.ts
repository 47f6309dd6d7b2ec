// `PUT /_/backbeat/data`: bytes of a replica on their way in. They are stored under a name of our own that a metadata PUT can refer to; until
// one does, nothing refers to them, and the sweep of orphans removes what nobody ever names.
import type { Bucket } from '../../domain/bucket.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { openPayload, type PayloadFacts } from '../auth/payload-check.ts'
import type { Answer } from '../call.ts'
import { receiveData } from '../object-data.ts'
import { type BackbeatCall, bucketOf } from './backbeat-call.ts'
import { hexDigest } from './cloud-body.ts'
import { jsonAnswer } from './wire-answer.ts'

export async function putData(call: BackbeatCall): Promise<Answer> {
  const bucket = await bucketOf(call)
  if (!call.headers.has('x-scal-canonical-id')) throw missing('x-scal-canonical-id')
  if (!call.headers.has('content-md5')) throw missing('content-md5')
  const { key } = await receiveInto(call, bucket)
  return jsonAnswer([{ key, dataStoreName: bucket.locationConstraint }])
}

function missing(header: string): ServiceError {
  return serviceError('BadRequest', { message: `bad request: missing ${header} header` })
}

/** Receives the body into a location that keeps bytes here. Throws BadDigest, IncompleteBody, MissingContentLength, EntityTooLarge. */
export function receiveFile(
  call: BackbeatCall,
  locationConstraint: string,
): Promise<{ readonly key: string; readonly facts: PayloadFacts }> {
  return receiveInto(call, { locationConstraint })
}

async function receiveInto(
  call: BackbeatCall,
  bucket: Pick<Bucket, 'locationConstraint'>,
): Promise<{ readonly key: string; readonly facts: PayloadFacts }> {
  hexDigest(call.headers.get('content-md5'))
  const check = openPayload(call.auth.payload, call.headers, { contentMd5: 'hex' })
  if (check.decodedLength === undefined) throw serviceError('MissingContentLength')
  if (check.decodedLength > limits.singlePutBytes) throw serviceError('EntityTooLarge')
  // Never inside the metadata store: there, bytes are stored together with what refers to them.
  const services = { ...call.services, inlineBytes: -1 }
  const received = await receiveData({ ...call, services }, bucket, check, 1)
  if (received.location === null) throw serviceError('InternalError')
  return { key: received.location.key, facts: received.facts }
}
