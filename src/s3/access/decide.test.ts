// Goal: the decision knows accounts from their users, and objects from the bucket they lie in, where requests over HTTP do not reach easily. Method: the pure
// function, fact by fact.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Bucket } from '../../domain/bucket.ts'
import type { BucketSettings } from '../../domain/bucket-settings.ts'
import type { Account } from '../auth/account-directory.ts'
import type { Action } from './actions.ts'
import { type Decision, decide } from './decide.ts'

const account = (name: string, shortId: string): Account => ({
  ...{ name, email: `${name}@example.com`, canonicalId: `canonical-${name}`, shortId, displayName: name },
  ...{ arn: `arn:aws:iam::${shortId}:root`, keys: [], admin: false },
})
const bart = account('bart', '123456789012')
const lisa = account('lisa', '123456789013')
const reader = 'arn:aws:iam::123456789013:user/reader'

function bucketOf(settings: BucketSettings): Bucket {
  return {
    ...{ name: 'b', ownerId: bart.canonicalId, ownerDisplayName: 'bart', creationDate: '2026-01-01T00:00:00.000Z' },
    ...{ locationConstraint: 'us-east-1', versioning: 'Unversioned', replication: null, settings },
  }
}

function asked(requester: Account, arn: string, action: Action, policy: object): Decision {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: policy })
  return decide({
    facts: {
      ...{ requester, arn, action, resourceAccount: '123456789012', now: 0, address: '', secure: true, scheme: 'v4' },
      header: () => undefined,
      query: () => undefined,
    },
    bucket: bucketOf({ policy: text }),
    key: '',
    version: null,
  })
}

const resource = { Resource: 'arn:aws:s3:::b' }
const listFor = (principal: unknown) => ({
  ...{ Effect: 'Allow', Principal: { AWS: principal }, Action: 's3:ListBucket' },
  ...resource,
})
const denyAll = { Effect: 'Deny', Principal: '*', Action: 's3:*', ...resource }

test('decide/a user is named by arn, and belongs to the account', () => {
  const list = (arn: string, principal: unknown) => asked(lisa, arn, 's3:ListBucket', listFor(principal)).allowed
  assert.equal(list(reader, reader), true)
  assert.equal(list(lisa.arn, reader), false)
  assert.equal(list(reader, lisa.arn), true)
  assert.equal(list(reader, '123456789012'), false)
})

test('decide/the way back to a policy is for the owning account, not for its users', () => {
  const user = 'arn:aws:iam::123456789012:user/clerk'
  for (const action of ['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy'] as const) {
    assert.deepEqual(asked(bart, bart.arn, action, denyAll), { allowed: true, by: 'owner' })
    assert.deepEqual(asked(bart, user, action, denyAll), { allowed: false, because: 'denied by policy' })
    assert.deepEqual(asked(lisa, lisa.arn, action, denyAll), { allowed: false, because: 'denied by policy' })
  }
  assert.equal(asked(bart, bart.arn, 's3:ListBucket', denyAll).allowed, false)
})
