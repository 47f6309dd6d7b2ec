// A consumer in a process of its own, to be killed: writes a line for every record before it finishes it.
import { writeSync } from 'node:fs'
import { openLog } from '../conformance/kafka-logs.ts'

const [brokers = '', topic = '', sessionTimeoutMs = '2000'] = process.argv.slice(2)
const log = await openLog({
  brokers: brokers.split(','),
  topics: { [topic]: { partitions: 6, replication: 3 } },
  timing: { sessionTimeoutMs: Number(sessionTimeoutMs), rebalanceTimeoutMs: Number(sessionTimeoutMs) },
})
const consumer = await log.consumer({ topic, group: topic, windowMax: 1_000 })
for (;;) {
  for (const record of await consumer.take(50)) {
    writeSync(1, `${record.key} ${record.value}\n`)
    consumer.finish(record)
  }
}
