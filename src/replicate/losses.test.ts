// What of a version a destination cannot hold is told, and nothing else is.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import type { Capabilities } from '../locations/location.ts'
import { lossesOf } from './losses.ts'

const now = '2026-01-02T00:00:00.000Z'
const later = '2026-06-01T00:00:00.000Z'
const nobody = { FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] }

function told(fields: Partial<ObjectMetadata>, objectLock = false): string | null {
  const metadata = { 'owner-id': 'owner', acl: { Canned: 'private', ...nobody }, ...fields }
  return lossesOf(metadata as ObjectMetadata, { objectLock } as Capabilities, Date.parse(now))
}

test('a retention and a legal hold are lost where there is no object lock, unless they keep nothing', () => {
  const retention = { retentionMode: 'COMPLIANCE', retentionDate: later } as const
  const lost = "The destination does not hold the version's"
  assert.equal(told({}), null)
  assert.equal(told(retention), `${lost} retention (COMPLIANCE until ${later})`)
  assert.equal(told({ ...retention, legalHold: true }), `${lost} retention (COMPLIANCE until ${later}) and legal hold`)
  assert.equal(told({ ...retention, legalHold: true }, true), null)
  assert.equal(told({ ...retention, retentionDate: now, legalHold: false }), null)
})

test('a list that grants something to others is lost everywhere', () => {
  const lost = "The destination does not hold the version's access control list"
  assert.equal(told({ acl: { Canned: 'public-read', ...nobody } }, true), lost)
  assert.equal(told({ acl: { Canned: '', ...nobody, READ: ['other'], FULL_CONTROL: ['owner'] } }), lost)
  assert.equal(told({ acl: { Canned: '', ...nobody, FULL_CONTROL: ['owner'] } }), null)
  assert.equal(told({ acl: { Canned: 'public-read', ...nobody }, isDeleteMarker: true }), null)
})
