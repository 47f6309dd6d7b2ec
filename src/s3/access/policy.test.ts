// Goal: compiled policies are remembered within a bound, and what was accepted before stays readable. Method: the pure functions, with texts of many sizes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { policyOf } from './policy.ts'

const policy = (more: object, id = '') =>
  JSON.stringify({
    Version: '2012-10-17',
    Id: id,
    Statement: { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*', ...more },
  })

test('policy/it is compiled once, and forgotten when the texts of others have taken its place', () => {
  const first = policyOf(policy({}, 'first'))
  assert.equal(policyOf(policy({}, 'first')), first)
  const long = 'x'.repeat(18 * 1024)
  for (let index = 0; index < 50; index++) policyOf(policy({}, `${long}${index}`))
  assert.equal(policyOf(policy({}, 'first')), first)
  for (let index = 50; index < 120; index++) policyOf(policy({}, `${long}${index}`))
  assert.notEqual(policyOf(policy({}, 'first')), first)
})

test('policy/one that was accepted before is read, though it could not be put again', () => {
  const before = [
    { Principal: { AWS: 'AIDAEXAMPLE123456789' } },
    { Condition: { NotIpAddress: { 'aws:SourceIp': [] } } },
    { Condition: { Bool: { 'aws:SecureTransport': 'no' } } },
  ]
  for (const more of before) assert.equal(policyOf(policy(more)).statements.length, 1)
})
