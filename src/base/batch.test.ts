// Goal: what comes together goes together, one batch at a time. Method: timers whose turns the test takes itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBatcher } from './batch.ts'
import { realWorld } from './world.ts'

test('what is added in one turn is one batch, and what comes meanwhile is the next', async () => {
  const batches: string[][] = []
  const batcher = createBatcher<string, string>(realWorld.timers, 100, async items => {
    batches.push([...items])
    return items.map(item => item.toUpperCase())
  })
  const first = Promise.all([batcher.add('a'), batcher.add('b')])
  const second = first.then(() => batcher.add('c'))
  assert.deepEqual(await first, ['A', 'B'])
  assert.equal(await second, 'C')
  await batcher.idle()
  assert.deepEqual(batches, [['a', 'b'], ['c']])
})

test('a batch holds no more than its limit', async () => {
  const sizes: number[] = []
  const batcher = createBatcher<number, number>(realWorld.timers, 2, async items => {
    sizes.push(items.length)
    return items
  })
  await Promise.all([1, 2, 3, 4, 5].map(item => batcher.add(item)))
  assert.deepEqual(sizes, [2, 2, 1])
})

test('a batch that fails fails for each of its items, and the next one goes on', async () => {
  let fail = true
  const batcher = createBatcher<number, number>(realWorld.timers, 10, async items => {
    if (fail) throw new Error('no store')
    return items
  })
  await assert.rejects(Promise.all([batcher.add(1), batcher.add(2)]), /no store/)
  fail = false
  assert.equal(await batcher.add(3), 3)
})

test('a batch that expects company waits until it is full, its time is over, somebody is in a hurry, or none is expected', async () => {
  const sizes: number[] = []
  let expected = true
  const flush = async (items: readonly number[]): Promise<readonly number[]> => {
    sizes.push(items.length)
    return items
  }
  const company = { count: 3, withinMs: 3_600_000, isExpected: () => expected }
  const batcher = createBatcher<number, number>(realWorld.timers, 100, flush, company)
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(() => setImmediate(resolve)))

  const full = [batcher.add(1), batcher.add(2)]
  await turn()
  assert.deepEqual(sizes, [])
  full.push(batcher.add(3))
  await Promise.all(full)
  assert.deepEqual(sizes, [3])

  const hurried = batcher.add(4)
  batcher.hurry()
  await hurried
  const lonely = batcher.add(5)
  expected = false
  await Promise.all([lonely, batcher.add(6)])
  expected = true
  const last = batcher.add(7)
  await batcher.idle()
  assert.equal(await last, 7)
  assert.deepEqual(sizes, [3, 1, 2, 1])

  const timely = createBatcher<number, number>(realWorld.timers, 100, flush, { ...company, withinMs: 1 })
  assert.equal(await timely.add(8), 8)
})
