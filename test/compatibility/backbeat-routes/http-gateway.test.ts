// Goal: the main job with `replication.gateway: http`: everything written arrives at the cloud once, in order, with its status told, also when the
// cloud throttles, refuses and loses answers. Method: a whole server whose replication half uses nothing but its own S3 port.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type AttemptEnded, attemptsEnded } from '../../../src/base/channels.ts'
import type { LocationFault } from '../../../src/locations/memory/faults.ts'
import { until } from '../../until.ts'
import { replicationXml, versioningEnabled } from '../s3/test-server.ts'
import {
  type ReplicatingOptions,
  type ReplicatingServer,
  startReplicatingServer,
  whenReplicated,
} from './replicating-server.ts'

const bucket = 'main-bucket'

async function start(
  t: { after(end: () => Promise<void>): void },
  more: Pick<ReplicatingOptions, 'awsFaults' | 'awsLock'> = {},
): Promise<ReplicatingServer> {
  const server = await startReplicatingServer({ gateway: 'http', group: 'RG001', ...more })
  t.after(() => server.close())
  const headers = { 'x-amz-bucket-object-lock-enabled': String(more.awsLock !== undefined) }
  await server.send({ method: 'PUT', path: `/${bucket}`, headers })
  await server.send({ method: 'PUT', path: `/${bucket}?versioning`, body: versioningEnabled })
  const body = replicationXml([{ storageClass: 'awsbackend' }])
  const answer = await server.send({ method: 'PUT', path: `/${bucket}?replication`, body })
  assert.equal(answer.status, 200, answer.body)
  await server.startReplication([])
  return server
}

async function put(server: ReplicatingServer, key: string, body: string | Uint8Array, headers = {}): Promise<string> {
  const answer = await server.send({ method: 'PUT', path: `/${bucket}/${key}`, body: Buffer.from(body), headers })
  assert.equal(answer.status, 200, answer.body)
  return answer.headers['x-amz-version-id'] ?? ''
}

function patterned(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  for (let index = 0; index < size; index += 1) {
    bytes[index] = (index * 31 + (index >> 8) * 7 + (index >> 16) * 13) & 0xff
  }
  return bytes
}

/** Bodies at the cloud, oldest first; a delete marker is null. */
function copiesOf(server: ReplicatingServer, key: string): readonly (string | null)[] {
  const versions = server.aws.versionsOf(`${bucket}/${key}`)
  return versions.map(version => (version.isDeleteMarker ? null : Buffer.from(version.bytes).toString())).reverse()
}

async function statusOf(server: ReplicatingServer, key: string, versionId: string): Promise<string | undefined> {
  const answer = await server.send({ method: 'HEAD', path: `/${bucket}/${key}?versionId=${versionId}` })
  return answer.headers['x-amz-replication-status']
}

test('objects small, large and empty arrive, and their status says so', async t => {
  const server = await start(t)
  const large = patterned(3_500_000)
  const ids = [
    await put(server, 'small', 'hello', { 'x-amz-meta-a': 'b', 'x-amz-tagging': 'x=y' }),
    await put(server, 'large', large),
    await put(server, 'empty', ''),
  ]
  await whenReplicated(server)
  assert.deepEqual(copiesOf(server, 'small'), ['hello'])
  assert.deepEqual(copiesOf(server, 'empty'), [''])
  assert.ok(Buffer.from(server.aws.versionsOf(`${bucket}/large`)[0]?.bytes ?? []).equals(large))
  assert.match(server.aws.versionsOf(`${bucket}/large`)[0]?.etag ?? '', /-1$/)
  for (const [index, key] of ['small', 'large', 'empty'].entries()) {
    assert.equal(await statusOf(server, key, ids[index] ?? ''), 'COMPLETED')
  }
  assert.deepEqual(server.aws.versionsOf(`${bucket}/small`)[0]?.attributes.tags, { x: 'y' })
  assert.equal(server.aws.uploads.size, 0)
})

test('versions, delete markers and tags of one key arrive in their order', async t => {
  const server = await start(t)
  for (const body of ['one', 'two', 'three']) await put(server, 'key', body)
  await server.send({ method: 'DELETE', path: `/${bucket}/key` })
  const last = await put(server, 'key', 'four')
  await whenReplicated(server)
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>ü</Value></Tag></TagSet></Tagging>'
  await server.send({ method: 'PUT', path: `/${bucket}/key?tagging`, body: Buffer.from(tagging) })
  await whenReplicated(server)
  assert.deepEqual(copiesOf(server, 'key'), ['one', 'two', 'three', null, 'four'])
  assert.deepEqual(server.aws.versionsOf(`${bucket}/key`)[0]?.attributes.tags, { a: 'ü' })
  assert.equal(await statusOf(server, 'key', last), 'COMPLETED')
})

test('answers that are lost, refusals and throttling cost time, and nothing arrives twice', async t => {
  const faults: LocationFault[] = [
    { kind: 'reset-after' },
    { kind: 'throttle', retryAfterMs: 20 },
    { kind: 'reset-before' },
    { kind: 'error', class: 'transient', code: 'InternalError', status: 500, effect: true },
    { kind: 'refused' },
  ]
  const server = await start(t, {
    awsFaults(call) {
      const isWrite = ['put', 'delete', 'completeUpload', 'putPart'].includes(call.operation)
      return isWrite ? faults.shift() : undefined
    },
  })
  const large = patterned(2_500_000)
  for (let index = 0; index < 6; index += 1) await put(server, `key-${index}`, `body ${index}`)
  await put(server, 'large', large)
  await whenReplicated(server)
  for (let index = 0; index < 6; index += 1) assert.deepEqual(copiesOf(server, `key-${index}`), [`body ${index}`])
  const copies = server.aws.versionsOf(`${bucket}/large`)
  assert.equal(copies.length, 1)
  assert.ok(Buffer.from(copies[0]?.bytes ?? []).equals(large))
  assert.equal(server.aws.uploads.size, 0)
  assert.deepEqual(faults, [])
})

test('a permanent refusal of one object is FAILED with its reason, a refusal of everything waits', async t => {
  let fault: LocationFault | undefined = { kind: 'error', class: 'object', code: 'EntityTooLarge', status: 400 }
  const server = await start(t, { awsFaults: () => fault })
  const failed = await put(server, 'failed', 'x')
  await whenReplicated(server)
  assert.equal(await statusOf(server, 'failed', failed), 'FAILED')
  const [quarantined] = await server.store.ledger.quarantined('awsbackend', Number.MAX_SAFE_INTEGER, 1)
  assert.deepEqual([quarantined?.reason?.class, quarantined?.reason?.code], ['object', 'EntityTooLarge'])
  fault = { kind: 'error', class: 'location', code: 'AccessDenied', status: 403 }
  const waiting = await put(server, 'waiting', 'x')
  await until('it waits', async () => (await server.store.ledger.backlog()).some(site => site.objects > 0))
  assert.equal(await statusOf(server, 'waiting', waiting), 'PENDING')
  fault = undefined
  await whenReplicated(server)
  assert.equal(await statusOf(server, 'waiting', waiting), 'COMPLETED')
})

for (const awsLock of ['known', 'unknown'] as const) {
  test(`what keeps a version goes with its copy, or is warned of: ${awsLock} to the S3 role`, async t => {
    const server = await start(t, { awsLock })
    const ended: AttemptEnded[] = []
    t.after(attemptsEnded.subscribe(event => ended.push(event)))
    const [mode, end] = ['COMPLIANCE', '2999-01-01T00:00:00.000Z']
    const retention = { 'x-amz-object-lock-mode': mode, 'x-amz-object-lock-retain-until-date': end }
    const sizes = { small: 5, large: 3_500_000 }
    for (const [key, size] of Object.entries(sizes)) await put(server, key, patterned(size), retention)
    await put(server, 'held', 'x', { 'x-amz-object-lock-legal-hold': 'ON' })
    // There is nothing to lose of it.
    await put(server, 'free', 'x', { 'x-amz-object-lock-legal-hold': 'OFF' })
    await whenReplicated(server)
    await until('four attempts have ended', () => ended.length === 4)
    const lost = "The destination does not hold the version's"
    const warnings = [
      ['held', `${lost} legal hold`],
      ...['large', 'small'].map(key => [key, `${lost} retention (${mode} until ${end})`]),
    ]
    assert.deepEqual(
      ended.flatMap(({ key, warning }) => (warning === undefined ? [] : [[key, warning]])).sort(),
      awsLock === 'unknown' ? warnings : [],
    )
    for (const key of ['small', 'large']) {
      const [copy] = server.aws.versionsOf(`${bucket}/${key}`)
      assert.deepEqual(copy?.attributes.lock, awsLock === 'unknown' ? undefined : { retention: { mode, until: end } })
    }
  })
}
