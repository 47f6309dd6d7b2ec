// A topic log that is opened when it is first used: for processes that only describe it now and then, and must not depend on it otherwise.
import type { TopicLog } from '../queue/topic-log.ts'

/** A failed opening is told to whoever asked, and tried again by the next. */
export function createLazyTopicLog(open: () => Promise<TopicLog>): TopicLog {
  let opening: Promise<TopicLog> | null = null
  let closed = false
  const opened = (): Promise<TopicLog> => {
    if (closed) return Promise.reject(new Error('the topic log is closed'))
    opening ??= open().catch(error => {
      opening = null
      throw error
    })
    return opening
  }
  return {
    // Nobody publishes through it; should anybody, more is never wrong.
    entryContent: 'whole',
    append: async (topic, messages) => (await opened()).append(topic, messages),
    consumer: async options => (await opened()).consumer(options),
    removedUnread: async (topic, group) => (await (await opened()).removedUnread?.(topic, group)) ?? 0,
    describe: async topics => (await opened()).describe(topics),
    async close() {
      closed = true
      const log = await opening?.catch(() => null)
      await log?.close()
    },
  }
}
