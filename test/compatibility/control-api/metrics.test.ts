// Goal: the numbers of the original's metrics routes, from the ledger. Method: sums, slots and rows written by hand, on a clock that stands
// still two minutes into a slot.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeVersionId } from '../../../src/domain/version-id.ts'
import { type ControlApi, description, failedRow, openControlApi, shownId } from './control-api.ts'

const slotMs = 300_000

async function withNumbers(): Promise<ControlApi> {
  const api = await openControlApi()
  api.plane.world.jump(120_000)
  const slot = Math.floor(api.plane.world.clock.now() / slotMs) * slotMs
  const sums = { oldestAt: null, failedObjects: 1, failedBytes: 7 }
  api.backlogs.push({ site: 'awsbackend', objects: 2, bytes: 1024, ...sums })
  api.backlogs.push({ site: 'azurebackend', objects: 40, bytes: 5, ...sums })
  const activity = (slots: number, objects: number, bytes: number, failed = 0): void => {
    const counts = { completedObjects: objects, completedBytes: bytes, failedObjects: failed, failedBytes: failed * 3 }
    api.slots.push({ site: 'awsbackend', slotAt: slot - slots * slotMs, ...counts })
  }
  activity(0, 90, 900)
  activity(1, 90, 900)
  activity(2, 90, 900, 2)
  activity(3, 100, 1000)
  activity(4, 80, 1, 1)
  return api
}

const pending = {
  description: 'Number of pending replication operations (count) and bytes (size)',
  results: { count: 2, size: 1024 },
}
const backlog = {
  description: 'Number of incomplete replication operations (count) and number of incomplete bytes transferred (size)',
  results: { count: 2, size: 1024 },
}
const completions = {
  description:
    'Number of completed replication operations (count) and number of bytes transferred (size) in the last 86400 seconds',
  results: { count: 450, size: 3701 },
}
const failures = {
  description: 'Number of failed replication operations (count) and bytes (size) in the last 86400 seconds',
  results: { count: 3, size: 9 },
}
const throughput = {
  description:
    'Current throughput for replication operations in ops/sec (count) and bytes/sec (size) in the last 900 seconds',
  // 270 in three slots and 60 % of the 100 in the fourth, over 900 s.
  results: { count: '0.37', size: '3.67' },
}

test('each type alone, and all of them together', async () => {
  const api = await withNumbers()
  const types = { pending, backlog, completions, failures, throughput }
  for (const [type, value] of Object.entries(types)) {
    const answer = await api.json('GET', `/_/metrics/crr/awsbackend/${type}`)
    assert.deepEqual(answer, { status: 200, json: { [type]: value } })
  }
  for (const path of ['awsbackend', 'awsbackend/', 'awsbackend/all']) {
    const { body } = await api.send('GET', `/_/backbeat/api/metrics/crr/${path}`)
    assert.equal(body, JSON.stringify({ backlog, completions, failures, throughput, pending }))
  }
  await api.close()
})

test('the sums over all locations, and over the none of ingestion', async () => {
  const api = await withNumbers()
  const all = await api.json('GET', '/_/metrics/crr/all/pending')
  assert.partialDeepStrictEqual(all.json, { pending: { results: { count: 42, size: 1029 } } })
  const { json } = await api.json('GET', '/_/metrics/ingestion/all')
  assert.deepEqual(Object.keys(json ?? {}), ['completions', 'throughput', 'pending'])
  assert.partialDeepStrictEqual(json, {
    completions: { results: { count: 0, size: 0 } },
    throughput: { results: { count: '0.00', size: '0.00' } },
  })
  await api.close()
})

test('progress of one version, from the parts that the destination has', async () => {
  const api = await openControlApi()
  const part = (partNumber: number) => ({ partNumber, etag: '"e"', size: 1_000_000, crc32: '00000000' })
  const upload = { uploadId: 'u', partBytes: 1_000_000, parts: [part(1), part(2), part(3)] }
  const now = api.plane.world.clock.now()
  const row = failedRow(1, { key: 'k z/ü', size: 4_000_000, state: 'claimed', upload, createdAt: now - 100_000 })
  api.rows.push(row)
  const object = `src/k%20z/%C3%BC?versionId=${shownId(row)}`
  const progress = await api.json('GET', `/_/metrics/crr/awsbackend/progress/${object}`)
  assert.partialDeepStrictEqual(progress.json, { pending: 1_000_000, completed: 3_000_000, progress: '75%' })
  const throughput = await api.json('GET', `/_/metrics/crr/awsbackend/throughput/${object}`)
  assert.partialDeepStrictEqual(throughput.json, { throughput: '30000.00' })

  const { upload: _upload, ...plain } = row
  api.rows[0] = { ...plain, state: 'completed' }
  const done = await api.json('GET', `/_/metrics/crr/awsbackend/progress/${object}`)
  assert.partialDeepStrictEqual(done.json, { pending: 0, completed: 4_000_000, progress: '100%' })

  const other = failedRow(1, { versionId: makeVersionId({ epochMs: 5, sequence: 0 }, 'RG001') })
  const absent = await api.json('GET', `/_/metrics/crr/awsbackend/progress/src/k?versionId=${shownId(other)}`)
  assert.partialDeepStrictEqual(absent, { status: 404, json: { ObjNotFound: true } })
  await api.close()
})

test('the healthcheck has the original form, and is ok with as many replicas as were configured', async () => {
  const api = await openControlApi()
  const inner = {
    zookeeper: { status: 'ok', details: { name: 'SYNC_CONNECTED', code: 3 } },
    kafkaProducer: { status: 'ok' },
  }
  const partitions = [{ id: 0, leader: 1, replicas: [1], isrs: [1] }]
  assert.deepEqual(await api.json('GET', '/_/healthcheck'), {
    status: 200,
    json: {
      topics: { 'backbeat-replication': { name: 'backbeat-replication', partitions } },
      internalConnections: { isrHealth: 'ok', ...inner },
    },
  })
  api.topics = [description([1, 2, 3], [1, 3])]
  const degraded = await api.json('GET', '/_/healthcheck')
  assert.partialDeepStrictEqual(degraded, { status: 200, json: { internalConnections: { isrHealth: 'error' } } })
  api.stateStoreDown = true
  const alone = await api.json('GET', '/_/healthcheck')
  assert.partialDeepStrictEqual(alone.json, { internalConnections: { zookeeper: { status: 'error' } } })
  api.topics = [description([1], [])]
  assert.partialDeepStrictEqual(await api.json('GET', '/_/healthcheck'), { status: 500, json: { InternalError: true } })
  api.topics = null
  assert.partialDeepStrictEqual(await api.json('GET', '/_/healthcheck'), { status: 500, json: { InternalError: true } })
  await api.close()
})

test('metrics for Prometheus on both addresses, and the probes', async () => {
  const api = await openControlApi()
  for (const path of ['/_/monitoring/metrics', '/_/backbeat/api/monitoring/metrics', '/metrics']) {
    const { status, headers, body } = await api.send('GET', path)
    assert.deepEqual([status, body.endsWith('sample 1\n')], [200, true])
    assert.match(String(headers['content-type']), /^text\/plain/)
  }
  assert.equal((await api.send('GET', '/live')).status, 200)
  assert.equal((await api.send('GET', '/ready')).status, 200)
  api.stateStoreDown = true
  assert.equal((await api.send('GET', '/ready')).status, 503)
  await api.close()
})
