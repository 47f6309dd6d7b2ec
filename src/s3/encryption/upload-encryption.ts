// Encryption of a multipart upload: what its creation asked for holds for each of its parts. A part of an upload under a customer's key must come
// with that key; one without must not.
import { isKeyOfCheck } from '../../base/wrapped-key.ts'
import type { BucketEncryption } from '../../domain/bucket-encryption.ts'
import { serviceError } from '../../domain/errors.ts'
import { invalidArgument } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { type CustomerKey, readCustomerKey } from './customer-key.ts'
import type { StoredEncryption } from './sealing.ts'
import { customerKeysBlocked, noEncryption, refuseOnRead, type WriteEncryption } from './write-encryption.ts'

const header = 'x-amz-server-side-encryption'

/** How a part is to be encrypted. Throws InvalidRequest, InvalidArgument, AccessDenied where the bucket refuses customer keys by now. */
export function encryptionOfPart(
  headers: HeaderMap,
  upload: StoredEncryption,
  byBucket: BucketEncryption | undefined,
): WriteEncryption {
  // Some clients repeat what they said at the beginning; S3 has no such headers for parts, which have the key of their upload.
  const method = upload.kind === 'managed' && upload.kmsKeyId !== undefined ? 'aws:kms' : 'AES256'
  if (upload.kind !== 'managed' || headers.get(header) !== method) refuseOnRead(headers)
  const customerKey = readCustomerKey(headers)
  if ((customerKey !== undefined) !== (upload.kind === 'customer')) {
    throw serviceError('InvalidRequest', {
      message:
        'The multipart upload initiate requested encryption. ' +
        'Subsequent part requests must include the appropriate encryption parameters.',
    })
  }
  if (upload.kind !== 'customer') return upload
  if (customerKey === undefined) return noEncryption
  if (byBucket?.blocked === 'SSE-C') throw customerKeysBlocked()
  requireKeyOf(upload, customerKey)
  return { kind: 'customer', customerKey }
}

/**
 * Checks what a completing request says of the upload's encryption: it may leave the key out, unless `needsKey`, as where checksums were asked
 * for. Throws as `encryptionOfPart`.
 */
export function checkCompletion(
  headers: HeaderMap,
  upload: StoredEncryption,
  byBucket: BucketEncryption | undefined,
  needsKey: boolean,
): void {
  if (upload.kind !== 'customer') return
  if (byBucket?.blocked === 'SSE-C') throw customerKeysBlocked()
  const customerKey = readCustomerKey(headers)
  if (customerKey !== undefined) requireKeyOf(upload, customerKey)
  if (customerKey !== undefined || !needsKey) return
  const message =
    'Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.'
  throw invalidArgument(message, header, 'null')
}

function requireKeyOf(upload: StoredEncryption & { readonly kind: 'customer' }, { key }: CustomerKey): void {
  if (isKeyOfCheck(key, upload.keyCheck)) return
  const message = 'The provided encryption parameters did not match the ones used originally.'
  throw serviceError('InvalidRequest', { message })
}
