// How what a request writes is to be encrypted: as its headers say, otherwise as the bucket does by default (S3 API, PutObject and
// PutBucketEncryption). Keys of SSE-KMS are names: what they encrypt lies under the master keys, as with SSE-S3, and says the name. Whatever else a
// key management service does (a default key, two layers, contexts) is NotImplemented, never stored in another way.
import type { BucketEncryption } from '../../domain/bucket-encryption.ts'
import { serviceError } from '../../domain/errors.ts'
import type { NewMetadata } from '../../metadata/metadata-store.ts'
import type { FlatHeaders } from '../call.ts'
import { headerValue, invalidArgument, notImplemented } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { type CustomerKey, customerKeyHeaders, readCustomerKey } from './customer-key.ts'

/** `managed`: under a key of ours: SSE-S3, or SSE-KMS where a key is named. `customer`: under the key that came with the request (SSE-C). */
export type WriteEncryption =
  | { readonly kind: 'none' }
  | { readonly kind: 'managed'; readonly kmsKeyId?: string }
  | { readonly kind: 'customer'; readonly customerKey: CustomerKey }

export const noEncryption: WriteEncryption = { kind: 'none' }

const header = 'x-amz-server-side-encryption'
const kmsKeyHeader = 'x-amz-server-side-encryption-aws-kms-key-id'
const kmsAlgorithms: ReadonlySet<string> = new Set(['aws:kms', 'aws:kms:dsse'])
const contextHeader = 'x-amz-server-side-encryption-context'
/** Ids, aliases and ARNs of keys. */
const kmsKeyName = /^[\w:/.+=@-]{1,2048}$/

/**
 * Throws InvalidArgument for headers that contradict each other or that S3 does not know, NotImplemented for key management, AccessDenied where
 * the bucket refuses customer keys.
 */
export function encryptionOfWrite(headers: HeaderMap, byBucket: BucketEncryption | undefined): WriteEncryption {
  const method = headers.get(header)
  const customerKey = customerKeyOfWrite(headers, method)
  checkMethod(headers, method)
  if (customerKey !== undefined) {
    if (byBucket?.blocked === 'SSE-C') throw customerKeysBlocked()
    return { kind: 'customer', customerKey }
  }
  if (method !== undefined) return managedAs(method, headers.get(kmsKeyHeader))
  const byDefault = byBucket?.byDefault
  return byDefault === undefined ? noEncryption : managedAs(byDefault.algorithm, byDefault.kmsKeyId)
}

function managedAs(algorithm: string, kmsKeyId: string | undefined): WriteEncryption {
  if (algorithm === 'AES256') return { kind: 'managed' }
  if (algorithm === 'aws:kms' && kmsKeyId !== undefined)
    return { kind: 'managed', kmsKeyId: checkedKeyName(kmsKeyId, kmsKeyHeader) }
  const missing = algorithm === 'aws:kms' ? 'has no default key of its own: name one' : 'does not encrypt so'
  const message = `Encryption with ${algorithm} was asked for, but the key management of this server ${missing}.`
  throw serviceError('NotImplemented', { message, details: { Header: header } })
}

/** `argument`: where the client wrote it. Throws InvalidArgument. */
export function checkedKeyName(kmsKeyId: string, argument: string): string {
  if (kmsKeyName.test(kmsKeyId)) return kmsKeyId
  throw invalidArgument('The KMS key is named by an id, an alias or an ARN.', argument, kmsKeyId)
}

function customerKeyOfWrite(headers: HeaderMap, method: string | undefined): CustomerKey | undefined {
  if (method === undefined) return readCustomerKey(headers)
  const hasKey = ['algorithm', 'key', 'key-md5'].some(name => headers.has(`${header}-customer-${name}`))
  if (!hasKey) return undefined
  const message =
    'Server Side Encryption with Customer provided key is incompatible with the encryption method specified'
  throw invalidArgument(message, header, method)
}

function checkMethod(headers: HeaderMap, method: string | undefined): void {
  const usesKms = kmsAlgorithms.has(method ?? '')
  if (method !== undefined && method !== 'AES256' && !usesKms) {
    throw invalidArgument('The encryption method specified is not supported', header, method)
  }
  if (headers.has(contextHeader)) throw notImplemented(contextHeader)
  if (usesKms) return
  const kmsKey = headers.get(kmsKeyHeader)
  if (kmsKey === undefined) return
  const message = `Server Side Encryption with AWS KMS managed key requires HTTP header ${header} : aws:kms`
  throw invalidArgument(message, header, method ?? 'null')
}

/** The refusal of a write into a bucket that blocks SSE-C. */
export function customerKeysBlocked(): Error {
  return serviceError('AccessDenied', {
    message:
      'This bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). ' +
      'Please specify a different server-side encryption type',
  })
}

/** Headers of encryption belong to writes. Throws InvalidArgument. */
export function refuseOnRead(headers: HeaderMap): void {
  for (const name of [header, kmsKeyHeader]) {
    const value = headers.get(name)
    if (value === undefined) continue
    throw invalidArgument(`${name} header is not supported for this operation.`, name, value)
  }
}

/** Whether a request says something about the encryption of what it writes. */
export function namesEncryption(headers: HeaderMap): boolean {
  return headers.has(header) || headers.has(`${header}-customer-algorithm`)
}

/** What the answer to a write says of it. */
export function encryptionHeaders(encryption: WriteEncryption): FlatHeaders {
  if (encryption.kind === 'customer') return customerKeyHeaders(encryption.customerKey)
  return encryption.kind === 'managed' ? managedHeaders(encryption.kmsKeyId) : []
}

function managedHeaders(kmsKeyId: string | undefined): FlatHeaders {
  return kmsKeyId === undefined ? [header, 'AES256'] : [header, 'aws:kms', kmsKeyHeader, headerValue(kmsKeyId)]
}

/** The same of a version that is stored already, to a request that may have come with its key. */
export function encryptionHeadersOf(metadata: NewMetadata, headers: HeaderMap): FlatHeaders {
  if (metadata[header] !== '') return managedHeaders(metadata[kmsKeyHeader] || undefined)
  const customerKey = metadata[`${header}-customer-algorithm`] === '' ? undefined : readCustomerKey(headers)
  return customerKey === undefined ? [] : customerKeyHeaders(customerKey)
}
