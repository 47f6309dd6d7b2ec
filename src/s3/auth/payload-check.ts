// Reads a request body once: undoes aws-chunked framing, computes every digest that is needed and compares it with what the request
// declared. The caller pushes the bytes as they come off the socket and stores what it gets back; until end() has returned, nothing of it
// may become visible.

import { type ChecksumAlgorithm, checksumAlgorithms, digestBytes } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { type BodyHashes, createBodyHashes } from './body-hashes.ts'
import { type ChunkedBody, type ChunkedBodyOptions, createChunkedBody } from './chunked-body.ts'
import { emptySha256, type PayloadDeclaration } from './payload-declaration.ts'

export interface PayloadChecksum {
  readonly algorithm: ChecksumAlgorithm
  /** Base64, big-endian. */
  readonly value: string
  readonly type: 'FULL_OBJECT'
}

/** What is known of a body that was read to its end and matched everything declared about it. */
export interface PayloadFacts {
  readonly size: number
  /** Lower-case hex; the ETag of a single PUT. */
  readonly md5Hex: string
  /** Base64, big-endian; always computed, kept by the store. */
  readonly crc32: string
  /** The checksum the client asked for or sent. */
  readonly checksum?: PayloadChecksum
  /** Of the algorithm that was to be computed beside it: base64. */
  readonly beside?: string
}

export interface PayloadOptions {
  /**
   * How to read Content-MD5: 'base64' is S3's form; 'hex' also takes 32 hex digits, as Backbeat sends to /_/backbeat; 'ignore' skips it.
   */
  readonly contentMd5?: 'base64' | 'hex' | 'ignore'
  /** 'ignore' where x-amz-checksum-* describes an object and not this body (CompleteMultipartUpload). */
  readonly checksums?: 'check' | 'ignore'
  /** Computed where the request neither sends nor asks for one. */
  readonly byDefault?: ChecksumAlgorithm
  /** Computed beside the one that the request sends or asks for. */
  readonly beside?: ChecksumAlgorithm
}

export interface PayloadCheck {
  /** Bytes the object will have; undefined when neither content-length nor x-amz-decoded-content-length says. */
  readonly decodedLength: number | undefined
  /** Takes bytes off the socket; returns the object bytes in them (views of `chunk`, no copies). Throws ServiceError. */
  push(chunk: Buffer): readonly Buffer[]
  /** Ends the body. Throws ServiceError when it was cut off or does not match. */
  end(): PayloadFacts
}

/** The header (or trailer) that carries each checksum. */
export const checksumHeaders: Readonly<Record<ChecksumAlgorithm, string>> = {
  CRC32: 'x-amz-checksum-crc32',
  CRC32C: 'x-amz-checksum-crc32c',
  CRC64NVME: 'x-amz-checksum-crc64nvme',
  MD5: 'x-amz-checksum-md5',
  SHA1: 'x-amz-checksum-sha1',
  SHA256: 'x-amz-checksum-sha256',
  SHA512: 'x-amz-checksum-sha512',
  XXHASH128: 'x-amz-checksum-xxhash128',
  XXHASH3: 'x-amz-checksum-xxhash3',
  XXHASH64: 'x-amz-checksum-xxhash64',
}

const otherChecksumHeaders: ReadonlySet<string> = new Set([
  'x-amz-checksum-type',
  'x-amz-checksum-algorithm',
  'x-amz-checksum-mode',
])

/** A checksum the request announces: with its value in a header, in the trailer, or none (to be computed). */
interface Announced {
  readonly algorithm: ChecksumAlgorithm
  readonly value: string | undefined
  readonly inTrailer: boolean
}

/**
 * Starts reading a body. Throws at once, before any byte, for headers that contradict each other or do not parse: InvalidDigest,
 * InvalidRequest, InvalidArgument, MissingContentLength. CRC32C and CRC64NVME need initHashes() to have finished.
 */
export function openPayload(
  declaration: PayloadDeclaration,
  headers: HeaderMap,
  options: PayloadOptions = {},
): PayloadCheck {
  const announced =
    (options.checksums === 'ignore' ? undefined : readAnnounced(declaration, headers)) ?? computed(options.byDefault)
  const md5 = readContentMd5(headers, options.contentMd5 ?? 'base64')
  const { beside } = options
  const chunked = declaration.kind === 'chunked-signed' || declaration.kind === 'chunked-unsigned'
  if (!chunked) {
    const decodedLength = readLength(headers, 'content-length')
    return new PayloadReader({ declaration, announced, beside, md5, decodedLength, chunked: undefined })
  }
  const declared = headers.get('x-amz-decoded-content-length') ?? ''
  if (!/^\d{1,15}$/.test(declared)) throw serviceError('MissingContentLength')
  const decodedLength = Number(declared)
  const trailerName = headers.get('x-amz-trailer')?.trim().toLowerCase()
  const framing: ChunkedBodyOptions = {
    decodedLength,
    ...(declaration.kind === 'chunked-signed'
      ? { signing: declaration.signing, trailer: declaration.trailer }
      : { trailer: true }),
    ...(trailerName === undefined ? undefined : { trailerName }),
  }
  return new PayloadReader({ declaration, announced, beside, md5, decodedLength, chunked: createChunkedBody(framing) })
}

/** A request without a body can be held to its declared hash at once, whatever it asks for. Throws XAmzContentSHA256Mismatch. */
export function checkEmptyBody(declaration: PayloadDeclaration, headers: HeaderMap): void {
  const isEmpty = (headers.get('content-length') ?? '0') === '0' && !headers.has('transfer-encoding')
  if (!isEmpty || declaration.kind !== 'sha256' || declaration.hex === emptySha256) return
  throw wrongSha256(declaration.hex, emptySha256)
}

function wrongSha256(declared: string, computed: string): Error {
  return serviceError('XAmzContentSHA256Mismatch', {
    details: { ClientComputedContentSHA256: declared, S3ComputedContentSHA256: computed },
  })
}

interface Expected {
  readonly declaration: PayloadDeclaration
  readonly announced: Announced | undefined
  readonly beside: ChecksumAlgorithm | undefined
  /** Lower-case hex. */
  readonly md5: string | undefined
  readonly decodedLength: number | undefined
  readonly chunked: ChunkedBody | undefined
}

class PayloadReader implements PayloadCheck {
  readonly decodedLength: number | undefined
  readonly #chunked: ChunkedBody | undefined
  readonly #announced: Announced | undefined
  readonly #beside: ChecksumAlgorithm | undefined
  readonly #expectedMd5: string | undefined
  readonly #expectedSha256: string | undefined
  readonly #algorithms: readonly ChecksumAlgorithm[]
  readonly #hashes: BodyHashes
  #size = 0

  constructor({ declaration, announced, beside, md5, decodedLength, chunked }: Expected) {
    this.decodedLength = decodedLength
    this.#chunked = chunked
    this.#announced = announced
    this.#beside = beside
    this.#expectedMd5 = md5
    this.#expectedSha256 = declaration.kind === 'sha256' ? declaration.hex : undefined
    this.#algorithms = hashed(this.#expectedSha256 !== undefined, announced?.algorithm, beside)
    this.#hashes = createBodyHashes(this.#algorithms)
  }

  push(chunk: Buffer): readonly Buffer[] {
    const pieces = this.#chunked === undefined ? [chunk] : this.#chunked.push(chunk)
    for (const piece of pieces) this.#take(piece)
    return pieces
  }

  end(): PayloadFacts {
    const trailer = this.#chunked?.end()
    if (this.decodedLength !== undefined && this.#size !== this.decodedLength) throw serviceError('IncompleteBody')
    const digests = this.#hashes.digests()
    const digest = (algorithm: ChecksumAlgorithm, form: 'hex' | 'base64'): string =>
      digests[this.#algorithms.indexOf(algorithm)]?.toString(form) ?? ''
    if (this.#expectedSha256 !== undefined && digest('SHA256', 'hex') !== this.#expectedSha256) {
      throw wrongSha256(this.#expectedSha256, digest('SHA256', 'hex'))
    }
    const md5Hex = digest('MD5', 'hex')
    if (this.#expectedMd5 !== undefined && this.#expectedMd5 !== md5Hex) {
      throw serviceError('BadDigest', {
        details: {
          ExpectedDigest: this.#expectedMd5,
          CalculatedDigest: digest('MD5', 'base64'),
        },
      })
    }
    const facts = { size: this.#size, md5Hex, crc32: digest('CRC32', 'base64') }
    const announced = this.#announced
    if (announced === undefined) return facts
    const value = digest(announced.algorithm, 'base64')
    const expected = announced.inTrailer ? readTrailerChecksum(trailer, announced.algorithm) : announced.value
    if (expected !== undefined && expected !== value) {
      throw serviceError('BadDigest', {
        message: `The ${announced.algorithm} you specified did not match the calculated checksum.`,
      })
    }
    const beside = this.#beside === undefined ? undefined : { beside: digest(this.#beside, 'base64') }
    return { ...facts, ...beside, checksum: { algorithm: announced.algorithm, value, type: 'FULL_OBJECT' } }
  }

  #take(piece: Buffer): void {
    this.#size += piece.length
    if (this.decodedLength !== undefined && this.#size > this.decodedLength) throw serviceError('IncompleteBody')
    this.#hashes.take(piece, piece.length === this.decodedLength)
  }
}

/** What every body is hashed with, what was declared, and what was asked for; each once. */
function hashed(declared: boolean, ...asked: (ChecksumAlgorithm | undefined)[]): readonly ChecksumAlgorithm[] {
  const always: readonly ChecksumAlgorithm[] = declared ? ['MD5', 'CRC32', 'SHA256'] : ['MD5', 'CRC32']
  const more = asked.flatMap(algorithm => (algorithm === undefined || always.includes(algorithm) ? [] : [algorithm]))
  return more.length === 0 ? always : [...always, ...new Set(more)]
}

/** Finds the one checksum the headers announce. Throws InvalidRequest when there are several or they contradict each other. */
function readAnnounced(declaration: PayloadDeclaration, headers: HeaderMap): Announced | undefined {
  const inHeader = checksumAlgorithms.filter(algorithm => headers.has(checksumHeaders[algorithm]))
  const trailing = readTrailerAnnouncement(declaration, headers)
  if (inHeader.length > 1 || (inHeader.length === 1 && trailing !== undefined)) {
    throw serviceError('InvalidRequest', {
      message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    })
  }
  checkHeaderNames(headers)
  const requested = readRequested(headers)
  const algorithm = inHeader[0] ?? trailing
  if (algorithm === undefined) return readRequestedOnly(requested, headers)
  if (requested !== undefined && requested !== algorithm) {
    throw serviceError('InvalidRequest', { message: 'Value for x-amz-sdk-checksum-algorithm header is invalid.' })
  }
  if (trailing !== undefined) return { algorithm, value: undefined, inTrailer: true }
  const value = headers.get(checksumHeaders[algorithm]) ?? ''
  if (!isDigest(value, digestBytes[algorithm])) {
    throw serviceError('InvalidRequest', { message: `Value for ${checksumHeaders[algorithm]} header is invalid.` })
  }
  return { algorithm, value, inTrailer: false }
}

function computed(algorithm: ChecksumAlgorithm | undefined): Announced | undefined {
  return algorithm === undefined ? undefined : { algorithm, value: undefined, inTrailer: false }
}

/** x-amz-sdk-checksum-algorithm without a checksum: a promise not kept. x-amz-checksum-algorithm asks to compute one. */
function readRequestedOnly(requested: ChecksumAlgorithm | undefined, headers: HeaderMap): Announced | undefined {
  if (requested === undefined) return undefined
  if (headers.has('x-amz-sdk-checksum-algorithm') && !headers.has('content-md5')) {
    throw serviceError('InvalidRequest', {
      message:
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    })
  }
  return { algorithm: requested, value: undefined, inTrailer: false }
}

function readRequested(headers: HeaderMap): ChecksumAlgorithm | undefined {
  for (const name of ['x-amz-sdk-checksum-algorithm', 'x-amz-checksum-algorithm']) {
    const value = headers.get(name)
    if (value === undefined) continue
    const algorithm = checksumAlgorithms.find(known => known === value.toUpperCase())
    if (algorithm !== undefined) return algorithm
    throw serviceError('InvalidRequest', { message: `Value for ${name} header is invalid.` })
  }
  return undefined
}

function readTrailerAnnouncement(declaration: PayloadDeclaration, headers: HeaderMap): ChecksumAlgorithm | undefined {
  const announcement = headers.get('x-amz-trailer')
  const takesTrailer =
    declaration.kind === 'chunked-unsigned' || (declaration.kind === 'chunked-signed' && declaration.trailer)
  if (announcement === undefined) return undefined
  const invalid = serviceError('InvalidRequest', {
    message: 'The value specified in the x-amz-trailer header is not supported',
  })
  if (!takesTrailer) throw invalid
  const name = announcement.trim().toLowerCase()
  const algorithm = checksumAlgorithms.find(known => checksumHeaders[known] === name)
  if (algorithm === undefined) throw invalid
  return algorithm
}

/** Refuses checksums of kinds this server does not know: storing the object without checking them would be a lie. */
function checkHeaderNames(headers: HeaderMap): void {
  for (const name of headers.keys()) {
    if (!name.startsWith('x-amz-checksum-') || otherChecksumHeaders.has(name)) continue
    if (checksumAlgorithms.some(algorithm => checksumHeaders[algorithm] === name)) continue
    throw serviceError('InvalidRequest', {
      message: 'The algorithm type you specified in x-amz-checksum- header is invalid.',
    })
  }
}

function readTrailerChecksum(trailer: ReadonlyMap<string, string> | undefined, algorithm: ChecksumAlgorithm): string {
  const name = checksumHeaders[algorithm]
  const value = trailer?.get(name) ?? ''
  if (!isDigest(value, digestBytes[algorithm])) {
    throw serviceError('InvalidRequest', { message: `Value for ${name} trailing header is invalid.` })
  }
  return value
}

/** Gives Content-MD5 in lower-case hex. Throws InvalidDigest. */
function readContentMd5(headers: HeaderMap, form: 'base64' | 'hex' | 'ignore'): string | undefined {
  const value = headers.get('content-md5')
  if (value === undefined || form === 'ignore') return undefined
  if (form === 'hex' && /^[0-9a-fA-F]{32}$/.test(value)) return value.toLowerCase()
  // The bits that the last digit has too many say nothing, whatever they are.
  if (!/^[A-Za-z0-9+/]{22}==$/.test(value)) {
    throw serviceError('InvalidDigest', { details: { 'Content-MD5': value.slice(0, 128) } })
  }
  return Buffer.from(value, 'base64').toString('hex')
}

/** Strict base64 of exactly `bytes` bytes. */
function isDigest(value: string, bytes: number): boolean {
  if (value.length !== Math.ceil(bytes / 3) * 4 || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return false
  const decoded = Buffer.from(value, 'base64')
  return decoded.length === bytes && decoded.toString('base64') === value
}

function readLength(headers: HeaderMap, name: string): number | undefined {
  const value = headers.get(name)
  if (value === undefined) return undefined
  if (!/^\d{1,15}$/.test(value)) {
    throw serviceError('InvalidArgument', {
      message: `${name} must be a whole number of bytes.`,
      details: { ArgumentName: name, ArgumentValue: value.slice(0, 64) },
    })
  }
  return Number(value)
}
