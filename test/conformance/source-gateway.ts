// Conformance suite of the port SourceGateway: what a replication task may rely on, whichever way its requests go. Each adapter is run against a
// real S3 server over clouds in memory: `awsbackend` keeps versions, `azurebackend` has none, is conditional and takes ids of uploads.
import assert from 'node:assert/strict'
import test from 'node:test'
import { md5Hex } from '../../src/base/hash.ts'
import type { StatusMessage } from '../../src/domain/entry.ts'
import { Failure, type FailureFacts } from '../../src/domain/failure.ts'
import { withBackend } from '../../src/domain/replication-info.ts'
import { decodeVersionId } from '../../src/domain/version-id.ts'
import type { FaultPlan, LocationFault } from '../../src/locations/memory/faults.ts'
import type { CallContext, SourceGateway, SourceVersion, Target } from '../../src/replicate/source-gateway.ts'
import {
  type BackbeatServer,
  makeBucket,
  startBackbeatServer,
} from '../compatibility/backbeat-routes/backbeat-server.ts'
import { replicationXml } from '../compatibility/s3/test-server.ts'

/** Makes the adapter under test over a running server. */
export type MakeGateway = (server: BackbeatServer) => { readonly gateway: SourceGateway; close(): Promise<void> }

const bucket = 'source-bucket'
const context: CallContext = { signal: new AbortController().signal }
const mebibyte = 1024 * 1024

interface Fixture {
  readonly server: BackbeatServer
  readonly gateway: SourceGateway
  /** What the cloud `awsbackend` does next; undefined is nothing special. */
  fault: LocationFault | undefined
  put(key: string, body: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<SourceVersion>
  remove(key: string): Promise<SourceVersion>
}

type Check = (fixture: Fixture) => Promise<void>

/** Registers the tests of the port for one adapter. */
export function testSourceGateway(name: string, make: MakeGateway): void {
  for (const [behaviour, check] of Object.entries(checks)) {
    test(`${name}: ${behaviour}`, async t => {
      const fixture = await openFixture(make, close => t.after(close))
      await check(fixture)
    })
  }
}

async function openFixture(make: MakeGateway, after: (close: () => Promise<void>) => void): Promise<Fixture> {
  const faults: FaultPlan = () => fixture.fault
  const server = await startBackbeatServer({ awsFaults: faults })
  const { gateway, close } = make(server)
  after(async () => {
    await close()
    await server.close()
  })
  await makeBucket(server, bucket)
  const configured = await server.send({
    method: 'PUT',
    path: `/${bucket}?replication`,
    body: replicationXml([{ storageClass: 'awsbackend,azurebackend' }]),
  })
  assert.equal(configured.status, 200, configured.body)
  const versionOf = async (key: string, shown: string | undefined): Promise<SourceVersion> => {
    const versionId = decodeVersionId(shown ?? '')
    assert.ok(versionId !== null)
    const version = await gateway.readVersion({ bucket, key, versionId })
    assert.ok(version !== null)
    return version
  }
  const fixture: Fixture = {
    server,
    gateway,
    fault: undefined,
    async put(key, body, headers = {}) {
      const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
      const answer = await server.send({ method: 'PUT', path, body: Buffer.from(body), headers })
      assert.equal(answer.status, 200, answer.body)
      return versionOf(key, answer.headers['x-amz-version-id'])
    },
    async remove(key) {
      const answer = await server.send({ method: 'DELETE', path: `/${bucket}/${key}` })
      return versionOf(key, answer.headers['x-amz-version-id'])
    },
  }
  return fixture
}

function targetOf(version: SourceVersion, site = 'awsbackend'): Target {
  return { bucket, key: version.key, versionId: version.versionId, site }
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

function patterned(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  for (let index = 0; index < size; index += 1) {
    bytes[index] = (index * 31 + (index >> 8) * 7 + (index >> 16) * 13) & 0xff
  }
  return bytes
}

async function factsOf(promise: Promise<unknown>): Promise<FailureFacts> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof Failure, String(error))
    return error.facts
  }
  throw new assert.AssertionError({ message: 'it should have failed' })
}

const unicode = 'Grüße, 世界 🚀'

const reading: Readonly<Record<string, Check>> = {
  async 'a version is read with its metadata, revision and checksums'({ put }) {
    const version = await put('a', 'hello', { 'x-amz-meta-colour': 'blue', 'content-type': 'text/plain' })
    assert.equal(version.metadata['content-md5'], md5Hex('hello'))
    assert.equal(version.metadata['x-amz-meta-colour'], 'blue')
    assert.equal(version.revision, 1)
    assert.equal(version.integrity?.crc32, '3610a686')
    assert.equal(version.isNull, false)
    assert.deepEqual(
      version.metadata.replicationInfo.backends.map(({ site, status }) => [site, status]),
      [
        ['awsbackend', 'PENDING'],
        ['azurebackend', 'PENDING'],
      ],
    )
  },
  async 'a version that is gone reads as null, and so does one of a missing bucket'({ gateway, put, server }) {
    const version = await put('gone', 'x')
    const answer = await server.send({ method: 'GET', path: `/${bucket}?versions` })
    const shown = /<VersionId>([^<]+)</.exec(answer.body)?.[1] ?? ''
    await server.send({ method: 'DELETE', path: `/${bucket}/gone?versionId=${shown}` })
    assert.equal(await gateway.readVersion(version), null)
    assert.equal(await gateway.readVersion({ ...version, bucket: 'no-such-bucket' }), null)
  },
  async 'a delete marker is read like any version'({ put, remove }) {
    await put('marked', 'x')
    const marker = await remove('marked')
    assert.equal(marker.metadata.isDeleteMarker, true)
  },
  async 'any range of the bytes is read, of small and of large objects'({ gateway, put }) {
    const body = patterned(3 * mebibyte + 17)
    const large = await put('large', body)
    const small = await put('small', body.subarray(0, 100))
    const { signal } = context
    assert.deepEqual(
      await bytesOf(gateway.readData(large, { start: 1_000_000, end: 3_000_001 }, signal)),
      body.subarray(1_000_000, 3_000_001),
    )
    assert.deepEqual(await bytesOf(gateway.readData(small, { start: 0, end: 100 }, signal)), body.subarray(0, 100))
    assert.deepEqual(await bytesOf(gateway.readData(small, { start: 50, end: 50 }, signal)), Buffer.alloc(0))
  },
  async 'bytes that are missing at the source fail as source-gone'({ gateway, put, server }) {
    const version = await put('missing', patterned(2 * mebibyte))
    server.bytes.clear()
    const facts = await factsOf(gateway.putObject(targetOf(version), version, context))
    assert.ok(['source-gone', 'transient'].includes(facts.class), facts.class)
    assert.deepEqual(server.aws.keys(), [])
  },
}

const writing: Readonly<Record<string, Check>> = {
  async 'a put carries bytes, content headers, user metadata, tags and markers, whatever text they are'({
    gateway,
    put,
    server,
  }) {
    const version = await put(`dir/${unicode} +?#&%.txt`, 'hello', {
      'content-type': 'text/plain',
      'cache-control': 'no-cache',
      'content-disposition': 'attachment; filename=a',
      'content-language': 'de',
      'x-amz-meta-note': Buffer.from(unicode).toString('latin1'),
      'x-amz-tagging': `k1=${encodeURIComponent('Grüße')}&k2=v2`,
    })
    const written = await gateway.putObject(targetOf(version), version, context)
    const [stored] = server.aws.versionsOf(`${bucket}/${version.key}`)
    assert.equal(Buffer.from(stored?.bytes ?? []).toString(), 'hello')
    assert.equal(written.versionId, stored?.versionId)
    assert.equal(written.etag, md5Hex('hello'))
    assert.equal(stored?.attributes.contentType, 'text/plain')
    assert.equal(stored?.attributes.contentLanguage, 'de')
    assert.deepEqual(stored?.attributes.userMetadata, { note: unicode })
    assert.deepEqual(stored?.attributes.tags, { k1: 'Grüße', k2: 'v2' })
    assert.equal(stored?.attributes.markers['scal-replication-status'], 'REPLICA')
    assert.equal(decodeVersionId(stored?.attributes.markers['scal-version-id'] ?? ''), version.versionId)
  },
  async 'an empty object and one of some mebibytes arrive whole'({ gateway, put, server }) {
    const body = patterned(3 * mebibyte + 1)
    for (const [key, bytes] of [
      ['empty', Buffer.alloc(0)],
      ['large', body],
    ] as const) {
      const version = await put(key, bytes)
      await gateway.putObject(targetOf(version), version, context)
      const [stored] = server.aws.versionsOf(`${bucket}/${key}`)
      assert.ok(Buffer.from(stored?.bytes ?? [0]).equals(bytes), key)
    }
  },
  async 'bytes that are not those of the checksum leave nothing at the destination'({ gateway, put, server }) {
    for (const size of [3 * mebibyte, 100_000]) {
      const version = await put(`damaged-${size}`, patterned(size))
      for (const [name, bytes] of server.bytes) {
        const spoilt = Buffer.from(bytes)
        spoilt[spoilt.length - 1] = (spoilt[spoilt.length - 1] ?? 0) ^ 1
        server.bytes.set(name, spoilt)
      }
      const facts = await factsOf(gateway.putObject(targetOf(version), version, context))
      assert.equal(facts.class, 'transient')
      assert.deepEqual(server.aws.keys(), [])
    }
  },
  async 'many writes at once all end'({ gateway, put, server }) {
    const versions = await Promise.all(
      Array.from({ length: 8 }, (_, index) => put(`many-${index}`, patterned(mebibyte + mebibyte / 2))),
    )
    await Promise.all(versions.map(version => gateway.putObject(targetOf(version), version, context)))
    assert.equal(server.aws.keys().length, 8)
  },
  async 'an upload is put together of its parts'({ gateway, put, server }) {
    const body = patterned(4 * mebibyte)
    for (const site of ['awsbackend', 'azurebackend'] as const) {
      const version = await put(`parts-${site}`, body, { 'x-amz-meta-a': 'b' })
      const target = targetOf(version, site)
      const uploadId = await gateway.initiateUpload(target, version, context)
      const middle = 2 * mebibyte + 5
      const first = await gateway.putPart(target, version, uploadId, 1, { start: 0, end: middle }, context)
      const second = await gateway.putPart(target, version, uploadId, 2, { start: middle, end: body.length }, context)
      assert.equal(first.size + second.size, body.length)
      const written = await gateway.completeUpload(target, version, uploadId, [first, second], context)
      const cloud = site === 'awsbackend' ? server.aws : server.azure
      const [stored] = cloud.versionsOf(`${bucket}/${version.key}`)
      assert.ok(Buffer.from(stored?.bytes ?? []).equals(body), site)
      assert.deepEqual(stored?.attributes.userMetadata, { a: 'b' })
      assert.equal(written.versionId, stored?.versionId)
      assert.equal(written.etag, stored?.etag)
    }
  },
  async 'parts that do not make up the object are not completed'({ gateway, put, server }) {
    const body = patterned(2 * mebibyte)
    const version = await put('wrong-parts', body)
    const target = targetOf(version)
    const uploadId = await gateway.initiateUpload(target, version, context)
    const half = await gateway.putPart(target, version, uploadId, 1, { start: 0, end: mebibyte }, context)
    const again = await gateway.putPart(target, version, uploadId, 2, { start: 0, end: mebibyte }, context)
    const facts = await factsOf(gateway.completeUpload(target, version, uploadId, [half, again], context))
    assert.equal(facts.class, 'transient')
    assert.equal(facts.code, 'ChecksumMismatch')
    assert.deepEqual(server.aws.keys(), [])
  },
  async 'unfinished uploads are listed, and aborted without complaint if they are gone'({ gateway, put, server }) {
    const version = await put('unfinished', 'x')
    const target = targetOf(version)
    const uploadId = await gateway.initiateUpload(target, version, context)
    assert.deepEqual(await gateway.listUploads(target, context), [uploadId])
    await gateway.abortUpload(target, uploadId, context)
    await gateway.abortUpload(target, uploadId, context)
    assert.deepEqual(await gateway.listUploads(target, context), [])
    assert.equal(server.aws.uploads.size, 0)
  },
  async 'a delete adds a marker where there are versions, and tells its id'({ gateway, put, remove, server }) {
    const version = await put('deleted', 'x')
    await gateway.putObject(targetOf(version), version, context)
    const marker = await remove('deleted')
    const written = await gateway.deleteObject(targetOf(marker), context)
    const [top] = server.aws.versionsOf(`${bucket}/deleted`)
    assert.equal(top?.isDeleteMarker, true)
    assert.equal(written.versionId, top?.versionId)
    await gateway.deleteObject(targetOf(marker, 'azurebackend'), context)
  },
  async 'tags are replaced, and removed when there are none'({ gateway, put, server }) {
    const version = await put('tagged', 'x', { 'x-amz-tagging': 'a=1' })
    const target = targetOf(version)
    const { versionId } = await gateway.putObject(target, version, context)
    const tagged = { ...version, metadata: { ...version.metadata, tags: { b: 'zwei ☂' } } }
    assert.equal((await gateway.putTags(target, tagged, versionId, context)).versionId, versionId)
    const [stored] = server.aws.versionsOf(`${bucket}/tagged`)
    assert.deepEqual(stored?.attributes.tags, { b: 'zwei ☂' })
    await gateway.putTags(target, { ...version, metadata: { ...version.metadata, tags: {} } }, versionId, context)
    assert.deepEqual(stored?.attributes.tags, {})
    const azure = targetOf(version, 'azurebackend')
    await gateway.putObject(azure, version, context)
    await gateway.putTags(azure, tagged, '', context)
    assert.deepEqual(server.azure.versionsOf(`${bucket}/tagged`)[0]?.attributes.tags, { b: 'zwei ☂' })
  },
}

const retention = { mode: 'COMPLIANCE', until: '2999-01-01T00:00:00.000Z' } as const

const locking: Readonly<Record<string, Check>> = {
  async 'what keeps a version goes along with it, as does what is changed later'({ gateway, put, server }) {
    const version = await put('kept', 'x')
    const { metadata } = version
    const kept = { retentionMode: retention.mode, retentionDate: retention.until, legalHold: true } as const
    const locked = { ...version, metadata: { ...metadata, ...kept } }
    const target = targetOf(version)
    const { versionId } = await gateway.putObject(target, locked, context)
    const [stored] = server.aws.versionsOf(`${bucket}/kept`)
    assert.deepEqual(stored?.attributes.lock, { retention, legalHold: true })
    const content = ['METADATA', 'PUT_RETENTION'] as const
    const replicationInfo = { ...metadata.replicationInfo, content }
    const freed = { ...version, metadata: { ...metadata, legalHold: false, replicationInfo } }
    assert.equal((await gateway.putLock(target, freed, versionId, context))?.versionId, versionId)
    assert.deepEqual(stored?.attributes.lock, { retention: null, legalHold: false })
    assert.deepEqual(
      [gateway.capabilities('awsbackend'), gateway.capabilities('azurebackend')].map(can => can.objectLock),
      [true, false],
    )
  },
  async 'what keeps a version cannot be changed where the location has nothing of the kind'({ gateway, put }) {
    const version = await put('free', 'x')
    const target = targetOf(version, 'azurebackend')
    await gateway.putObject(target, version, context)
    const facts = await factsOf(gateway.putLock(target, version, '', context).then(() => assert.fail('it was changed')))
    assert.equal(facts.code, 'NotImplemented')
  },
}

const settling: Readonly<Record<string, Check>> = {
  async 'conditional writes hold to what was read'({ gateway, put, server }) {
    const version = await put('conditional', 'one')
    const target = targetOf(version, 'azurebackend')
    const absent = { ...context, precondition: { kind: 'absent' } } as const
    const { etag } = await gateway.putObject(target, version, absent)
    const refused = await factsOf(gateway.putObject(target, version, absent))
    assert.equal(refused.status, 412)
    assert.equal(refused.outcomeUnknown ?? false, false)
    await gateway.putObject(target, version, { ...context, precondition: { kind: 'etag', etag } })
    const stale = gateway.deleteObject(target, { ...context, precondition: { kind: 'etag', etag } })
    assert.equal((await factsOf(stale)).status, 412)
    assert.equal(server.azure.versionsOf(`${bucket}/conditional`).length, 1)
  },
  async 'the history of a key is told newest first, with markers'({ gateway, put, remove }) {
    const version = await put('history', 'x')
    const target = targetOf(version)
    assert.deepEqual(await gateway.destinationHistory(target, context), [])
    const { versionId, etag } = await gateway.putObject(target, version, context)
    const marker = await gateway.deleteObject(targetOf(await remove('history')), context)
    const history = await gateway.destinationHistory(target, context)
    assert.deepEqual(
      history?.map(object => [object.versionId, object.isDeleteMarker, object.isLatest]),
      [
        [marker.versionId, true, true],
        [versionId, false, false],
      ],
    )
    assert.equal(history?.[1]?.etag, etag)
    assert.equal(history?.[1]?.size, 1)
    assert.equal(decodeVersionId(history?.[1]?.markers['scal-version-id'] ?? ''), version.versionId)
  },
  async 'one version at the destination is removed, also when it is gone already'({ gateway, put, server }) {
    const version = await put('stray', 'x')
    const target = targetOf(version)
    const { versionId } = await gateway.putObject(target, version, context)
    await gateway.putObject(target, version, context)
    await gateway.removeVersion?.(target, versionId, context)
    await gateway.removeVersion?.(target, versionId, context)
    const left = server.aws.versionsOf(`${bucket}/stray`)
    assert.equal(left.length, 1)
    assert.notEqual(left[0]?.versionId, versionId)
  },
  async 'capabilities are those of the site'({ gateway }) {
    assert.equal(gateway.capabilities('awsbackend').versions, true)
    assert.equal(gateway.capabilities('azurebackend').clientMadeUploadIds, true)
    assert.throws(() => gateway.capabilities('nosite'), Failure)
  },
}

const failing: Readonly<Record<string, Check>> = {
  async 'a failure keeps its class, code and whether its outcome is unknown'(fixture) {
    const { gateway, put, server } = fixture
    const version = await put('failing', 'x')
    const target = targetOf(version)
    fixture.fault = { kind: 'error', code: 'AccessDenied', class: 'location', status: 403 }
    const denied = await factsOf(gateway.putObject(target, version, context))
    assert.deepEqual([denied.class, denied.code, denied.outcomeUnknown ?? false], ['location', 'AccessDenied', false])
    fixture.fault = { kind: 'reset-after' }
    const reset = await factsOf(gateway.putObject(target, version, context))
    assert.deepEqual([reset.class, reset.outcomeUnknown], ['transient', true])
    assert.equal(server.aws.versionsOf(`${bucket}/failing`).length, 1)
  },
  async 'a probe tells why the location refuses'(fixture) {
    const { gateway } = fixture
    await gateway.probe('awsbackend', context.signal)
    fixture.fault = { kind: 'error', code: 'NoSuchBucket', class: 'location', status: 403 }
    const facts = await factsOf(gateway.probe('awsbackend', context.signal))
    assert.deepEqual([facts.class, facts.code], ['location', 'NoSuchBucket'])
  },
  async 'an aborted call ends at once with a failure'({ gateway, put }) {
    const version = await put('aborted', 'x')
    const abort = new AbortController()
    abort.abort(new Error('given up'))
    await assert.rejects(gateway.putObject(targetOf(version), version, { signal: abort.signal }))
  },
}

function completed(version: SourceVersion, site: string, dataStoreVersionId: string): StatusMessage {
  return messageOf(version, site, 'COMPLETED', dataStoreVersionId)
}

function messageOf(
  version: SourceVersion,
  site: string,
  status: StatusMessage['status'],
  dataStoreVersionId = '',
  reason?: string,
): StatusMessage {
  const { metadata, revision = 0 } = version
  const replicationInfo = withBackend(metadata.replicationInfo, site, status, dataStoreVersionId)
  const metadataJson = JSON.stringify({ ...metadata, replicationInfo })
  const told = reason === undefined ? {} : { reason }
  return { ...targetOf(version, site), revision, status, dataStoreVersionId, metadataJson, ...told }
}

const patching: Readonly<Record<string, Check>> = {
  async 'results are folded into the version, and its ledger rows end'({ gateway, put, server }) {
    const version = await put('patched', 'x')
    const messages = [completed(version, 'awsbackend', 'dest-1'), completed(version, 'azurebackend', '')]
    assert.deepEqual(await gateway.patchStatus(messages), ['folded', 'folded'])
    const { replicationInfo, originOp } = (await gateway.readVersion(version))?.metadata ?? version.metadata
    assert.equal(replicationInfo.status, 'COMPLETED')
    assert.equal(originOp, 's3:Replication:OperationCompletedReplication')
    assert.deepEqual(replicationInfo.backends, [
      { site: 'awsbackend', status: 'COMPLETED', dataStoreVersionId: 'dest-1' },
      { site: 'azurebackend', status: 'COMPLETED', dataStoreVersionId: '' },
    ])
    const rows = await server.store.ledger.rowsOf(version)
    assert.deepEqual(
      rows.map(row => row.state),
      ['completed', 'completed'],
    )
    assert.deepEqual(await gateway.patchStatus(messages), ['already', 'already'])
  },
  async 'a result for an older revision leaves the newer one to be done'({ gateway, put, server }) {
    const version = await put('changed', 'x')
    const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'
    const answer = await server.send({ method: 'PUT', path: `/${bucket}/changed?tagging`, body: tagging })
    assert.equal(answer.status, 200, answer.body)
    assert.deepEqual(await gateway.patchStatus([completed(version, 'awsbackend', 'dest-1')]), ['newer-revision'])
    const current = await gateway.readVersion(version)
    assert.equal(current?.metadata.replicationInfo.backends[0]?.status, 'PENDING')
    const { revision: _, ...withoutRevision } = completed(version, 'awsbackend', 'dest-1')
    assert.deepEqual(await gateway.patchStatus([withoutRevision]), ['newer-revision'])
  },
  async 'a failure and a skip are told with their reasons'({ gateway, put }) {
    const version = await put('failed', 'x')
    const failed = messageOf(version, 'awsbackend', 'FAILED', '', 'EntityTooLarge: too large ☹')
    assert.deepEqual(await gateway.patchStatus([failed]), ['folded'])
    assert.equal((await gateway.readVersion(version))?.metadata.replicationInfo.status, 'FAILED')
    const skipped = messageOf(version, 'azurebackend', 'SKIPPED', '', 'superseded')
    assert.deepEqual(await gateway.patchStatus([skipped]), ['folded'])
  },
  async 'a result for a version that is gone changes nothing'({ gateway, put, server }) {
    const version = await put('vanished', 'x')
    await server.store.deleteVersion({ bucket, key: 'vanished', version: version.versionId })
    const message = messageOf(version, 'awsbackend', 'SKIPPED')
    assert.deepEqual(await gateway.patchStatus([message]), ['no-such-version'])
    assert.equal(await server.store.version({ bucket, key: 'vanished', version: version.versionId }), null)
  },
}

const checks: Readonly<Record<string, Check>> = {
  ...reading,
  ...writing,
  ...locking,
  ...settling,
  ...failing,
  ...patching,
}
