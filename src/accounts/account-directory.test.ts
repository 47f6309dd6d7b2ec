// The reader of authdata.json: what it takes, and how it names what is wrong.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAuthData, serviceOf } from './account-directory.ts'

const bart = {
  name: 'Bart',
  email: 'sampleaccount1@sampling.com',
  arn: 'arn:aws:iam::123456789012:root',
  canonicalID: '79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be',
  shortid: '123456789012',
  keys: [{ access: 'accessKey1', secret: 'verySecretKey1' }],
}
const replication = {
  name: 'Replication',
  email: 'inspector@replication.info',
  arn: 'arn:aws:iam::123456789015:root',
  canonicalID: 'http://acs.zenko.io/accounts/service/replication',
  shortid: '123456789015',
  keys: [{ access: 'replicationKey1', secret: 'replicationSecretKey1' }],
}

function problemsOf(json: unknown): readonly string[] {
  const result = parseAuthData(json)
  return result.ok ? [] : result.problems.map(problem => `${problem.path} ${problem.message}`)
}

test("accounts of CloudServer's format are found by access key and canonical id", () => {
  const result = parseAuthData({ accounts: [{ ...bart, admin: true, users: [] }, replication] })
  assert.ok(result.ok)
  const owner = result.directory.findByAccessKey('accessKey1')
  assert.equal(owner?.account.displayName, 'Bart')
  assert.equal(owner?.account.admin, true)
  assert.equal(owner?.account.service, undefined)
  assert.equal(owner?.key.secret, 'verySecretKey1')
  assert.equal(result.directory.findByCanonicalId(replication.canonicalID)?.service, 'replication')
  assert.equal(result.directory.findByAccessKey('nobody'), undefined)
  assert.equal(result.directory.findByAccessKey('__proto__'), undefined)
})

test('only the four known service names are services', () => {
  assert.equal(serviceOf('http://acs.zenko.io/accounts/service/md-ingestion'), 'md-ingestion')
  assert.equal(serviceOf('http://acs.zenko.io/accounts/service/other'), undefined)
  assert.equal(serviceOf('replication'), undefined)
})

test('every problem is reported with its path', () => {
  const twin = { ...bart, shortid: '12345', keys: [{ access: 'accessKey1', secret: 7 }] }
  assert.deepEqual(problemsOf({ accounts: [bart, twin, 5] }), [
    'accounts[1].shortid must be 12 digits',
    'accounts[1].keys[0].secret must be a string, not a number',
    'accounts[2] must be an object, not a number',
    'accounts[1].arn is already used by accounts[0]; it must be unique',
    'accounts[1].email is already used by accounts[0]; it must be unique',
    'accounts[1].canonicalID is already used by accounts[0]; it must be unique',
    'accounts[1].keys[0].access is already used by accounts[0]; it must be unique',
  ])
})

test('wrong shapes are explained, not thrown', () => {
  for (const json of [null, [], 'x', 1, {}, { accounts: {} }, { accounts: [] }, { accounts: [null] }]) {
    assert.equal(problemsOf(json).length, 1, JSON.stringify(json))
  }
  assert.deepEqual(problemsOf({ accounts: [{ ...bart, keys: { access: 'a', secret: 'b' }, admin: 'yes' }] }), [
    'accounts[0].admin must be true or false, not a string',
    'accounts[0].keys must be an array of {"access", "secret"}, not an object',
  ])
})

test('a user never administers; by default it has the rights of its account, or none but by policies', () => {
  const user = (name: string, rights?: string) => ({
    ...{ name, arn: `arn:aws:iam::123456789012:user/${name}`, keys: [{ access: name, secret: 's' }] },
    ...(rights && { rights }),
  })
  const users = [user('ann'), user('ben', 'account'), user('cy', 'policies')]
  const result = parseAuthData({
    accounts: [
      { ...bart, admin: true, users },
      { ...replication, users: [] },
    ],
  })
  assert.ok(result.ok)
  const acting = (access: string) => result.directory.findByAccessKey(access)?.account
  assert.equal(acting('accessKey1')?.admin, true)
  for (const name of ['ann', 'ben', 'cy']) assert.equal(acting(name)?.admin, false, name)
  assert.deepEqual(
    ['accessKey1', 'ann', 'ben', 'cy'].map(access => acting(access)?.byPoliciesOnly),
    [undefined, undefined, undefined, true],
  )
  assert.deepEqual(problemsOf({ accounts: [{ ...bart, users: [user('dan', 'all')] }] }), [
    'accounts[0].users[0].rights must be "account" or "policies"',
  ])
  const worker = { ...user('eve'), arn: 'arn:aws:iam::123456789015:user/eve' }
  const service = parseAuthData({ accounts: [{ ...replication, users: [worker] }] })
  assert.ok(service.ok)
  assert.equal(service.directory.findByAccessKey('eve')?.account.service, undefined)
})

test("users' arns are of their account, of the form of users, and used once", () => {
  const withUsers = (...arns: readonly string[]) => ({
    ...bart,
    users: arns.map((arn, index) => ({ name: 'clerk', arn, keys: [{ access: `clerk${index}`, secret: 's' }] })),
  })
  const clerk = 'arn:aws:iam::123456789012:user/office/clerk'
  assert.deepEqual(problemsOf({ accounts: [withUsers(clerk, `${clerk}2`), replication] }), [])
  const form = 'must look like arn:aws:iam::123456789012:user/name'
  for (const arn of ['arn:aws:iam::123456789012:role/x', 'arn:aws:iam::123456789015:user/x', 'x', `${clerk}*`]) {
    assert.deepEqual(problemsOf({ accounts: [withUsers(arn)] }), [`accounts[0].users[0].arn ${form}`], arn)
  }
  const taken = 'is already used by accounts[0]; it must be unique'
  assert.deepEqual(problemsOf({ accounts: [withUsers(clerk, clerk)] }), [`accounts[0].users[1].arn ${taken}`])
  assert.deepEqual(problemsOf({ accounts: [withUsers(bart.arn)] }), [
    `accounts[0].users[0].arn ${form}`,
    `accounts[0].users[0].arn ${taken}`,
  ])
})
