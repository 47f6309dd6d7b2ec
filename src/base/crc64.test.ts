// CRC64NVME against the definition, bit by bit, for lengths around every bound of the fast code.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { fc } from '../../test/properties.ts'
import { type Crc64, compileCrc64 } from './crc64.ts'

let start: () => Crc64
const nothing = new Uint8Array(0)

before(async () => {
  start = await compileCrc64()
})

function byDefinition(bytes: Uint8Array): string {
  const all = 0xffffffffffffffffn
  let value = all
  for (const byte of bytes) {
    value ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n
  }
  return (value ^ all).toString(16).padStart(16, '0')
}

function inPieces(pieces: readonly Uint8Array[]): string {
  const crc = start()
  for (const piece of pieces) crc.update(piece)
  return crc.digest().toString('hex')
}

function someBytes(size: number): Uint8Array {
  let value = size + 1
  return Uint8Array.from({ length: size }, () => {
    value = (value * 1_103_515_245 + 12_345) & 0x7fffffff
    return value >>> 16
  })
}

test('the check value of the catalogue of CRCs', () => {
  assert.equal(inPieces([Buffer.from('123456789')]), 'ae8b14860a799888')
  assert.equal(inPieces([]), '0000000000000000')
})

test('every length around a word, a stretch, a block and what is taken at once', () => {
  const bounds = [0, 8, 1024, 4096, 8192, 65_536]
  for (const bound of bounds) {
    for (let size = Math.max(0, bound - 9); size <= bound + 9; size++) {
      const bytes = someBytes(size)
      assert.equal(inPieces([bytes]), byDefinition(bytes), `${size} bytes`)
    }
  }
})

test('pieces make no difference, and running ones do not disturb each other', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 10_000 }), { maxLength: 6 })
  fc.assert(
    fc.property(pieces, pieces, (one, other) => {
      const [first, second] = [start(), start()]
      for (let index = 0; index < Math.max(one.length, other.length); index++) {
        first.update(one[index] ?? nothing)
        second.update(other[index] ?? nothing)
      }
      assert.equal(first.digest().toString('hex'), byDefinition(Buffer.concat(one)))
      assert.equal(second.digest().toString('hex'), byDefinition(Buffer.concat(other)))
    }),
    { numRuns: 20 },
  )
})
