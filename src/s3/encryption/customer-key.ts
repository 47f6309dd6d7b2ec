// The key that a client sends with its request (SSE-C): read from its three headers, checked, and used for this request only. It is never stored;
// what is stored only tells whether a key is the same (S3 User Guide, "Using server-side encryption with customer-provided keys").
import { createHash } from 'node:crypto'
import { isKeyOfCheck } from '../../base/wrapped-key.ts'
import { serviceError } from '../../domain/errors.ts'
import { hasCustomerKey, type VersionRecord } from '../../domain/object-metadata.ts'
import type { FlatHeaders } from '../call.ts'
import { invalidArgument } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'

export interface CustomerKey {
  /** 32 bytes. */
  readonly key: Buffer
  /** Base64, as the client sent it. */
  readonly md5: string
}

const ofObject = 'x-amz-server-side-encryption-customer-'
const ofCopySource = 'x-amz-copy-source-server-side-encryption-customer-'
/** S3 names this one as the argument that is wrong, whichever header it was. */
const argument = 'x-amz-server-side-encryption'
const must = 'Requests specifying Server Side Encryption with Customer provided keys must provide'

/** Undefined: the request has none. Throws InvalidArgument, InvalidEncryptionAlgorithmError. */
export function readCustomerKey(headers: HeaderMap, of: 'object' | 'copy-source' = 'object'): CustomerKey | undefined {
  const prefix = of === 'object' ? ofObject : ofCopySource
  const algorithm = headers.get(`${prefix}algorithm`)
  const text = headers.get(`${prefix}key`)
  const md5 = headers.get(`${prefix}key-md5`)
  if (algorithm === undefined && text === undefined && md5 === undefined) return undefined
  if (algorithm === undefined) throw refused(`${must} a valid encryption algorithm.`)
  if (algorithm !== 'AES256') {
    throw serviceError('InvalidEncryptionAlgorithmError', {
      details: { ArgumentName: argument, ArgumentValue: algorithm.slice(0, 1024) },
    })
  }
  if (text === undefined || text === '') throw refused(`${must} an appropriate secret key.`)
  if (md5 === undefined || md5 === '') throw refused(`${must} the client calculated MD5 of the secret key.`)
  const key = Buffer.from(text, 'base64')
  if (createHash('md5').update(key).digest('base64') !== md5) {
    throw refused('The calculated MD5 hash of the key did not match the hash that was provided.')
  }
  if (key.length !== 32) throw refused('The secret key was invalid for the specified algorithm.')
  return { key, md5 }
}

function refused(message: string): Error {
  return invalidArgument(message, argument, 'null')
}

/** What confirms to a client which key was used. */
export function customerKeyHeaders({ md5 }: CustomerKey): FlatHeaders {
  return [`${ofObject}algorithm`, 'AES256', `${ofObject}key-MD5`, md5]
}

/**
 * The key that a version is read with; undefined where it needs none. Throws InvalidRequest for a key too many or too few, InvalidArgument for
 * another key than the version's, and as `readCustomerKey`.
 */
export function keyOfRead(
  headers: HeaderMap,
  { metadata, integrity }: VersionRecord,
  of: 'object' | 'copy-source' = 'object',
): CustomerKey | undefined {
  const customerKey = readCustomerKey(headers, of)
  const needed = hasCustomerKey(metadata)
  if (!needed && customerKey === undefined) return undefined
  if (!needed) {
    throw serviceError('InvalidRequest', { message: 'The encryption parameters are not applicable to this object.' })
  }
  if (customerKey === undefined) {
    throw serviceError('InvalidRequest', {
      message:
        'The object was stored using a form of Server Side Encryption. ' +
        'The correct parameters must be provided to retrieve the object.',
    })
  }
  if (!isKeyOfCheck(customerKey.key, integrity?.customerKeyCheck ?? ''))
    throw refused(`${must} the correct secret key.`)
  return customerKey
}
