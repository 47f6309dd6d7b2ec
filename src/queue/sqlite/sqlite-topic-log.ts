// The topic log on SQLite, for one process: each topic is one partition, a group's offsets are kept in memory and committed lazily. An append
// wakes the waiting consumers at once. Records of one group go to one consumer at a time; others wait until it has left.
import type { Timer, World } from '../../base/world.ts'
import type { SqliteEngine } from '../../metadata/sqlite/engine.ts'
import { topicSpan } from '../../metadata/sqlite/topic-commands.ts'
import type {
  ConsumerOptions,
  TopicConsumer,
  TopicDescription,
  TopicLog,
  TopicMessage,
  TopicRecord,
} from '../topic-log.ts'
import { TopicTail } from './topic-tail.ts'

export interface TopicLogOptions {
  /** The groups that read each topic: records are kept until all of them are past, and no longer. */
  readonly topics: Readonly<Record<string, readonly string[]>>
}

const commitDelayMs = 100
const commitCount = 1_000

/** Opens the log over an open engine; closing it commits offsets and leaves the engine open. */
export function openTopicLog(engine: SqliteEngine, options: TopicLogOptions): TopicLog {
  return new SqliteTopicLog(engine, options)
}

class SqliteTopicLog implements TopicLog {
  /** Nobody but this process reads these topics. */
  readonly entryContent = 'replication'
  readonly #engine: SqliteEngine
  readonly #readers: Map<string, Set<string>>
  readonly #groups = new Map<string, Group>()
  readonly #tails = new Map<string, TopicTail>()
  #closed = false

  constructor(engine: SqliteEngine, options: TopicLogOptions) {
    this.#engine = engine
    this.#readers = new Map(Object.entries(options.topics).map(([topic, groups]) => [topic, new Set(groups)]))
  }

  async append(topic: string, messages: readonly TopicMessage[]): Promise<void> {
    if (messages.length === 0) return
    const first = await this.#engine.submit('replication', 'append-records', {
      topic,
      keys: messages.map(message => message.key),
      values: messages.map(message => message.value),
    })
    this.#tailOf(topic).add(first, messages)
    for (const group of this.#groups.values()) if (group.topic === topic) group.appended()
  }

  async consumer(options: ConsumerOptions): Promise<TopicConsumer> {
    if (this.#closed) throw new Error('the topic log is closed')
    const name = `${options.topic}\0${options.group}`
    const readers = this.#readersOf(options.topic)
    readers.add(options.group)
    const known = this.#groups.get(name) ?? this.#newGroup(options, readers)
    this.#groups.set(name, known)
    return new SqliteConsumer(known, options.windowMax)
  }

  #newGroup({ topic, group }: ConsumerOptions, readers: ReadonlySet<string>): Group {
    return new Group(this.#engine, this.#tailOf(topic), topic, group, readers)
  }

  #tailOf(topic: string): TopicTail {
    const tail = this.#tails.get(topic) ?? new TopicTail(topic)
    this.#tails.set(topic, tail)
    return tail
  }

  #readersOf(topic: string): Set<string> {
    const readers = this.#readers.get(topic) ?? new Set<string>()
    this.#readers.set(topic, readers)
    return readers
  }

  async describe(topics: readonly string[]): Promise<readonly TopicDescription[]> {
    if (this.#closed) throw new Error('the topic log is closed')
    this.#engine.reader.get('SELECT 1')
    return topics.map(name => ({ name, partitions: [{ id: 0, leader: 0, replicas: [0], isrs: [0] }] }))
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#groups.values()].map(group => group.close()))
    this.#groups.clear()
  }
}

/** What a group has read of a topic. */
class Group {
  readonly topic: string
  readonly #engine: SqliteEngine
  readonly #tail: TopicTail
  readonly #world: World
  readonly #name: string
  readonly #readers: ReadonlySet<string>
  readonly #members: SqliteConsumer[] = []
  /** Finished offsets above the committed one. */
  readonly #finished = new Set<number>()
  #topicId: number | null = null
  /** Everything below is finished. */
  #low: number
  #committed: number
  /** The next offset to hand out. */
  #position: number
  #newestFinished = -1
  #finishedSinceCommit = 0
  #timer: Timer | null = null

  constructor(engine: SqliteEngine, tail: TopicTail, topic: string, name: string, readers: ReadonlySet<string>) {
    this.topic = topic
    this.#engine = engine
    this.#tail = tail
    this.#world = engine.world
    this.#name = name
    this.#readers = readers
    const stored = engine.reader.get<{ committed: number }>(
      'SELECT committed FROM topic_offsets JOIN topics ON topics.id = topic_id WHERE name = ? AND group_name = ?',
      topic,
      name,
    )
    this.#committed = stored?.committed ?? 0
    this.#low = this.#committed
    this.#position = this.#committed
  }

  join(member: SqliteConsumer): void {
    this.#members.push(member)
  }

  isTurnOf(member: SqliteConsumer): boolean {
    return this.#members[0] === member
  }

  appended(): void {
    this.#members[0]?.wake()
  }

  isFull(windowMax: number): boolean {
    return this.#newestFinished - this.#low >= windowMax || this.#position - this.#low >= windowMax
  }

  #base(): number | null {
    this.#topicId ??=
      this.#engine.reader.get<{ id: number }>('SELECT id FROM topics WHERE name = ?', this.topic)?.id ?? null
    return this.#topicId === null ? null : this.#topicId * topicSpan
  }

  /** The next records, without those that were finished by a consumer that has left. */
  read(max: number, windowMax: number): TopicRecord[] {
    const room = Math.min(max, windowMax - (this.#position - this.#low))
    const taken: TopicRecord[] = []
    while (taken.length < room) {
      const wanted = room - taken.length
      const records = this.#tail.from(this.#position, wanted) ?? this.#stored(wanted)
      if (records.length === 0) break
      for (const record of records) {
        // Records that are no more (all groups configured then were past them) are as good as finished.
        if (this.#low === this.#position) this.#low = record.offset
        this.#position = record.offset + 1
        if (!this.#finished.has(record.offset)) taken.push(record)
      }
    }
    return taken
  }

  #stored(max: number): readonly TopicRecord[] {
    const base = this.#base()
    if (base === null) return []
    return this.#engine.reader
      .all<{ id: number; key: string; value: string }>(
        'SELECT id, key, value FROM topic_records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
        base + this.#position,
        base + topicSpan,
        max,
      )
      .map(({ id, key, value }) => ({ topic: this.topic, partition: 0, offset: id - base, key, value }))
  }

  finish(offset: number): void {
    if (offset < this.#low || this.#finished.has(offset)) return
    this.#finished.add(offset)
    this.#newestFinished = Math.max(this.#newestFinished, offset)
    while (this.#finished.delete(this.#low)) this.#low += 1
    this.#finishedSinceCommit += 1
    if (this.#finishedSinceCommit >= commitCount) this.#commitSoon()
    else this.#timer ??= this.#world.timers.after(commitDelayMs, () => this.#commitSoon(), { background: true })
  }

  #commitSoon(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#finishedSinceCommit = 0
    // A commit that is refused is repeated with the next one; if the store is gone, the records are delivered again.
    this.commit().catch(() => {})
  }

  async commit(): Promise<void> {
    if (this.#low === this.#committed) return
    const committed = this.#low
    await this.#engine.submit('replication', 'commit-offset', {
      topic: this.topic,
      group: this.#name,
      committed,
      readers: [...this.#readers],
    })
    this.#committed = Math.max(this.#committed, committed)
  }

  lag(): number {
    const base = this.#base()
    if (base === null) return 0
    const newest = this.#engine.reader.get<{ id: number | null }>(
      'SELECT max(id) AS id FROM topic_records WHERE id >= ? AND id < ?',
      base,
      base + topicSpan,
    )?.id
    if (typeof newest !== 'number') return 0
    return Math.max(0, newest - base + 1 - this.#low - this.#finished.size)
  }

  async leave(member: SqliteConsumer): Promise<void> {
    const index = this.#members.indexOf(member)
    if (index < 0) return
    this.#members.splice(index, 1)
    if (index === 0) {
      this.#position = this.#low
      this.#members[0]?.wake()
    }
    await this.#commitLast()
  }

  /** When the store is gone already, nothing is lost: the records are delivered again. */
  async #commitLast(): Promise<void> {
    await this.commit().catch(() => {})
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = null
    await Promise.all([...this.#members].map(member => member.close()))
    await this.#commitLast()
  }
}

class SqliteConsumer implements TopicConsumer {
  readonly #group: Group
  readonly #windowMax: number
  #paused = false
  #closed = false
  #wake: (() => void) | null = null

  constructor(group: Group, windowMax: number) {
    this.#group = group
    this.#windowMax = windowMax
    group.join(this)
  }

  async take(max: number): Promise<readonly TopicRecord[]> {
    for (;;) {
      if (this.#closed || this.#paused || max <= 0) return []
      if (this.#group.isTurnOf(this)) {
        if (this.#group.isFull(this.#windowMax)) return []
        const records = this.#group.read(max, this.#windowMax)
        if (records.length > 0) return records
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Something may have changed: a waiting `take` looks again. */
  wake(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  finish(record: TopicRecord): void {
    if (!this.#closed) this.#group.finish(record.offset)
  }

  pause(): void {
    this.#paused = true
    this.wake()
  }

  resume(): void {
    this.#paused = false
    this.wake()
  }

  async lag(): Promise<number> {
    return this.#group.lag()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.wake()
    await this.#group.leave(this)
  }
}
