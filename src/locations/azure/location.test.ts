// What the Azure adapter sends and what it believes, against a scripted network.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import {
  checksumsOf,
  failsWith,
  marked,
  patterned,
  plain,
  streamed,
} from '../../../test/conformance/location-subject.ts'
import { type ScriptedAnswer, type SentRequest, scriptedHttp } from '../../../test/fakes/scripted-http.ts'
import { bytesSource } from '../../base/byte-source.ts'
import { Secret } from '../../base/secret.ts'
import { realWorld, type World } from '../../base/world.ts'
import type { FailureClass } from '../../domain/failure.ts'
import type { Location } from '../location.ts'
import { blockId } from './blocks.ts'
import type { AzureAuth } from './channel.ts'
import { createAzureLocation } from './location.ts'
import { blobMetadata } from './metadata.ts'

const world: World = { ...realWorld, clock: { now: () => Date.UTC(2026, 0, 2), monotonic: () => 0 } }
const key = Buffer.from('the key of the account')
const sharedKey: AzureAuth = { kind: 'sharedKey', account: 'account', key: new Secret(key.toString('base64')) }

type Script = (request: SentRequest, index: number) => ScriptedAnswer

function scripted(script: Script, auth = sharedKey): { location: Location; sent: readonly SentRequest[] } {
  const http = scriptedHttp(script)
  const details = { azureStorageEndpoint: 'https://account.blob.example.com/', azureContainerName: 'copies', auth }
  return { location: createAzureLocation({ name: 'azurebackend', details, http, world }), sent: http.sent }
}

const bytes = Buffer.from('hello')
const known = checksumsOf(bytes)
const md5 = Buffer.from(known.md5, 'hex').toString('base64')
const put = (location: Location, attributes = plain) => location.put('a/ü', bytesSource(bytes), known, attributes)

test('a put sends its MD5, everything the object carries, and a Shared Key signature', async () => {
  const { location, sent } = scripted(() => ({ status: 201, headers: { etag: '"0x8"', 'content-md5': md5 } }))
  const attributes = marked('3938', { contentType: 'text/plain', cacheControl: 'no-cache', tags: { a: 'é' } })
  const result = await location.put('a/ü', bytesSource(bytes), known, attributes, { precondition: { kind: 'absent' } })
  assert.deepEqual(result, { versionId: '', etag: '0x8' })
  const [request] = sent
  assert.equal(`${request?.origin}${request?.path}`, 'https://account.blob.example.com/copies/a/%C3%BC')
  const { authorization, ...headers } = request?.headers ?? {}
  assert.deepEqual(headers, {
    'content-md5': md5,
    'if-none-match': '*',
    'x-ms-blob-cache-control': 'no-cache',
    'x-ms-blob-content-md5': md5,
    'x-ms-blob-content-type': 'text/plain',
    'x-ms-blob-type': 'BlockBlob',
    'x-ms-date': 'Fri, 02 Jan 2026 00:00:00 GMT',
    'x-ms-meta-scal_replication_status': 'REPLICA',
    'x-ms-meta-scal_version_id': '3938',
    'x-ms-meta-tags': '{"a":"\\u00e9"}',
    'x-ms-version': '2021-12-02',
  })
  const own = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-ms-'))
    .sort()
  const canonical = own.map(([name, value]) => `${name}:${value}`).join('\n')
  const text = `PUT\n\n\n5\n${md5}\n\n\n\n\n*\n\n\n${canonical}\n/account/copies/a/%C3%BC`
  assert.equal(authorization, `SharedKey account:${createHmac('sha256', key).update(text).digest('base64')}`)
})

test('a shared access signature goes into the query, and shows nowhere', async () => {
  const token = 'sv=2021&sp=rw&sig=abc%2Fdef%3D'
  const body =
    '<Error><Code>AuthenticationFailed</Code><Message>bad sig abc/def= in sv=2021&amp;sp=rw&amp;sig=abc%2Fdef%3D</Message></Error>'
  const { location, sent } = scripted(() => ({ status: 403, body }), { kind: 'sas', token: new Secret(token) })
  const facts = await failsWith(put(location), { class: 'location', code: 'AuthenticationFailed' })
  assert.equal(sent[0]?.path, `/copies/a/%C3%BC?${token}`)
  assert.equal(sent[0]?.headers['authorization'], undefined)
  assert.doesNotMatch(facts.message, /abc/)
})

test('an answer without an MD5 is not believed before the blob was read back', async () => {
  const silent = { etag: '"0x8"', 'content-length': '5' }
  const right = scripted(() => ({ headers: silent, body: bytes }))
  await put(right.location)
  assert.deepEqual(
    right.sent.map(request => request.method),
    ['PUT', 'HEAD', 'GET'],
  )
  const wrong = scripted(() => ({ headers: silent, body: 'HELLO' }))
  await failsWith(put(wrong.location), { class: 'transient', code: 'ChecksumMismatch', outcomeUnknown: true })
})

test('block ids are those of the original programs', () => {
  const id = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWZ8cGFydE51bWJlcjAwMDAxfHN1YlBhcnQwMHwlJSUlJQ=='
  assert.equal(blockId('0123456789abcdef0123456789abcdef', 1, 0), id)
})

/** An Azure that confirms blocks, or does not, and gives back what it got. */
function blobService(confirms: boolean, spoil = false) {
  const blocks: Buffer[] = []
  return scripted(request => {
    if (request.path.includes('comp=block&')) {
      blocks.push(request.body)
      const headers: Record<string, string> = confirms ? { 'content-md5': request.headers['content-md5'] ?? '' } : {}
      return { status: 201, headers }
    }
    const blob = Buffer.concat(blocks)
    const headers = { etag: '"0x9"', 'content-length': String(blob.byteLength) }
    if (spoil) blob[0] = (blob[0] ?? 0) ^ 1
    return { headers, body: request.method === 'GET' ? blob : '' }
  })
}

async function upload(location: Location): Promise<void> {
  const uploadId = await location.initiateUpload('k', plain)
  assert.match(uploadId, /^[0-9a-f]{32}$/)
  const bodies = [patterned(3000), patterned(2000, 2)]
  const parts = []
  for (const [index, body] of bodies.entries()) {
    const { crc32, md5: hex } = checksumsOf(body)
    const part = await location.putPart('k', uploadId, index + 1, streamed(body), { crc32 })
    assert.deepEqual(part, { etag: hex, subParts: 1 })
    parts.push({ ...part, partNumber: index + 1, size: body.byteLength, crc32 })
  }
  await location.completeUpload('k', uploadId, parts, plain)
}

test('blocks that were confirmed make a blob without reading it back', async () => {
  const { location, sent } = blobService(true)
  await upload(location)
  assert.deepEqual(
    sent.map(request => request.method),
    ['PUT', 'PUT', 'PUT', 'HEAD'],
  )
})

test('blocks that were not confirmed are read back; a blob that is not theirs goes again', async () => {
  const { location, sent } = blobService(false)
  await upload(location)
  assert.deepEqual(
    sent.map(request => request.method),
    ['PUT', 'PUT', 'PUT', 'HEAD', 'GET'],
  )
  const spoilt = blobService(false, true)
  await failsWith(upload(spoilt.location), { code: 'ChecksumMismatch', outcomeUnknown: true })
  const last = spoilt.sent.at(-1)
  assert.deepEqual([last?.method, last?.headers['if-match']], ['DELETE', '"0x9"'])
})

test('a zero-byte part is no block', async () => {
  const { location, sent } = blobService(true)
  const part = await location.putPart('k', '0'.repeat(32), 1, bytesSource(Buffer.alloc(0)), {})
  assert.deepEqual(part, { etag: 'd41d8cd98f00b204e9800998ecf8427e', subParts: 0 })
  assert.equal(sent.length, 0)
})

test('names that cannot be undone are told, values beyond ASCII are encoded', () => {
  const userMetadata = { 'a-b': '1', a_b: '2', '9x': '3', 'x.y': '4', tags: '5', scal_names: '6', ok: '7%' }
  assert.deepEqual(blobMetadata({ ...plain, userMetadata }), {
    a_b: '1',
    a_b_2: '2',
    _9x: '3',
    x_y: '4',
    tags_2: '5',
    scal_names_2: '6',
    ok: '7%',
    scal_names: '{"a_b_2":"a_b","_9x":"9x","x_y":"x.y","tags_2":"tags","scal_names_2":"scal_names"}',
  })
  assert.deepEqual(blobMetadata({ ...plain, userMetadata: { a: 'ü 5%', b: ' x  y ' } }), {
    a: '%C3%BC 5%25',
    b: '%20x%20%20y%20',
    scal_encoding: 'percent',
  })
  assert.deepEqual(blobMetadata({ ...plain, userMetadata: { a: '5%' } }), { a: '5%' })
})

const refusedKeys = ['', 'a\u0001b', 'dot.', 'slash/', 'x'.repeat(1025), `${'a/'.repeat(254)}b`, 'a/../b', './a', 'a/.']
for (const name of refusedKeys) {
  test(`the key ${JSON.stringify(name).slice(0, 20)} is refused before anything is sent`, async () => {
    const { location, sent } = scripted(() => ({}))
    const write = location.put(name, bytesSource(bytes), known, plain)
    const facts = await failsWith(write, { class: 'object', code: 'InvalidBlobName' })
    assert.match(facts.message, /^Azure can not hold this key: /)
    assert.equal(sent.length, 0)
  })
}

const classes: readonly (readonly [status: number, code: string, failureClass: FailureClass, unknown?: true])[] = [
  [503, 'ServerBusy', 'throttled'],
  [500, 'OperationTimedOut', 'transient', true],
  [500, 'InternalError', 'transient', true],
  [400, 'Md5Mismatch', 'transient'],
  [400, 'InvalidXmlDocument', 'transient'],
  [403, 'AuthenticationFailed', 'location'],
  [403, 'AuthorizationPermissionMismatch', 'location'],
  [403, 'AccountIsDisabled', 'location'],
  [404, 'ContainerNotFound', 'location'],
  [409, 'ContainerBeingDeleted', 'location'],
  [400, 'MetadataTooLarge', 'object'],
  [400, 'InvalidMetadata', 'object'],
  [413, 'RequestBodyTooLarge', 'object'],
  [409, 'BlobImmutableDueToPolicy', 'object'],
]
for (const [status, code, failureClass, unknown] of classes) {
  test(`${status} ${code} is ${failureClass}`, async () => {
    const { location } = scripted(() => ({ status, headers: { 'x-ms-error-code': code, 'x-ms-request-id': 'R1' } }))
    const facts = await failsWith(put(location), { class: failureClass, code, status, requestId: 'R1' })
    assert.equal(facts.outcomeUnknown, unknown)
  })
}

for (const [status, code] of [
  [412, 'ConditionNotMet'],
  [409, 'BlobAlreadyExists'],
  [412, ''],
] as const) {
  test(`${status} ${code} is a condition that did not hold`, async () => {
    const { location } = scripted(() => ({ status, headers: code === '' ? {} : { 'x-ms-error-code': code } }))
    await failsWith(put(location), { class: 'transient', code: 'PreconditionFailed', status })
  })
}

test('a probe tells a missing container from a missing blob', async () => {
  const missing = (code: string) => scripted(() => ({ status: 404, headers: { 'x-ms-error-code': code } })).location
  await missing('BlobNotFound').probe()
  await failsWith(missing('ContainerNotFound').probe(), { class: 'location', code: 'ContainerNotFound' })
  await failsWith(missing('ContainerNotFound').head('k', ''), { class: 'location', code: 'ContainerNotFound' })
  assert.equal(await missing('BlobNotFound').head('k', ''), null)
})
