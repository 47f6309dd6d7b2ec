// Goal: a message is finished only when it was folded, and one that can never be folded is in nobody's way. Method: a topic in an array and
// timers that do not wait.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { World } from '../base/world.ts'
import { realWorld } from '../base/world.ts'
import type { StatusMessage } from '../domain/entry.ts'
import { noReplication } from '../domain/replication-info.ts'
import { makeVersionId } from '../domain/version-id.ts'
import type { FoldResult } from '../metadata/ledger.ts'
import { statusRecord } from '../queue/entry-format.ts'
import type { TopicConsumer, TopicRecord } from '../queue/topic-log.ts'
import { createStatusProcessor } from './status-processor.ts'

const hasty: World = {
  ...realWorld,
  timers: { ...realWorld.timers, after: (_, run, options) => realWorld.timers.after(0, run, options) },
}

function record(key: string, offset: number): TopicRecord {
  const versionId = makeVersionId({ epochMs: 1_700_000_000_000, sequence: 0 }, 'RG001')
  const backends = [{ site: 'aws', status: 'COMPLETED', dataStoreVersionId: 'v1' }]
  const message: StatusMessage = {
    bucket: 'b',
    key,
    versionId,
    site: 'aws',
    status: 'COMPLETED',
    dataStoreVersionId: 'v1',
    revision: 1,
    metadataJson: JSON.stringify({ replicationInfo: { ...noReplication, backends } }),
  }
  return { topic: 'status', partition: 0, offset, ...statusRecord(message) }
}

/** Runs the processor over the records until `finishes` of them are finished; answers what was finished, in order. */
async function process(
  records: readonly TopicRecord[],
  finishes: number,
  patchStatus: (keys: readonly string[]) => void,
): Promise<{ readonly finished: number[]; readonly state: { folded: number; refused: number; unreadable: number } }> {
  const finished: number[] = []
  const enough = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<readonly TopicRecord[]>()
  let taken = false
  const consumer: TopicConsumer = {
    take: async () => {
      if (taken) return closed.promise
      taken = true
      return records
    },
    finish: ({ offset }) => {
      finished.push(offset)
      if (finished.length === finishes) enough.resolve()
    },
    pause: () => closed.resolve([]),
    resume: () => {},
    lag: async () => 0,
    close: async () => {},
  }
  const processor = createStatusProcessor({
    log: { consumer: async () => consumer },
    patchStatus: async messages => {
      patchStatus(messages.map(message => message.key))
      return messages.map((): FoldResult => 'folded')
    },
    world: hasty,
    topic: 'status',
    groupId: 'group',
  })
  await processor.start()
  await enough.promise
  await processor.close()
  return { finished, state: processor.state() }
}

test('messages are folded in one batch and finished after it', async () => {
  const folded: (readonly string[])[] = []
  const { finished, state } = await process([record('a', 1), record('b', 2)], 2, keys => folded.push(keys))
  assert.deepEqual(folded, [['a', 'b']])
  assert.deepEqual(finished, [1, 2])
  assert.equal(state.folded, 2)
})

test('a store that fails for a while delays messages and loses none', async () => {
  let failures = 2
  const { finished } = await process([record('a', 1)], 1, () => {
    failures -= 1
    if (failures >= 0) throw new Error('no store')
  })
  assert.deepEqual(finished, [1])
})

test('a message that cannot be folded lets its neighbours pass, in order', async () => {
  const folded: string[] = []
  const records = [record('a', 1), record('poison', 2), record('c', 3)]
  const { finished, state } = await process(records, 3, keys => {
    if (keys.includes('poison')) throw new Error('poison')
    folded.push(...keys)
  })
  assert.deepEqual(folded, ['a', 'c'])
  assert.deepEqual(finished, [1, 2, 3])
  assert.deepEqual([state.folded, state.refused], [2, 1])
})

test('what cannot be read is finished at once', async () => {
  const nonsense = { topic: 'status', partition: 0, offset: 1, key: 'x', value: '{"site":7}' }
  const canary = { topic: 'status', partition: 0, offset: 2, key: 'canary', value: '{"canary":true}' }
  const { finished, state } = await process([nonsense, canary, record('a', 3)], 3, () => {})
  assert.deepEqual(finished, [1, 2, 3])
  assert.deepEqual([state.folded, state.unreadable], [1, 1])
})

test('what cannot be read is finished only when it is kept, and holds up nobody meanwhile', async () => {
  const finished: number[] = []
  const kept: string[] = []
  const both = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<readonly TopicRecord[]>()
  const given = [[{ topic: 'status', partition: 0, offset: 0, key: 'k', value: 'no JSON' }, record('a', 1)]]
  const consumer: TopicConsumer = {
    take: async () => given.shift() ?? closed.promise,
    finish: ({ offset }) => {
      finished.push(offset)
      if (finished.length === 2) both.resolve()
    },
    pause: () => closed.resolve([]),
    resume: () => {},
    lag: async () => 0,
    close: async () => {},
  }
  let refusals = 0
  const processor = createStatusProcessor({
    log: {
      consumer: async () => consumer,
      setAside: async ({ value }, problem) => {
        refusals += 1
        if (refusals < 3) throw new Error('not now')
        kept.push(`${value}: ${problem}`)
      },
    },
    patchStatus: async messages => messages.map(() => 'folded'),
    world: hasty,
    topic: 'status',
    groupId: 'group',
  })
  await processor.start()
  await both.promise
  await processor.close()
  assert.deepEqual(finished, [1, 0])
  assert.deepEqual(kept, ['no JSON: the value is not a JSON object'])
})
