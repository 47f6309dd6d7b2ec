// Goal: bounds hold and are fair. Method: plain promises, no time involved.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createByteBudget, forEachBounded } from './bounded.ts'

test('a budget makes the next one wait until bytes are released, first come first served', async () => {
  const budget = createByteBudget(10)
  const order: string[] = []
  const first = await budget.acquire(6)
  const large = budget.acquire(8).then(hold => {
    order.push('large')
    return hold
  })
  const small = budget.acquire(1).then(hold => {
    order.push('small')
    return hold
  })
  assert.equal(budget.waiting, 2)
  first.release()
  first.release()
  ;(await large).release()
  ;(await small).release()
  assert.deepEqual(order, ['large', 'small'])
  assert.equal(budget.held, 0)
})

test('a request larger than the budget is granted once nothing else is held', async () => {
  const budget = createByteBudget(10)
  const held = await budget.acquire(1)
  const huge = budget.acquire(100)
  held.release()
  const hold = await huge
  assert.equal(budget.held, 100)
  hold.release()
  assert.equal(budget.held, 0)
})

test('a request that is given up leaves the queue', async () => {
  const budget = createByteBudget(1)
  const held = await budget.acquire(1)
  const abort = new AbortController()
  const waiting = budget.acquire(1, abort.signal)
  abort.abort(new Error('given up'))
  await assert.rejects(waiting, /given up/)
  held.release()
  assert.equal(budget.held, 0)
  await assert.rejects(budget.acquire(1, abort.signal), /given up/)
})

test('bounded work runs as wide as allowed and no wider', async () => {
  let running = 0
  let widest = 0
  const done: number[] = []
  await forEachBounded([1, 2, 3, 4, 5], 2, async item => {
    running += 1
    widest = Math.max(widest, running)
    await Promise.resolve()
    done.push(item)
    running -= 1
  })
  assert.equal(widest, 2)
  assert.deepEqual(done, [1, 2, 3, 4, 5])
})

test('after a failure nothing more is begun, and it is told only when what ran has ended', async () => {
  const begun: number[] = []
  let ended = 0
  const work = forEachBounded([1, 2, 3, 4], 2, async item => {
    begun.push(item)
    if (item === 1) throw new Error('first')
    await Promise.resolve()
    ended += 1
  })
  await assert.rejects(work, /first/)
  assert.deepEqual(begun, [1, 2])
  assert.equal(ended, 1)
})
