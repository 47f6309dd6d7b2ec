// Goal: one at a time per key, and no record finished too early or kept too long. Method: records by hand.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { makeVersionId } from '../domain/version-id.ts'
import type { TopicRecord } from '../queue/topic-log.ts'
import { createKeyOrder, type KeyOrder, type KeyWork } from './key-order.ts'

const version = (second: number) => makeVersionId({ epochMs: 1_700_000_000_000 + second * 1_000, sequence: 0 }, 'RG001')
const ref = (key: string) => ({ bucket: 'b', key })

describe('the order of keys', () => {
  let finished: number[]
  let order: KeyOrder
  let offset: number

  beforeEach(() => {
    finished = []
    offset = 0
    order = createKeyOrder(record => finished.push(record.offset))
  })

  /** A record of a version of the key; answers its offset. */
  function offer(key: string, second: number): number {
    offset += 1
    const record: TopicRecord = { topic: 't', partition: 0, offset, key, value: '' }
    order.offer(ref(key), { record, versionId: version(second) })
    return offset
  }

  function take(): KeyWork {
    const [work] = order.take(1)
    assert.ok(work)
    order.asking(work)
    return work
  }

  test('hands out each key once, the first come first', () => {
    offer('a', 1)
    offer('b', 1)
    offer('a', 2)
    assert.deepEqual(
      order.take(5).map(work => work.ref.key),
      ['a', 'b'],
    )
    assert.deepEqual([order.ready, order.held], [0, 3])
  })

  test('finishes all records that were known when the ledger was asked', () => {
    offer('a', 1)
    offer('a', 2)
    order.ended(take())
    assert.deepEqual(finished, [1, 2])
    assert.deepEqual([order.ready, order.held], [0, 0])
  })

  test('brings a key back for a record that came meanwhile', () => {
    offer('a', 1)
    const work = take()
    offer('a', 2)
    order.ended(work)
    assert.deepEqual(finished, [1])
    assert.equal(order.ready, 1)
    order.ended(take())
    assert.deepEqual(finished, [1, 2])
  })

  test('finishes the records of a version that has ended, and goes on with the key', () => {
    offer('a', 1)
    offer('a', 2)
    offer('a', 2)
    offer('a', 3)
    order.next(take(), version(2))
    assert.deepEqual(finished, [2, 3], 'an older version may have work of its own')
    assert.deepEqual([order.ready, order.held], [1, 2])
  })

  test('finishes the records of a claim that lasts, and only those that were known when the ledger was asked', () => {
    offer('a', 1)
    offer('a', 2)
    const work = take()
    offer('a', 1)
    order.lasting(work, version(1))
    assert.deepEqual(finished, [1])
    order.ended(work)
    assert.deepEqual(finished, [1, 2])
    assert.deepEqual([order.ready, order.held], [1, 1])
  })

  test('keeps records while nothing is known of them', () => {
    offer('a', 1)
    order.later(take())
    assert.deepEqual(finished, [])
    assert.deepEqual([order.ready, order.held], [1, 1])
  })

  test('looks again at a key that was named without a record while it was worked on', () => {
    order.offer(ref('a'))
    order.offer(ref('a'))
    const work = take()
    order.offer(ref('a'))
    order.ended(work)
    assert.equal(order.ready, 1)
    order.ended(take())
    assert.equal(order.ready, 0)
  })

  test('keys with a slash are not mixed up', () => {
    order.offer({ bucket: 'b', key: 'c/d' })
    order.offer({ bucket: 'bb', key: '/d' })
    assert.equal(order.take(9).length, 2)
  })
})
