// The low-water mark, the window and what becomes of offsets that nobody is given.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../../test/properties.ts'
import type { TopicRecord } from '../topic-log.ts'
import { PartitionProgress } from './partition-progress.ts'

function records(...offsets: number[]): TopicRecord[] {
  return offsets.map(offset => ({ topic: 't', partition: 0, offset, key: 'k', value: String(offset) }))
}

const offsetsOf = (taken: readonly TopicRecord[]): number[] => taken.map(record => record.offset)

test('the low-water mark is the lowest unfinished record, in whatever order records are finished', () => {
  const progress = new PartitionProgress(5)
  progress.add(records(5, 6, 7), 8)
  assert.deepEqual(offsetsOf(progress.take(10, 100)), [5, 6, 7])
  progress.finish(7)
  progress.finish(6)
  assert.equal(progress.low, 5)
  progress.finish(5)
  assert.equal(progress.low, 8)
})

test('offsets that belong to no record of ours are passed over', () => {
  const progress = new PartitionProgress(0)
  progress.add(records(2, 5), 9)
  assert.equal(progress.low, 2)
  for (const record of progress.take(10, 100)) progress.finish(record.offset)
  assert.equal(progress.low, 9)
  assert.equal(progress.fetchFrom, 9)
})

test('nothing is handed out a window beyond the lowest unfinished record', () => {
  const progress = new PartitionProgress(0)
  progress.add(records(0, 1, 2, 3), 4)
  assert.deepEqual(offsetsOf(progress.take(10, 3)), [0, 1, 2])
  assert.equal(progress.isFull(3), true)
  progress.finish(1)
  assert.deepEqual(progress.take(10, 3), [])
  progress.finish(0)
  assert.deepEqual(offsetsOf(progress.take(10, 3)), [3])
})

test('finishing what was never handed out, or twice, changes nothing', () => {
  const progress = new PartitionProgress(10)
  progress.add(records(10, 11), 12)
  progress.finish(3)
  progress.finish(11)
  progress.take(1, 100)
  progress.finish(10)
  progress.finish(10)
  assert.equal(progress.low, 11)
  assert.equal(progress.lag(12), 1)
})

test('whatever is finished when: everything is handed out once and in order, and the mark never passes an unfinished record', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200 }), fc.integer({ min: 1, max: 9 }), (steps, windowMax) => {
      const progress = new PartitionProgress(0)
      const open: number[] = []
      const taken: number[] = []
      let next = 0
      for (const step of steps) {
        if (step < 5) {
          progress.add(records(next, next + 1), next + 2)
          next += 2
        } else if (step < 12) {
          const got = offsetsOf(progress.take(step - 4, windowMax))
          taken.push(...got)
          open.push(...got)
        } else progress.finish(open.splice(step % Math.max(1, open.length), 1)[0] ?? -1)
        assert.equal(progress.low, Math.min(...open, taken.length))
        assert.equal(progress.lag(next), next - taken.length + open.length)
      }
      assert.deepEqual(
        taken,
        taken.map((_, index) => index),
      )
    }),
  )
})
