// Goal: version ids order as the original programs order them and go round through their shown form. Method: properties over
// random clocks and values, and recorded pairs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../test/properties.ts'
import {
  decodeVersionId,
  encodeVersionId,
  isNewer,
  makeVersionId,
  momentOf,
  nextVersionId,
  storedVersionId,
} from './version-id.ts'

const vectors: ReadonlyArray<readonly [string, string]> = [
  ['98299999999999999999RG001  ', 'aJfG35aUKYOz00000000001I4j3QKItW'],
  ['98299999999999999998RG001  ', 'aJfG35aUKYOy00000000001I4j3QKItW'],
  ['98299999999999999999RG001  42', '3938323939393939393939393939393939393939524730303120203432'],
  ['99999999999999999999RG001  ', 'aUKYOzaUKYOz00000000001I4j3QKItW'],
  ['98295539708053999999RG001  ', 'aJdO148N3LjN00000000001I4j3QKItW'],
]

test('internal ids show as the original programs show them, and are read back', () => {
  for (const [internal, shown] of vectors) {
    assert.equal(encodeVersionId(storedVersionId(internal)), shown)
    assert.equal(decodeVersionId(shown), internal)
  }
})

test('strings that are no version id are refused, whatever they are', () => {
  for (const text of ['', 'zzz', 'null', '!'.repeat(32), 'Z'.repeat(32), 'zz'.repeat(30), 'ab'.repeat(2000)]) {
    assert.equal(decodeVersionId(text), null, text)
  }
  fc.assert(fc.property(fc.string(), text => decodeVersionId(text) === null || text.length >= 32))
})

test('ids with zero characters are refused in both forms: not every store can be asked for them', () => {
  assert.equal(decodeVersionId('0'.repeat(32)), null)
  const long = Buffer.from('98299999999999999999RG001  \0').toString('hex')
  assert.equal(decodeVersionId(long), null)
})

test('a version id goes round through its shown form', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.integer({ min: 0, max: 999_999 }),
      (epochMs, sequence) => {
        const id = makeVersionId({ epochMs, sequence }, 'RG001')
        assert.deepEqual(momentOf(id), { epochMs, sequence })
        assert.equal(decodeVersionId(encodeVersionId(id)), id)
      },
    ),
  )
})

test('the next id of a key is newer than the last one, also when the clock runs backwards or stands still', () => {
  let last = makeVersionId({ epochMs: 1000, sequence: 999_998 }, 'RG001')
  for (const now of [1000, 1000, 1000, 5, 999, 1001, 2000]) {
    const next = nextVersionId(now, last, 'RG001')
    assert.ok(isNewer(next, last), `${next} after ${last} at ${now}`)
    last = next
  }
})
