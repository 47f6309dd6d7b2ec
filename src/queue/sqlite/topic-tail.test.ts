// What the memory of a topic's newest records hands out, and when it sends its asker to the database.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicMessage } from '../topic-log.ts'
import { TopicTail } from './topic-tail.ts'

function messages(from: number, count: number, value = 'v'): TopicMessage[] {
  return Array.from({ length: count }, (_, index) => ({ key: `k${from + index}`, value }))
}

function offsets(tail: TopicTail, offset: number, max: number): number[] | null {
  return tail.from(offset, max)?.map(record => record.offset) ?? null
}

test('hands out records from an offset on, at most as many as asked', () => {
  const tail = new TopicTail('t')
  tail.add(7, messages(7, 3))
  assert.deepEqual(offsets(tail, 8, 10), [8, 9])
  assert.deepEqual(offsets(tail, 7, 2), [7, 8])
  assert.deepEqual(tail.from(9, 1), [{ topic: 't', partition: 0, offset: 9, key: 'k9', value: 'v' }])
})

test('knows that there is nothing behind its newest record', () => {
  const tail = new TopicTail('t')
  tail.add(0, messages(0, 2))
  assert.deepEqual(offsets(tail, 2, 10), [])
})

test('does not know of what was appended before it: the database is asked', () => {
  const tail = new TopicTail('t')
  assert.equal(tail.from(0, 10), null)
  tail.add(5, messages(5, 1))
  assert.equal(tail.from(4, 10), null)
})

test('forgets the oldest records beyond its bounds', () => {
  const many = new TopicTail('t')
  for (let first = 0; first < 3_000; first += 100) many.add(first, messages(first, 100))
  assert.equal(many.from(2_000, 10), null)
  assert.deepEqual(offsets(many, 2_998, 10), [2_998, 2_999])
  const large = new TopicTail('t')
  large.add(0, messages(0, 4, 'x'.repeat(3 * 1024 ** 2)))
  assert.equal(large.from(2, 1), null)
  assert.deepEqual(offsets(large, 3, 1), [3])
})

test('starts anew when a record is missing between two appends', () => {
  const tail = new TopicTail('t')
  tail.add(0, messages(0, 2))
  tail.add(3, messages(3, 1))
  assert.equal(tail.from(0, 10), null)
  assert.deepEqual(offsets(tail, 3, 10), [3])
})
