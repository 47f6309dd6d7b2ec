// Goal: after an unknown outcome a version counts as copied only when it was found whole. Method: a task against a destination that is a list of
// objects, and that may damage what it stores.
import assert from 'node:assert/strict'
import test from 'node:test'
import { createByteBudget } from '../base/bounded.ts'
import { md5Hex } from '../base/hash.ts'
import { realWorld } from '../base/world.ts'
import { Failure } from '../domain/failure.ts'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import { noReplication } from '../domain/replication-info.ts'
import { encodeVersionId, makeVersionId } from '../domain/version-id.ts'
import type { StoredObject } from '../locations/location.ts'
import { runTask, type TaskEnd } from './multiple-backend-task.ts'
import type { SourceGateway, SourceVersion } from './source-gateway.ts'

const versionId = makeVersionId({ epochMs: 1_700_000_000_000, sequence: 0 }, 'RG001')
const body = Buffer.from('some bytes')

const metadata: ObjectMetadata = {
  'owner-display-name': 'bart',
  'owner-id': 'canonical-bart',
  'last-modified': '2026-11-22T02:10:04.309Z',
  'content-length': body.length,
  'content-md5': md5Hex(body),
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
  location: null,
  tags: {},
  replicationInfo: {
    ...noReplication,
    status: 'PENDING',
    backends: [{ site: 'cloud', status: 'PENDING', dataStoreVersionId: '' }],
    content: ['DATA', 'METADATA'],
  },
  dataStoreName: 'us-east-1',
  originOp: 's3:ObjectCreated:Put',
  deleted: false,
  isPHD: false,
  'md-model-version': 6,
}
const version: SourceVersion = {
  bucket: 'b',
  key: 'key',
  versionId,
  metadata,
  revision: 1,
  integrity: null,
  isNull: false,
}

interface Destination {
  readonly objects: StoredObject[]
  /** Size that a stored object is found to have. */
  readonly sizeFound: number
  readonly tellsHistory: boolean
}

function unasked(): never {
  throw new Error('this is nothing that the task asks of its gateway')
}

function gatewayTo(destination: Destination): SourceGateway {
  const { objects } = destination
  return {
    readVersion: async () => version,
    readData: unasked,
    capabilities: () => ({
      versions: true,
      tags: true,
      conditionalWrites: false,
      objectBytesMax: 1e12,
      partBytesMin: 1,
      partBytesMax: 1e9,
      partsMax: 10_000,
      keyBytesMax: 1024,
      objectLock: false,
      clientMadeUploadIds: false,
    }),
    async putObject() {
      const stored = { versionId: `v${objects.length + 1}`, etag: '', lastModified: '', isLatest: true }
      const markers = { 'scal-version-id': encodeVersionId(versionId) }
      objects.unshift({ ...stored, size: destination.sizeFound, isDeleteMarker: false, markers })
      return { versionId: stored.versionId, etag: stored.etag }
    },
    initiateUpload: unasked,
    putPart: unasked,
    completeUpload: unasked,
    abortUpload: unasked,
    listUploads: async () => [],
    deleteObject: unasked,
    putTags: unasked,
    putLock: unasked,
    destinationHistory: async () => (destination.tellsHistory ? [...objects] : null),
    async removeVersion(_target, id) {
      objects.splice(0, objects.length, ...objects.filter(object => object.versionId !== id))
    },
    probe: unasked,
    patchStatus: unasked,
  }
}

const settings = { minMultipartBytes: 1e9, partsConcurrency: 1, keepsVersionIds: false }

const unsettledRow = {
  bucket: 'b',
  key: 'key',
  versionId,
  site: 'cloud',
  revision: 1,
  state: 'claimed',
  isDeleteMarker: false,
  size: body.length,
  attempts: 2,
  createdAt: 0,
  unsettled: true,
} as const

const isCovered = async (): Promise<boolean> => true

/** An attempt after one whose outcome is not known. */
async function runUnsettled(destination: Destination): Promise<TaskEnd> {
  const row = unsettledRow
  const claimed = { row, applied: null, token: 'token', signal: new AbortController().signal }
  const ledger = { saveUpload: async () => true }
  const ports = {
    gateway: gatewayTo(destination),
    ledger,
    budget: createByteBudget(1_000_000),
    world: realWorld,
    isCovered,
  }
  return (await runTask(claimed, ports, settings)).end
}

test('what is found whole after it was written is done, and there once', async () => {
  const destination = { objects: [], sizeFound: body.length, tellsHistory: true }
  const end = await runUnsettled(destination)
  assert.deepEqual([end.kind, destination.objects.length], ['done', 1])
})

test('what is found damaged after it was written is taken away and tried again, never done', async () => {
  const destination = { objects: [], sizeFound: body.length - 1, tellsHistory: true }
  const end = await runUnsettled(destination)
  assert.equal(end.kind, 'failed')
  assert.ok(end.kind === 'failed' && end.facts.class === 'transient' && end.unsettled)
  assert.deepEqual(destination.objects, [])
})

test('a source that cannot tell what the destination holds is believed when it confirms the write', async () => {
  const destination = { objects: [], sizeFound: body.length - 1, tellsHistory: false }
  assert.equal((await runUnsettled(destination)).kind, 'done')
})

test('a version whose data was moved while it was read is tried again where the data is now, one whose data is lost is not', async () => {
  const pieces = (key: string) => [
    { key, size: body.length, start: 0, dataStoreName: 'us-east-1', dataStoreETag: '1:x' },
  ]
  const attempt = async (locations: readonly string[]): Promise<TaskEnd> => {
    const reads = locations.map(key => ({ ...version, metadata: { ...metadata, location: pieces(key) } }))
    const gateway: SourceGateway = {
      ...gatewayTo({ objects: [], sizeFound: 0, tellsHistory: false }),
      readVersion: async () => reads.shift() ?? null,
      putObject: () => Promise.reject(new Failure({ class: 'source-gone', code: 'NoSuchKey', message: 'gone' })),
    }
    const row = { ...unsettledRow, unsettled: false }
    const claimed = { row, applied: null, token: 'token', signal: new AbortController().signal }
    const ledger = { saveUpload: async () => true }
    const ports = { gateway, ledger, budget: createByteBudget(1_000_000), world: realWorld, isCovered }
    return (await runTask(claimed, ports, settings)).end
  }
  const moved = await attempt(['here', 'there'])
  assert.ok(moved.kind === 'failed' && moved.facts.class === 'transient', moved.kind)
  assert.equal((await attempt(['here', 'here'])).kind, 'quarantined')
  const gone = await attempt(['here'])
  assert.ok(gone.kind === 'skipped' && gone.reason.class === 'source-gone')
})
