// Goal: CORS rules are stored as given or refused with S3's errors; preflights are answered from them for anybody, and every other answer says
// whether the page may see it. Method: raw requests, tables of rules and origins.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { errorCode, errorMessage, type RawRequest, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/plain' })
  await server.send({ method: 'PUT', path: '/shared' })
  await server.send({ method: 'PUT', path: '/shared/o', body: 'x' })
})

after(() => server.close())

const origin = '<AllowedOrigin>http://a.example</AllowedOrigin>'
const get = '<AllowedMethod>GET</AllowedMethod>'

function put(rules: string, bucket = 'shared', more: Partial<RawRequest> = {}) {
  const body = `<CORSConfiguration>${rules}</CORSConfiguration>`
  return server.send({ method: 'PUT', path: `/${bucket}?cors`, body, ...more })
}

function rule(content: string): string {
  return `<CORSRule>${content}</CORSRule>`
}

test('cors/headers named twice count once, and more than a hundred are allowed by no rule', async () => {
  await server.send({ method: 'PUT', path: '/many-headers' })
  await put(rule(`${get}${origin}<AllowedHeader>X-*</AllowedHeader>`), 'many-headers')
  const path = '/many-headers/o'
  const ask = (method: string, names: readonly string[]) => {
    const asked = { origin: 'http://a.example', 'access-control-request-method': 'GET' }
    const headers = { ...asked, 'access-control-request-headers': names.join(',') }
    return server.send({ method, path, headers, as: method === 'OPTIONS' ? null : 'bart' })
  }
  const names = (count: number) => Array.from({ length: count }, (_, index) => `x-${index}`)
  const twice = await ask('OPTIONS', ['X-a', 'x-A', 'x-b'])
  assert.deepEqual([twice.status, twice.headers['access-control-allow-headers']], [200, 'x-a, x-b'])
  assert.equal((await ask('OPTIONS', [...names(100), ...names(100)])).status, 200)
  assert.equal((await ask('GET', names(100))).headers['access-control-allow-origin'], 'http://a.example')
  assert.equal(errorCode(await ask('OPTIONS', names(101))), 'AccessForbidden')
  assert.equal((await ask('GET', names(101))).headers['access-control-allow-origin'], undefined)
})

test('cors/none, stored as given, replaced, deleted', async () => {
  const read = () => server.send({ method: 'GET', path: '/shared?cors' })
  const remove = () => server.send({ method: 'DELETE', path: '/shared?cors' })
  assert.equal((await remove()).status, 204)
  const none = await read()
  assert.equal(none.status, 404)
  assert.equal(errorCode(none), 'NoSuchCORSConfiguration')
  const full =
    '<CORSRule><ID>one</ID><AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Range</AllowedHeader>' +
    '<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedOrigin>http://*.example</AllowedOrigin>' +
    '<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule>'
  assert.equal((await put(full)).status, 200)
  const stored = await read()
  assert.equal(stored.status, 200)
  assert.match(stored.body, /<CORSConfiguration xmlns="http:\/\/s3.amazonaws.com\/doc\/2006-03-01\/">/)
  assert.ok(stored.body.includes(full), stored.body)
  assert.equal((await put(rule(get + origin))).status, 200)
  assert.doesNotMatch((await read()).body, /MaxAgeSeconds/)
  assert.equal((await remove()).status, 204)
  assert.equal((await read()).status, 404)
})

for (const [what, rules, code, message] of [
  ['no rule', '', 'MalformedXML', /not well-formed/],
  ['no origin', rule(get), 'MalformedXML', /not well-formed/],
  ['no method', rule(origin), 'MalformedXML', /not well-formed/],
  [
    'an unknown method',
    rule(`${origin}<AllowedMethod>PATCH</AllowedMethod>`),
    'InvalidRequest',
    /Unsupported method is PATCH$/,
  ],
  [
    'a method in small letters',
    rule(`${origin}<AllowedMethod>get</AllowedMethod>`),
    'InvalidRequest',
    /method is get$/,
  ],
  [
    'two wildcards',
    rule(`${get}<AllowedOrigin>*a*</AllowedOrigin>`),
    'InvalidRequest',
    /AllowedOrigin ".a." can not have more/,
  ],
  [
    'two wildcards in a header',
    rule(`${get}${origin}<AllowedHeader>*-*</AllowedHeader>`),
    'InvalidRequest',
    /more than one/,
  ],
  [
    'no header name',
    rule(`${get}${origin}<AllowedHeader>a b</AllowedHeader>`),
    'InvalidRequest',
    /"a b" contains invalid/,
  ],
  [
    'no header name to expose',
    rule(`${get}${origin}<ExposeHeader>a:b</ExposeHeader>`),
    'InvalidRequest',
    /contains invalid/,
  ],
  [
    'a wildcard to expose',
    rule(`${get}${origin}<ExposeHeader>x-*</ExposeHeader>`),
    'InvalidRequest',
    /do not support wildcard/,
  ],
  ['no number of seconds', rule(`${get}${origin}<MaxAgeSeconds>1h</MaxAgeSeconds>`), 'MalformedXML', /not well-formed/],
  ['too long an ID', rule(`<ID>${'i'.repeat(256)}</ID>${get}${origin}`), 'InvalidRequest', /ID/],
  ['101 rules', rule(get + origin).repeat(101), 'InvalidRequest', /limit of 100 rules/],
] as const) {
  test(`cors/refused: ${what}`, async () => {
    const answer = await put(rules, 'plain')
    assert.equal(answer.status, 400)
    assert.equal(errorCode(answer), code)
    assert.match(errorMessage(answer).replaceAll('&quot;', '"'), message)
    assert.equal((await server.send({ method: 'GET', path: '/plain?cors' })).status, 404)
  })
}

test('cors/refused: too large a document, another root, a bucket that is not there, another account', async () => {
  const large = await put(rule(`${get}<AllowedOrigin>${'o'.repeat(66_000)}</AllowedOrigin>`))
  assert.equal(errorCode(large), 'MaxMessageLengthExceeded')
  assert.equal(errorCode(await server.send({ method: 'PUT', path: '/plain?cors', body: '<CORS/>' })), 'MalformedXML')
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? `<CORSConfiguration>${rule(get + origin)}</CORSConfiguration>` : ''
    assert.equal(errorCode(await server.send({ method, path: '/nowhere?cors', body })), 'NoSuchBucket', method)
    assert.equal(
      errorCode(await server.send({ method, path: '/plain?cors', body, as: 'lisa' })),
      'AccessDenied',
      method,
    )
  }
})

const shown = ['origin', 'methods', 'headers', 'credentials'] as const

/** What an answer allows, in the order of `shown`. */
function allowed(headers: Readonly<Record<string, string>>) {
  return shown.map(name => headers[`access-control-allow-${name}`])
}

const patterns = ['*suffix', 'start*end', 'prefix*'].map(text => `<AllowedOrigin>${text}</AllowedOrigin>`).join('')
const rules =
  rule(`${patterns}${get}<AllowedHeader>X-Amz-*</AllowedHeader><MaxAgeSeconds>100</MaxAgeSeconds>`) +
  rule('<AllowedOrigin>*.put</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><ExposeHeader>ETag</ExposeHeader>') +
  rule('<AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod>')

test('preflight/answered by the rules alone, for anybody, on buckets and objects, there or not', async () => {
  await put(rules)
  const ask = (headers: Record<string, string>, path = '/shared/o') =>
    server.send({ method: 'OPTIONS', path, headers, as: null })
  const asked = { origin: 'a.suffix', 'access-control-request-method': 'GET' }
  for (const path of [
    '/shared',
    '/shared/o',
    '/shared/missing',
    '/shared/o?X-Amz-Signature=wrong&X-Amz-Expires=none',
  ]) {
    const answer = await ask({ ...asked, 'access-control-request-headers': 'X-Amz-Date, x-amz-meta-a' }, path)
    assert.equal(answer.status, 200, path)
    assert.deepEqual(allowed(answer.headers), ['a.suffix', 'GET', 'x-amz-date, x-amz-meta-a', 'true'])
    assert.equal(answer.headers['access-control-max-age'], '100')
    assert.match(answer.headers['vary'] ?? '', /^Origin/)
    assert.equal(answer.body, '')
  }
  const written = await ask({ origin: 'a.put', 'access-control-request-method': 'PUT' })
  assert.equal(written.headers['access-control-expose-headers'], 'ETag')
  const anybody = await ask({ origin: 'b', 'access-control-request-method': 'HEAD' })
  assert.deepEqual(allowed(anybody.headers), ['*', 'HEAD', undefined, undefined])
  for (const headers of [
    { ...asked, origin: 'a.suffix.get' },
    { ...asked, 'access-control-request-method': 'PUT' },
    { ...asked, 'access-control-request-headers': 'range' },
  ]) {
    const answer = await ask(headers)
    assert.equal(answer.status, 403)
    assert.equal(errorCode(answer), 'AccessForbidden')
    assert.match(answer.body, /<ResourceType>OBJECT<\/ResourceType>/)
    assert.deepEqual(allowed(answer.headers), [undefined, undefined, undefined, undefined])
  }
})

test('preflight/refused: no origin, no method, wrong method or header, no rules, no bucket', async () => {
  const ask = (headers: Record<string, string>, path = '/shared') =>
    server.send({ method: 'OPTIONS', path, headers, as: null })
  const method = { 'access-control-request-method': 'GET' }
  const bare = await ask(method)
  assert.equal(bare.status, 400)
  assert.equal(errorCode(bare), 'BadRequest')
  assert.match(errorMessage(bare), /Origin request header needed/)
  assert.equal((await ask({ origin: 'a.suffix' })).status, 400)
  assert.match(errorMessage(await ask({ origin: 'a', 'access-control-request-method': 'get' })), /Method: get$/)
  const header = await ask({ origin: 'a', ...method, 'access-control-request-headers': 'a,b c' })
  assert.match(errorMessage(header), /b c.* contains invalid character/)
  const closed = await ask({ origin: 'a', ...method }, '/plain')
  assert.equal(errorCode(closed), 'AccessForbidden')
  assert.match(errorMessage(closed), /CORS is not enabled for this bucket/)
  assert.equal(errorCode(await ask({ origin: 'a', ...method }, '/nowhere')), 'NoSuchBucket')
})

test('cors/every answer to a request with an origin says whether the page may see it, refusals too', async () => {
  await put(rules)
  const send = (request: Partial<RawRequest>, from: string | undefined) =>
    server.send({
      method: 'GET',
      path: '/shared/o',
      ...request,
      headers: { ...(from === undefined ? undefined : { origin: from }), ...request.headers },
    })
  assert.deepEqual(allowed((await send({}, undefined)).headers), [undefined, undefined, undefined, undefined])
  for (const from of ['a.suffix', 'startend', 'start12end', 'prefix']) {
    const answer = await send({}, from)
    assert.equal(answer.status, 200)
    assert.deepEqual(allowed(answer.headers), [from, 'GET', undefined, 'true'])
    assert.match(answer.headers['vary'] ?? '', /^Origin/)
  }
  assert.deepEqual(allowed((await send({}, '0startend')).headers), [undefined, undefined, undefined, undefined])
  const refusals: readonly [Partial<RawRequest>, number][] = [
    [{ path: '/shared/missing' }, 404],
    [{ as: null }, 403],
    [{ payloadHash: 'no hash' }, 400],
    [{ headers: { range: 'bytes=9-' } }, 416],
  ]
  for (const [request, status] of refusals) {
    const answer = await send(request, 'a.suffix')
    assert.equal(answer.status, status)
    assert.equal(answer.headers['access-control-allow-origin'], 'a.suffix')
  }
  const written = await send({ method: 'PUT', body: 'y' }, 'a.put')
  assert.deepEqual(allowed(written.headers), ['a.put', 'PUT', undefined, 'true'])
  assert.equal((await send({ method: 'HEAD' }, 'b')).headers['access-control-allow-origin'], '*')
})

test('cors/a request that repeats what its preflight named is judged by that', async () => {
  await put(rules)
  const send = (method: string) =>
    server.send({
      method: 'PUT',
      path: '/shared/p',
      as: null,
      headers: { origin: 'a.suffix', 'access-control-request-method': method },
    })
  assert.equal((await send('GET')).headers['access-control-allow-methods'], 'GET')
  assert.equal((await send('DELETE')).headers['access-control-allow-methods'], undefined)
  assert.equal(errorCode(await send('get')), 'BadRequest')
})
