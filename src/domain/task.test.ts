// Goal: what a task does follows from facts. Method: one case per rule, from a base case.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noReplication, type ReplicationInfo } from './replication-info.ts'
import { planTask, type TaskFacts } from './task.ts'
import { makeVersionId } from './version-id.ts'

const at = (second: number) => makeVersionId({ epochMs: 1_700_000_000_000 + second * 1_000, sequence: 0 }, 'RG001')

function info(dataStoreVersionId = '', content: ReplicationInfo['content'] = ['DATA', 'METADATA']): ReplicationInfo {
  return { ...noReplication, backends: [{ site: 'aws', status: 'PENDING', dataStoreVersionId }], content }
}

const s3 = { versions: true, keepsVersionIds: false, objectBytesMax: 5_000, singlePutBytesMax: 3_000 }
const flat = { ...s3, versions: false }

const base: TaskFacts = {
  bucket: 'b',
  key: 'k',
  versionId: at(5),
  site: 'aws',
  isDeleteMarker: false,
  size: 100,
  contentMd5: 'd41d8cd98f00b204e9800998ecf8427e',
  hasCustomerKey: false,
  replication: info(),
  applied: null,
  destination: s3,
  minMultipartBytes: 1_000,
}

const newerApplied = { versionId: at(9), kind: 'object', destinationVersionId: 'd9' } as const
const olderApplied = { versionId: at(1), kind: 'object', destinationVersionId: 'd1' } as const
const thisApplied = { versionId: at(5), kind: 'object', destinationVersionId: 'd5' } as const
const tags: ReplicationInfo['content'] = ['METADATA', 'PUT_TAGGING']

test('a small object is one put, a large one goes by multipart', () => {
  assert.deepEqual(planTask(base), { kind: 'put' })
  assert.deepEqual(planTask({ ...base, size: 999 }), { kind: 'put' })
  assert.deepEqual(planTask({ ...base, size: 1_000 }), { kind: 'multipart' })
  assert.deepEqual(planTask({ ...base, size: 3_001, minMultipartBytes: 9_000 }), { kind: 'multipart' })
})

test('what came by multipart goes by multipart, zero bytes never do', () => {
  const contentMd5 = 'd41d8cd98f00b204e9800998ecf8427e-1'
  assert.deepEqual(planTask({ ...base, contentMd5 }), { kind: 'multipart' })
  assert.deepEqual(planTask({ ...base, contentMd5, size: 0 }), { kind: 'put' })
})

test('an older version is superseded once a newer one, or a newer delete marker, was applied', () => {
  const superseded = { kind: 'skip', why: 'superseded' }
  assert.deepEqual(planTask({ ...base, applied: newerApplied }), superseded)
  assert.deepEqual(planTask({ ...base, applied: { ...newerApplied, kind: 'delete-marker' } }), superseded)
  assert.deepEqual(planTask({ ...base, isDeleteMarker: true, applied: newerApplied }), superseded)
  assert.deepEqual(planTask({ ...base, destination: flat, applied: newerApplied }), superseded)
  assert.deepEqual(planTask({ ...base, applied: olderApplied }), { kind: 'put' })
})

test('a server of this family keeps version ids, so order does not matter to it', () => {
  const destination = { ...s3, keepsVersionIds: true }
  assert.deepEqual(planTask({ ...base, destination, applied: newerApplied }), { kind: 'put' })
})

test('a delete marker is sent as one', () => {
  assert.deepEqual(planTask({ ...base, isDeleteMarker: true, applied: olderApplied }), { kind: 'delete-marker' })
})

test('a site that the version is no longer for is not wanted', () => {
  assert.deepEqual(planTask({ ...base, replication: noReplication }), { kind: 'skip', why: 'not-wanted' })
})

test('a version under the key of its writer goes nowhere, whatever of it has changed', () => {
  const skip = { kind: 'skip', why: 'customer-key' }
  assert.deepEqual(planTask({ ...base, hasCustomerKey: true }), skip)
  assert.deepEqual(planTask({ ...base, hasCustomerKey: true, replication: info('d5', tags) }), skip)
})

const changed = { kind: 'changes', tags: true, lock: false } as const

test('changed tags are set on the version that is there, also when newer versions followed', () => {
  const replication = info('d5', tags)
  assert.deepEqual(planTask({ ...base, replication }), { ...changed, destinationVersionId: 'd5' })
  assert.deepEqual(planTask({ ...base, replication, applied: newerApplied }), {
    ...changed,
    destinationVersionId: 'd5',
  })
})

test('what keeps a version goes after it, with tags that have not arrived yet; of a changed list nothing', () => {
  const there = { kind: 'changes', destinationVersionId: 'd5' }
  const plan = (content: ReplicationInfo['content']) => planTask({ ...base, replication: info('d5', content) })
  assert.deepEqual(plan(['METADATA', 'PUT_RETENTION']), { ...there, tags: false, lock: true })
  assert.deepEqual(plan(['METADATA', 'DELETE_TAGGING', 'PUT_LEGAL_HOLD']), { ...there, tags: true, lock: true })
  assert.deepEqual(plan(['METADATA']), { ...there, tags: false, lock: false })
  assert.deepEqual(planTask({ ...base, replication: info('', ['METADATA', 'PUT_RETENTION']) }), { kind: 'put' })
})

test('changed tags of a version that is not there yet take the whole copy with them', () => {
  assert.deepEqual(planTask({ ...base, replication: info('', tags) }), { kind: 'put' })
  const superseded = { kind: 'skip', why: 'superseded' }
  assert.deepEqual(planTask({ ...base, replication: info('', tags), applied: newerApplied }), superseded)
})

test('the ledger knows where a version is before its metadata says so', () => {
  const replication = info('', tags)
  assert.deepEqual(planTask({ ...base, replication, destinationVersionId: 'd5' }), {
    ...changed,
    destinationVersionId: 'd5',
  })
  assert.deepEqual(planTask({ ...base, replication, applied: thisApplied }), {
    ...changed,
    destinationVersionId: 'd5',
  })
})

test('without versions tags are set only if this very version was applied last', () => {
  const replication = info('', tags)
  assert.deepEqual(planTask({ ...base, destination: flat, replication, applied: thisApplied }), {
    ...changed,
    destinationVersionId: '',
  })
  assert.deepEqual(planTask({ ...base, destination: flat, replication, applied: olderApplied }), { kind: 'put' })
})

test('an object that the destination can never hold is refused with its size', () => {
  const plan = planTask({ ...base, size: 5_001 })
  assert.ok(plan.kind === 'refuse' && plan.code === 'EntityTooLarge' && plan.message.includes('5001'))
})
