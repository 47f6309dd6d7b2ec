// Goal: a task for another server sends bytes before metadata, cleans up after itself exactly when that is safe, and ends as the failure's class
// demands. Method: a source and a peer that are plain objects, and note what they are asked.
import assert from 'node:assert/strict'
import test from 'node:test'
import { createByteBudget } from '../base/bounded.ts'
import { md5Hex } from '../base/hash.ts'
import { realWorld } from '../base/world.ts'
import { isJsonObject, jsonObject } from '../domain/backbeat-wire.ts'
import { Failure, type FailureFacts } from '../domain/failure.ts'
import type { DataLocation, ObjectMetadata } from '../domain/object-metadata.ts'
import { noReplication, type ReplicationContent } from '../domain/replication-info.ts'
import { encodeVersionId, makeVersionId } from '../domain/version-id.ts'
import type { Peer } from './peer.ts'
import { peerTask, runsOf } from './peer-task.ts'
import type { SourceGateway, SourceVersion } from './source-gateway.ts'
import type { TaskPorts } from './work.ts'

const versionId = makeVersionId({ epochMs: 1_700_000_000_000, sequence: 0 }, 'RG001')
const body = Buffer.from('first part.second part.')

function piece(key: string, start: number, end: number, etag: string): DataLocation {
  return { key, start, size: end - start, dataStoreName: 'us-east-1', dataStoreETag: etag }
}

const twoParts = [
  piece('a', 0, 11, `1:${md5Hex(body.subarray(0, 11))}`),
  piece('b', 11, 23, `2:${md5Hex(body.subarray(11))}`),
]

function versionWith(content: readonly ReplicationContent[], more: Partial<ObjectMetadata> = {}): SourceVersion {
  const metadata: ObjectMetadata = {
    'owner-display-name': 'bart',
    'owner-id': 'canonical-bart',
    'last-modified': '2026-11-22T02:10:04.309Z',
    'content-length': body.length,
    'content-md5': `${md5Hex('x')}-2`,
    'x-amz-version-id': 'null',
    'x-amz-server-version-id': '',
    'x-amz-storage-class': 'STANDARD',
    'x-amz-server-side-encryption': '',
    'x-amz-server-side-encryption-aws-kms-key-id': '',
    'x-amz-server-side-encryption-customer-algorithm': '',
    'x-amz-website-redirect-location': '',
    'x-amz-scal-transition-in-progress': false,
    acl: { Canned: 'private', FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] },
    key: 'key',
    location: twoParts,
    tags: {},
    replicationInfo: {
      ...noReplication,
      status: 'PENDING',
      backends: [
        { site: 'peer', status: 'PENDING', dataStoreVersionId: '' },
        { site: 'cloud', status: 'PENDING', dataStoreVersionId: '' },
      ],
      content,
      destination: 'arn:aws:s3:::target',
    },
    dataStoreName: 'us-east-1',
    originOp: 's3:ObjectCreated:Put',
    deleted: false,
    isPHD: false,
    'md-model-version': 6,
    ...more,
  }
  const integrity = { crc32: '01234567' }
  return { bucket: 'source', key: 'key', versionId, metadata, revision: 1, integrity, isNull: false }
}

/** Everything the gateway is not asked for by this task. */
function unasked(): never {
  throw new Error('this is nothing that the task asks of its gateway')
}

function gatewayOf(version: SourceVersion | null): SourceGateway {
  return {
    readVersion: async () => version,
    async *readData(_version, range) {
      yield body.subarray(range.start, range.end)
    },
    capabilities: unasked,
    putObject: unasked,
    initiateUpload: unasked,
    putPart: unasked,
    completeUpload: unasked,
    abortUpload: unasked,
    listUploads: unasked,
    deleteObject: unasked,
    putTags: unasked,
    putLock: unasked,
    destinationHistory: unasked,
    probe: unasked,
    patchStatus: unasked,
  }
}

interface Notes {
  readonly calls: string[]
  readonly metadata: Record<string, unknown>[]
}

function peerOf(notes: Notes, behaviour: Partial<Peer> = {}): Peer {
  let count = 0
  return {
    async putData(object, data) {
      count += 1
      notes.calls.push(`data ${object.bucket}/${object.key} ${data.size} ${data.md5}`)
      return { key: `stored-${count}`, dataStoreName: 'theirs', cryptoScheme: 1 }
    },
    async putMetadata(object, { query, json, headers }) {
      const kind = headers['x-scal-replication-content'] ?? 'WHOLE'
      notes.calls.push(`metadata ${object.bucket}/${object.key} ${query} ${kind}`)
      notes.metadata.push({ ...jsonObject(json) })
      return 'stored'
    },
    async deleteData(_object, locations) {
      notes.calls.push(`delete ${locations.map(location => location.key).join(' ')}`)
    },
    ownerOf: async () => null,
    probe: async () => {},
    ...behaviour,
  }
}

async function run(version: SourceVersion | null, behaviour: Partial<Peer> = {}) {
  const notes: Notes = { calls: [], metadata: [] }
  const ports: TaskPorts = {
    gateway: gatewayOf(version),
    ledger: { saveUpload: async () => true },
    budget: createByteBudget(1_000_000),
    world: realWorld,
    isCovered: async () => true,
  }
  const row = {
    bucket: 'source',
    key: 'key',
    versionId,
    site: 'peer',
    revision: 1,
    state: 'claimed',
    isDeleteMarker: false,
    size: body.length,
    attempts: 1,
    createdAt: 0,
    unsettled: false,
  } as const
  const claimed = { row, applied: null, token: 'token', signal: new AbortController().signal }
  const settings = { minMultipartBytes: 1, partsConcurrency: 1, keepsVersionIds: true }
  const { end } = await peerTask(peerOf(notes, behaviour))(claimed, ports, settings)
  return { end, ...notes }
}

function failing(facts: Partial<FailureFacts>): () => Promise<never> {
  const failure = new Failure({ class: 'transient', code: 'Test', message: 'as told', ...facts })
  return () => Promise.reject(failure)
}

const shown = encodeVersionId(versionId)

test('the bytes of each part come first, the metadata that refers to them last', async () => {
  const { end, calls, metadata } = await run(versionWith(['DATA', 'METADATA']))
  assert.equal(end.kind, 'done')
  assert.deepEqual(calls, [
    `data target/key 11 ${md5Hex('first part.')}`,
    `data target/key 12 ${md5Hex('second part.')}`,
    `metadata target/key versionId=${shown} WHOLE`,
  ])
  const [sent] = metadata
  assert.deepEqual(sent?.['location'], [
    {
      key: 'stored-1',
      dataStoreName: 'theirs',
      cryptoScheme: 1,
      size: 11,
      start: 0,
      dataStoreETag: `1:${md5Hex('first part.')}`,
    },
    {
      key: 'stored-2',
      dataStoreName: 'theirs',
      cryptoScheme: 1,
      size: 12,
      start: 11,
      dataStoreETag: `2:${md5Hex('second part.')}`,
    },
  ])
  const info = sent?.['replicationInfo']
  assert.ok(isJsonObject(info))
  assert.equal(info['status'], 'REPLICA')
  assert.deepEqual(info['backends'], [{ site: 'peer', status: 'REPLICA', dataStoreVersionId: '' }])
})

test('pieces of one part are one run, with the part number of all and the checksum of none', () => {
  const copied = [
    piece('a', 0, 5, '1:aa'),
    piece('b', 5, 11, '1:bb'),
    piece('c', 11, 23, `2:${md5Hex('second part.')}`),
  ]
  assert.deepEqual(runsOf(copied), [
    { start: 0, end: 11, etag: '1:aa', md5: undefined },
    { start: 11, end: 23, etag: `2:${md5Hex('second part.')}`, md5: md5Hex('second part.') },
  ])
})

test('a part whose checksum is not known is sent with the one of its bytes', async () => {
  const location = [piece('a', 0, 5, '1:aa'), piece('b', 5, 23, '1:bb')]
  const { calls } = await run(versionWith(['DATA', 'METADATA'], { location }))
  assert.equal(calls[0], `data target/key 23 ${md5Hex(body)}`)
})

test('where the peer tells the owner of the bucket, the replica is theirs', async () => {
  const owners: string[] = []
  const { metadata } = await run(versionWith(['DATA', 'METADATA']), {
    ownerOf: async bucket => ({ id: `owner of ${bucket}`, displayName: 'Lisa' }),
    async putData(_object, data) {
      owners.push(data.ownerId)
      return { key: 'k', dataStoreName: 'd' }
    },
  })
  assert.deepEqual(owners, ['owner of target', 'owner of target'])
  assert.partialDeepStrictEqual(metadata[0], { 'owner-id': 'owner of target', 'owner-display-name': 'Lisa' })
})

test('a delete marker, an empty object and changed tags need no bytes', async () => {
  const marker = versionWith(['METADATA'], { isDeleteMarker: true, location: null, 'content-length': 0 })
  assert.deepEqual((await run(marker)).calls, [`metadata target/key versionId=${shown} WHOLE`])
  const empty = versionWith(['METADATA'], { location: null, 'content-length': 0 })
  assert.deepEqual((await run(empty)).calls, [`metadata target/key versionId=${shown} WHOLE`])
  assert.deepEqual((await run(versionWith(['METADATA', 'PUT_TAGGING']))).calls, [
    `metadata target/key versionId=${shown} METADATA`,
  ])
})

test('metadata for a version that is not there is followed by the whole version', async () => {
  const kinds: string[] = []
  const { end, calls } = await run(versionWith(['METADATA', 'PUT_TAGGING']), {
    async putMetadata(_object, { headers }) {
      const kind = headers['x-scal-replication-content'] ?? 'WHOLE'
      kinds.push(kind)
      return kind === 'METADATA' ? 'missing' : 'stored'
    },
  })
  assert.equal(end.kind, 'done')
  assert.equal(calls.length, 2)
  assert.deepEqual(kinds, ['METADATA', 'WHOLE'])
})

test('the null version goes as null, and a rule without destination means the bucket of the same name', async () => {
  const version = versionWith(['METADATA'], { location: null, 'content-length': 0 })
  const { replicationInfo } = version.metadata
  const metadata = { ...version.metadata, replicationInfo: { ...replicationInfo, destination: '' } }
  const { calls } = await run({ ...version, metadata, isNull: true })
  assert.deepEqual(calls, ['metadata source/key versionId=null WHOLE'])
})

test('bytes of a failed copy are removed, unless its metadata may have arrived', async () => {
  const version = versionWith(['DATA', 'METADATA'])
  const refused = await run(version, { putMetadata: failing({}) })
  assert.equal(refused.end.kind, 'failed')
  assert.equal(refused.calls.at(-1), 'delete stored-1 stored-2')
  const unknown = await run(version, { putMetadata: failing({ outcomeUnknown: true }) })
  assert.equal(unknown.end.kind, 'failed')
  assert.equal(unknown.calls.length, 2)
  const notRemoved = await run(version, {
    putMetadata: failing({ code: 'First' }),
    deleteData: failing({ code: 'Second' }),
  })
  assert.ok(notRemoved.end.kind === 'failed' && notRemoved.end.facts.code === 'First')
})

test('what is retried, what opens the circuit and what is given up is decided by the class', async () => {
  const version = versionWith(['DATA', 'METADATA'])
  for (const failureClass of ['transient', 'throttled', 'location'] as const) {
    const { end } = await run(version, { putData: failing({ class: failureClass }) })
    assert.ok(end.kind === 'failed' && end.facts.class === failureClass, failureClass)
  }
  const { end } = await run(version, { putData: failing({ class: 'object', code: 'EntityTooLarge' }) })
  assert.ok(end.kind === 'quarantined' && end.reason.code === 'EntityTooLarge')
  const defect = await run(version, { putData: () => Promise.reject(new TypeError('a defect')) })
  assert.ok(defect.end.kind === 'failed' && defect.end.facts.code === 'InternalError')
})

test('a version that is gone, or not wanted there any more, is skipped', async () => {
  const gone = await run(null)
  assert.ok(gone.end.kind === 'skipped' && gone.end.reason.class === 'source-gone')
  const unwanted = versionWith(['DATA'], { replicationInfo: noReplication })
  const { end, calls } = await run(unwanted)
  assert.ok(end.kind === 'skipped' && end.reason.class === 'not-wanted')
  assert.deepEqual(calls, [])
})
