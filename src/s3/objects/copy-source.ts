// The source of CopyObject and UploadPartCopy: which version is meant, whether it may be read and copied, and its bytes, hashed on the way and
// compared with what is known of them.
import { type ChecksumAlgorithm, createHasher } from '../../base/hash.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { noSuchKey, openSource } from '../access/open-bucket.ts'
import type { PayloadFacts } from '../auth/payload-check.ts'
import { isBucketName } from '../bucket-name.ts'
import type { Call } from '../call.ts'
import { type CustomerKey, keyOfRead } from '../encryption/customer-key.ts'
import type { WriteEncryption } from '../encryption/write-encryption.ts'
import { invalidArgument } from '../http/answer.ts'
import { checkKeyLength, decodeComponent } from '../http/request-target.ts'
import type { ByteRange } from './byte-range.ts'
import { readCondition } from './conditions.ts'
import { openStored, type ReceivedData, storeBytes } from './object-data.ts'
import { addressedVersion, type VersionAddress } from './version-address.ts'

export interface CopySource {
  readonly bucket: Bucket
  readonly record: VersionRecord
  /** That it is read with, if it needs one. */
  readonly customerKey: CustomerKey | undefined
  /** The request named this very version. */
  readonly versionNamed: boolean
  readonly mayReadTags: boolean
}

interface SourceAddress {
  readonly bucket: string
  readonly key: string
  readonly version: VersionAddress
  /** The version id as the client wrote it. */
  readonly shownVersion: string
}

const header = 'x-amz-copy-source'
const versionMark = '?versionId='

/**
 * Reads x-amz-copy-source: `[/]bucket/key[?versionId=...]`, percent-encoded as a whole or by segment. Throws InvalidArgument,
 * KeyTooLongError.
 */
export function parseCopySource(value: string): SourceAddress {
  const mark = value.lastIndexOf(versionMark)
  const path = decoded(mark < 0 ? value : value.slice(0, mark), value).replace(/^\//, '')
  const slash = path.indexOf('/')
  const bucket = path.slice(0, Math.max(slash, 0))
  const key = path.slice(slash + 1)
  if (bucket === '' || key === '') {
    const message = 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey'
    throw invalidArgument(message, header, value)
  }
  if (!isBucketName(bucket)) throw invalidArgument('Invalid copy source bucket name', header, value)
  checkKeyLength(key)
  if (mark < 0) return { bucket, key, version: 'latest', shownVersion: '' }
  const shownVersion = decoded(value.slice(mark + versionMark.length), value)
  return { bucket, key, version: addressedVersion(shownVersion), shownVersion }
}

function decoded(text: string, value: string): string {
  try {
    return decodeComponent(text)
  } catch {
    throw invalidArgument('Invalid copy source encoding', header, value)
  }
}

/** Throws as GetObject would. */
function presentVersion(record: VersionRecord | null, { key, version, shownVersion }: SourceAddress): VersionRecord {
  if (record === null) {
    if (version === 'latest') throw noSuchKey(key)
    throw serviceError('NoSuchVersion', { details: { Key: key, VersionId: shownVersion } })
  }
  if (!record.isDeleteMarker) return record
  if (version === 'latest') throw noSuchKey(key)
  throw serviceError('InvalidRequest', {
    message: 'The source of a copy request may not specifically refer to a delete marker by version id.',
  })
}

/** Finds the source and checks its conditions. Throws as GetObject would, and PreconditionFailed. */
export async function findCopySource(call: Call): Promise<CopySource> {
  const address = parseCopySource(call.headers.get(header) ?? '')
  const source = await openSource(call, address)
  const { bucket, mayReadTags } = source
  const record = presentVersion(source.record, address)
  const customerKey = keyOfRead(call.headers, record, 'copy-source')
  const comparable = {
    etag: record.metadata['content-md5'],
    lastModified: Date.parse(record.metadata['last-modified']),
  }
  const unmet = readCondition(call.headers, comparable, 'x-amz-copy-source-')
  if (unmet !== null) throw unmet
  return { bucket, record, customerKey, versionNamed: address.version !== 'latest', mayReadTags }
}

/** Throws InvalidRequest for more bytes than one request may copy. */
export function checkCopySize(size: number): void {
  if (size <= limits.singlePutBytes) return
  const message = `The specified copy source is larger than the maximum allowable size for a copy source: ${limits.singlePutBytes}`
  throw serviceError('InvalidRequest', { message })
}

export interface CopyTask {
  readonly source: CopySource
  readonly range: ByteRange
  readonly target: Bucket
  readonly partNumber: number
  readonly encryption: WriteEncryption
  /** To be computed and kept beside MD5 and CRC32. */
  readonly algorithm: ChecksumAlgorithm | undefined
}

/** Copies bytes into the target bucket's location; null when the source's data has gone in between. */
export async function copyBytes(call: Call, task: CopyTask): Promise<ReceivedData | null> {
  const { range, partNumber, encryption } = task
  const { record: source, customerKey } = task.source
  const signal = call.signal()
  const from = { pieces: source.metadata.location ?? [], customerKey }
  const opened = await openStored(call.services, from, range, () => signal)
  if (opened === null) return null
  const size = range.end - range.start
  const hashing = hashed(opened instanceof Uint8Array ? oneChunk(opened) : opened, task.algorithm)
  const whole = size === source.metadata['content-length']
  const facts = (): PayloadFacts => {
    const found = hashing.facts()
    if (found.size !== size) throw new Error(`the source of a copy has ${found.size} bytes instead of ${size}`)
    const crc32 = Buffer.from(found.crc32, 'base64').toString('hex')
    if (whole && source.integrity !== null && source.integrity.crc32 !== crc32) {
      throw new Error(`the data of ${source.bucket}/${source.key} does not match its checksum`)
    }
    return found
  }
  const bytes = { size, chunks: hashing.chunks }
  try {
    return await storeBytes(call.services, task.target, bytes, { partNumber, encryption, facts })
  } catch (error) {
    // Further pieces may go while the first are being read.
    if (error instanceof Failure && error.facts.class === 'source-gone') return null
    // Nobody is there to hear it, and nothing is wrong with this server.
    if (signal.aborted) throw serviceError('RequestTimeout', { cause: error })
    throw error
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes
}

interface Hashed {
  readonly chunks: AsyncIterable<Uint8Array>
  /** Once, after the last chunk. */
  facts(): PayloadFacts
}

function hashed(chunks: AsyncIterable<Uint8Array>, algorithm: ChecksumAlgorithm | undefined): Hashed {
  const md5 = createHasher('MD5')
  const crc32 = createHasher('CRC32')
  const chosen = algorithm === undefined || algorithm === 'CRC32' ? undefined : createHasher(algorithm)
  let size = 0
  async function* pass(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      size += chunk.byteLength
      md5.update(chunk)
      crc32.update(chunk)
      chosen?.update(chunk)
      yield chunk
    }
  }
  return {
    chunks: pass(),
    facts() {
      const crc = crc32.digest().toString('base64')
      const facts = { size, md5Hex: md5.digest().toString('hex'), crc32: crc }
      if (algorithm === undefined) return facts
      const value = chosen === undefined ? crc : chosen.digest().toString('base64')
      return { ...facts, checksum: { algorithm, value, type: 'FULL_OBJECT' } }
    },
  }
}
