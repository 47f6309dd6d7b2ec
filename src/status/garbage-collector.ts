// Removes bytes that nothing references any more: those named by the garbage table, which deleting transactions fill, and those that dead
// processes left half-written. Data goes first and its garbage row after it, so a crash in between only removes what is gone already.
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { limits } from '../domain/limits.ts'
import { isInlineKey } from '../domain/object-metadata.ts'
import type { DataStore } from '../locations/data-store.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'

export interface GarbageCollectorOptions {
  readonly store: Pick<MetadataStore, 'garbage' | 'forgetGarbage' | 'referencedData'>
  /** By the name of their location. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  readonly world: World
  readonly everyMs?: number
}

export interface GarbageCollector {
  /** Sweeps orphans of former processes once, then collects from time to time. */
  start(): void
  close(): Promise<void>
  /** Removes all garbage that is there now; answers how much. */
  collect(): Promise<number>
  /** Removes unreferenced data of former processes; answers how much. */
  sweepOrphans(): Promise<number>
}

const everyMsDefault = 10_000

export function createGarbageCollector(options: GarbageCollectorOptions): GarbageCollector {
  const { store, dataStores, world } = options
  let timer: Timer | null = null
  let round: Promise<void> | null = null
  let closed = false

  const collect = async (): Promise<number> => {
    let removed = 0
    for (;;) {
      const items = await store.garbage(limits.pipelineBatch)
      if (items.length === 0 || closed) return removed
      const gone: number[] = []
      for (const item of items) {
        const dataStore = dataStores.get(item.location)
        // Bytes in the store itself went with the deleting transaction. Data of a location that is configured no more stays on record.
        if (isInlineKey(item.dataKey)) gone.push(item.id)
        else if (dataStore !== undefined) {
          await dataStore.remove(item.dataKey)
          gone.push(item.id)
        }
      }
      if (gone.length > 0) await store.forgetGarbage(gone)
      removed += gone.length
      if (gone.length < items.length) return removed
    }
  }

  const removeUnreferenced = async (dataStore: DataStore, candidates: readonly string[]): Promise<number> => {
    const referenced = await store.referencedData(candidates)
    const orphans = candidates.filter(candidate => !referenced.has(candidate))
    for (const orphan of orphans) await dataStore.remove(orphan)
    return orphans.length
  }

  const sweepOrphans = async (): Promise<number> => {
    let removed = 0
    for (const dataStore of dataStores.values()) {
      let candidates: string[] = []
      for await (const candidate of dataStore.orphanCandidates()) {
        if (closed) return removed
        candidates.push(candidate)
        if (candidates.length < limits.pipelineBatch) continue
        removed += await removeUnreferenced(dataStore, candidates)
        candidates = []
      }
      if (candidates.length > 0) removed += await removeUnreferenced(dataStore, candidates)
    }
    return removed
  }

  const attempt = async (what: 'garbage-removed' | 'orphans-removed', work: () => Promise<number>): Promise<void> => {
    try {
      const count = await work()
      if (count > 0) pipelineNotices.publish({ kind: what, count })
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: `collecting garbage (${what})`, error })
    }
  }

  const arm = (): void => {
    if (closed) return
    const run = (): void => {
      round = attempt('garbage-removed', collect).finally(arm)
    }
    timer = world.timers.after(options.everyMs ?? everyMsDefault, run, { background: true })
  }

  return {
    collect,
    sweepOrphans,
    start() {
      round = attempt('orphans-removed', sweepOrphans).finally(arm)
    },
    async close() {
      closed = true
      timer?.cancel()
      await round
    },
  }
}
