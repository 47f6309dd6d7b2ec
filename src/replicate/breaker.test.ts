// Goal: when the circuit opens and closes, and what becomes of rows. Method: timers that the test runs by hand.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { World } from '../base/world.ts'
import { Failure, type FailureFacts } from '../domain/failure.ts'
import { type Breaker, createBreaker, isConnectionFailure } from './breaker.ts'

const denied: FailureFacts = { class: 'location', code: 'AccessDenied', message: 'no', status: 403 }
const reset: FailureFacts = { class: 'transient', code: 'ECONNRESET', message: 'reset' }
const busy: FailureFacts = { class: 'transient', code: 'InternalError', message: 'busy', status: 500 }

describe('the circuit of a site', () => {
  let timers: { readonly delayMs: number; readonly run: () => void }[]
  let probeFailure: Error | null
  let breaker: Breaker
  let changes: string[]

  beforeEach(() => {
    timers = []
    probeFailure = null
    changes = []
    const world: World = {
      clock: { now: () => 0, monotonic: () => 0 },
      timers: {
        after(delayMs, run) {
          const timer = { delayMs, run }
          timers.push(timer)
          return {
            cancel() {
              timers = timers.filter(candidate => candidate !== timer)
            },
          }
        },
        immediate: run => run(),
      },
      random: { bytes: count => new Uint8Array(count), uuid: () => '', fraction: () => 0 },
    }
    breaker = createBreaker({
      site: 'aws',
      world,
      probe: async () => {
        if (probeFailure !== null) throw probeFailure
      },
      backoff: { minMs: 100, maxMs: 1_000, factor: 2, jitter: 0 },
      connectionFailuresMax: 3,
      changed: () => changes.push(breaker.state),
    })
  })

  /** Runs the timer that is armed; answers its delay. */
  async function probe(): Promise<number> {
    const [timer, ...rest] = timers
    assert.ok(timer)
    assert.equal(rest.length, 0)
    timers = []
    timer.run()
    await Promise.resolve()
    await Promise.resolve()
    return timer.delayMs
  }

  test('opens at the first refusal of the location and gives its row back', () => {
    assert.equal(breaker.failed(denied, false), 'release')
    assert.equal(breaker.state, 'open')
    assert.equal(breaker.allowed(10), 0)
    assert.equal(breaker.cause, denied)
    assert.equal(breaker.failed(denied, false), 'release')
    assert.deepEqual(changes, ['open'])
  })

  test('opens when connections fail in a row, not when answers come in between', () => {
    breaker.failed(reset, false)
    breaker.failed(reset, false)
    breaker.failed(busy, false)
    breaker.failed(reset, false)
    breaker.failed(reset, false)
    assert.equal(breaker.state, 'closed')
    assert.equal(breaker.failed(reset, false), 'wait')
    assert.equal(breaker.state, 'open')
  })

  test('probes with growing pauses, tries one task, and closes when that ends well', async () => {
    breaker.failed(denied, false)
    probeFailure = new Failure({ ...denied, code: 'NoSuchBucket' })
    assert.equal(await probe(), 100)
    assert.equal(breaker.cause?.code, 'NoSuchBucket')
    assert.equal(await probe(), 200)
    probeFailure = null
    assert.equal(await probe(), 400)
    assert.equal(breaker.state, 'trial')
    assert.equal(breaker.allowed(10), 1)
    breaker.succeeded()
    assert.equal(breaker.state, 'closed')
    assert.equal(breaker.cause, null)
  })

  test('opens for longer when the trial is refused, and lets that row wait so that another key is tried next', async () => {
    breaker.failed(denied, false)
    await probe()
    assert.equal(breaker.failed(denied, false), 'wait')
    assert.equal(breaker.state, 'open')
    assert.equal(await probe(), 200)
    assert.equal(breaker.state, 'trial')
  })

  test('lets a row that is refused again and again wait, so that the others have the time in between', () => {
    assert.equal(breaker.failed(denied, true), 'wait')
    assert.equal(breaker.state, 'open')
  })

  test('closes when a trial goes on for a while without being refused', async () => {
    breaker.failed(denied, false)
    await probe()
    assert.equal(breaker.state, 'trial')
    await probe()
    assert.equal(breaker.state, 'closed')
  })

  test('tells failures of connections from answers', () => {
    const codes = [
      'ECONNREFUSED',
      'ENOTFOUND',
      'UND_ERR_HEADERS_TIMEOUT',
      'RequestTimeout',
      'ChecksumMismatch',
      'InternalError',
    ]
    const found = codes.filter(code => isConnectionFailure({ ...reset, code }))
    assert.deepEqual(found, ['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_HEADERS_TIMEOUT', 'RequestTimeout'])
    assert.equal(isConnectionFailure({ ...reset, status: 503 }), false)
  })

  test('is silent once it is closed down', () => {
    breaker.failed(denied, false)
    breaker.close()
    assert.equal(timers.length, 0)
  })
})
