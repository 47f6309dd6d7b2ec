// The writer's side of the topics: append, committed offsets, and forgetting what every group has read. A record's row id is its topic's
// number times 2^40 plus its offset, so that a topic is one range of one table. The newest record stays: its offset must never come again.
import type { Request } from './commands.ts'
import type { WriteContext } from './write-context.ts'

export const topicSpan = 2 ** 40
/** Most records forgotten by one command, so that a long-held backlog does not hold up the batch that frees it. */
const forgetMax = 2_000

interface Topic {
  readonly id: number
  next: number
}

function topicOf(context: WriteContext, name: string): Topic {
  return context.topic(name, () => {
    context.connection.run('INSERT INTO topics (name) VALUES (?) ON CONFLICT (name) DO NOTHING', name)
    const id = context.connection.get<{ id: number }>('SELECT id FROM topics WHERE name = ?', name)?.id ?? 0
    const last = context.connection.get<{ id: number | null }>(
      'SELECT max(id) AS id FROM topic_records WHERE id >= ? AND id < ?',
      id * topicSpan,
      (id + 1) * topicSpan,
    )
    const lastId = last?.id ?? null
    return { id, next: lastId === null ? 0 : lastId - id * topicSpan + 1 }
  })
}

export function appendRecords(context: WriteContext, request: Request<'append-records'>): number {
  const topic = topicOf(context, request.topic)
  const first = topic.next
  let id = topic.id * topicSpan + first
  request.keys.forEach((key, index) => {
    context.connection.run(
      'INSERT INTO topic_records (id, key, value) VALUES (?, ?, ?)',
      id,
      key,
      request.values[index] ?? '',
    )
    id += 1
  })
  topic.next = first + request.keys.length
  return first
}

export function commitOffset(context: WriteContext, request: Request<'commit-offset'>): null {
  const topic = topicOf(context, request.topic)
  context.connection.run(
    `INSERT INTO topic_offsets (topic_id, group_name, committed) VALUES (?, ?, ?)
     ON CONFLICT (topic_id, group_name) DO UPDATE SET committed = max(committed, excluded.committed)`,
    topic.id,
    request.group,
    request.committed,
  )
  const offsets = new Map(
    context.connection
      .all<{ name: string; committed: number }>(
        'SELECT group_name AS name, committed FROM topic_offsets WHERE topic_id = ?',
        topic.id,
      )
      .map(row => [row.name, row.committed]),
  )
  const low = Math.min(...request.readers.map(name => offsets.get(name) ?? 0), topic.next - 1)
  const base = topic.id * topicSpan
  const oldest = context.connection.get<{ id: number | null }>(
    'SELECT min(id) AS id FROM topic_records WHERE id >= ? AND id < ?',
    base,
    base + low,
  )?.id
  if (typeof oldest === 'number' && low > 0)
    context.connection.run(
      'DELETE FROM topic_records WHERE id >= ? AND id < ?',
      oldest,
      Math.min(base + low, oldest + forgetMax),
    )
  return null
}
