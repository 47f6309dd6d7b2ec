// Goal: no task goes on without its claim. Method: a ledger in hand, and a timer that the test runs itself.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { realWorld } from '../base/world.ts'
import { createClaimKeeper } from './claim-keeper.ts'

describe('the keeper of claims', () => {
  let due: { readonly delayMs: number; readonly run: () => void } | null
  let renewed: (readonly string[])[]
  let answer: () => readonly boolean[]
  let now = 0

  beforeEach(() => {
    due = null
    now = 0
    renewed = []
    answer = () => [true, true]
  })

  function keeper() {
    return createClaimKeeper({
      site: 'aws',
      leaseMs: 90_000,
      clock: { monotonic: () => now },
      ledger: {
        renew: async tokens => {
          renewed.push([...tokens])
          return answer()
        },
      },
      timers: {
        after(delayMs, run) {
          due = { delayMs, run }
          return {
            cancel() {
              due = null
            },
          }
        },
        immediate: run => run(),
      },
    })
  }

  async function renewal(): Promise<void> {
    assert.equal(due?.delayMs, 30_000)
    const run = due?.run
    due = null
    run?.()
    await new Promise<void>(resolve => realWorld.timers.immediate(resolve))
  }

  test('renews all claims together, three times per lease', async () => {
    const claims = keeper()
    const a = claims.keep('a', now)
    const b = claims.keep('b', now)
    await renewal()
    b.release()
    answer = () => [true]
    await renewal()
    assert.deepEqual(renewed, [['a', 'b'], ['a']])
    assert.equal(a.signal.aborted, false)
    a.release()
    await renewal()
    assert.equal(renewed.length, 2)
    assert.equal(due, null)
  })

  test('a claim that was lost aborts its task, and no other', async () => {
    const claims = keeper()
    const a = claims.keep('a', now)
    const b = claims.keep('b', now)
    answer = () => [false, true]
    await renewal()
    assert.deepEqual([a.signal.aborted, b.signal.aborted], [true, false])
  })

  test('claims that could not be renewed are given up before the lease is over', async () => {
    const claims = keeper()
    const a = claims.keep('a', now)
    answer = () => {
      throw new Error('no store')
    }
    await renewal()
    assert.equal(a.signal.aborted, false)
    await renewal()
    assert.equal(a.signal.aborted, true)
  })

  test('a task that stood still for longer than its lease may write no more, though no timer has run', async () => {
    const claims = keeper()
    const a = claims.keep('a', now)
    now = 60_000
    a.demand()
    answer = () => [true]
    await renewal()
    now = 149_999
    a.demand()
    now = 150_000
    assert.throws(() => a.demand(), /over by the clock/)
    assert.equal(a.signal.aborted, true)
  })

  test('claims from before the store stopped hearing of the process are given up, by a look each second or at the next write', () => {
    let heardSince: number | null = 0
    const timers: (() => void)[] = []
    const claims = createClaimKeeper({
      site: 'aws',
      leaseMs: 90_000,
      clock: { monotonic: () => now },
      ledger: { renew: async () => [], heardSince: () => heardSince },
      timers: {
        after: (delayMs, run) => {
          if (delayMs === 1_000) timers.push(run)
          return { cancel: () => {} }
        },
        immediate: run => run(),
      },
    })
    const running = claims.keep('a', 0)
    timers.shift()?.()
    running.demand()
    heardSince = null
    timers.shift()?.()
    assert.equal(running.signal.aborted, true)
    heardSince = 20_000
    assert.throws(() => claims.keep('b', 19_000).demand(), /did not hear/)
    claims.keep('c', 20_000).demand()
  })

  test('all tasks can be stopped at once', () => {
    const claims = keeper()
    const a = claims.keep('a', now)
    claims.abortAll(new Error('closing'))
    assert.equal(a.signal.aborted, true)
    claims.close()
    assert.equal(due, null)
  })
})
