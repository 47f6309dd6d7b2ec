// How a client names a checksum algorithm and type outside of a body: for copies, and for multipart uploads as a whole.
import { type ChecksumAlgorithm, checksumAlgorithms, digestBytes, isCrc } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import { checksumHeaders } from '../auth/payload-check.ts'
import type { HeaderMap } from '../http/request-head.ts'
import type { XmlContent } from '../xml/writer.ts'

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE'

/** The checksum of a multipart upload's object, chosen when the upload is created. */
export interface ChecksumChoice {
  readonly algorithm: ChecksumAlgorithm
  readonly type: ChecksumType
}

/** Names of checksums in XML documents. */
export const checksumElements: Readonly<Record<ChecksumAlgorithm, string>> = {
  CRC32: 'ChecksumCRC32',
  CRC32C: 'ChecksumCRC32C',
  CRC64NVME: 'ChecksumCRC64NVME',
  MD5: 'ChecksumMD5',
  SHA1: 'ChecksumSHA1',
  SHA256: 'ChecksumSHA256',
  SHA512: 'ChecksumSHA512',
  XXHASH128: 'ChecksumXXHASH128',
  XXHASH3: 'ChecksumXXHASH3',
  XXHASH64: 'ChecksumXXHASH64',
}

/** What is kept of an object whose client names no checksum (S3 user guide, "Checking object integrity for data uploads"). */
export const defaultChecksum = 'CRC64NVME'

function invalid(header: string): Error {
  return serviceError('InvalidRequest', { message: `Value for ${header} header is invalid.` })
}

/** Reads x-amz-checksum-algorithm. Throws InvalidRequest. */
export function requestedAlgorithm(headers: HeaderMap): ChecksumAlgorithm | undefined {
  const value = headers.get('x-amz-checksum-algorithm')
  if (value === undefined) return undefined
  const algorithm = checksumAlgorithms.find(known => known === value.toUpperCase())
  if (algorithm === undefined) {
    const message = `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumAlgorithms.join(', ')}]`
    throw serviceError('InvalidRequest', { message })
  }
  return algorithm
}

/** Reads the choice for a new multipart upload. Throws InvalidRequest for combinations that S3 does not know. */
export function requestedChoice(headers: HeaderMap): ChecksumChoice | undefined {
  const algorithm = requestedAlgorithm(headers)
  const type = requestedType(headers)
  if (algorithm === undefined) {
    if (type === undefined) return undefined
    const message = 'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.'
    throw serviceError('InvalidRequest', { message })
  }
  if ((!isCrc(algorithm) && type === 'FULL_OBJECT') || (algorithm === 'CRC64NVME' && type === 'COMPOSITE')) {
    const message = `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`
    throw serviceError('InvalidRequest', { message })
  }
  return { algorithm, type: type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE') }
}

export function requestedType(headers: HeaderMap): ChecksumType | undefined {
  const type = headers.get('x-amz-checksum-type')?.toUpperCase()
  if (type === undefined || type === 'FULL_OBJECT' || type === 'COMPOSITE') return type
  throw invalid('x-amz-checksum-type')
}

/** The checksum value a request states for a whole object; undefined when it states none. Throws InvalidRequest for several, or for what is none. */
export function statedChecksum(headers: HeaderMap): { algorithm: ChecksumAlgorithm; value: string } | undefined {
  const stated = checksumAlgorithms.flatMap(algorithm => {
    const value = headers.get(checksumHeaders[algorithm])
    return value === undefined ? [] : [{ algorithm, value }]
  })
  if (stated.length > 1) {
    throw serviceError('InvalidRequest', {
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    })
  }
  const [only] = stated
  if (only !== undefined && !isChecksumValue(only.algorithm, only.value, 'COMPOSITE')) {
    throw invalid(checksumHeaders[only.algorithm])
  }
  return only
}

/** Base64 of a digest, with the number of parts behind it for a composite one. */
const statedForms: Readonly<Record<ChecksumType, RegExp>> = {
  FULL_OBJECT: /^[A-Za-z0-9+/]+={0,2}$/,
  COMPOSITE: /^[A-Za-z0-9+/]+={0,2}(?:-\d{1,5})?$/,
}

/** Whether a value can be a checksum of that kind at all. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, value: string, type: ChecksumType): boolean {
  if (!statedForms[type].test(value)) return false
  const digest = Buffer.from(value.replace(/-\d+$/, ''), 'base64')
  return digest.length === digestBytes[algorithm]
}

/** A checksum as an element of an answer's document. */
export function checksumContent(
  checksum: { readonly algorithm: string; readonly value: string } | undefined,
): XmlContent {
  if (checksum === undefined) return {}
  const known = checksumAlgorithms.find(algorithm => algorithm === checksum.algorithm)
  return known === undefined ? {} : { [checksumElements[known]]: checksum.value }
}
