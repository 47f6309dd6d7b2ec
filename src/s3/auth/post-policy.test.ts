// The policies of form uploads: what is read, what is refused, and which fields they let through.

import assert from 'node:assert/strict'
import test from 'node:test'
import { ServiceError } from '../../domain/errors.ts'
import { checkPolicy, parsePolicy } from './post-policy.ts'

const now = Date.UTC(2030, 0, 1)
const expiration = '2030-01-01T00:00:01.000Z'

function encoded(document: unknown): string {
  return Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)).toString('base64')
}

function refusalOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return error instanceof ServiceError ? `${error.code}: ${error.message}` : String(error)
  }
}

test('policies that cannot be read', () => {
  const withConditions = (...conditions: unknown[]) => encoded({ expiration, conditions })
  const cases: readonly (readonly [string, string])[] = [
    ['', "Invalid Policy: Expecting '{' but found End-of-Input"],
    ['a_b', 'Invalid Policy: invalid Base64 encoding.'],
    [encoded('{'), 'Invalid Policy: Invalid JSON.'],
    [encoded('"text"'), 'Invalid Policy: Invalid JSON.'],
    [encoded({ expiration, conditions: [], more: 1 }), 'Invalid Policy: Unexpected: "more"'],
    [encoded({ conditions: [] }), 'Invalid Policy: Policy missing expiration.'],
    [encoded({ EXPIRATION: expiration, conditions: [] }), 'Invalid Policy: Unexpected: "EXPIRATION"'],
    [encoded({ expiration: true, conditions: [] }), 'Invalid Policy: Invalid JSON.'],
    [
      encoded({ expiration: '2030-01-01 00:00:00', conditions: [] }),
      "Invalid Policy: Invalid 'expiration' value: '2030-01-01 00:00:00'",
    ],
    [encoded({ expiration }), 'Invalid Policy: Policy missing conditions.'],
    [encoded({ expiration, conditions: {} }), "Invalid Policy: Invalid 'conditions' value: must be a List."],
    [withConditions(true), 'Invalid Policy: Invalid condition test: must be a List or Object.'],
    [withConditions([]), 'Invalid Policy: Invalid Condition: missing operation identifier.'],
    [withConditions(['gt', '$a', 'b']), "Invalid Policy: Invalid Condition: unknown operation 'gt'."],
    [withConditions(['eq', '$a']), 'Invalid Policy: Invalid eq: wrong number of arguments.'],
    [withConditions(['eq', '$a', 1]), 'Invalid Policy: Invalid JSON.'],
    [
      withConditions(['content-length-range', 0]),
      'Invalid Policy: Invalid content-length-range: wrong number of arguments.',
    ],
    [withConditions(['content-length-range', -1, 0]), 'Invalid Policy: Invalid JSON.'],
    [withConditions(['content-length-range', 'x', 0]), 'Invalid Policy: Invalid JSON.'],
    [
      withConditions({}),
      'Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.',
    ],
    [withConditions({ a: 1 }), 'Invalid Policy: Invalid Simple-Condition: value must be a string.'],
  ]
  for (const [text, message] of cases) {
    assert.equal(
      refusalOf(() => parsePolicy(text)),
      `InvalidPolicyDocument: ${message}`,
    )
  }
})

function checked(conditions: readonly unknown[], fields: Readonly<Record<string, string>>, at = now): string {
  const policy = parsePolicy(encoded({ expiration, conditions }))
  return refusalOf(() => checkPolicy(policy, new Map(Object.entries(fields)), new Set(['policy']), at))
}

test('conditions hold or are named', () => {
  const failed = (condition: string) =>
    `AccessDenied: Invalid according to Policy: Policy Condition failed: ${condition}`
  assert.equal(checked([{ Key: 'a' }, ['StArTs-With', '$ACL', '']], { key: 'a', acl: 'x', policy: 'p' }), 'none')
  assert.equal(checked([{ Key: 'b' }], { key: 'a' }), failed('["eq", "$Key", "b"]'))
  assert.equal(checked([['eq', '$key', 'b']], { key: 'a' }), failed('["eq","$key","b"]'))
  assert.equal(checked([['eq', 'key', 'a']], { key: 'a' }), failed('["eq","key","a"]'))
  assert.equal(checked([['starts-with', '$key', 'b']], { key: 'a' }), failed('["starts-with","$key","b"]'))
  assert.equal(checked([['starts-with', '$x', 'b']], {}), failed('["starts-with","$x","b"]'))
  assert.equal(checked([['eq', '$x', '']], {}), 'none')
})

test('each type of a list of content types must begin as the policy says', () => {
  const conditions = [['starts-with', '$Content-Type', 'text/']]
  assert.equal(checked(conditions, { 'content-type': 'text/plain, text/html' }), 'none')
  assert.match(checked(conditions, { 'content-type': 'text/plain, image/png' }), /Policy Condition failed/)
})

test('fields without a condition are refused, ignored ones excepted', () => {
  assert.equal(checked([], { 'x-ignore-me': 'a' }), 'none')
  assert.equal(checked([], { bucket: 'a' }), 'AccessDenied: Invalid according to Policy: Extra input fields: bucket')
})

test('a policy ends', () => {
  assert.equal(checked([], {}, now + 1_000), 'AccessDenied: Invalid according to Policy: Policy expired.')
})

test('sizes: every range counts', () => {
  const conditions = [
    ['content-length-range', 1, 10],
    ['content-length-range', '2', '20'],
  ]
  const policy = parsePolicy(encoded({ expiration, conditions }))
  assert.deepEqual(checkPolicy(policy, new Map(), new Set(), now), { min: 2, max: 10 })
})
