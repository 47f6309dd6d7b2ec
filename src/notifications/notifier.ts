// Brings events to one target: reads the journal from a position of its own, finds what the buckets' rules say of each event, and delivers in the
// order of the journal. The position is saved after the delivery, so every event arrives at least once. A target that is down delays only its own
// events, and the journal no longer than `keepMs`: what is older then is given up.
import { notificationNotices } from '../base/channels.ts'
import { sleep, type Timer, type World } from '../base/world.ts'
import type { StateStore } from '../control/state-store.ts'
import { type JournalEntry, type JournalPosition, journalStart } from '../domain/entry.ts'
import { notificationEvents, rulesFor } from '../domain/notification-rule.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import { type EventMessage, eventMessages } from './event-record.ts'
import type { EventTarget } from './event-target.ts'

export interface NotifierOptions {
  /** Name of the target. */
  readonly name: string
  readonly target: EventTarget
  readonly store: Pick<MetadataStore, 'journal' | 'onJournal' | 'bucket'>
  readonly stateStore: Pick<StateStore, 'get' | 'set'>
  readonly world: World
  readonly keepMs: number
  /** Told once when another has taken over: this one saves nothing more. */
  readonly deposed?: () => void
}

export interface Notifier {
  /** Reads its position and begins. Rejects when the position cannot be read. */
  start(): Promise<void>
  /** Gives up the delivery under way and saves the position. */
  close(): Promise<void>
}

/** Where a target's position is kept. */
export function positionPath(target: string): string {
  return `/crossbeat/notifications/${target}/position`
}

const batchMax = 200
/** Events of one delivery. */
const deliveryMax = 100
const saveDelayMs = 250
const backoffMs = { min: 1_000, max: 60_000 } as const

export function createNotifier(options: NotifierOptions): Notifier {
  return new JournalNotifier(options)
}

class JournalNotifier implements Notifier {
  readonly #options: NotifierOptions
  readonly #ending = new AbortController()
  /** The last delivery has failed. */
  #isAway = false
  #position: JournalPosition = journalStart
  #saved = { position: journalStart, version: 0 }
  #wanted = false
  #round: Promise<void> | null = null
  #saving: Promise<void> = Promise.resolve()
  #saveTimer: Timer | null = null
  #stopListening: () => void = () => {}

  constructor(options: NotifierOptions) {
    this.#options = options
  }

  /** The position is written again unchanged: a former notifier that wakes can save no more. */
  async start(): Promise<void> {
    const { stateStore, store, name } = this.#options
    const stored = await stateStore.get(positionPath(name))
    const position = stored?.value ?? journalStart
    const result = await stateStore.set(positionPath(name), position, stored?.version ?? 0)
    if (!result.ok) throw new Error(`the position of target ${name} changed while it was taken over`)
    this.#saved = { position, version: result.version }
    this.#position = position
    this.#stopListening = store.onJournal(() => this.#wake())
    this.#wake()
  }

  async close(): Promise<void> {
    this.#ending.abort()
    this.#stopListening()
    this.#saveTimer?.cancel()
    await this.#round
    await this.#saving
    await this.#save()
  }

  get #isOver(): boolean {
    return this.#ending.signal.aborted
  }

  #wake(): void {
    this.#wanted = true
    if (this.#round !== null || this.#isOver) return
    this.#round = this.#readAll().finally(() => {
      this.#round = null
      if (this.#wanted) this.#wake()
    })
  }

  async #readAll(): Promise<void> {
    let delayMs: number = backoffMs.min
    while (this.#wanted && !this.#isOver) {
      this.#wanted = false
      try {
        while (!this.#isOver && (await this.#readBatch())) delayMs = backoffMs.min
      } catch (error) {
        if (this.#isOver) return
        this.#failed(error)
        this.#wanted = true
        await this.#pause(delayMs)
        delayMs = Math.min(backoffMs.max, delayMs * 2)
      }
    }
  }

  /** Answers whether there was anything to read. */
  async #readBatch(): Promise<boolean> {
    const entries = await this.#options.store.journal(this.#position, batchMax, 'replication')
    const last = entries.at(-1)
    if (last === undefined) return false
    const messages = await this.#messagesOf(entries)
    for (let from = 0; from < messages.length; from += deliveryMax)
      if (!(await this.#deliver(messages.slice(from, from + deliveryMax)))) return false
    this.#position = last.position
    this.#saveSoon()
    return true
  }

  /** In buckets that are gone, or whose rules say so by now, nobody wants to know any more. */
  async #messagesOf(entries: readonly JournalEntry[]): Promise<readonly EventMessage[]> {
    const { store, name } = this.#options
    const buckets = new Map<string, Awaited<ReturnType<MetadataStore['bucket']>>>()
    const messages: EventMessage[] = []
    for (const entry of entries) {
      const { event } = entry
      if (event === undefined || !notificationEvents.has(event.name)) continue
      const bucket = buckets.get(entry.bucket) ?? (await store.bucket(entry.bucket))
      buckets.set(entry.bucket, bucket)
      const settings = bucket?.settings.notification
      if (bucket === null || settings === undefined) continue
      messages.push(...eventMessages(bucket, entry, event, rulesFor(settings, name, event.name, entry.key)))
    }
    return messages
  }

  /** Until they are taken, or too old. Answers false when it was closed before. */
  async #deliver(messages: readonly EventMessage[]): Promise<boolean> {
    const { target } = this.#options
    // Of a target that was away a moment ago, what is too old is given up without asking: it would gather faster than it is tried.
    let left = this.#isAway ? this.#withoutOld(messages) : messages
    for (let delayMs: number = backoffMs.min; left.length > 0; delayMs = Math.min(backoffMs.max, delayMs * 2)) {
      try {
        await target.deliver(left, this.#ending.signal)
        this.#isAway = false
        this.#count('delivered', left.length)
        return true
      } catch (error) {
        if (this.#isOver) return false
        this.#isAway = true
        this.#failed(error)
      }
      await this.#pause(delayMs)
      if (this.#isOver) return false
      left = this.#withoutOld(left)
    }
    return true
  }

  #withoutOld(messages: readonly EventMessage[]): readonly EventMessage[] {
    const { world, keepMs } = this.#options
    const oldest = world.clock.now() - keepMs
    const young = messages.filter(message => message.at > oldest)
    if (young.length < messages.length) this.#count('given-up', messages.length - young.length)
    return young
  }

  #failed(error: unknown): void {
    notificationNotices.publish({ kind: 'failed', target: this.#options.name, error })
  }

  #count(kind: 'delivered' | 'given-up', count: number): void {
    notificationNotices.publish({ kind, target: this.#options.name, count })
  }

  async #pause(delayMs: number): Promise<void> {
    await sleep(this.#options.world.timers, delayMs, this.#ending.signal).catch(() => undefined)
  }

  #saveSoon(): void {
    if (this.#saveTimer !== null || this.#isOver) return
    const run = (): void => {
      this.#saveTimer = null
      this.#saving = this.#saving.then(() => this.#save())
    }
    this.#saveTimer = this.#options.world.timers.after(saveDelayMs, run, { background: true })
  }

  /** A failure is told and left to the next save. */
  async #save(): Promise<void> {
    const position = this.#position
    if (position === this.#saved.position) return
    const { stateStore, name, deposed } = this.#options
    try {
      const result = await stateStore.set(positionPath(name), position, this.#saved.version)
      if (result.ok) this.#saved = { position, version: result.version }
      else {
        this.#ending.abort()
        deposed?.()
      }
    } catch (error) {
      this.#failed(error)
    }
  }
}
