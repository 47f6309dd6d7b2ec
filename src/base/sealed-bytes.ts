// Bytes as they lie encrypted: AES-256-GCM over pieces of 64 KiB, each with its own tag behind it, so that any range can be read, and what was
// changed, moved or cut off is noticed before a byte of it is given out. The number of a chunk is its nonce: a key seals one run of bytes, once.
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { Failure } from '../domain/failure.ts'

const algorithm = 'aes-256-gcm'
const chunkBytes = 64 * 1024
const tagBytes = 16
const options = { authTagLength: tagBytes }

/** A key of 32 bytes that seals one run of bytes. */
export type DataKey = KeyObject

export function dataKeyOf(bytes: Uint8Array): DataKey {
  return createSecretKey(bytes)
}

interface Range {
  readonly start: number
  readonly end: number
}

/** How many bytes lie there for `size` plain ones. */
export function sealedSize(size: number): number {
  return size + Math.ceil(size / chunkBytes) * tagBytes
}

/** Where the chunks lie that hold [start, end) of `size` plain bytes; the range is not empty. */
export function sealedRange({ start, end }: Range, size: number): Range {
  const sealedChunk = chunkBytes + tagBytes
  const last = Math.ceil(end / chunkBytes) * sealedChunk
  return { start: Math.floor(start / chunkBytes) * sealedChunk, end: Math.min(last, sealedSize(size)) }
}

function nonceOf(chunk: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(chunk, 6, 6)
  return nonce
}

export interface Sealer {
  /** Takes plain bytes; gives what is to be stored of them so far, in memory of its own. */
  push(bytes: Uint8Array): readonly Buffer[]
  /** The rest, once, after the last bytes. */
  end(): readonly Buffer[]
}

export function createSealer(key: DataKey): Sealer {
  let chunk = 0
  let filled = 0
  let cipher = createCipheriv(algorithm, key, nonceOf(chunk), options)
  const closeChunk = (): Buffer => {
    cipher.final()
    return cipher.getAuthTag()
  }
  return {
    push(bytes) {
      const sealed: Buffer[] = []
      for (let at = 0; at < bytes.byteLength; ) {
        if (filled === chunkBytes) {
          sealed.push(closeChunk())
          chunk += 1
          filled = 0
          cipher = createCipheriv(algorithm, key, nonceOf(chunk), options)
        }
        const part = bytes.subarray(at, at + chunkBytes - filled)
        sealed.push(cipher.update(part))
        at += part.byteLength
        filled += part.byteLength
      }
      return sealed
    },
    // Of no bytes there is no chunk.
    end: () => (filled === 0 ? [] : [closeChunk()]),
  }
}

/** Seals bytes that are in memory. */
export function sealBytes(key: DataKey, bytes: Uint8Array): Buffer {
  const sealer = createSealer(key)
  return Buffer.concat([...sealer.push(bytes), ...sealer.end()])
}

/** Opens what `sealBytes` has made. Throws Failure SourceDataDamaged. */
export function openBytes(key: DataKey, sealed: Uint8Array): Buffer {
  const plain: Buffer[] = []
  for (let at = 0, chunk = 0; at < sealed.byteLength; at += chunkBytes + tagBytes, chunk += 1) {
    plain.push(openChunk(key, chunk, sealed.subarray(at, at + chunkBytes + tagBytes)))
  }
  const [only] = plain
  return plain.length === 1 && only !== undefined ? only : Buffer.concat(plain)
}

function openChunk(key: DataKey, chunk: number, sealed: Uint8Array): Buffer {
  const length = sealed.byteLength - tagBytes
  if (length <= 0) throw damaged()
  const decipher = createDecipheriv(algorithm, key, nonceOf(chunk), options)
  decipher.setAuthTag(sealed.subarray(length))
  const plain = decipher.update(sealed.subarray(0, length))
  try {
    decipher.final()
  } catch {
    throw damaged()
  }
  return plain
}

function damaged(): Failure {
  const message = 'Stored bytes are not those that were encrypted'
  return new Failure({ class: 'object', code: 'SourceDataDamaged', message })
}

/**
 * Opens a stream of sealed bytes, which begins and ends as `sealedRange` says; yields exactly [start, end). Throws Failure SourceDataDamaged
 * before a byte of a chunk that is not what was sealed.
 */
export async function* openStream(
  key: DataKey,
  sealed: AsyncIterable<Uint8Array>,
  range: Range,
  size: number,
): AsyncGenerator<Uint8Array> {
  let chunk = Math.floor(range.start / chunkBytes)
  for await (const bytes of inChunks(sealed, chunk, size)) {
    const from = chunk * chunkBytes
    const plain = openChunk(key, chunk, bytes)
    yield plain.subarray(Math.max(0, range.start - from), range.end - from)
    chunk += 1
  }
  if (chunk < Math.ceil(range.end / chunkBytes)) throw damaged()
}

/**
 * Cuts a stream where chunks end, whatever the sizes in which it comes; `first` is the number of its first chunk. Neither what comes nor what is
 * yielded is looked at again once more is asked for: the memory may be used again.
 */
async function* inChunks(sealed: AsyncIterable<Uint8Array>, first: number, size: number): AsyncGenerator<Uint8Array> {
  const held = Buffer.allocUnsafe(chunkBytes + tagBytes)
  let heldBytes = 0
  let chunk = first
  let length = sealedLength(chunk, size)
  for await (const bytes of sealed) {
    for (let at = 0; at < bytes.byteLength; ) {
      const part = bytes.subarray(at, at + length - heldBytes)
      at += part.byteLength
      const isWhole = part.byteLength === length
      if (!isWhole) {
        held.set(part, heldBytes)
        heldBytes += part.byteLength
        if (heldBytes < length) continue
      }
      yield isWhole ? part : held.subarray(0, length)
      heldBytes = 0
      chunk += 1
      length = sealedLength(chunk, size)
      if (length === 0) return
    }
  }
  if (heldBytes > 0) throw damaged()
}

/** Of one chunk; 0 behind the last. */
function sealedLength(chunk: number, size: number): number {
  const plain = Math.min(chunkBytes, size - chunk * chunkBytes)
  return plain <= 0 ? 0 : plain + tagBytes
}
