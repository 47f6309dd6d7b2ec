// `PUT /_/backbeat/data`: bytes of a replica on their way in. They are stored under a name of our own that a metadata PUT can refer to; until
// one does, nothing refers to them, and the sweep of orphans removes what nobody ever names.
import type { Bucket } from '../../domain/bucket.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { DataLocation } from '../../domain/object-metadata.ts'
import { openPayload, type PayloadFacts } from '../auth/payload-check.ts'
import type { Answer } from '../call.ts'
import {
  encryptionHeaders,
  encryptionOfWrite,
  noEncryption,
  type WriteEncryption,
} from '../encryption/write-encryption.ts'
import { receiveData } from '../objects/object-data.ts'
import { type BackbeatCall, bucketOf } from './backbeat-call.ts'
import { hexDigest } from './cloud-body.ts'
import { jsonAnswer } from './wire-answer.ts'

export async function putData(call: BackbeatCall): Promise<Answer> {
  const bucket = await bucketOf(call)
  if (!call.headers.has('x-scal-canonical-id')) throw missing('x-scal-canonical-id')
  if (!call.headers.has('content-md5')) throw missing('content-md5')
  // Who does not know of encryption would not hand on what tells how to read the data.
  const encryption = call.query.has('v2') ? encryptionOfWrite(new Map(), bucket.settings.encryption) : noEncryption
  const { location } = await receiveInto(call, bucket, encryption)
  const { key, cryptoScheme, cipheredDataKey, masterKeyId } = location
  const place = { key, dataStoreName: bucket.locationConstraint, cryptoScheme, cipheredDataKey, masterKeyId }
  return jsonAnswer([place], encryptionHeaders(encryption))
}

function missing(header: string): ServiceError {
  return serviceError('BadRequest', { message: `bad request: missing ${header} header` })
}

/** Receives the body into a location that keeps bytes here. Throws BadDigest, IncompleteBody, MissingContentLength, EntityTooLarge. */
export function receiveFile(
  call: BackbeatCall,
  locationConstraint: string,
): Promise<{ readonly location: DataLocation; readonly facts: PayloadFacts }> {
  return receiveInto(call, { locationConstraint }, noEncryption)
}

async function receiveInto(
  call: BackbeatCall,
  bucket: Pick<Bucket, 'locationConstraint'>,
  encryption: WriteEncryption,
): Promise<{ readonly location: DataLocation; readonly facts: PayloadFacts }> {
  hexDigest(call.headers.get('content-md5'))
  const check = openPayload(call.auth.payload, call.headers, { contentMd5: 'hex' })
  if (check.decodedLength === undefined) throw serviceError('MissingContentLength')
  if (check.decodedLength > limits.singlePutBytes) throw serviceError('EntityTooLarge')
  // Never inside the metadata store: there, bytes are stored together with what refers to them.
  const services = { ...call.services, inlineBytes: -1 }
  const received = await receiveData({ ...call, services }, bucket, check, { partNumber: 1, encryption })
  if (received.location === null) throw serviceError('InternalError')
  return { location: received.location, facts: received.facts }
}
