// Goal: every answer of another server becomes the class that decides rightly about retries, whether it is one of ours or a real CloudServer. Method:
// a table of answers.
import assert from 'node:assert/strict'
import test from 'node:test'
import { asciiJson, failureHeader, readFailureHeader } from '../../domain/backbeat-wire.ts'
import { failureOfAnswer, isUnknownOperation } from './wire-refusal.ts'

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
}

/** Status, code, class, and whether a write may have taken effect. */
const table: readonly (readonly [number, string, string, boolean])[] = [
  [403, 'AccessDenied', 'location', false],
  [403, 'InvalidAccessKeyId', 'location', false],
  [403, 'SignatureDoesNotMatch', 'location', false],
  [403, 'RequestTimeTooSkewed', 'transient', false],
  [404, 'NoSuchBucket', 'location', false],
  [405, 'MethodNotAllowed', 'location', false],
  [400, 'BadDigest', 'transient', false],
  [400, 'IncompleteBody', 'transient', false],
  [400, 'EntityTooLarge', 'object', false],
  [400, 'InvalidArgument', 'object', false],
  [404, 'NoSuchUpload', 'transient', false],
  [409, 'OperationAborted', 'transient', false],
  [412, 'PreconditionFailed', 'transient', false],
  [424, 'LocationNotFound', 'transient', false],
  [429, 'TooManyRequests', 'throttled', false],
  [500, 'InternalError', 'transient', true],
  [503, 'ServiceUnavailable', 'transient', true],
  [503, 'SlowDown', 'throttled', true],
]

test('the status and code of an answer decide its class', () => {
  for (const [status, code, failureClass, outcomeUnknown] of table) {
    const { facts } = failureOfAnswer(answer(status, { code, message: 'words' }), true)
    assert.deepEqual([facts.class, facts.code, facts.outcomeUnknown ?? false], [failureClass, code, outcomeUnknown])
    assert.equal(failureOfAnswer(answer(status, { code }), false).facts.outcomeUnknown, undefined)
  }
  const unknownSite = { code: 'InvalidRequest', message: 'invalid request: invalid location constraint in request' }
  assert.equal(failureOfAnswer(answer(400, unknownSite), true).facts.class, 'location')
})

test("S3's XML and answers that are nothing of the kind are read as well", () => {
  const xml = '<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>'
  assert.partialDeepStrictEqual(failureOfAnswer(answer(404, xml), false).facts, { code: 'NoSuchKey', message: 'gone' })
  const proxy = failureOfAnswer(answer(502, '<html>Bad Gateway</html>', { 'retry-after': '3' }), true)
  assert.partialDeepStrictEqual(proxy.facts, { class: 'transient', code: 'Status502', retryAfterMs: 3000 })
})

test('what our own server says of a failure goes before its status', () => {
  const facts = {
    class: 'throttled',
    code: 'SlowDown',
    message: 'größer ☃ "quoted"',
    status: 503,
    requestId: 'r-1',
    retryAfterMs: 1500,
    outcomeUnknown: true,
  } as const
  const header = failureHeader(facts)
  assert.match(header, /^[\x20-\x7e]*$/)
  assert.deepEqual(readFailureHeader(header), facts)
  const told = failureOfAnswer(answer(503, { code: 'ServiceUnavailable' }, { 'x-crossbeat-failure': header }), true)
  assert.deepEqual(told.facts, facts)
  for (const bad of [undefined, '', 'x', '{}', '[]', '{"class":"x","code":"y","message":"z"}']) {
    assert.equal(readFailureHeader(bad), null)
  }
})

test('an added operation that is refused without a failure of a cloud is unknown over there', () => {
  assert.equal(isUnknownOperation(answer(405, '')), true)
  assert.equal(isUnknownOperation(answer(400, '')), true)
  assert.equal(isUnknownOperation(answer(503, '', { 'x-crossbeat-failure': '{}' })), false)
  assert.equal(isUnknownOperation(answer(404, '')), false)
})

test('JSON for headers is ASCII and the same JSON', () => {
  const value = { größe: '世界 🚀\u007f', plain: 'a"b\\c' }
  assert.match(asciiJson(value), /^[\x20-\x7e]*$/)
  assert.deepEqual(JSON.parse(asciiJson(value)), value)
})
