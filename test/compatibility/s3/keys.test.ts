// Goal: a key is any text of up to 1024 bytes of UTF-8, kept as it is: no two are taken for one, none names anything outside of its bucket or
// of the data folder. Method: keys that programs get wrong, through PUT, GET, HEAD, COPY, listing and both deletions; their data lies in files.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import { uriEncode } from '../../../src/base/signature-v4.ts'
import { realWorld } from '../../../src/base/world.ts'
import { openFileDataStore } from '../../../src/locations/file/data-store.ts'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let root: string

/** Long enough to lie in a file. */
const filler = '.'.repeat(20_000)

const keys: readonly string[] = [
  '.',
  '..',
  '...',
  './x',
  '../x',
  '../../../../../../etc/passwd',
  'a/../b',
  'a/./b',
  'a/..',
  '/',
  '//',
  '/lead',
  '//lead',
  'a/',
  'a//',
  'a//b',
  'a',
  ' ',
  '  ',
  ' lead and trail ',
  'a b',
  'a+b',
  'a%20b',
  'a%2Bb',
  'a%252Bb',
  '%',
  '%2e%2e%2f',
  '?',
  'a?b=c&d',
  '#x',
  '&<>"\'',
  ';a,b:c@d=e$f!g*h(i)',
  '\\..\\..\\x',
  'C:\\x',
  'null',
  'undefined',
  '__proto__',
  'caf\u00e9',
  'cafe\u0301',
  '\u65e5\u672c\u8a9e/\u{1f600}',
  '\u202egnp.exe',
  '\ufeffbom',
  '\ufffd',
  'tab\there',
  'line\nfeed',
  'carriage\rreturn',
  'control\u0001\u001f\u007f\u0085',
  'UPPER',
  'upper',
  'x'.repeat(1_024),
  '\u00fc'.repeat(512),
  '\u{1f600}'.repeat(256),
  'x/'.repeat(512),
  '~tilde-dash_under.dot',
]

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'crossbeat-keys-'))
  const folder = join(root, 'outer', 'data')
  mkdirSync(folder, { recursive: true })
  const data = await openFileDataStore({
    name: 'us-east-1',
    folder,
    epoch: 'k',
    random: realWorld.random,
    flush: false,
  })
  server = await startTestServer({ dataStores: new Map([['us-east-1', data]]) })
  for (const path of ['/keys', '/other']) assert.equal((await server.send({ method: 'PUT', path })).status, 200)
  for (const key of keys) {
    const put = await server.send({ method: 'PUT', path: pathOf(key), body: bodyOf(key) })
    assert.equal(put.status, 200, `${JSON.stringify(key)}: ${put.body}`)
  }
})

after(async () => {
  await server.close()
  rmSync(root, { recursive: true })
})

function pathOf(key: string, bucket = 'keys'): string {
  return `/${bucket}/${uriEncode(key, true)}`
}

function bodyOf(key: string): string {
  return key + filler
}

async function listed(bucket: string): Promise<string[]> {
  const { body } = await server.send({ method: 'GET', path: `/${bucket}?list-type=2&encoding-type=url` })
  return [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(found => decodeURIComponent(found[1] ?? ''))
}

test('keys/each is an object of its own, in the order of its bytes', async () => {
  const expected = keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  assert.deepEqual(await listed('keys'), expected)
})

for (const key of keys) {
  const shown = JSON.stringify(key.length > 40 ? `${key.slice(0, 10)}... (${key.length})` : key)

  test(`keys/read, copied and deleted: ${shown}`, async () => {
    const expected = [200, `"${md5Hex(bodyOf(key))}"`]
    const got = await server.send({ method: 'GET', path: pathOf(key) })
    assert.deepEqual([got.status, got.headers['etag']], expected)
    assert.equal(got.body, bodyOf(key))
    const head = await server.send({ method: 'HEAD', path: pathOf(key) })
    assert.deepEqual([head.status, head.headers['etag']], expected)
    // The path with every byte escaped, slashes too, names the same object.
    const escaped = await server.send({ method: 'GET', path: `/keys/${uriEncode(key)}` })
    assert.deepEqual([escaped.status, escaped.headers['etag']], expected)
    const source = { 'x-amz-copy-source': uriEncode(`keys/${key}`) }
    const copied = await server.send({ method: 'PUT', path: pathOf(key, 'other'), headers: source })
    assert.equal(copied.status, 200, copied.body)
    assert.deepEqual(await listed('other'), [key])
    assert.equal((await server.send({ method: 'DELETE', path: pathOf(key, 'other') })).status, 204)
    assert.deepEqual(await listed('other'), [])
  })
}

test('keys/with a prefix and a delimiter, dots and slashes are characters like others', async () => {
  const { body } = await server.send({ method: 'GET', path: '/keys?list-type=2&prefix=..%2F&delimiter=%2F' })
  assert.deepEqual(
    [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(found => found[1]),
    ['../x'],
  )
  assert.match(body, /<CommonPrefixes><Prefix>\.\.\/\.\.\/<\/Prefix><\/CommonPrefixes>/)
})

test('keys/what is none: too long, no UTF-8, a NUL', async () => {
  for (const [path, code] of [
    [`/keys/${'x'.repeat(1_025)}`, 'KeyTooLongError'],
    [`/keys/${'%C3%BC'.repeat(513)}`, 'KeyTooLongError'],
    ['/keys/%ff', 'InvalidURI'],
    ['/keys/%ed%a0%80', 'InvalidURI'],
    ['/keys/a%00b', 'InvalidURI'],
    ['/keys/%', 'InvalidURI'],
    ['/keys/%2', 'InvalidURI'],
  ] as const) {
    for (const method of ['PUT', 'GET', 'DELETE'])
      assert.equal(errorCode(await server.send({ method, path })), code, `${method} ${path.slice(0, 20)}`)
  }
})

test('keys/no bucket is named by dots, slashes or another encoding of its name', async () => {
  for (const path of ['/..', '/.', '/%2e%2e', '/..%2fkeys', '/keys%2f..', '/KEYS', '/keys%20', '/keys%00'])
    assert.ok([400, 404].includes((await server.send({ method: 'GET', path })).status), path)
  for (const path of ['/../keys/a', '/./keys/a', '//keys/a'])
    assert.ok([400, 404].includes((await server.send({ method: 'GET', path })).status), path)
  // One bucket, whatever of its name is escaped.
  assert.equal((await server.send({ method: 'HEAD', path: '/%6b%65ys/a' })).status, 200)
})

test('keys/nothing was written beside the data folder, and no file has a name of a client', () => {
  assert.deepEqual(readdirSync(root), ['outer'])
  assert.deepEqual(readdirSync(join(root, 'outer')), ['data'])
  const files = readdirSync(join(root, 'outer', 'data'), { recursive: true, withFileTypes: true })
  const names = files.filter(entry => entry.isFile()).map(({ name }) => name)
  assert.ok(names.length >= keys.length)
  for (const name of names) assert.match(name, /^[0-9a-z.-]+$/)
})

test('keys/deleted all at once', async () => {
  const escaped = (text: string): string =>
    text.replace(/[^ -%'-;=?-~]/gu, character => `&#${character.codePointAt(0) ?? 0};`)
  // A document cannot carry control characters: those keys can be deleted one by one only.
  const carried = keys.filter(key => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(key))
  const body = `<Delete>${carried.map(key => `<Object><Key>${escaped(key)}</Key></Object>`).join('')}</Delete>`
  const digest = Buffer.from(md5Hex(body), 'hex').toString('base64')
  const answer = await server.send({ method: 'POST', path: '/keys?delete', body, headers: { 'content-md5': digest } })
  assert.equal(answer.status, 200, answer.body)
  assert.doesNotMatch(answer.body, /<Error>/)
  assert.deepEqual(
    (await listed('keys')).toSorted(),
    keys.filter(key => !carried.includes(key)),
  )
})
