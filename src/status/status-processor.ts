// The replication status processor: folds the results of tasks into the source versions and ends their ledger rows, a batch of messages in
// one transaction. A message is finished only when it has been folded; what cannot be read is told, counted and finished, and blocks nothing.
import { pipelineNotices } from '../base/channels.ts'
import { sleep, type World } from '../base/world.ts'
import type { StatusMessage } from '../domain/entry.ts'
import { limits } from '../domain/limits.ts'
import type { FoldResult } from '../metadata/ledger.ts'
import { readStatusMessage } from '../queue/entry-format.ts'
import type { TopicConsumer, TopicLog, TopicRecord } from '../queue/topic-log.ts'
import { setAside } from '../queue/unreadable.ts'

export interface StatusProcessorOptions {
  readonly log: Pick<TopicLog, 'consumer' | 'setAside'>
  /** `SourceGateway.patchStatus`. Answers in order. */
  readonly patchStatus: (messages: readonly StatusMessage[]) => Promise<readonly FoldResult[]>
  readonly world: World
  /** The status topic. */
  readonly topic: string
  readonly groupId: string
}

export interface StatusProcessor {
  start(): Promise<void>
  /** Ends after the batch under way. */
  close(): Promise<void>
  state(): { readonly folded: number; readonly unreadable: number; readonly refused: number }
}

export function createStatusProcessor(options: StatusProcessorOptions): StatusProcessor {
  return new Folder(options)
}

/** A batch that failed this often is taken apart, so that one bad message does not hold up its neighbours. */
const wholeTriesMax = 3
/** A message that failed this often alone is given up; its row is still there, and the sweeper comes back to it. */
const singleTriesMax = 3
const retryMs = 500

interface ReadRecord {
  readonly record: TopicRecord
  readonly message: StatusMessage
}

class Folder implements StatusProcessor {
  readonly #options: StatusProcessorOptions
  readonly #abort = new AbortController()
  #consumer: TopicConsumer | null = null
  #work: Promise<void> | null = null
  #folded = 0
  #unreadable = 0
  #refused = 0

  constructor(options: StatusProcessorOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { log, topic, groupId } = this.#options
    this.#consumer = await log.consumer({ topic, group: groupId, windowMax: limits.consumerWindow })
    this.#work = this.#run(this.#consumer)
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('the status processor closes'))
    this.#consumer?.pause()
    await this.#work
    await this.#consumer?.close()
  }

  state(): { readonly folded: number; readonly unreadable: number; readonly refused: number } {
    return { folded: this.#folded, unreadable: this.#unreadable, refused: this.#refused }
  }

  async #run(consumer: TopicConsumer): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      try {
        const records = await consumer.take(limits.pipelineBatch)
        if (records.length > 0) await this.#handle(consumer, records)
        else if (!signal.aborted) await sleep(this.#options.world.timers, retryMs, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#notice('taking status messages', error)
        await this.#wait()
      }
    }
  }

  async #handle(consumer: TopicConsumer, records: readonly TopicRecord[]): Promise<void> {
    const readable: ReadRecord[] = []
    for (const record of records) {
      const read = readStatusMessage(record.value)
      if (read.kind === 'entry') readable.push({ record, message: read.entry })
      else {
        if (read.kind === 'unreadable') this.#unread(consumer, record, read.problem)
        else consumer.finish(record)
      }
    }
    if (readable.length === 0 || (await this.#fold(consumer, readable, wholeTriesMax))) return
    for (const single of readable) {
      if (this.#abort.signal.aborted) return
      if (await this.#fold(consumer, [single], singleTriesMax)) continue
      this.#refused += 1
      consumer.finish(single.record)
    }
  }

  /** Answers whether the messages were folded and finished. */
  async #fold(consumer: TopicConsumer, batch: readonly ReadRecord[], tries: number): Promise<boolean> {
    for (let attempt = 0; attempt < tries; attempt += 1) {
      try {
        await this.#options.patchStatus(batch.map(({ message }) => message))
        for (const { record } of batch) consumer.finish(record)
        this.#folded += batch.length
        if (pipelineNotices.hasSubscribers) pipelineNotices.publish({ kind: 'folded', count: batch.length })
        return true
      } catch (error) {
        this.#notice('folding status messages', error)
        await this.#wait()
        if (this.#abort.signal.aborted) return false
      }
    }
    return false
  }

  async #wait(): Promise<void> {
    await sleep(this.#options.world.timers, retryMs, this.#abort.signal).catch(() => {})
  }

  #unread(consumer: TopicConsumer, record: TopicRecord, problem: string): void {
    this.#unreadable += 1
    const { log, world } = this.#options
    const finish = (unread: TopicRecord): void => consumer.finish(unread)
    setAside({ log, world, finish, isClosed: () => this.#abort.signal.aborted }, record, problem)
  }

  #notice(what: string, error: unknown): void {
    pipelineNotices.publish({ kind: 'failed', what, error })
  }
}
