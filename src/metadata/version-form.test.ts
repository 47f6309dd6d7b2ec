// The stored form of versions: what was written by an earlier program must say the same for ever.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publicMetadata, versionBody } from './version-form.ts'

const columns = { version_id: 'v', null_kind: 0, origin_op: 's3:ObjectCreated:Put', replication: null }
const saying = {
  'owner-display-name': 'Owner',
  'owner-id': 'o',
  'last-modified': '2026-01-02T03:04:05.000Z',
  'content-length': 3,
  'content-md5': 'm',
  key: 'k',
  location: null,
  dataStoreName: 'local',
}
const blanks = {
  'x-amz-version-id': 'null',
  'x-amz-server-version-id': '',
  'x-amz-storage-class': 'STANDARD',
  'x-amz-server-side-encryption': '',
  'x-amz-server-side-encryption-aws-kms-key-id': '',
  'x-amz-server-side-encryption-customer-algorithm': '',
  'x-amz-website-redirect-location': '',
  'x-amz-scal-transition-in-progress': false,
  acl: { Canned: 'private', FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] },
  tags: {},
  deleted: false,
  isPHD: false,
  'md-model-version': 6,
}
const own = {
  originOp: 's3:ObjectCreated:Put',
  replicationInfo: publicMetadata({ ...columns, metadata: '{}' }).replicationInfo,
}

test('a version stored without its blank fields has them when it is read', () => {
  const read = publicMetadata({ ...columns, metadata: JSON.stringify(saying) })
  assert.deepEqual(read, { ...saying, ...blanks, ...own, versionId: 'v' })
})

test('only what is blank is left out, and comes back as it was', () => {
  const given = { ...saying, ...blanks, ...own }
  assert.deepEqual(JSON.parse(versionBody(given, null, 'lean').metadata), saying)
  const others = [
    { 'x-amz-storage-class': 'STANDARD_IA' },
    { 'x-amz-version-id': '' },
    { acl: { ...blanks.acl, Canned: '' } },
    { acl: { ...blanks.acl, READ: ['somebody'] } },
    { acl: { ...blanks.acl, WRITE: [] } },
    { tags: { a: '' } },
    { deleted: true },
    { 'md-model-version': 7 },
    { 'content-language': '' },
    { isDeleteMarker: false },
    { 'x-amz-meta-acl': '', 'x-amz-meta-__proto__': 'x' },
  ]
  for (const other of others) {
    const { metadata } = versionBody({ ...given, ...other }, null, 'lean')
    assert.deepEqual(JSON.parse(metadata), { ...saying, ...other })
    assert.deepEqual(publicMetadata({ ...columns, metadata }), { ...given, ...other, versionId: 'v' })
  }
})

test('what one version is read with cannot be changed for all others', () => {
  const { acl, tags } = publicMetadata({ ...columns, metadata: '{}' })
  assert.ok([acl, acl.FULL_CONTROL, acl.READ, tags].every(Object.isFrozen))
})
