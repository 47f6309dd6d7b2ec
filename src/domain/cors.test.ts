// Goal: patterns fit what S3 says they fit, in time that grows with the texts alone; the first rule that allows everything counts. Method: tables.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type CorsRule, corsRuleFor, fitsPattern } from './cors.ts'

for (const [pattern, text, fits] of [
  ['*', '', true],
  ['*', 'anything', true],
  ['http://a', 'http://a', true],
  ['http://a', 'http://A', false],
  ['http://a', 'http://a.b', false],
  ['*suffix', 'foo.suffix', true],
  ['*suffix', 'foo.suffix.get', false],
  ['start*end', 'startend', true],
  ['start*end', 'start12end', true],
  ['start*end', '0start12end', false],
  ['aba*aba', 'aba', false],
  ['aba*aba', 'ababa', false],
  ['aba*aba', 'abaaba', true],
  ['prefix*', 'prefix', true],
  ['prefix*', 'bla.prefix', false],
] as const) {
  test(`pattern ${pattern} and ${text}: ${fits}`, () => assert.equal(fitsPattern(pattern, text), fits))
}

const rule = (more: Partial<CorsRule>): CorsRule => ({
  allowedOrigins: ['http://a'],
  allowedMethods: ['GET'],
  allowedHeaders: [],
  exposeHeaders: [],
  ...more,
})

test('the first rule that allows origin, method and all headers counts', () => {
  const rules = [
    rule({ id: 'headers', allowedHeaders: ['X-Amz-*'] }),
    rule({ id: 'origin', allowedOrigins: ['*'], allowedHeaders: ['*'] }),
    rule({ id: 'method', allowedMethods: ['PUT'] }),
  ]
  const found = (origin: string, method: string, headers: readonly string[]) =>
    corsRuleFor(rules, { origin, method, headers })?.id
  assert.equal(found('http://a', 'GET', []), 'headers')
  assert.equal(found('http://a', 'GET', ['x-amz-date', 'X-AMZ-META-A']), 'headers')
  assert.equal(found('http://a', 'GET', ['x-amz-date', 'range']), 'origin')
  assert.equal(found('http://b', 'GET', []), 'origin')
  assert.equal(found('http://a', 'PUT', []), 'method')
  assert.equal(found('http://a', 'PUT', ['range']), undefined)
  assert.equal(found('http://b', 'PUT', []), undefined)
})
