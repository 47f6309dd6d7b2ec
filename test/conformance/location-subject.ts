// What the conformance cases of locations are written with: a location to test, bodies, attributes, and how to read things back.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type ByteSource, bytesSource } from '../../src/base/byte-source.ts'
import { Failure, type FailureFacts } from '../../src/domain/failure.ts'
import { hexCrc32 } from '../../src/locations/checked-body.ts'
import type { Capabilities, KnownChecksums, Location, ObjectAttributes } from '../../src/locations/location.ts'

/** One behaviour that every location keeps. */
export interface LocationCase {
  readonly name: string
  /** Why it does not apply to a location, if it does not. */
  readonly skip?: (capabilities: Capabilities) => string | undefined
  readonly run: (subject: Subject) => Promise<void>
}

export interface Subject {
  readonly location: Location
  /** A key that no other case uses. */
  readonly key: string
  /** User metadata as the location gives it back for the current object, if there is a way to tell that is not ours. */
  readonly readMetadata: ((key: string) => Promise<Readonly<Record<string, string>>>) | undefined
}

export const plain: ObjectAttributes = { userMetadata: {}, markers: {}, tags: {} }

export function marked(versionId: string, more: Partial<ObjectAttributes> = {}): ObjectAttributes {
  return { ...plain, ...more, markers: { 'scal-replication-status': 'REPLICA', 'scal-version-id': versionId } }
}

export function checksumsOf(bytes: Uint8Array): Required<KnownChecksums> {
  return { md5: createHash('md5').update(bytes).digest('hex'), crc32: hexCrc32(bytes) }
}

/** The bytes as a stream of small chunks, as large objects come. */
export function streamed(bytes: Uint8Array, chunkBytes = 1000): ByteSource {
  return {
    size: bytes.byteLength,
    async *open(start, end) {
      for (let at = start; at < end; at += chunkBytes) yield bytes.subarray(at, Math.min(at + chunkBytes, end))
    },
  }
}

/** Bytes that differ everywhere, the same for the same seed. */
export function patterned(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

export async function put(
  { location, key }: Subject,
  text: string,
  attributes: ObjectAttributes = plain,
): Promise<{ readonly versionId: string; readonly etag: string }> {
  const bytes = Buffer.from(text)
  return location.put(key, bytesSource(bytes), checksumsOf(bytes), attributes)
}

export async function read({ location, key }: Subject, versionId = ''): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await location.get(key, versionId, null)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Waits for the Failure of a promise and checks the facts that are given. */
export async function failsWith(promise: Promise<unknown>, expected: Partial<FailureFacts>): Promise<FailureFacts> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(error.facts[name as keyof FailureFacts], value, `${name} of ${JSON.stringify(error.facts)}`)
    }
    return error.facts
  }
  throw new assert.AssertionError({ message: `did not fail with ${JSON.stringify(expected)}` })
}
