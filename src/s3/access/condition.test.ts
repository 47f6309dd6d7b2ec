// Goal: every condition operator decides as documented, with its key there, absent and quantified. Method: one table of operator, key, values and request.
import assert from 'node:assert/strict'
import test from 'node:test'
import { ConditionError, compileCondition } from './condition.ts'
import type { RequestFacts } from './request-facts.ts'

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly more?: Partial<RequestFacts>
}

function factsOf({ headers = {}, query = {}, more = {} }: Asked): RequestFacts {
  return {
    requester: null,
    arn: undefined,
    action: 's3:PutObject',
    resourceAccount: '123456789012',
    header: name => headers[name],
    query: name => query[name],
    now: Date.parse('2026-06-01T12:00:00Z'),
    address: '192.0.2.7',
    secure: false,
    scheme: 'v4',
    ...more,
  }
}

function holds(operator: string, key: string, values: string | readonly string[], asked: Asked = {}): boolean {
  const list = typeof values === 'string' ? [values] : values
  return compileCondition(operator, key, list, true).condition.holds(factsOf(asked))
}

const variable = (name: string) => ['$', '{', name, '}'].join('')
const agent = (text: string): Asked => ({ headers: { 'user-agent': text } })
const keys = (value: string): Asked => ({ query: { 'max-keys': value } })
const tags = (value: string): Asked => ({ headers: { 'x-amz-tagging': value } })

const table: readonly (readonly [string, string, string | readonly string[], Asked, boolean])[] = [
  ['StringEquals', 'aws:UserAgent', ['a', 'b'], agent('b'), true],
  ['StringEquals', 'aws:UserAgent', 'b*', agent('bc'), false],
  ['StringEquals', 'aws:UserAgent', 'b', agent('B'), false],
  ['StringEquals', 'aws:UserAgent', 'b', {}, false],
  ['StringEqualsIfExists', 'aws:UserAgent', 'b', {}, true],
  ['StringNotEquals', 'aws:UserAgent', ['a', 'b'], agent('b'), false],
  ['StringNotEquals', 'aws:UserAgent', 'b', {}, true],
  ['StringEqualsIgnoreCase', 'aws:UserAgent', 'bC', agent('Bc'), true],
  ['StringNotEqualsIgnoreCase', 'aws:UserAgent', 'b', agent('B'), false],
  ['StringLike', 'aws:Referer', 'http://x/*', { headers: { referer: 'http://x/y' } }, true],
  ['StringNotLike', 'aws:Referer', 'http://x/*', { headers: { referer: 'http://x/y' } }, false],
  ['NumericEquals', 's3:max-keys', '10', keys('10'), true],
  ['NumericNotEquals', 's3:max-keys', '10', keys('10'), false],
  ['NumericLessThan', 's3:max-keys', '10', keys('10'), false],
  ['NumericLessThanEquals', 's3:max-keys', '10', keys('10'), true],
  ['NumericGreaterThan', 's3:max-keys', '9', keys('10'), true],
  ['NumericGreaterThanEquals', 's3:max-keys', '11', keys('10'), false],
  ['NumericLessThan', 's3:max-keys', '10', keys('many'), false],
  ['NumericLessThan', 's3:max-keys', '10', {}, false],
  ['DateLessThan', 'aws:CurrentTime', '2026-07-01T00:00:00Z', {}, true],
  ['DateGreaterThan', 'aws:CurrentTime', '2026-07-01T00:00:00Z', {}, false],
  ['DateGreaterThanEquals', 'aws:EpochTime', '1700000000', {}, true],
  ['DateEquals', 'aws:CurrentTime', '2026-06-01T12:00:00Z', {}, true],
  ['Bool', 'aws:SecureTransport', 'false', {}, true],
  ['Bool', 'aws:SecureTransport', 'true', {}, false],
  ['IpAddress', 'aws:SourceIp', ['10.0.0.0/8', '192.0.2.0/24'], {}, true],
  ['IpAddress', 'aws:SourceIp', '192.0.2.8', {}, false],
  ['NotIpAddress', 'aws:SourceIp', '192.0.2.0/24', {}, false],
  ['IpAddress', 'aws:SourceIp', '192.0.2.0/24', { more: { address: '::ffff:192.0.2.7' } }, true],
  ['IpAddress', 'aws:SourceIp', '2001:db8::/32', { more: { address: '2001:db8::1' } }, true],
  ['Null', 'aws:UserAgent', 'true', {}, true],
  ['Null', 'aws:UserAgent', 'false', {}, false],
  ['Null', 'aws:UserAgent', 'false', agent('x'), true],
  ['StringEquals', 's3:RequestObjectTag/a', '1', tags('a=1&b=2'), true],
  ['StringEquals', 's3:RequestObjectTag/A', '1', tags('a=1'), false],
  ['ForAllValues:StringEquals', 's3:RequestObjectTagKeys', ['a', 'b'], tags('a=1'), true],
  ['ForAllValues:StringEquals', 's3:RequestObjectTagKeys', ['a', 'b'], tags('a=1&c=2'), false],
  ['ForAllValues:StringEquals', 's3:RequestObjectTagKeys', 'a', {}, true],
  ['ForAnyValue:StringEquals', 's3:RequestObjectTagKeys', 'a', tags('a=1&c=2'), true],
  ['ForAnyValue:StringEquals', 's3:RequestObjectTagKeys', 'a', {}, false],
  ['StringEquals', 's3:ExistingObjectTag/a', '1', { more: { existingTags: { a: '1' } } }, true],
  ['StringEquals', 's3:ExistingObjectTag/toString', '1', { more: { existingTags: { a: '1' } } }, false],
  ['StringLike', 's3:x-amz-copy-source', 'b/public/*', { headers: { 'x-amz-copy-source': '/b/public/x' } }, true],
  ['StringNotLike', 's3:x-amz-copy-source', '/b/*', { headers: { 'x-amz-copy-source': 'b/x' } }, false],
  ['StringLike', 's3:x-amz-copy-source', 'b/a b/*', { headers: { 'x-amz-copy-source': '%2Fb/a+b%2Fx' } }, true],
  ['StringEquals', 's3:x-amz-copy-source', 'b/\u00e9', { headers: { 'x-amz-copy-source': 'b/\u00c3\u00a9' } }, true],
  ['StringEquals', 's3:authType', 'REST-HEADER', {}, true],
  ['StringEquals', 's3:signatureversion', 'AWS4-HMAC-SHA256', {}, true],
  ['StringEquals', 'AWS:useragent', 'x', agent('x'), true],
  ['StringEquals', 's3:prefix', variable('aws:UserAgent'), { ...agent('*'), query: { prefix: '*' } }, true],
  ['StringLike', 's3:prefix', `${variable('aws:UserAgent')}/*`, { ...agent('*'), query: { prefix: 'a/b' } }, false],
  ['StringLike', 's3:prefix', `${variable("aws:username, 'nobody'")}/*`, { query: { prefix: 'nobody/b' } }, true],
  ['StringLike', 's3:prefix', `${variable('aws:username')}/*`, { query: { prefix: '/b' } }, false],
  ['StringEquals', 'aws:SourceVpc', 'vpc-1', {}, false],
  ['NumericLessThanEquals', 's3:object-lock-remaining-retention-days', '10', lockUntil('2026-06-05T00:00:00Z'), true],
  ['NumericLessThanEquals', 's3:object-lock-remaining-retention-days', '3', lockUntil('2026-06-05T00:00:00Z'), false],
]

function lockUntil(date: string): Asked {
  return { headers: { 'x-amz-object-lock-retain-until-date': date } }
}

for (const [operator, key, values, asked, expected] of table) {
  test(`condition/${operator} ${key} ${String(values)} is ${expected} for ${JSON.stringify(asked)}`, () => {
    assert.equal(holds(operator, key, values, asked), expected)
  })
}

test('condition/arns are compared part by part', () => {
  const asked = { more: { arn: 'arn:aws:iam::123456789012:user/x/y' } }
  assert.equal(holds('ArnLike', 'aws:PrincipalArn', 'arn:aws:iam::123456789012:user/*', asked), true)
  assert.equal(holds('ArnEquals', 'aws:PrincipalArn', 'arn:*:user/x/y', asked), false)
  assert.equal(holds('ArnNotLike', 'aws:PrincipalArn', 'arn:aws:iam::*:user/x/?', asked), false)
  assert.equal(holds('StringEquals', 'aws:username', 'y', asked), true)
})

const refused: readonly (readonly [string, string, string, RegExp])[] = [
  ['Sounds', 'aws:UserAgent', 'x', /^Invalid Condition type : Sounds$/],
  ['NullIfExists', 'aws:UserAgent', 'true', /^Invalid Condition type : NullIfExists$/],
  ['ForSomeValues:StringEquals', 'aws:UserAgent', 'x', /^Invalid Condition type/],
  ['StringEquals', 's3:Unheard', 'x', /^Policy has an invalid condition key$/],
  ['IpAddress', 'aws:SourceIp', '300.1.1.1/40', /^Invalid IP address in Conditions$/],
  ['Null', 'aws:SourceIp', 'true', /^Invalid IP address in Conditions$/],
  ['IpAddress', 'aws:SourceIp', '10.0.0.0/8/8', /^Invalid IP address in Conditions$/],
  ['NumericEquals', 's3:max-keys', 'ten', /^Invalid value in Conditions/],
]
for (const [operator, key, value, message] of refused) {
  test(`condition/${operator} ${key} ${value} is refused`, () => {
    assert.throws(
      () => compileCondition(operator, key, [value], true),
      (error: unknown) => {
        return error instanceof ConditionError && message.test(error.message)
      },
    )
  })
}
