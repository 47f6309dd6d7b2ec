// Goal: metrics tell the ledger's truth at the moment of asking, and count what happens. Method: a ledger of fixed numbers; events published
// on the real channels.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attemptsEnded, s3Requests } from '../base/channels.ts'
import { storedVersionId } from '../domain/version-id.ts'
import type { SiteBacklog } from '../metadata/ledger.ts'
import { createMetrics } from './metrics.ts'

const backlog: SiteBacklog = {
  site: 'aws',
  objects: 3,
  bytes: 4096,
  oldestAt: 5_000,
  failedObjects: 1,
  failedBytes: 10,
}

test('the first scrape already shows the backlog, of sites without rows too', async () => {
  const metrics = createMetrics({
    backlog: {
      sites: ['aws', 'az'],
      ledger: { backlog: async () => [backlog] },
      clock: { now: () => 12_500, monotonic: () => 0 },
      pausedSites: async () => ['az'],
    },
  })
  const text = await metrics.text()
  for (const line of [
    's3_replication_backlog_objects{origin="replication",location="aws"} 3',
    's3_replication_backlog_objects{origin="replication",location="az"} 0',
    's3_replication_backlog_bytes{origin="replication",location="aws"} 4096',
    's3_replication_rpo_seconds{origin="replication",location="aws"} 7.5',
    's3_replication_failed_objects{origin="replication",location="aws"} 1',
    's3_replication_paused{origin="replication",location="az"} 1',
  ]) {
    assert.ok(text.includes(line), line)
  }
  metrics.close()
})

test('ended attempts and requests are counted, and no longer after closing', async () => {
  const metrics = createMetrics({})
  const version = { bucket: 'b', key: 'k', versionId: storedVersionId('v'), site: 'aws', size: 100, durationMs: 5 }
  attemptsEnded.publish({ ...version, outcome: 'done' })
  attemptsEnded.publish({ ...version, outcome: 'retry' })
  attemptsEnded.publish({ ...version, outcome: 'quarantined' })
  s3Requests.publish({
    requestId: 'r',
    operation: 'PutObject',
    status: 200,
    durationMs: 3,
    requestBytes: 1,
    responseBytes: 1,
  })
  const text = await metrics.text()
  for (const line of [
    's3_replication_data_status_changed_total{origin="replication",location="aws",replicationStatus="COMPLETED"} 1',
    's3_replication_data_status_changed_total{origin="replication",location="aws",replicationStatus="FAILED"} 1',
    's3_replication_data_bytes_total{origin="replication",location="aws",serviceName="ReplicationQueueProcessor"} 100',
    'crossbeat_attempts_total{location="aws",outcome="retry"} 1',
    'crossbeat_s3_requests_total{operation="PutObject",status="2xx"} 1',
  ]) {
    assert.ok(text.includes(line), line)
  }
  attemptsEnded.publish({ ...version, outcome: 'done' })
  const again = await metrics.text()
  for (const line of [
    's3_replication_data_status_changed_total{origin="replication",location="aws",replicationStatus="COMPLETED"} 2',
    's3_replication_data_bytes_total{origin="replication",location="aws",serviceName="ReplicationQueueProcessor"} 200',
    'crossbeat_attempts_total{location="aws",outcome="done"} 2',
  ]) {
    assert.ok(again.includes(line), line)
  }
  metrics.close()
  assert.equal(attemptsEnded.hasSubscribers, false)
})
