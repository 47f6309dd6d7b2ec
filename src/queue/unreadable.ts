// What becomes of a record that is no entry: it is told, counted and kept where an operator finds it, and only then finished. It stands in
// nobody's way meanwhile.
import { pipelineNotices, unreadableRecords } from '../base/channels.ts'
import { sleep, type World } from '../base/world.ts'
import type { TopicLog, TopicRecord } from './topic-log.ts'

export interface UnreadableOptions {
  readonly log: Pick<TopicLog, 'setAside'>
  readonly world: World
  readonly finish: (record: TopicRecord) => void
  /** Gives up keeping it; it is then delivered again. */
  readonly isClosed: () => boolean
}

const retryMs = 1_000

export function setAside(options: UnreadableOptions, record: TopicRecord, problem: string): void {
  const { topic, partition, offset } = record
  unreadableRecords.publish({ topic, partition, offset, problem })
  if (options.log.setAside === undefined) options.finish(record)
  else void keep(options, record, problem)
}

async function keep({ log, world, finish, isClosed }: UnreadableOptions, record: TopicRecord, problem: string) {
  while (!isClosed()) {
    try {
      await log.setAside?.(record, problem)
      return finish(record)
    } catch (error) {
      pipelineNotices.publish({ kind: 'failed', what: 'setting an unreadable record aside', error })
      await sleep(world.timers, retryMs)
    }
  }
}
