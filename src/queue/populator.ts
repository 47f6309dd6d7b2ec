// Reads the journal and publishes what needs replicating to the replication topic. Woken by the store itself after each commit, no timer in
// between. Its offset is saved a little later than it moves: after a crash some entries are published twice, which is harmless, because an
// entry is only a hint; none is ever skipped, because the journal is trimmed only up to a saved offset. Of two populators the one that began
// last is right: its first write of the offset shuts the other out.
import { pipelineNotices } from '../base/channels.ts'
import { sleep, type Timer, type World } from '../base/world.ts'
import type { StateStore } from '../control/state-store.ts'
import { type JournalPosition, journalStart } from '../domain/entry.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import { recordOfJournal } from './entry-format.ts'
import type { TopicLog } from './topic-log.ts'

export interface PopulatorOptions {
  readonly store: Pick<MetadataStore, 'journal' | 'onJournal' | 'trimJournal'>
  readonly log: Pick<TopicLog, 'append' | 'entryContent'>
  readonly stateStore: Pick<StateStore, 'get' | 'set'>
  readonly world: World
  /** The replication topic. */
  readonly topic: string
  /** Where the offset is kept. */
  readonly offsetPath?: string
  readonly batchMax?: number
  /** Under load entries gather for so long before they are read: where each batch costs every process of the pipeline something. */
  readonly gatherMs?: number
  /** How long a moved offset may stay unsaved. */
  readonly saveDelayMs?: number
  /** Where the journal's other readers are: what they have not read yet is kept. */
  readonly otherReaders?: () => Promise<readonly JournalPosition[]>
  /** Told once when another populator has taken over: this one publishes, saves and trims nothing more. */
  readonly deposed?: () => void
  /** Told each time when nothing could be read or published for so long that another process might do better. It goes on trying. */
  readonly stuck?: () => void
}

export interface Populator {
  /** Reads its offset and begins. Rejects when the offset cannot be read. */
  start(): Promise<void>
  /** Ends after the batch under way and saves the offset. */
  close(): Promise<void>
  /** Position of the last journal entry published. */
  readonly offset: JournalPosition
}

/** Path of the populator's offset (Backbeat keeps its own under the same name). */
export const defaultOffsetPath = '/queue-populator/logState/crossbeat_journal/logOffset'

const retryMs = 1_000
/** Longer than a new leader of a partition, or a server that is started again, takes. */
const stuckAfterMs = 10_000
/** A populator saves a few times a second. */
const takeOverAttempts = 100

export function createPopulator(options: PopulatorOptions): Populator {
  return new JournalPopulator(options)
}

class JournalPopulator implements Populator {
  readonly #options: PopulatorOptions
  readonly #batchMax: number
  #offset = journalStart
  #saved = { offset: journalStart, version: 0 }
  #wanted = false
  /** Since when there has been something to do and nothing was done; null: all goes well. */
  #tryingSince: number | null = null
  #round: Promise<void> | null = null
  #saving: Promise<void> | null = null
  #saveTimer: Timer | null = null
  #retryTimer: Timer | null = null
  #deposed = false
  #stopListening: () => void = () => {}
  #closed = false

  constructor(options: PopulatorOptions) {
    this.#options = options
    this.#batchMax = options.batchMax ?? 500
  }

  get offset(): JournalPosition {
    return this.#offset
  }

  async start(): Promise<void> {
    await this.#takeOver()
    this.#offset = this.#saved.offset
    this.#stopListening = this.#options.store.onJournal(() => this.#wake())
    this.#wake()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening()
    this.#saveTimer?.cancel()
    this.#retryTimer?.cancel()
    await this.#round
    await this.#saving
    await this.#save()
  }

  get #isOver(): boolean {
    return this.#closed || this.#deposed
  }

  #wake(): void {
    this.#wanted = true
    if (this.#round !== null || this.#isOver) return
    this.#round = this.#publishAll().finally(() => {
      this.#round = null
      if (this.#wanted && this.#retryTimer === null) this.#wake()
    })
  }

  async #publishAll(): Promise<void> {
    try {
      while (this.#wanted && !this.#isOver) {
        this.#wanted = false
        while (!this.#isOver && (await this.#publishInTime())) {
          this.#saveSoon()
          await this.#gathered()
        }
      }
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: 'publishing the journal', error })
      this.#tellIfStuck()
      this.#wanted = true
      this.#retryTimer ??= this.#options.world.timers.after(retryMs, () => {
        this.#retryTimer = null
        this.#wake()
      })
    }
  }

  async #publishInTime(): Promise<boolean> {
    this.#tryingSince ??= this.#options.world.clock.monotonic()
    const found = await this.#publishBatch()
    this.#tryingSince = null
    return found
  }

  #tellIfStuck(): void {
    const { world, stuck } = this.#options
    const now = world.clock.monotonic()
    if (this.#isOver || now - (this.#tryingSince ?? now) < stuckAfterMs) return
    this.#tryingSince = now
    stuck?.()
  }

  /** Answers whether there was anything to read. */
  async #publishBatch(): Promise<boolean> {
    const { store, log, topic } = this.#options
    const entries = await store.journal(this.#offset, this.#batchMax, log.entryContent)
    const last = entries.at(-1)
    if (last === undefined) return false
    const records = entries.map(recordOfJournal).filter(record => record !== null)
    if (records.length > 0) await log.append(topic, records)
    this.#offset = last.position
    if (pipelineNotices.hasSubscribers) pipelineNotices.publish({ kind: 'published', count: records.length })
    return true
  }

  /** The first entry after a silence is read at once; the next ones when some have come together. */
  async #gathered(): Promise<void> {
    const { gatherMs = 0, world } = this.#options
    if (gatherMs > 0 && !this.#isOver) await sleep(world.timers, gatherMs)
  }

  #saveSoon(): void {
    if (this.#saveTimer !== null || this.#isOver) return
    const run = (): void => {
      this.#saveTimer = null
      // One after another: a second write with the version of the first would look like another populator's.
      this.#saving = (this.#saving ?? Promise.resolve()).then(() => this.#save())
    }
    this.#saveTimer = this.#options.world.timers.after(this.#options.saveDelayMs ?? 250, run, { background: true })
  }

  /** Saves and trims; a failure is told and left to the next save. */
  async #save(): Promise<void> {
    const offset = this.#offset
    if (offset === this.#saved.offset || this.#deposed) return
    const { stateStore, store, offsetPath, otherReaders } = this.#options
    try {
      const result = await stateStore.set(offsetPath ?? defaultOffsetPath, offset, this.#saved.version)
      if (result.ok) {
        this.#saved = { offset, version: result.version }
        await store.trimJournal(offset, ...((await otherReaders?.()) ?? []))
      } else this.#depose()
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: 'saving the offset of the journal', error })
    }
  }

  // Nobody but a populator writes the offset, and each writes it when it begins: so it is another that has begun since.
  #depose(): void {
    this.#deposed = true
    const error = new Error('another populator has begun, or a write of unknown outcome was stored after all')
    pipelineNotices.publish({ kind: 'failed', what: 'saving the offset of the journal', error })
    this.#options.deposed?.()
  }

  /** Reads the offset and writes it again unchanged: a former populator that wakes can neither save nor trim from here on. */
  async #takeOver(): Promise<void> {
    const { stateStore, offsetPath = defaultOffsetPath } = this.#options
    for (let attempt = 0; attempt < takeOverAttempts; attempt += 1) {
      const stored = await stateStore.get(offsetPath)
      const offset = stored?.value ?? journalStart
      const result = await stateStore.set(offsetPath, offset, stored?.version ?? 0)
      if (!result.ok) continue
      this.#saved = { offset, version: result.version }
      return
    }
    throw new Error(`the offset of the journal changed ${takeOverAttempts} times while it was taken over`)
  }
}
