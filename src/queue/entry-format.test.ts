// Goal: the topic values are what the original programs write and read. Method: texts of their shape, and round trips of our own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noReplication } from '../domain/replication-info.ts'
import { storedVersionId } from '../domain/version-id.ts'
import {
  leanRecord,
  readReplicationEntry,
  readStatusMessage,
  recordOfJournal,
  statusRecord,
  topicKey,
} from './entry-format.ts'

const versionId = storedVersionId('98204686595572999999RG001  4')

function metadataJson(status: string, dataStoreVersionId = ''): string {
  const backends = [
    { site: 'aws', status, dataStoreVersionId },
    { site: 'azure', status: 'PENDING', dataStoreVersionId: '' },
  ]
  return JSON.stringify({
    'content-length': 5,
    replicationInfo: { ...noReplication, backends, storageClass: 'aws,azure' },
  })
}

const entry = {
  position: '7',
  timestamp: '2026-11-22T02:10:04.433Z',
  type: 'put',
  bucket: 'crr-two',
  key: 'both/ü"o1',
  versionId,
  revision: 3,
  metadataJson: metadataJson('PENDING'),
} as const

test('a journal entry is published with the names, key and separator that the original programs use', () => {
  const record = recordOfJournal(entry)
  assert.equal(record?.key, 'crr-two%2Fboth%2F%C3%BC%22o1')
  assert.deepEqual(JSON.parse(record?.value ?? ''), {
    type: 'put',
    bucket: 'crr-two',
    key: `both/ü"o1\0${versionId}`,
    value: entry.metadataJson,
    overheadFields: { commitTimestamp: '2026-11-22T02:10:04.433Z' },
    revision: 3,
  })
})

test('what we publish we read again: version, revision and sites', () => {
  const { bucket, key } = entry
  assert.deepEqual(readReplicationEntry(recordOfJournal(entry)?.value ?? ''), {
    kind: 'entry',
    entry: { bucket, key, versionId, revision: 3, sites: ['aws', 'azure'] },
  })
})

test('deletions and versions that need no replication are not published', () => {
  assert.equal(recordOfJournal({ ...entry, metadataJson: null }), null)
  assert.equal(recordOfJournal({ ...entry, type: 'delete' }), null)
})

test('an entry of a real Backbeat, without a revision and with a preferred location, is read', () => {
  const value = JSON.stringify({ replicationInfo: { status: 'PENDING', storageClass: 'aws:preferred_read,azure' } })
  const read = readReplicationEntry(JSON.stringify({ type: 'put', bucket: 'b', key: `k\0${versionId}`, value }))
  assert.deepEqual(read, {
    kind: 'entry',
    entry: { bucket: 'b', key: 'k', versionId, revision: 0, sites: ['aws', 'azure'] },
  })
})

test('canaries and deletions are skipped', () => {
  assert.deepEqual(readReplicationEntry('{"canary":true}'), { kind: 'skip' })
  assert.deepEqual(readReplicationEntry('{"type":"del","bucket":"b","key":"k"}'), { kind: 'skip' })
  assert.deepEqual(readStatusMessage('{"canary":true}'), { kind: 'skip' })
})

test('names with characters that no store takes are unreadable', () => {
  const value = JSON.stringify(metadataJson('PENDING'))
  for (const key of ['a\\u0000b\\u0000v', '\\ud800', 'k\\u0000\\udfff']) {
    const read = readReplicationEntry(`{"type":"put","bucket":"b","key":"${key}","value":${value}}`)
    assert.equal(read.kind, 'unreadable', key)
  }
})

test('whatever is no entry is unreadable and says why, and never throws', () => {
  const values = [
    '',
    'null',
    '[]',
    '7',
    '{',
    '{"bucket":7,"key":"k"}',
    '{"bucket":"b"}',
    '{"bucket":"b","key":"k"}',
    '{"bucket":"b","key":"k","value":7}',
    '{"bucket":"b","key":"k","value":"["}',
    '{"bucket":"b","key":"k","value":"{}"}',
    '{"bucket":"b","key":"k","value":"{\\"replicationInfo\\":null}"}',
    `{"site":"aws","bucket":"b","key":"k","value":${JSON.stringify('{"replicationInfo":{"backends":7}}')}}`,
    `{"site":"aws","bucket":"b","key":"k","value":${JSON.stringify(metadataJson('REPLICA'))}}`,
    `{"site":"gcp","bucket":"b","key":"k","value":${JSON.stringify(metadataJson('COMPLETED'))}}`,
  ]
  for (const value of values) {
    const read = readStatusMessage(value)
    assert.equal(read.kind, 'unreadable', value)
    assert.ok(read.kind === 'unreadable' && read.problem !== '')
    assert.notEqual(readReplicationEntry(value).kind, undefined)
  }
})

test('a status message carries the result of its site, the revision and the reason there and back', () => {
  const message = {
    bucket: 'b',
    key: 'k',
    versionId,
    site: 'aws',
    status: 'COMPLETED',
    dataStoreVersionId: 'v1',
    revision: 2,
    metadataJson: metadataJson('COMPLETED', 'v1'),
    reason: 'none',
  } as const
  const record = statusRecord(message)
  assert.equal(record.key, topicKey(message))
  const { value, ...outer } = JSON.parse(record.value)
  assert.deepEqual(outer, {
    bucket: 'b',
    key: `k\0${versionId}`,
    site: 'aws',
    ignore: false,
    revision: 2,
    reason: 'none',
    status: 'COMPLETED',
    dataStoreVersionId: 'v1',
  })
  assert.equal(value, message.metadataJson)
  assert.deepEqual(readStatusMessage(record.value), { kind: 'entry', entry: message })
})

test('a status message of a real Backbeat has no revision', () => {
  const value = JSON.stringify({
    bucket: 'b',
    key: `k\0${versionId}`,
    value: metadataJson('FAILED'),
    site: 'aws',
    ignore: false,
  })
  const read = readStatusMessage(value)
  assert.ok(read.kind === 'entry')
  assert.equal(read.entry.status, 'FAILED')
  assert.equal('revision' in read.entry, false)
})

test('a record without its metadata says the same to our own roles; what is no record of ours stays as it is', () => {
  const whole = recordOfJournal({ ...entry, metadataJson: entry.metadataJson })
  assert.ok(whole)
  const lean = leanRecord(whole)
  assert.equal(lean.key, whole.key)
  assert.ok(!lean.value.includes('content-length'))
  assert.deepEqual(readReplicationEntry(lean.value), readReplicationEntry(whole.value))
  const other = { key: 'k', value: '{"canary":true}' }
  assert.deepEqual(leanRecord(other), other)
})
