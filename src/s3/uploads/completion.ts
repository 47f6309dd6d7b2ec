// How the parts of a multipart upload become one object: which parts the client names, whether they may be joined, and what is known of the
// whole from its parts alone (ETag, size, CRCs, checksums). Pure; no bytes are read.
import { combineCrc, crc32Combine } from '../../base/crc-combine.ts'
import { type ChecksumAlgorithm, checksumAlgorithms, crc32Bytes, createHasher, isCrc, md5Hex } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { DataLocation, Integrity, StoredChecksum } from '../../domain/object-metadata.ts'
import type { UploadPart } from '../../metadata/metadata-store.ts'
import { invalidArgument } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import {
  type ChecksumChoice,
  checksumElements,
  defaultChecksum,
  isChecksumValue,
  requestedType,
  statedChecksum,
} from '../objects/checksum-request.ts'
import { quoted } from '../objects/object-headers.ts'
import type { XmlElement } from '../xml/reader.ts'
import { partNumberMessage } from './multipart.ts'

/** A part as the client names it at the end. */
export interface NamedPart {
  readonly partNumber: number
  /** Without quotes. */
  readonly etag: string
  readonly checksums: ReadonlyArray<{ readonly algorithm: ChecksumAlgorithm; readonly value: string }>
}

/** Reads a CompleteMultipartUpload document. Throws MalformedXML, InvalidArgument, InvalidPartOrder. */
export function readNamedParts(root: XmlElement): NamedPart[] {
  const elements = root.children('Part')
  if (elements.length === 0 || elements.length > limits.partNumberMax) throw serviceError('MalformedXML')
  const parts = elements.map(readNamedPart)
  parts.forEach((part, index) => {
    const former = parts[index - 1]
    if (former !== undefined && former.partNumber >= part.partNumber) throw serviceError('InvalidPartOrder')
  })
  return parts
}

function readNamedPart(element: XmlElement): NamedPart {
  const number = element.requiredText('PartNumber').trim()
  if (!/^-?\d{1,10}$/.test(number)) throw serviceError('MalformedXML')
  const partNumber = Number(number)
  if (partNumber < 1 || partNumber > limits.partNumberMax) {
    const message = partNumber < 1 ? 'PartNumber must be >= 1' : partNumberMessage
    throw invalidArgument(message, 'PartNumber', number)
  }
  const etag = element
    .requiredText('ETag')
    .trim()
    .replace(/^"(.*)"$/s, '$1')
  const checksums = checksumAlgorithms.flatMap(algorithm => {
    const value = element.optionalText(checksumElements[algorithm])
    return value === undefined ? [] : [{ algorithm, value: value.trim() }]
  })
  for (const { algorithm, value } of checksums) {
    if (isChecksumValue(algorithm, value, 'FULL_OBJECT') && checksums.length === 1) continue
    const message = `Invalid Base64 or multiple checksums present in request`
    throw invalidArgument(message, 'PartNumber', number)
  }
  return { partNumber, etag, checksums }
}

/** The stored parts that were named, checked. Throws InvalidPart, EntityTooSmall, EntityTooLarge. */
export function chooseParts(
  uploadId: string,
  named: readonly NamedPart[],
  stored: readonly UploadPart[],
  choice: ChecksumChoice | null,
): readonly UploadPart[] {
  for (const name of named) checkNamedChecksum(name, choice)
  const byNumber = new Map(stored.map(part => [part.partNumber, part]))
  const chosen = named.map(name => {
    const part = byNumber.get(name.partNumber)
    if (part === undefined || part.etag !== name.etag || !checksumsHold(name, part)) throw invalidPart(uploadId, name)
    return part
  })
  for (const part of chosen.slice(0, -1)) {
    if (part.size >= limits.partBytesMin) continue
    const details = {
      ProposedSize: String(part.size),
      MinSizeAllowed: String(limits.partBytesMin),
      PartNumber: String(part.partNumber),
      ETag: part.etag,
    }
    throw serviceError('EntityTooSmall', { details })
  }
  const size = sizeOf(chosen)
  if (size > limits.objectBytes) {
    const details = { ProposedSize: String(size), MaxSizeAllowed: String(limits.objectBytes) }
    throw serviceError('EntityTooLarge', { details })
  }
  return chosen
}

/** Throws InvalidRequest for a part that should be named by its checksum too, BadDigest for one named by a checksum of another kind. */
function checkNamedChecksum({ partNumber, checksums }: NamedPart, choice: ChecksumChoice | null): void {
  if (choice === null) return
  const [stated] = checksums
  const algorithm = choice.algorithm.toLowerCase()
  if (stated === undefined) {
    if (choice.type !== 'COMPOSITE') return
    throw serviceError('InvalidRequest', {
      message:
        `The upload was created using a ${algorithm} checksum. The complete request must include the checksum for each part. ` +
        `It was missing for part ${partNumber} in the request.`,
    })
  }
  if (stated.algorithm === choice.algorithm) return
  throw serviceError('BadDigest', {
    message: `The ${stated.algorithm.toLowerCase()} you specified for part ${partNumber} did not match what we received.`,
  })
}

// A checksum of another kind than the part's says nothing about it.
function checksumsHold(name: NamedPart, part: UploadPart): boolean {
  return name.checksums.every(({ algorithm, value }) => {
    const known = partChecksum(part, algorithm)
    return known === undefined || known === value
  })
}

function invalidPart(uploadId: string, name: NamedPart): Error {
  return serviceError('InvalidPart', {
    details: { UploadId: uploadId, PartNumber: String(name.partNumber), ETag: quoted(name.etag.slice(0, 256)) },
  })
}

export function sizeOf(parts: readonly UploadPart[]): number {
  return parts.reduce((sum, part) => sum + part.size, 0)
}

/** The ETag of a multipart object: the MD5 of the parts' MD5s, and how many they are. */
export function etagOfParts(etags: readonly string[]): string {
  return `${md5Hex(Buffer.concat(etags.map(etag => Buffer.from(etag, 'hex'))))}-${etags.length}`
}

/** Where the object's bytes lie; null for an object without bytes. */
export function locationOfParts(parts: readonly UploadPart[]): readonly DataLocation[] | null {
  let start = 0
  const pieces: DataLocation[] = []
  for (const { location, size } of parts) {
    if (size === 0) continue
    pieces.push({ ...location, start })
    start += size
  }
  return pieces.length === 0 ? null : pieces
}

/** Hex, as the store keeps it. */
export function crc32OfParts(parts: readonly UploadPart[]): string {
  let whole = 0
  for (const part of parts) whole = crc32Combine(whole, Number.parseInt(part.crc32, 16), part.size)
  return crc32Bytes(whole).toString('hex')
}

/** Base64; undefined when the part was stored without such a checksum. */
function partChecksum(part: UploadPart, algorithm: ChecksumAlgorithm): string | undefined {
  if (part.checksum?.algorithm === algorithm) return part.checksum.value
  if (algorithm === defaultChecksum) return part.checksum?.crc64nvme
  return algorithm === 'CRC32' ? Buffer.from(part.crc32, 'hex').toString('base64') : undefined
}

/** Those of all parts, base64; none of them when one is missing. */
export function checksumsOfParts(
  algorithm: ChecksumAlgorithm,
  chosen: readonly UploadPart[],
): Pick<Integrity, 'parts'> {
  const parts = chosen.flatMap(part => partChecksum(part, algorithm) ?? [])
  return parts.length === chosen.length ? { parts } : {}
}

/** The checksum of the whole; undefined when the parts do not tell it. */
export function checksumOfParts(choice: ChecksumChoice, parts: readonly UploadPart[]): StoredChecksum | undefined {
  const { algorithm, type } = choice
  const values: string[] = []
  for (const part of parts) {
    const value = partChecksum(part, algorithm)
    if (value === undefined) return undefined
    values.push(value)
  }
  if (type === 'COMPOSITE') {
    const hasher = createHasher(algorithm)
    for (const value of values) hasher.update(Buffer.from(value, 'base64'))
    return { algorithm, value: `${hasher.digest().toString('base64')}-${parts.length}`, type }
  }
  if (!isCrc(algorithm)) return undefined
  let whole: string | undefined
  parts.forEach((part, index) => {
    const value = values[index] ?? ''
    whole = whole === undefined ? value : combineCrc(algorithm, whole, value, part.size)
  })
  return whole === undefined ? undefined : { algorithm, value: whole, type }
}

/**
 * The checksum to keep of the whole, checked against what the completing request states. `choice` is what was chosen when the upload was
 * created. Throws InvalidRequest (a checksum of another kind, or one that the parts do not tell), BadDigest.
 */
export function checkedChecksum(
  headers: HeaderMap,
  choice: ChecksumChoice | null,
  parts: readonly UploadPart[],
): StoredChecksum | undefined {
  const stated = statedChecksum(headers)
  const type = requestedType(headers)
  const { type: typeOfUpload } = choice ?? unchosen
  if (type !== undefined && type !== typeOfUpload) {
    throw serviceError('InvalidRequest', {
      message: `The upload was created using the ${typeOfUpload} checksum mode. The complete request must use the same checksum mode.`,
    })
  }
  if (choice !== null && stated !== undefined && stated.algorithm !== choice.algorithm) {
    throw checksumMismatch(choice.algorithm, stated.algorithm)
  }
  const kept = checksumOfParts(choice ?? unchosen, parts)
  if (stated === undefined) return kept
  const computed = choice === null ? checksumOfParts(formOf(stated), parts.map(asSent)) : kept
  // An upload without a choice has a checksum of its own: what is stated of a kind that its parts were not sent with is not looked at.
  if (computed === undefined && choice === null) return kept
  if (computed === undefined) {
    const message = `The upload's parts were sent without ${stated.algorithm.toLowerCase()} checksums that could vouch for the object.`
    throw serviceError('InvalidRequest', { message })
  }
  // A composite value may be stated with or without the number of parts behind it.
  if (stated.value !== computed.value && stated.value !== computed.value.replace(/-\d+$/, '')) {
    throw serviceError('BadDigest', {
      message: `The ${stated.algorithm} you specified did not match the calculated checksum.`,
    })
  }
  return kept ?? computed
}

function asSent(part: UploadPart): UploadPart {
  const { checksum } = part
  return checksum?.crc64nvme === undefined ? part : { ...part, checksum: { ...checksum, crc64nvme: undefined } }
}

/** What an upload is created with whose client chooses nothing (S3 user guide, "Checking object integrity for data uploads"). */
const unchosen: ChecksumChoice = { algorithm: defaultChecksum, type: 'FULL_OBJECT' }

/** Which checksum a value must be of: one with the number of parts behind it is made of theirs. */
function formOf({
  algorithm,
  value,
}: {
  readonly algorithm: ChecksumAlgorithm
  readonly value: string
}): ChecksumChoice {
  return { algorithm, type: value.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT' }
}

/** The refusal of a checksum of another algorithm than the upload was created with. */
export function checksumMismatch(expected: ChecksumAlgorithm, actual: ChecksumAlgorithm | undefined): Error {
  return serviceError('InvalidRequest', {
    message: `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ${actual ?? 'null'}`,
  })
}

/** Checks x-amz-mp-object-size. Throws InvalidRequest. */
export function checkObjectSize(headers: HeaderMap, size: number): void {
  const stated = headers.get('x-amz-mp-object-size')
  if (stated === undefined) return
  if (/^\d{1,15}$/.test(stated) && Number(stated) === size) return
  const message = /^\d{1,15}$/.test(stated)
    ? `The provided 'x-amz-mp-object-size' header value ${stated} does not match what was computed: ${size}`
    : /^-\d{1,15}$/.test(stated)
      ? `Value for x-amz-mp-object-size header is less than zero: '${stated}'`
      : 'Value for x-amz-mp-object-size header is invalid.'
  throw serviceError('InvalidRequest', { message })
}
