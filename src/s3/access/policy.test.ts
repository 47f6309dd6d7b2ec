// Goal: compiled policies are remembered within a bound, and what was accepted before stays readable. Method: the pure functions, with texts of many sizes.
import assert from 'node:assert/strict'
import test from 'node:test'
import { isPublicPolicy, looksAtBody, policyOf, policyVerdict } from './policy.ts'
import type { RequestFacts } from './request-facts.ts'

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

const facts = (headers: Readonly<Record<string, string>>): RequestFacts => ({
  ...{
    requester: null,
    arn: undefined,
    action: 's3:GetObject',
    resourceAccount: undefined,
    now: 0,
    address: '192.0.2.7',
  },
  ...{ secure: false, scheme: undefined, query: () => undefined },
  header: name => headers[name],
})

test('policy/a condition that was accepted before and says nothing allows nothing, and denies', () => {
  const broken = [
    { StringNotEquals: { 'aws:Referer': [] } },
    { NotIpAddress: { 'aws:SourceIp': [] } },
    { StringNotLike: { 'aws:UserAgent': [] }, StringNotEquals: { 'aws:Referer': 'x' } },
    { StringEqualsIfExists: { 'aws:Referer': [] } },
    { Null: { 'aws:Referer': 'yes' } },
    { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'yes' } },
  ]
  const verdict = (more: object) => policyVerdict(policyOf(policy(more)), facts({}), 'b/k')
  for (const Condition of broken) {
    assert.equal(verdict({ Condition }), 'silent', JSON.stringify(Condition))
    assert.equal(verdict({ Condition, Effect: 'Deny' }), 'deny', JSON.stringify(Condition))
    assert.equal(isPublicPolicy(policyOf(policy({ Condition }))), true)
  }
  const met = { StringNotEquals: { 'aws:Referer': 'x' } }
  assert.equal(verdict({ Condition: met }), 'allow')
})

test('policy/one that was accepted before with a name twice allows nothing', () => {
  const twice = (Effect: string) =>
    policy({ Effect, Condition: { StringEquals: { 'aws:Referer': 'x', 'aws:UserAgent': 'y' } } }).replace(
      'UserAgent',
      'Referer',
    )
  const verdict = (text: string) => policyVerdict(policyOf(text), facts({ referer: 'y' }), 'b/k')
  assert.equal(verdict(twice('Allow')), 'silent')
  assert.equal(verdict(twice('Deny')), 'deny')
  assert.equal(verdict(policy({ Condition: { StringEquals: { 'aws:Referer': 'y' } } })), 'allow')
})

/** As many of an item as fit into a policy. */
function fullPolicy(make: (items: readonly string[]) => object, item: string): string {
  const room = 20 * 1024 - policy(make([])).length
  return policy(make(new Array(Math.floor(room / (JSON.stringify(item).length + 1))).fill(item)))
}

test('policy/the worst of policies, keys and headers are decided in time', () => {
  const agent = ['$', '{aws:UserAgent}'].join('')
  const tag = ['$', '{s3:RequestObjectTag/a}'].join('')
  const resources = (Resource: readonly string[]) => ({ Resource })
  const referers = (values: readonly string[]) => ({ Condition: { StringLike: { 'aws:Referer': values } } })
  const long = 'a'.repeat(30_000)
  const key = `b/${'a'.repeat(1023)}c`
  const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    [fullPolicy(resources, `arn:aws:s3:::b/*?${agent}b*`), { 'user-agent': 'a'.repeat(500) }],
    [fullPolicy(resources, `arn:aws:s3:::b/*?${agent}b*`), { 'user-agent': long }],
    [fullPolicy(resources, `arn:aws:s3:::b/*${`?${agent}`.repeat(1000)}*`), { 'user-agent': long }],
    [fullPolicy(resources, `arn:aws:s3:::b/*${'?a'.repeat(500)}b*`), {}],
    [fullPolicy(resources, `arn:aws:s3:::b/*${tag}b*`), { 'x-amz-tagging': `a=${long}` }],
    [fullPolicy(referers, `*?${agent}b*`), { 'user-agent': long.slice(15_000), referer: long }],
    [fullPolicy(referers, `*${agent}b*`), { 'user-agent': long.slice(15_000), referer: long }],
    [fullPolicy(referers, `*${'?a'.repeat(4_000)}b*`), { referer: long }],
  ]
  const started = process.cpuUsage()
  for (const [text, headers] of cases) assert.equal(policyVerdict(policyOf(text), facts(headers), key), 'silent')
  // The time of this process only: others may take the machine's. Without a bound the first four take 30 s, the sixth an hour.
  assert.ok(process.cpuUsage(started).user < 5_000_000)
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
