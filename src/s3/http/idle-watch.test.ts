// Goal: a transfer is given up after between one and two silent periods, never while we hold it up ourselves. Method: timers by hand.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Timers } from '../../base/world.ts'
import { createIdleWatch } from './idle-watch.ts'

function handTimers(): { timers: Timers; tick(): void; armed(): number } {
  let pending: (() => void)[] = []
  return {
    timers: {
      after(_delayMs, run) {
        pending.push(run)
        return {
          cancel() {
            pending = pending.filter(other => other !== run)
          },
        }
      },
      immediate: run => run(),
    },
    tick() {
      const due = pending
      pending = []
      for (const run of due) run()
    },
    armed: () => pending.length,
  }
}

test('a silent transfer expires once, in the second period', () => {
  const clock = handTimers()
  let expired = 0
  createIdleWatch(clock.timers, 10).watch(() => {
    expired += 1
  })
  clock.tick()
  assert.equal(expired, 0)
  clock.tick()
  clock.tick()
  assert.equal(expired, 1)
})

test('a transfer that moves, is held or has ended does not expire', () => {
  const clock = handTimers()
  const watch = createIdleWatch(clock.timers, 10)
  const fail = (): void => assert.fail('expired')
  const moving = watch.watch(fail)
  const held = watch.watch(fail)
  watch.watch(fail).end()
  held.hold()
  for (let period = 0; period < 5; period++) {
    clock.tick()
    moving.touch()
  }
  moving.end()
  held.end()
})

test('a held transfer that goes on is watched again', () => {
  const clock = handTimers()
  const watch = createIdleWatch(clock.timers, 10)
  let expired = false
  const held = watch.watch(() => {
    expired = true
  })
  held.hold()
  clock.tick()
  clock.tick()
  held.touch()
  clock.tick()
  clock.tick()
  assert.ok(expired)
})

test('without transfers no timer runs', () => {
  const clock = handTimers()
  const watch = createIdleWatch(clock.timers, 10)
  assert.equal(clock.armed(), 0)
  const one = watch.watch(() => undefined)
  assert.equal(clock.armed(), 1)
  one.end()
  clock.tick()
  assert.equal(clock.armed(), 0)
})
