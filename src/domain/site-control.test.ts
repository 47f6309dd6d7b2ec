// Goal: the table of states and events, cell by cell, and the stored form. Method: every phase meets every event; unreadable text by list and
// by fast-check.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../test/properties.ts'
import {
  appliedState,
  type ControlEvent,
  type ControlPhase,
  decideControl,
  decodeControl,
  decodeReport,
  encodeControl,
  encodeReport,
  isHeldUp,
  isPaused,
  isThrough,
  phaseOf,
  type SiteControl,
  standsStill,
  untouchedSite,
} from './site-control.ts'

const at = 1_900_000_000_000
const states: Readonly<Record<ControlPhase, SiteControl>> = {
  running: { ...untouchedSite, generation: 7, since: 7 },
  paused: { ...untouchedSite, reasons: ['manual'], generation: 7, since: 6 },
  scheduled: { ...untouchedSite, reasons: ['manual'], resumeAt: at, generation: 7, since: 5 },
}
const actor = { by: 'lisa', why: 'because' }
const due = { type: 'due', now: at, generation: 7, resumeAt: at } as const
const events: Readonly<Record<string, ControlEvent>> = {
  pause: { type: 'pause', ...actor },
  resume: { type: 'resume', ...actor },
  schedule: { type: 'schedule', at: at + 5, ...actor },
  scheduleAgain: { type: 'schedule', at, ...actor },
  cancelSchedule: { type: 'cancelSchedule', ...actor },
  due,
  dueEarly: { ...due, now: at - 1 },
  dueOther: { ...due, generation: 6 },
  dueReplaced: { ...due, resumeAt: at - 1 },
}

/** Phase afterwards with its time; `same` changes nothing, `no` is refused. */
const table: Readonly<Record<ControlPhase, Readonly<Record<string, string>>>> = {
  running: {
    pause: 'paused',
    resume: 'same',
    schedule: 'no',
    scheduleAgain: 'no',
    cancelSchedule: 'same',
    due: 'same',
    dueEarly: 'same',
    dueOther: 'same',
    dueReplaced: 'same',
  },
  paused: {
    pause: 'same',
    resume: 'running',
    schedule: `scheduled ${at + 5}`,
    scheduleAgain: `scheduled ${at}`,
    cancelSchedule: 'same',
    due: 'same',
    dueEarly: 'same',
    dueOther: 'same',
    dueReplaced: 'same',
  },
  scheduled: {
    pause: 'paused',
    resume: 'running',
    schedule: `scheduled ${at + 5}`,
    scheduleAgain: 'same',
    cancelSchedule: 'paused',
    due: 'running',
    dueEarly: 'same',
    dueOther: 'same',
    dueReplaced: 'same',
  },
}

for (const [phase, row] of Object.entries(table)) {
  test(`every event that meets a ${phase} site does what the table says`, () => {
    for (const [name, expected] of Object.entries(row)) {
      const before = Object.entries(states).find(([key]) => key === phase)?.[1]
      const event = events[name]
      assert.ok(before !== undefined && event !== undefined)
      const decision = decideControl(before, event)
      if (expected === 'same') assert.deepEqual(decision, { outcome: 'unchanged' }, name)
      else if (expected === 'no') assert.deepEqual(decision, { outcome: 'not-paused' }, name)
      else {
        assert.equal(decision.outcome, 'changed', name)
        if (decision.outcome !== 'changed') continue
        const { state } = decision
        const time = state.resumeAt === null ? '' : ` ${state.resumeAt}`
        assert.equal(phaseOf(state) + time, expected, name)
        assert.equal(state.generation, 8, name)
        assert.equal(state.since, isPaused(state) === isPaused(before) ? before.since : 8, name)
        assert.equal(state.by, event.type === 'due' ? 'schedule' : 'lisa', name)
      }
    }
  })
}

test('a stored state is read back as it was', () => {
  for (const state of Object.values(states))
    assert.deepEqual(decodeControl(encodeControl({ ...state, ...actor })), { ...state, ...actor })
})

test('the short forms that Backbeat writes are understood', () => {
  assert.deepEqual(decodeControl('{"paused":false}'), untouchedSite)
  assert.equal(phaseOf(decodeControl('{"paused":true}')), 'paused')
  assert.equal(phaseOf(decodeControl('{"paused":true,"scheduledResume":null}')), 'paused')
  assert.equal(decodeControl('{"paused":true,"scheduledResume":"2030-03-17T17:46:40.000Z"}').resumeAt, at)
  assert.equal(phaseOf(decodeControl('{"paused":true,"scheduledResume":"soon"}')), 'paused')
  assert.equal(phaseOf(decodeControl('{"paused":false,"scheduledResume":"2030-03-17T17:46:40.000Z"}')), 'running')
})

test('what cannot be read means paused, and nothing throws', () => {
  for (const text of ['', 'x', 'null', '[]', '1', '"paused"', '{'])
    assert.equal(isPaused(decodeControl(text)), true, text)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), text => {
      const state = decodeControl(text)
      assert.ok(isPaused(state) || state.resumeAt === null)
      decodeReport(text)
    }),
    { numRuns: 200 },
  )
})

test('a site has a state when every live processor has applied it', () => {
  const report = (generation: number, consumers: 'running' | 'paused', inFlight = 0) => ({
    generation,
    consumers,
    inFlight,
  })
  assert.equal(appliedState(states.paused, [report(7, 'paused'), report(7, 'paused', 3)]), 'paused')
  assert.equal(appliedState(states.paused, [report(7, 'paused'), report(6, 'paused')]), 'paused')
  assert.equal(appliedState(states.paused, [report(7, 'paused'), report(5, 'paused')]), 'pausing')
  assert.equal(appliedState(states.paused, [report(8, 'paused')]), 'pausing')
  assert.equal(appliedState(states.paused, [report(7, 'running')]), 'pausing')
  assert.equal(appliedState(states.running, [report(7, 'running')]), 'running')
  assert.equal(appliedState(states.running, [report(7, 'running'), report(7, 'paused')]), 'resuming')
  assert.equal(appliedState(states.paused, []), 'paused')
  assert.equal(appliedState(states.running, []), 'resuming')
  assert.equal(standsStill(states.paused, [report(7, 'paused', 1)]), false)
  assert.equal(standsStill(states.paused, [report(7, 'paused')]), true)
  assert.equal(standsStill(states.running, [report(7, 'running')]), false)
  assert.deepEqual(decodeReport(encodeReport(report(1, 'paused', 2))), report(1, 'paused', 2))
})

test('what a sweeper elsewhere learns from the reports: whether entries would only pile up, and whether the topic is worked off', () => {
  const running = { generation: 7, consumers: 'running', inFlight: 0 } as const
  const troubled = { ...running, trouble: 'AccessDenied: no' }
  assert.equal(isHeldUp(states.running, [running]), false)
  assert.equal(isHeldUp(states.paused, [running]), true)
  assert.equal(isHeldUp(states.running, []), true)
  assert.equal(isHeldUp(states.running, [troubled]), true)
  assert.equal(isHeldUp(states.running, [troubled, running]), false)
  assert.equal(isThrough([]), false)
  assert.equal(isThrough([{ ...running, through: true }]), true)
  assert.equal(isThrough([{ ...running, through: true }, running]), false)
  const report = { ...troubled, through: false }
  assert.deepEqual(decodeReport(encodeReport(report)), report)
})
