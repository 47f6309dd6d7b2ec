// `/_/healthcheck` (Backbeat wire format): the topics as the log describes them and the inner connections. The names are the original's;
// `zookeeper` is whatever keeps our state, `kafkaProducer` whatever keeps our topics.
import { type ControlContext, type ControlResponse, jsonResponse, refusal } from './control-request.ts'

const connected = { status: 'ok', details: { name: 'SYNC_CONNECTED', code: 3 } }
const disconnected = { status: 'error', details: { name: 'DISCONNECTED', code: 0 } }

/** Refuses when the topics cannot be described or a partition has no replica in sync. */
export async function healthcheck(context: ControlContext): Promise<ControlResponse> {
  const topics = await context.topicLog.describe([context.config.replication.topics.replication]).catch(() => null)
  if (topics === null)
    throw refusal('InternalError', 'error connecting to internal client: the topic log does not answer')
  const partitions = topics.flatMap(topic => topic.partitions)
  if (partitions.some(partition => partition.isrs.length === 0)) {
    throw refusal('InternalError', 'a partition has no replica in sync')
  }
  // However many replicas were configured, all of them have to be in sync: one broker alone can be healthy too.
  const inSync = partitions.every(partition => partition.replicas.every(replica => partition.isrs.includes(replica)))
  const zookeeper = await stateStoreAnswers(context)
  return jsonResponse({
    topics: Object.fromEntries(topics.map(({ name, partitions }) => [name, { name, partitions }])),
    internalConnections: {
      isrHealth: inSync ? 'ok' : 'error',
      zookeeper: zookeeper ? connected : disconnected,
      kafkaProducer: { status: 'ok' },
    },
  })
}

/** Whether the state store answers at all. */
export async function stateStoreAnswers(context: Pick<ControlContext, 'stateStore'>): Promise<boolean> {
  try {
    await context.stateStore.get('/crossbeat/health')
    return true
  } catch {
    return false
  }
}
