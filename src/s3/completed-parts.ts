// Makes one object of the parts a client lists: checks the list against what was uploaded, lays the pieces end to end, and derives ETag and
// checksums of the whole from those of the parts, without reading a byte.
import { combineCrc, crc32Combine } from '../base/crc-combine.ts'
import { digestOf, md5Hex } from '../base/hash.ts'
import { serviceError } from '../domain/errors.ts'
import { limits } from '../domain/limits.ts'
import type { DataLocation, Integrity, StoredChecksum } from '../domain/object-metadata.ts'
import type { UploadPart } from '../metadata/metadata-store.ts'
import { type ChecksumChoice, checksumAlgorithms, checksumElements } from './checksum-request.ts'
import { parseETags } from './conditions.ts'
import type { XmlElement } from './xml/reader.ts'

export interface ListedPart {
  readonly partNumber: number
  readonly etag: string
  /** Checksum elements as given, by element name. */
  readonly checksums: ReadonlyMap<string, string>
}

/** Reads the list of a CompleteMultipartUpload document. Throws MalformedXML, InvalidPartOrder. */
export function readPartList(root: XmlElement): readonly ListedPart[] {
  const elements = root.children('Part')
  if (elements.length === 0 || elements.length > limits.partNumberMax) throw serviceError('MalformedXML')
  const listed = elements.map(readListedPart)
  let last = 0
  for (const { partNumber } of listed) {
    if (partNumber <= last) throw serviceError('InvalidPartOrder')
    last = partNumber
  }
  return listed
}

function readListedPart(element: XmlElement): ListedPart {
  const number = element.requiredText('PartNumber').trim()
  if (!/^\d{1,9}$/.test(number)) throw serviceError('MalformedXML')
  const [etag = ''] = parseETags(element.requiredText('ETag'))
  const checksums = new Map<string, string>()
  for (const algorithm of checksumAlgorithms) {
    const value = element.optionalText(checksumElements[algorithm])
    if (value !== undefined) checksums.set(checksumElements[algorithm], value)
  }
  return { partNumber: Number(number), etag, checksums }
}

/** The uploaded parts that the list names. Throws InvalidPart, EntityTooSmall. */
export function chooseParts(listed: readonly ListedPart[], uploaded: readonly UploadPart[]): readonly UploadPart[] {
  const byNumber = new Map(uploaded.map(part => [part.partNumber, part]))
  const chosen = listed.map(item => {
    const part = byNumber.get(item.partNumber)
    if (part === undefined || part.etag !== item.etag || !checksumsAgree(item, part)) {
      throw serviceError('InvalidPart', { details: { PartNumber: String(item.partNumber), ETag: item.etag } })
    }
    return part
  })
  const small = chosen.find((part, index) => index < chosen.length - 1 && part.size < limits.partBytesMin)
  if (small === undefined) return chosen
  throw serviceError('EntityTooSmall', {
    details: {
      ProposedSize: String(small.size),
      MinSizeAllowed: String(limits.partBytesMin),
      PartNumber: String(small.partNumber),
      ETag: small.etag,
    },
  })
}

function checksumsAgree(listed: ListedPart, part: UploadPart): boolean {
  for (const algorithm of checksumAlgorithms) {
    const stated = listed.checksums.get(checksumElements[algorithm])
    if (stated === undefined) continue
    if (part.checksum?.algorithm === algorithm) {
      if (part.checksum.value !== stated) return false
    } else if (algorithm !== 'CRC32' || crc32Base64(part) !== stated) return false
  }
  return true
}

function crc32Base64(part: UploadPart): string {
  return Buffer.from(part.crc32, 'hex').toString('base64')
}

export interface WholeObject {
  readonly size: number
  /** `<hex>-<parts>` */
  readonly etag: string
  readonly location: readonly DataLocation[]
  readonly integrity: Integrity
}

/** Throws EntityTooLarge. */
export function assemble(parts: readonly UploadPart[], choice: ChecksumChoice | undefined): WholeObject {
  let size = 0
  let crc32 = 0
  const location: DataLocation[] = []
  for (const [index, part] of parts.entries()) {
    const own = Number.parseInt(part.crc32, 16)
    crc32 = index === 0 ? own : crc32Combine(crc32, own, part.size)
    if (part.size > 0) location.push({ ...part.location, start: size })
    size += part.size
  }
  if (size > limits.objectBytes) throw serviceError('EntityTooLarge')
  const digests = Buffer.concat(parts.map(part => Buffer.from(part.etag, 'hex')))
  const checksum = choice === undefined ? undefined : wholeChecksum(parts, choice)
  const crc = crc32.toString(16).padStart(8, '0')
  return {
    size,
    etag: `${md5Hex(digests)}-${parts.length}`,
    location,
    integrity: checksum === undefined ? { crc32: crc } : { crc32: crc, checksum },
  }
}

/** Undefined when some part was uploaded without the checksum that the upload had announced. */
function wholeChecksum(parts: readonly UploadPart[], choice: ChecksumChoice): StoredChecksum | undefined {
  const { algorithm, type } = choice
  const values = parts.flatMap(part => {
    if (part.checksum?.algorithm === algorithm) return [part.checksum.value]
    return algorithm === 'CRC32' ? [crc32Base64(part)] : []
  })
  const [first] = values
  if (first === undefined || values.length !== parts.length) return undefined
  if (type === 'COMPOSITE') {
    const digest = digestOf(algorithm, Buffer.concat(values.map(value => Buffer.from(value, 'base64'))))
    return { algorithm, type, value: `${digest.toString('base64')}-${parts.length}` }
  }
  if (algorithm === 'SHA1' || algorithm === 'SHA256') return undefined
  let whole = first
  for (const [index, value] of values.entries()) {
    if (index > 0) whole = combineCrc(algorithm, whole, value, parts[index]?.size ?? 0)
  }
  return { algorithm, type, value: whole }
}
