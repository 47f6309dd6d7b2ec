// Where a group begins, for everything that Kafka and the state store may know or have forgotten.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beginningOf, type KnownOffsets } from './start-offset.ts'

const known: KnownOffsets = { topicId: 'now', start: 10, end: 50, committed: -1, mirror: null }

test('a group goes on where it committed', () => {
  assert.deepEqual(beginningOf({ ...known, committed: 20 }), { offset: 20, gap: null })
  assert.deepEqual(beginningOf({ ...known, committed: 50, mirror: { topicId: 'now', offset: 12 } }), {
    offset: 50,
    gap: null,
  })
})

test('a group that Kafka has forgotten goes on where the mirror says', () => {
  assert.deepEqual(beginningOf({ ...known, mirror: { topicId: 'now', offset: 30 } }), { offset: 30, gap: null })
})

test('a new group begins at the earliest record, and is told when there were earlier ones', () => {
  assert.deepEqual(beginningOf({ ...known, start: 0 }), { offset: 0, gap: null })
  assert.deepEqual(beginningOf(known), { offset: 10, gap: { from: 0, to: 10, cause: 'offset-unknown' } })
})

test('what retention removed before it was read is told', () => {
  const expected = { offset: 10, gap: { from: 4, to: 10, cause: 'removed' } }
  assert.deepEqual(beginningOf({ ...known, committed: 4 }), expected)
  assert.deepEqual(beginningOf({ ...known, mirror: { topicId: 'now', offset: 4 } }), expected)
})

test('an offset of a topic that is no more never skips records of the new one', () => {
  const expected = { offset: 10, gap: { from: 20, to: 10, cause: 'other-topic' } }
  assert.deepEqual(beginningOf({ ...known, committed: 20, mirror: { topicId: 'before', offset: 20 } }), expected)
  assert.equal(beginningOf({ ...known, committed: 99 }).gap?.cause, 'other-topic')
})
