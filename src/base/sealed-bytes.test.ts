// Goal: what is sealed comes back exactly, by any range and whatever the sizes in which it comes, and nothing else ever does. Method: every length
// around the borders of blocks and chunks, seeded random ranges and cuts, and each kind of damage.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Failure } from '../domain/failure.ts'
import { createSealer, dataKeyOf, openBytes, openStream, sealBytes, sealedRange, sealedSize } from './sealed-bytes.ts'

const key = dataKeyOf(Buffer.alloc(32, 1))
const chunk = 64 * 1024
const borders = [1, 15, 16, 17, chunk].flatMap(size => [size - 1, size, size + 1])
const lengths = [...new Set([...borders, 2 * chunk - 1, 2 * chunk, 2 * chunk + 1, 3 * chunk + 17])]

/** The same numbers for the same seed. */
function numbers(seed: string): (below: number) => number {
  let count = 0
  return below => createHash('sha256').update(`${seed}.${count++}`).digest().readUInt32BE(0) % below
}

function bytesOf(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at++) bytes[at] = (at * 31 + (at >> 8) * 7) & 0xff
  return bytes
}

async function* cut(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

async function opened(
  sealed: Uint8Array,
  start: number,
  end: number,
  size: number,
  pieceBytes: number,
): Promise<Buffer> {
  const range = sealedRange({ start, end }, size)
  const found: Uint8Array[] = []
  const pieces = cut(sealed.subarray(range.start, range.end), pieceBytes)
  for await (const piece of openStream(key, pieces, { start, end }, size)) found.push(piece)
  return Buffer.concat(found)
}

const damaged = (error: unknown) => error instanceof Failure && error.facts.code === 'SourceDataDamaged'

test('every length comes back, and is as long as told', () => {
  for (const size of lengths) {
    const plain = bytesOf(size)
    const sealed = sealBytes(key, plain)
    assert.equal(sealed.byteLength, sealedSize(size), `${size}`)
    assert.ok(openBytes(key, sealed).equals(plain), `${size}`)
    if (size > 15) assert.ok(!sealed.includes(plain.subarray(0, 16)), `${size}`)
  }
})

test('it does not matter in which pieces the bytes come', () => {
  const below = numbers('pieces')
  for (const size of lengths) {
    const plain = bytesOf(size)
    const sealer = createSealer(key)
    const sealed: Uint8Array[] = []
    for (let at = 0; at < size; ) {
      const piece = plain.subarray(at, at + 1 + below(50_000))
      sealed.push(...sealer.push(piece))
      at += piece.byteLength
    }
    sealed.push(...sealer.end())
    assert.ok(Buffer.concat(sealed).equals(sealBytes(key, plain)), `${size}`)
  }
})

test('ranges at random', async () => {
  const below = numbers('ranges')
  for (const size of lengths.filter(length => length > 0)) {
    const plain = bytesOf(size)
    const sealed = sealBytes(key, plain)
    for (let round = 0; round < 20; round++) {
      const start = below(size)
      const end = start + 1 + below(size - start)
      const found = await opened(sealed, start, end, size, 1 + below(300_000))
      assert.ok(found.equals(plain.subarray(start, end)), `${start} to ${end} of ${size}`)
    }
  }
})

test('a changed byte, a byte too few, chunks in another order and another key are noticed', async () => {
  const size = 3 * chunk + 5
  const sealed = sealBytes(key, bytesOf(size))
  for (const at of [0, chunk, chunk + 15, chunk + 16, sealed.byteLength - 1]) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    await assert.rejects(opened(changed, 0, size, size, 100_000), damaged, `${at}`)
    assert.throws(() => openBytes(key, changed), damaged, `${at}`)
  }
  for (const length of [sealed.byteLength - 1, sealed.byteLength - 21, chunk + 16, chunk, 0]) {
    await assert.rejects(opened(sealed.subarray(0, length), 0, size, size, 100_000), damaged, `${length}`)
  }
  const turned = Buffer.concat([sealed.subarray(chunk + 16, 2 * (chunk + 16)), sealed.subarray(0, chunk + 16)])
  await assert.rejects(opened(turned, 0, 2 * chunk, size, 100_000), damaged)
  assert.throws(() => openBytes(dataKeyOf(Buffer.alloc(32, 2)), sealed), damaged)
})

test('a range of sound chunks is read although others are damaged', async () => {
  const size = 3 * chunk
  const plain = bytesOf(size)
  const sealed = sealBytes(key, plain)
  sealed.writeUInt8(sealed.readUInt8(0) ^ 1, 0)
  const found = await opened(sealed, chunk, 2 * chunk, size, 10_000)
  assert.ok(found.equals(plain.subarray(chunk, 2 * chunk)))
})
