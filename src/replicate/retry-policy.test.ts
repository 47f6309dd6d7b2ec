// Goal: the pace of retries. Method: plain numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffDelay, nextAttemptAt } from './retry-policy.ts'

const backoff = { minMs: 100, maxMs: 1_000, factor: 2, jitter: 0.5 }
const transient = { class: 'transient', code: 'InternalError', message: '' } as const

test('delays double up to the longest', () => {
  const delays = [1, 2, 3, 4, 5, 500].map(attempts => backoffDelay(backoff, attempts, 0))
  assert.deepEqual(delays, [100, 200, 400, 800, 1_000, 1_000])
})

test('the random share only shortens a delay', () => {
  assert.equal(backoffDelay(backoff, 2, 0.5), 150)
  assert.equal(backoffDelay({ ...backoff, jitter: 0 }, 2, 0.9), 200)
})

test('the destination may ask for a longer pause, never for a shorter one', () => {
  assert.equal(nextAttemptAt(5_000, backoff, 1, { ...transient, retryAfterMs: 9_000 }, 0), 14_000)
  assert.equal(nextAttemptAt(5_000, backoff, 1, { ...transient, retryAfterMs: 1 }, 0), 5_100)
})
