// The faults of the location in memory: what the caller sees, and what the cloud holds afterwards.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checksumsOf, failsWith, plain } from '../../../test/conformance/location-subject.ts'
import { seededRandom, VirtualTime } from '../../../test/simulation/virtual-world.ts'
import { bytesSource } from '../../base/byte-source.ts'
import { realWorld } from '../../base/world.ts'
import type { FailureFacts } from '../../domain/failure.ts'
import { createMemoryCloud } from './cloud.ts'
import { type LocationFault, seededFaults } from './faults.ts'
import { createMemoryLocation } from './location.ts'

const bytes = Buffer.from('hello')

async function putWith(fault: LocationFault, signal?: AbortSignal) {
  const cloud = createMemoryCloud(realWorld, { versions: true })
  const location = createMemoryLocation({ name: 'memory', cloud, world: realWorld, faults: () => fault })
  let sent = false
  const context = { onSent: () => (sent = true), ...(signal === undefined ? {} : { signal }) }
  const facts = await failsWith(location.put('k', bytesSource(bytes), checksumsOf(bytes), plain, context), {})
  return { facts, sent, stored: cloud.versionsOf('k').map(version => Buffer.from(version.bytes).toString()) }
}

const table: readonly (readonly [LocationFault, Partial<FailureFacts>, sent: boolean, stored: readonly string[]])[] = [
  [{ kind: 'refused' }, { class: 'transient' }, false, []],
  [{ kind: 'reset-before' }, { class: 'transient' }, false, []],
  [{ kind: 'reset-after' }, { class: 'transient', outcomeUnknown: true }, true, ['hello']],
  [{ kind: 'hang', ms: 1, effect: 'never' }, { class: 'transient', outcomeUnknown: true }, true, []],
  [{ kind: 'hang', ms: 1, effect: 'before' }, { class: 'transient', outcomeUnknown: true }, true, ['hello']],
  [{ kind: 'throttle', retryAfterMs: 5 }, { class: 'throttled', retryAfterMs: 5 }, true, []],
  [{ kind: 'lie' }, { class: 'transient', code: 'ChecksumMismatch', outcomeUnknown: true }, true, ['iello']],
  [{ kind: 'error-in-success' }, { class: 'transient', status: 200, outcomeUnknown: true }, true, []],
  [
    { kind: 'error', class: 'transient', code: 'InternalError', status: 500, effect: true },
    { class: 'transient', outcomeUnknown: true },
    true,
    ['hello'],
  ],
  [{ kind: 'error', class: 'location', code: 'AccessDenied', status: 403 }, { class: 'location' }, true, []],
]
for (const [fault, expected, sent, stored] of table) {
  test(`${JSON.stringify(fault)}: ${stored.length === 0 ? 'nothing is' : `"${stored}" is`} stored`, async () => {
    const seen = await putWith(fault)
    assert.deepEqual([seen.sent, seen.stored], [sent, stored])
    for (const [name, value] of Object.entries(expected)) assert.equal(seen.facts[name as keyof FailureFacts], value)
    assert.equal(seen.facts.outcomeUnknown, expected.outcomeUnknown)
  })
}

test('a request that hangs can be given up', async () => {
  const giveUp = new AbortController()
  const waiting = putWith({ kind: 'hang', ms: 3_600_000, effect: 'never' }, giveUp.signal)
  realWorld.timers.immediate(() => giveUp.abort())
  const { facts } = await waiting
  assert.deepEqual([facts.code, facts.outcomeUnknown], ['Aborted', true])
})

test('a late write takes effect after its caller was told that it failed', async () => {
  const time = new VirtualTime()
  const { world } = time.process(seededRandom(1))
  const cloud = createMemoryCloud(world, { versions: true })
  const faults = () => ({ kind: 'hang', ms: 100, effect: 'late' }) as const
  const location = createMemoryLocation({ name: 'memory', cloud, world, faults })
  const changesSeen: number[] = []
  let over = false
  void failsWith(location.put('k', bytesSource(bytes), checksumsOf(bytes), plain), { outcomeUnknown: true }).then(
    () => {
      changesSeen.push(cloud.changes)
      world.timers.after(150, () => {
        changesSeen.push(cloud.changes)
        over = true
      })
    },
  )
  await time.run(() => over, 1000)
  assert.deepEqual(changesSeen, [0, 1])
})

test('a seed gives the same faults again', () => {
  const faultsOf = (seed: number) => {
    const random = seededRandom(seed)
    const plan = seededFaults(() => random.fraction(), { rate: 0.5, hangMs: 10 })
    return Array.from({ length: 50 }, () => plan({ operation: 'put', key: 'k' })?.kind)
  }
  assert.deepEqual(faultsOf(1), faultsOf(1))
  assert.notDeepEqual(faultsOf(1), faultsOf(2))
})
