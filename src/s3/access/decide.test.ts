// Goal: the decision knows accounts from their users, and objects from the bucket they lie in, where requests over HTTP do not reach easily. Method: the pure
// function, fact by fact.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Account } from '../../accounts/account-directory.ts'
import type { Bucket } from '../../domain/bucket.ts'
import type { BucketAcl } from '../../domain/bucket-access.ts'
import type { BucketSettings } from '../../domain/bucket-settings.ts'
import { privateBucketAcl } from './acl.ts'
import type { Action } from './actions.ts'
import { type Decision, decide, isPlain } from './decide.ts'

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

test('decide/a user by policies is let in by its arn or with everybody, never as its account; a denial of the account is one of it', () => {
  const clerk = 'arn:aws:iam::123456789012:user/clerk'
  const acting: Account = { ...bart, byPoliciesOnly: true }
  const list = (principal: unknown) => asked(acting, clerk, 's3:ListBucket', listFor(principal))
  assert.deepEqual(list(clerk), { allowed: true, by: 'policy' })
  assert.deepEqual(list('*'), { allowed: true, by: 'policy' })
  for (const principal of ['123456789012', bart.arn, `${clerk}2`]) {
    assert.deepEqual(list(principal), { allowed: false, because: 'nobody allows it' }, principal)
  }
  const ofAccount = { Effect: 'Deny', Principal: { AWS: bart.arn }, Action: 's3:*', ...resource }
  const both = [listFor(clerk), ofAccount]
  assert.deepEqual(asked(acting, clerk, 's3:ListBucket', both), { allowed: false, because: 'denied by policy' })
  assert.equal(asked(acting, clerk, 's3:PutBucketPolicy', listFor(clerk)).allowed, false)
  assert.equal(isPlain(bucketOf({}), acting), false)
})

test("decide/lists open to a user by policies what they open to everybody, not what is its account's", () => {
  const acting: Account = { ...bart, byPoliciesOnly: true }
  const facts = {
    ...{ requester: acting, arn: 'arn:aws:iam::123456789012:user/clerk' },
    resourceAccount: '123456789012',
  }
  const request = {
    now: 0,
    address: '',
    secure: true,
    scheme: 'v4',
    header: () => undefined,
    query: () => undefined,
  } as const
  const may = (action: Action, acl?: Partial<BucketAcl>) =>
    decide({
      ...{
        facts: { ...facts, ...request, action },
        bucket: bucketOf(acl ? { acl: { ...privateBucketAcl, ...acl } } : {}),
        key: '',
        version: null,
      },
      initiator: bart.canonicalId,
    }).allowed
  assert.equal(may('s3:ListBucket'), false)
  assert.equal(may('s3:ListBucket', { Canned: 'public-read' }), true)
  assert.equal(may('s3:ListBucket', { Canned: 'authenticated-read' }), false)
  assert.equal(may('s3:ListBucket', { Canned: '', READ: [bart.canonicalId] }), false)
  assert.equal(may('s3:AbortMultipartUpload'), false)
})
