// Goal: a process stops relying on its claims before others take them, and takes nobody's after it was cut off itself. Method: a clock in hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pulse, silentMs } from './pulse.ts'

test('after a gap claims count only from its end, and without beats they do not count at all', () => {
  let now = 1_000
  const pulse = new Pulse({ monotonic: () => now })
  for (let beat = 0; beat < 4; beat += 1) {
    now += 5_000
    pulse.heard(now - 10)
  }
  assert.equal(pulse.since, 1_000)
  now += silentMs - 5_000
  assert.equal(pulse.since, null, 'well before others free them')
  pulse.heard(now - 10)
  assert.equal(pulse.since, now, 'what was claimed before may be gone')
})

test('a process that was cut off waits until others had the time to be heard of before it judges them', () => {
  let now = 0
  const pulse = new Pulse({ monotonic: () => now })
  const beats = (count: number): void => {
    for (let beat = 0; beat < count; beat += 1) {
      now += 5_000
      pulse.heard(now)
    }
  }
  beats(5)
  assert.equal(pulse.isSteady, true)
  now += 60_000
  beats(4)
  assert.equal(pulse.isSteady, false)
  beats(1)
  assert.equal(pulse.isSteady, true)
})
