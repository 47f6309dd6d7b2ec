// Goal: compiled policies are remembered within a bound, and what was accepted before stays readable. Method: the pure functions, with texts of many sizes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { looksAtBody, policyOf } from './policy.ts'

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

test('policy/conditions and variables about tags and locks of the request may need its body', () => {
  const variable = (name: string) => ['$', '{', name, '}'].join('')
  const looks = (more: object) => looksAtBody(policyOf(policy(more)))
  const referer = (value: string) => ({ Condition: { StringLike: { 'aws:Referer': value } } })
  assert.equal(looks(referer('x')), false)
  assert.equal(looks(referer(variable('aws:username'))), false)
  assert.equal(looks(referer(variable(' S3:RequestObjectTag/owner'))), true)
  assert.equal(looks(referer(`x-${variable("s3:object-lock-mode, 'none'")}`)), true)
  assert.equal(looks({ Resource: `arn:aws:s3:::b/${variable('s3:requestObjectTag/owner')}/*` }), true)
  assert.equal(looks({ Resource: `arn:aws:s3:::b/${variable('aws:username')}/*` }), false)
})
