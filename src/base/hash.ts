// Incremental hashes of object bytes: MD5 and SHA (node:crypto), CRC32 (node:zlib), CRC64NVME (crc64.ts), CRC32C and XXH (hash-wasm), with digests in
// S3's form (big-endian, base64). initHashes() must have finished before the first hasher of the last three is made: WebAssembly compiles
// asynchronously.

import { createHash, createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { createCRC32, createXXHash3, createXXHash64, createXXHash128, type IHasher } from 'hash-wasm'
import { compileCrc64 } from './crc64.ts'

/** The checksum algorithms of S3, named as in `x-amz-checksum-algorithm`. */
export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'MD5',
  'SHA1',
  'SHA256',
  'SHA512',
  'XXHASH128',
  'XXHASH3',
  'XXHASH64',
] as const
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number]
export type CrcAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME'

/** CRCs of parts can be joined into the one of the whole. */
export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return algorithm.startsWith('CRC')
}

/** Digest length in bytes. */
export const digestBytes: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  MD5: 16,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
  XXHASH128: 16,
  XXHASH3: 8,
  XXHASH64: 8,
}

/** A running hash. `digest` ends it: call it once, nothing after it. */
export interface Hasher {
  update(chunk: Uint8Array): void
  digest(): Buffer
}

const crc32cPolynomial = 0x82f63b78

interface SharedHash {
  readonly engine: IHasher
  readonly initial: Uint8Array
}

const compiled = {
  CRC32C: () => createCRC32(crc32cPolynomial),
  XXHASH128: () => createXXHash128(),
  XXHASH3: () => createXXHash3(),
  XXHASH64: () => createXXHash64(),
}
const shared = new Map<string, SharedHash>()
const state: { starting?: Promise<void>; crc64?: () => Hasher } = {}

/** Compiles the WebAssembly hashes once; later calls wait for the same. */
export function initHashes(): Promise<void> {
  state.starting ??= compileHashes()
  return state.starting
}

async function compileHashes(): Promise<void> {
  const compile = async ([name, make]: [string, () => Promise<IHasher>]): Promise<void> => {
    const engine = await make()
    shared.set(name, { engine, initial: engine.init().save() })
  }
  const crc64 = compileCrc64()
  await Promise.all(Object.entries(compiled).map(compile))
  state.crc64 = await crc64
}

/** Starts a hash. Throws an Error (a defect of the caller) for those of hash-wasm before initHashes() has finished. */
export function createHasher(algorithm: ChecksumAlgorithm): Hasher {
  switch (algorithm) {
    case 'MD5':
      return createHash('md5')
    case 'SHA1':
      return createHash('sha1')
    case 'SHA256':
      return createHash('sha256')
    case 'SHA512':
      return createHash('sha512')
    case 'CRC32':
      return createCrc32Hasher()
    case 'CRC64NVME':
      if (state.crc64 === undefined) throw notInitialised()
      return state.crc64()
    default:
      return createSharedHasher(shared.get(algorithm))
  }
}

function notInitialised(): Error {
  return new Error('initHashes() must finish before this hash is used')
}

function createCrc32Hasher(): Hasher {
  let value = 0
  return {
    update: chunk => {
      value = crc32(chunk, value)
    },
    digest: () => crc32Bytes(value),
  }
}

/** Many hashes take turns on one WebAssembly instance: its small state is loaded before and saved after each chunk. */
function createSharedHasher(found: SharedHash | undefined): Hasher {
  if (found === undefined) throw notInitialised()
  const { engine, initial } = found
  let reached = initial
  return {
    update: chunk => {
      engine.load(reached).update(chunk)
      reached = engine.save()
    },
    digest: () => Buffer.from(engine.load(reached).digest('binary')),
  }
}

/** Hashes a whole buffer at once. */
export function digestOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Buffer {
  switch (algorithm) {
    case 'MD5':
      return hash('md5', bytes, 'buffer')
    case 'SHA1':
      return hash('sha1', bytes, 'buffer')
    case 'SHA256':
      return hash('sha256', bytes, 'buffer')
    case 'SHA512':
      return hash('sha512', bytes, 'buffer')
    case 'CRC32':
      return crc32Bytes(crc32(bytes))
    case 'CRC64NVME':
      return hashedOnce(createHasher(algorithm), bytes)
    default:
      return sharedDigest(shared.get(algorithm), bytes)
  }
}

function hashedOnce(hasher: Hasher, bytes: Uint8Array): Buffer {
  hasher.update(bytes)
  return hasher.digest()
}

function sharedDigest(found: SharedHash | undefined, bytes: Uint8Array): Buffer {
  if (found === undefined) throw notInitialised()
  return Buffer.from(found.engine.init().update(bytes).digest('binary'))
}

/** SHA-256 in lower-case hex; a string is hashed as UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}

/** MD5 in lower-case hex; a string is hashed as UTF-8. */
export function md5Hex(data: string | Uint8Array): string {
  return hash('md5', data, 'hex')
}

/** A prepared key: an HMAC with it costs a fifth of one with the bare bytes. */
export type HmacKey = KeyObject

/** Prepares a key for many HMACs. */
export function hmacKeyOf(bytes: Uint8Array): HmacKey {
  return createSecretKey(bytes)
}

/** HMAC-SHA256; a string of data is taken as UTF-8. */
export function hmacSha256(key: string | Uint8Array | HmacKey, data: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

/** HMAC-SHA256 in lower-case hex. */
export function hmacSha256Hex(key: string | Uint8Array | HmacKey, data: string | Uint8Array): string {
  return createHmac('sha256', key).update(data).digest('hex')
}

/** HMAC-SHA1 in base64 (Signature V2); a string of data is taken as UTF-8. */
export function hmacSha1Base64(key: string, data: string | Uint8Array): string {
  return createHmac('sha1', key).update(data).digest('base64')
}

/** Compares two strings in a time that depends on their lengths only. */
export function equalInConstantTime(left: string, right: string): boolean {
  const leftBytes = Buffer.from(left, 'utf8')
  const rightBytes = Buffer.from(right, 'utf8')
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes)
}

/** The four big-endian bytes of a CRC32 value (an unsigned number). */
export function crc32Bytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
