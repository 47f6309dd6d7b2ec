// Removes bytes that nothing references any more: those named by the garbage table, which deleting transactions fill, and those that dead
// processes left half-written. Data goes first and its garbage row after it, so a crash in between only removes what is gone already.
import { forEachBounded } from '../base/bounded.ts'
import { pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { limits } from '../domain/limits.ts'
import { isInlineKey } from '../domain/object-metadata.ts'
import type { DataStore } from '../locations/data-store.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'

type CollectedStore = Pick<DataStore, 'remove' | 'orphanCandidates'>

export interface GarbageCollectorOptions {
  readonly store: Pick<MetadataStore, 'garbage' | 'forgetGarbage' | 'referencedData'>
  /** By the name of their location. */
  readonly dataStores: ReadonlyMap<string, CollectedStore>
  readonly world: World
  readonly everyMs?: number
  /**
   * Which of these writers (what data names begin with) can commit nothing any more; left out: all but this process. Where many processes share a
   * database, the last transaction of one that was killed may still be under way in it.
   */
  readonly endedWriters?: (writers: readonly string[]) => Promise<ReadonlySet<string>>
  /** Resolves when readers elsewhere that may have begun before the garbage was garbage have held what they read. */
  readonly readersTold?: () => Promise<void>
}

export interface GarbageCollector {
  /** Sweeps orphans of former processes once, then collects from time to time. */
  start(): void
  /** Only collects, from time to time. */
  startCollecting(): void
  /** Only sweeps orphans: now, and again while some may still be referenced by who wrote them. */
  startSweeping(): void
  /** Sweeps orphans before it collects the next time: a writer has ended. */
  sweepSoon(): void
  close(): Promise<void>
  /** Removes all garbage that is there now; answers how much. */
  collect(): Promise<number>
  /** Removes unreferenced data of former processes; answers how much. */
  sweepOrphans(): Promise<number>
}

const everyMsDefault = 10_000
const sweepAgainMs = 5 * 60_000
/** A removal far away is little work and much waiting. */
const removalsAtOnce = 8

export function createGarbageCollector(options: GarbageCollectorOptions): GarbageCollector {
  return new Collector(options)
}

class Collector implements GarbageCollector {
  readonly #options: GarbageCollectorOptions
  #timer: Timer | null = null
  #round: Promise<void> | null = null
  #closed = false
  /** The last sweep has left data of writers that may not have ended. */
  #mustSweepAgain = false
  #sweepsSoon = false

  constructor(options: GarbageCollectorOptions) {
    this.#options = options
  }

  start(): void {
    this.#round = this.#attempt('orphans-removed', () => this.sweepOrphans()).then(() => this.#arm())
  }

  startCollecting(): void {
    this.#arm()
  }

  startSweeping(): void {
    this.#round = this.#attempt('orphans-removed', () => this.sweepOrphans()).then(() => {
      if (this.#closed || !this.#mustSweepAgain) return
      this.#timer = this.#options.world.timers.after(sweepAgainMs, () => this.startSweeping(), { background: true })
    })
  }

  sweepSoon(): void {
    this.#sweepsSoon = true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#round
  }

  async collect(): Promise<number> {
    const { store } = this.#options
    let removed = 0
    let failure: unknown
    for (let afterId = 0; ; ) {
      const items = await store.garbage(limits.pipelineBatch, afterId)
      const last = items.at(-1)
      if (last === undefined || this.#closed) break
      await this.#options.readersTold?.()
      const gone: number[] = []
      await forEachBounded(items, removalsAtOnce, async item => {
        try {
          if (await this.#remove(item)) gone.push(item.id)
        } catch (error) {
          // What cannot be removed now stays on record, and keeps nothing else.
          failure = error
        }
      })
      if (gone.length > 0) await store.forgetGarbage(gone)
      removed += gone.length
      afterId = last.id
    }
    if (failure !== undefined) pipelineNotices.publish({ kind: 'failed', what: 'removing garbage', error: failure })
    return removed
  }

  async sweepOrphans(): Promise<number> {
    let removed = 0
    let failure: { readonly error: unknown } | undefined
    this.#mustSweepAgain = false
    for (const dataStore of this.#options.dataStores.values()) {
      try {
        for await (const count of this.#sweep(dataStore)) removed += count
      } catch (error) {
        // A location that is away keeps no other from being swept.
        failure ??= { error }
      }
    }
    if (failure !== undefined) throw failure.error
    return removed
  }

  async *#sweep(dataStore: CollectedStore): AsyncGenerator<number> {
    let candidates: string[] = []
    for await (const candidate of dataStore.orphanCandidates()) {
      if (this.#closed) return
      candidates.push(candidate)
      if (candidates.length < limits.pipelineBatch) continue
      yield await this.#removeUnreferenced(dataStore, candidates)
      candidates = []
    }
    if (candidates.length > 0) yield await this.#removeUnreferenced(dataStore, candidates)
  }

  /** Answers whether the data is gone. That of a location that is configured no more stays on record. */
  async #remove(item: { readonly dataKey: string; readonly location: string }): Promise<boolean> {
    // Bytes in the store itself went with the deleting transaction.
    if (isInlineKey(item.dataKey)) return true
    const dataStore = this.#options.dataStores.get(item.location)
    await dataStore?.remove(item.dataKey)
    return dataStore !== undefined
  }

  async #removeUnreferenced(dataStore: CollectedStore, candidates: readonly string[]): Promise<number> {
    const settled = await this.#ofEndedWriters(candidates)
    if (settled.length === 0) return 0
    const referenced = await this.#options.store.referencedData(settled)
    const orphans = settled.filter(candidate => !referenced.has(candidate))
    await forEachBounded(orphans, removalsAtOnce, orphan => dataStore.remove(orphan))
    return orphans.length
  }

  async #ofEndedWriters(names: readonly string[]): Promise<readonly string[]> {
    const { endedWriters } = this.#options
    if (endedWriters === undefined) return names
    const ended = await endedWriters([...new Set(names.map(writerOfName))])
    const settled = names.filter(name => ended.has(writerOfName(name)))
    this.#mustSweepAgain ||= settled.length < names.length
    return settled
  }

  async #attempt(what: 'garbage-removed' | 'orphans-removed', work: () => Promise<number>): Promise<void> {
    try {
      const count = await work()
      if (count > 0) pipelineNotices.publish({ kind: what, count })
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: `collecting garbage (${what})`, error })
    }
  }

  async #sweepIfAsked(): Promise<void> {
    if (!this.#sweepsSoon) return
    this.#sweepsSoon = false
    await this.#attempt('orphans-removed', () => this.sweepOrphans())
  }

  #arm(): void {
    if (this.#closed) return
    const run = (): void => {
      this.#round = this.#sweepIfAsked()
        .then(() => this.#attempt('garbage-removed', () => this.collect()))
        .then(() => this.#arm())
    }
    const { world, everyMs } = this.#options
    this.#timer = world.timers.after(everyMs ?? everyMsDefault, run, { background: true })
  }
}

function writerOfName(name: string): string {
  return name.slice(0, name.indexOf('.'))
}
