// Goal: the journal is published completely, also after a crash, and trimmed only behind a saved offset. Method: a journal in an array.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { pipelineNotices } from '../base/channels.ts'
import { realWorld } from '../base/world.ts'
import type { StateValue } from '../control/state-store.ts'
import type { JournalEntry } from '../domain/entry.ts'
import { makeVersionId } from '../domain/version-id.ts'
import { createPopulator, type Populator, type PopulatorOptions } from './populator.ts'

function entryOf(sequence: number, metadataJson: string | null = '{}'): JournalEntry {
  const versionId = makeVersionId({ epochMs: 1_700_000_000_000 + sequence, sequence: 0 }, 'RG001')
  return {
    position: String(sequence),
    timestamp: 't',
    type: 'put',
    bucket: 'b',
    key: `k${sequence}`,
    versionId,
    revision: 1,
    metadataJson,
  }
}

describe('the queue populator', () => {
  let journal: JournalEntry[]
  let published: string[]
  /** How many entries were published at once. */
  let batches: number[]
  let saved: StateValue | null
  let trimmed: string
  let failing: boolean
  /** Where other readers of the journal are. */
  let others: string[]
  let journaled: () => void
  let arrived: PromiseWithResolvers<void>

  beforeEach(() => {
    journal = []
    published = []
    batches = []
    saved = null
    trimmed = ''
    failing = false
    others = []
    journaled = () => {}
    arrived = Promise.withResolvers()
  })

  function populator(deposed: () => void = () => {}, gatherMs = 0, more: Partial<PopulatorOptions> = {}): Populator {
    return createPopulator({
      otherReaders: async () => others,
      deposed,
      gatherMs,
      topic: 'backbeat-replication',
      world: realWorld,
      batchMax: 2,
      saveDelayMs: 0,
      store: {
        journal: async (after, max) => {
          const from = journal.findIndex(entry => entry.position === after) + 1
          return journal.slice(from, from + max)
        },
        onJournal: listener => {
          journaled = listener
          return () => {
            journaled = () => {}
          }
        },
        trimJournal: async (position, ...others) => {
          assert.ok(Number(position) <= Number(saved?.value), 'nothing is trimmed before its offset was saved')
          trimmed = [position, ...others].sort()[0] ?? ''
        },
      },
      log: {
        entryContent: 'whole',
        append: async (topic, messages) => {
          assert.equal(topic, 'backbeat-replication')
          if (failing) throw new Error('no log')
          batches.push(messages.length)
          for (const message of messages) published.push(message.key)
          if (published.length >= 3) arrived.resolve()
        },
      },
      stateStore: {
        get: async () => saved,
        set: async (_, value, expectedVersion) => {
          const version = saved?.version ?? 0
          if (expectedVersion !== version) return { ok: false, current: saved }
          saved = { value, version: version + 1 }
          return { ok: true, version: version + 1 }
        },
      },
      ...more,
    })
  }

  test('publishes what is there at the start and what comes, in batches, and leaves out what needs no replication', async () => {
    journal = [entryOf(1), entryOf(2, null), entryOf(3)]
    const running = populator()
    await running.start()
    journal.push(entryOf(4))
    journaled()
    await arrived.promise
    await running.close()
    assert.deepEqual(published, ['b%2Fk1', 'b%2Fk3', 'b%2Fk4'])
    assert.equal(saved?.value, '4')
    assert.equal(trimmed, '4')
    assert.equal(running.offset, '4')
  })

  test('the journal is kept for its slowest reader', async () => {
    journal = [entryOf(1), entryOf(2), entryOf(3)]
    others = ['2', '1']
    const running = populator()
    await running.start()
    await arrived.promise
    await running.close()
    assert.deepEqual([saved?.value, trimmed], ['3', '1'])
  })

  test('what comes after the first entry goes together when it is to gather', async () => {
    journal = [entryOf(1)]
    const world = createManualWorld()
    const running = populator(() => {}, 500, { world })
    await running.start()
    await world.settle()
    for (const sequence of [2, 3]) {
      journal.push(entryOf(sequence))
      journaled()
      await world.settle()
    }
    assert.deepEqual(batches, [1])
    await world.advance(500)
    assert.deepEqual(batches, [1, 2])
    const closed = running.close()
    await world.advance(500)
    await closed
  })

  test('goes on where the offset was saved, and publishes again what was not', async () => {
    journal = [1, 2, 3, 4, 5].map(sequence => entryOf(sequence))
    saved = { value: '2', version: 7 }
    const running = populator()
    await running.start()
    await arrived.promise
    await running.close()
    assert.deepEqual(published, ['b%2Fk3', 'b%2Fk4', 'b%2Fk5'])
    assert.equal(saved?.value, '5')
  })

  test('a log that fails moves no offset', async () => {
    failing = true
    journal = [entryOf(1)]
    const running = populator()
    await running.start()
    await running.close()
    assert.equal(running.offset, '')
    assert.equal(saved?.value, '')
    assert.equal(trimmed, '')
  })

  test('a log that fails for long is told, not one that fails for a moment', async () => {
    failing = true
    journal = [entryOf(1)]
    let nowMs = 0
    const world = { ...realWorld, clock: { ...realWorld.clock, monotonic: () => nowMs } }
    const told = Promise.withResolvers<number>()
    const running = populator(() => {}, 0, { world, stuck: () => told.resolve(nowMs) })
    const failures = pipelineNotices.subscribe(() => {
      nowMs += 6_000
    })
    await running.start()
    assert.equal(await told.promise, 12_000)
    failures()
    await running.close()
  })

  test('of two populators the one that began last goes on, and the other saves and trims nothing more', async () => {
    journal = [1, 2, 3].map(sequence => entryOf(sequence))
    const deposed = Promise.withResolvers<void>()
    const former = populator(() => deposed.resolve())
    await former.start()
    await arrived.promise
    const wakeFormer = journaled
    const next = populator()
    await next.start()
    await next.close()
    const left = [saved, trimmed]
    journal.push(entryOf(4))
    wakeFormer()
    await deposed.promise
    wakeFormer()
    await former.close()
    assert.deepEqual([saved, trimmed], left)
  })

  test('an offset that is none means the beginning', async () => {
    saved = { value: 'x', version: 1 }
    journal = [1, 2, 3].map(sequence => entryOf(sequence))
    const running = populator()
    await running.start()
    await arrived.promise
    await running.close()
    assert.equal(published.length, 3)
  })
})
