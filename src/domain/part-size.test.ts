// Part sizes against the table of the original programs, and against the limits of destinations.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../test/properties.ts'
import { partRanges, partSizeFor } from './part-size.ts'

const mebibyte = 1024 ** 2
const gibibyte = 1024 ** 3
const s3 = { partBytesMin: 5 * mebibyte, partBytesMax: 5 * gibibyte, partsMax: 10_000 }
const few = { partBytesMin: 0, partBytesMax: 5 * 1024 * gibibyte, partsMax: 1024 }

const table: readonly (readonly [object: number, part: number, count: number, partFew: number, countFew: number])[] = [
  [1, 16 * mebibyte, 1, 16 * mebibyte, 1],
  [16 * mebibyte, 16 * mebibyte, 1, 16 * mebibyte, 1],
  [16 * mebibyte + 1, 16 * mebibyte, 2, 16 * mebibyte, 2],
  [100 * mebibyte, 16 * mebibyte, 7, 16 * mebibyte, 7],
  [10 * gibibyte, 16 * mebibyte, 640, 16 * mebibyte, 640],
  [16 * gibibyte, 32 * mebibyte, 512, 32 * mebibyte, 512],
  [100 * gibibyte, 128 * mebibyte, 800, 128 * mebibyte, 800],
  [500 * gibibyte, 512 * mebibyte, 1000, 512 * mebibyte, 1000],
  [1000 * gibibyte, 512 * mebibyte, 2000, gibibyte, 1000],
  [5000 * gibibyte, 512 * mebibyte, 10_000, 8 * gibibyte, 625],
]

for (const [size, part, count, partFew, countFew] of table) {
  test(`an object of ${size} bytes goes in ${count} parts of ${part}, or ${countFew} of ${partFew} where 1,024 are the most`, () => {
    assert.equal(partSizeFor(size, s3), part)
    assert.equal(partRanges(size, part).length, count)
    assert.equal(partSizeFor(size, few), partFew)
    assert.equal(partRanges(size, partFew).length, countFew)
  })
}

test('part sizes stay within what the destination takes', () => {
  assert.equal(partSizeFor(100 * mebibyte, { ...s3, partBytesMax: 8 * mebibyte }), 8 * mebibyte)
  assert.equal(partSizeFor(100 * mebibyte, { ...s3, partBytesMin: 64 * mebibyte }), 64 * mebibyte)
})

test('a zero-byte object is one empty part', () => {
  assert.deepEqual(partRanges(0, 16 * mebibyte), [{ partNumber: 1, start: 0, end: 0 }])
})

test('parts cover the object without gap or overlap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 100 }), (size, part) => {
      const ranges = partRanges(size, part)
      let at = 0
      for (const [index, range] of ranges.entries()) {
        assert.equal(range.partNumber, index + 1)
        assert.equal(range.start, at)
        assert.ok(range.end > range.start && range.end - range.start <= part)
        at = range.end
      }
      assert.equal(at, size)
    }),
  )
})
