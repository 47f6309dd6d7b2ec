// Goal: nothing keeps garbage from being removed but its own location. Method: a store and a location by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { pipelineNotices } from '../base/channels.ts'
import { realWorld } from '../base/world.ts'
import type { DataStore } from '../locations/data-store.ts'
import { createGarbageCollector } from './garbage-collector.ts'

interface Item {
  readonly id: number
  readonly dataKey: string
  readonly location: string
}

/** Collects once; answers what was removed from the location `here`, and what stays on record. */
async function collect(
  items: readonly Item[],
  remove: (dataKey: string) => void,
): Promise<{ readonly removed: string[]; readonly left: number[] }> {
  const left = new Map(items.map(item => [item.id, item]))
  const removed: string[] = []
  const here: Pick<DataStore, 'remove' | 'orphanCandidates'> = {
    async remove(dataKey) {
      remove(dataKey)
      removed.push(dataKey)
    },
    async *orphanCandidates() {},
  }
  const collector = createGarbageCollector({
    store: {
      garbage: async (max, afterId = 0) => [...left.values()].filter(item => item.id > afterId).slice(0, max),
      async forgetGarbage(ids) {
        for (const id of ids) left.delete(id)
      },
      referencedData: async () => new Set(),
    },
    dataStores: new Map([['here', here]]),
    world: realWorld,
  })
  await collector.collect()
  await collector.close()
  return { removed, left: [...left.keys()] }
}

test('garbage of a location that is configured no more does not hold up that of others', async () => {
  const items = Array.from({ length: 600 }, (_, id) => ({ id: id + 1, dataKey: `k${id + 1}`, location: 'gone' }))
  const { removed, left } = await collect([...items, { id: 601, dataKey: 'last', location: 'here' }], () => {})
  assert.deepEqual(removed, ['last'])
  assert.equal(left.length, 600)
})

test('data that cannot be removed stays on record and holds up nothing', async () => {
  const items = [1, 2, 3].map(id => ({ id, dataKey: `k${id}`, location: 'here' }))
  const { removed, left } = await collect(items, dataKey => {
    if (dataKey === 'k1') throw new Error('the disk says no')
  })
  assert.deepEqual(removed, ['k2', 'k3'])
  assert.deepEqual(left, [1])
})

test('orphans stay until their writer can commit nothing any more, and are looked for again', async () => {
  const world = createManualWorld()
  const there = new Set(['n1-a.0001', 'n1-b.0002', 'n1-b.0003'])
  const ended = new Set(['n1-a'])
  const here: Pick<DataStore, 'remove' | 'orphanCandidates'> = {
    remove: async name => void there.delete(name),
    async *orphanCandidates() {
      yield* there
    },
  }
  const collector = createGarbageCollector({
    store: {
      garbage: async () => [],
      forgetGarbage: async () => {},
      referencedData: async () => new Set(['n1-b.0003']),
    },
    dataStores: new Map([['here', here]]),
    world,
    endedWriters: async writers => new Set(writers.filter(writer => ended.has(writer))),
  })
  collector.startSweeping()
  await world.settle()
  assert.deepEqual([...there], ['n1-b.0002', 'n1-b.0003'])
  ended.add('n1-b')
  await world.advance(5 * 60_000)
  assert.deepEqual([...there], ['n1-b.0003'])
  await collector.close()
})

test('nothing is removed while readers elsewhere do not say what they read; the round fails with a notice, and the next goes on', async () => {
  const world = createManualWorld()
  const removed: string[] = []
  const notices: string[] = []
  const stop = pipelineNotices.subscribe(notice => notices.push(notice.kind))
  let garbage = [{ id: 1, dataKey: 'k1', location: 'here' }]
  let areTold = false
  const here: Pick<DataStore, 'remove' | 'orphanCandidates'> = {
    remove: async name => void removed.push(name),
    async *orphanCandidates() {},
  }
  const collector = createGarbageCollector({
    store: {
      garbage: async (_, afterId = 0) => garbage.filter(item => item.id > afterId),
      async forgetGarbage() {
        garbage = []
      },
      referencedData: async () => new Set(),
    },
    dataStores: new Map([['here', here]]),
    world,
    everyMs: 1_000,
    readersTold: async () => {
      if (!areTold) throw new Error('a reader does not answer')
    },
  })
  collector.startCollecting()
  await world.advance(1_000)
  assert.deepEqual({ removed, notices }, { removed: [], notices: ['failed'] })
  areTold = true
  await world.advance(1_000)
  assert.deepEqual({ removed, notices }, { removed: ['k1'], notices: ['failed', 'garbage-removed'] })
  stop()
  await collector.close()
})
