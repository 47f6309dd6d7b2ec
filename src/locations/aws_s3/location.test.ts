// What the S3 adapter sends and what it believes, against a scripted network.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checksumsOf, failsWith, marked, plain } from '../../../test/conformance/location-subject.ts'
import { type ScriptedAnswer, type SentRequest, scriptedHttp } from '../../../test/fakes/scripted-http.ts'
import { bytesSource } from '../../base/byte-source.ts'
import { Secret } from '../../base/secret.ts'
import { realWorld, type World } from '../../base/world.ts'
import type { FailureClass } from '../../domain/failure.ts'
import type { Location } from '../location.ts'
import { encodeMetadataValue } from './attributes.ts'
import type { S3Details } from './bucket.ts'
import { createS3Location } from './location.ts'

const world: World = { ...realWorld, clock: { now: () => Date.UTC(2026, 0, 2), monotonic: () => 0 } }

const details: S3Details = {
  awsEndpoint: 's3.example.com',
  bucketName: 'copies',
  region: 'eu-west-1',
  https: true,
  pathStyle: false,
  serverSideEncryption: false,
  supportsVersioning: true,
  supportsObjectLock: false,
  credentials: { accessKey: 'AKID', secretKey: new Secret('secret') },
}

type Script = (request: SentRequest, index: number) => ScriptedAnswer

function scripted(script: Script, more: Partial<S3Details> = {}): { location: Location; sent: readonly SentRequest[] } {
  const http = scriptedHttp(script)
  const location = createS3Location({ name: 'awsbackend', details: { ...details, ...more }, http, world })
  return { location, sent: http.sent }
}

const bytes = Buffer.from('hello')
const known = checksumsOf(bytes)
const crc32 = Buffer.from(known.crc32, 'hex').toString('base64')
const good = { 'x-amz-checksum-crc32': crc32, etag: `"${known.md5}"`, 'x-amz-version-id': 'v1' }

const put = (location: Location, attributes = plain) => location.put('a/ü', bytesSource(bytes), known, attributes)

test('a put sends its checksums, everything the object carries, and a signature over all of it', async () => {
  const { location, sent } = scripted(() => ({ headers: good }), { serverSideEncryption: true })
  const attributes = marked('3938', {
    contentType: 'text/plain',
    cacheControl: 'no-cache',
    userMetadata: { One: '1', 'scal-version-id': 'forged' },
    tags: { 'a b': 'c&d', e: '' },
  })
  assert.deepEqual(await put(location, attributes), { versionId: 'v1', etag: known.md5 })
  const [request] = sent
  assert.equal(request?.origin, 'https://copies.s3.example.com')
  assert.equal(request?.path, '/a/%C3%BC')
  const { authorization = '', ...headers } = request?.headers ?? {}
  assert.deepEqual(headers, {
    host: 'copies.s3.example.com',
    'cache-control': 'no-cache',
    'content-md5': Buffer.from(known.md5, 'hex').toString('base64'),
    'content-type': 'text/plain',
    'x-amz-checksum-crc32': crc32,
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'x-amz-date': '20260102T000000Z',
    'x-amz-meta-one': '1',
    'x-amz-meta-scal-replication-status': 'REPLICA',
    'x-amz-meta-scal-version-id': '3938',
    'x-amz-server-side-encryption': 'AES256',
    'x-amz-tagging': 'a%20b=c%26d&e=',
  })
  assert.match(authorization, /^AWS4-HMAC-SHA256 Credential=AKID\/20260102\/eu-west-1\/s3\/aws4_request, /)
  assert.ok(authorization.includes(`SignedHeaders=${Object.keys(headers).sort().join(';')},`))
})

const places: readonly (readonly [string, Partial<S3Details>, string])[] = [
  ['a bucket in the path', { pathStyle: true }, 'https://s3.example.com/copies/a/%C3%BC'],
  ['an address', { awsEndpoint: '127.0.0.1:9000', https: false }, 'http://127.0.0.1:9000/copies/a/%C3%BC'],
  ['a bucket with dots over https', { bucketName: 'a.b' }, 'https://s3.example.com/a.b/a/%C3%BC'],
  ['the default port', { awsEndpoint: 's3.example.com:443' }, 'https://copies.s3.example.com/a/%C3%BC'],
  ["AWS's general name", { awsEndpoint: 's3.amazonaws.com' }, 'https://copies.s3.eu-west-1.amazonaws.com/a/%C3%BC'],
]
for (const [name, more, url] of places) {
  test(`${name}: requests go to ${url}`, async () => {
    const { location, sent } = scripted(() => ({ headers: good }), more)
    await put(location)
    assert.equal(`${sent[0]?.origin}${sent[0]?.path}`, url)
  })
}

test('temporary keys send their token, signed', async () => {
  const credentials = { ...details.credentials, sessionToken: new Secret('token') }
  const { location, sent } = scripted(() => ({ headers: good }), { credentials })
  await put(location)
  assert.equal(sent[0]?.headers['x-amz-security-token'], 'token')
  assert.match(sent[0]?.headers['authorization'] ?? '', /x-amz-security-token/)
})

test('an upload asks for encryption too', async () => {
  const body = '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>'
  const { location, sent } = scripted(() => ({ body }), { serverSideEncryption: true })
  assert.equal(await location.initiateUpload('k', plain), 'u1')
  assert.equal(sent[0]?.headers['x-amz-server-side-encryption'], 'AES256')
})

test('an ETag that is the MD5 proves a put, without an echo', async () => {
  const { location, sent } = scripted(() => ({ headers: { etag: `"${known.md5}"`, 'x-amz-version-id': 'v1' } }))
  await put(location)
  assert.equal(sent.length, 1)
})

test('an answer that proves nothing is looked into: by HEAD, then by reading back', async () => {
  const silent = { etag: '"opaque"', 'x-amz-version-id': 'v1', 'content-length': '5' }
  const byHead = scripted((_, index) => ({
    headers: index === 0 ? silent : { ...silent, 'x-amz-checksum-crc32': crc32 },
  }))
  await put(byHead.location)
  assert.deepEqual(
    byHead.sent.map(request => request.method),
    ['PUT', 'HEAD'],
  )
  const byBytes = scripted(() => ({ headers: silent, body: bytes }))
  await put(byBytes.location)
  assert.deepEqual(
    byBytes.sent.map(request => `${request.method} ${request.path}`),
    ['PUT /a/%C3%BC', 'HEAD /a/%C3%BC?versionId=v1', 'GET /a/%C3%BC?versionId=v1'],
  )
  const other = scripted(() => ({ headers: silent, body: 'HELLO' }))
  await failsWith(put(other.location), { class: 'transient', code: 'ChecksumMismatch', outcomeUnknown: true })
  const short = scripted(() => ({ headers: { ...silent, 'content-length': '4' } }))
  await failsWith(put(short.location), { code: 'ChecksumMismatch', outcomeUnknown: true })
})

test('a version id that the answer lacks is looked up; a bucket without versions is a fault of the location', async () => {
  const { 'x-amz-version-id': _, ...unversioned } = good
  const head = { ...unversioned, 'content-length': '5' }
  const found = scripted((_request, index) => ({
    headers: index === 0 ? unversioned : { ...head, 'x-amz-version-id': 'v9' },
  }))
  assert.equal((await put(found.location)).versionId, 'v9')
  for (const versionId of [{}, { 'x-amz-version-id': 'null' }]) {
    const none = scripted(() => ({ headers: { ...head, ...versionId } }))
    await failsWith(put(none.location), { class: 'location', code: 'VersioningNotEnabled' })
  }
  const unneeded = scripted(() => ({ headers: unversioned }), { supportsVersioning: false })
  assert.equal((await put(unneeded.location)).versionId, '')
})

test('parts that a server does not echo are proved by their MD5, sent along from then on', async () => {
  const { location, sent } = scripted(() => ({ headers: { etag: `"${known.md5}"` } }))
  const part = { crc32: known.crc32 }
  await location.putPart('k', 'u', 1, bytesSource(bytes), part)
  await location.putPart('k', 'u', 2, bytesSource(bytes), part)
  assert.equal(sent[0]?.headers['content-md5'], undefined)
  assert.equal(sent[1]?.headers['content-md5'], Buffer.from(known.md5, 'hex').toString('base64'))
  const wrong = scripted(() => ({ headers: { etag: '"00000000000000000000000000000000"' } }))
  await failsWith(wrong.location.putPart('k', 'u', 1, bytesSource(bytes), part), { code: 'ChecksumMismatch' })
})

test('a completion without its document is no completion', async () => {
  const parts = [{ partNumber: 1, etag: known.md5, size: 5, crc32: known.crc32 }]
  const { location } = scripted(() => ({ headers: { 'x-amz-version-id': 'v1' } }))
  await failsWith(location.completeUpload('k', 'u', parts, plain), { class: 'transient', outcomeUnknown: true })
  const late = '<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>'
  const failing = scripted(() => ({ body: `   \n${late}` }))
  await failsWith(failing.location.completeUpload('k', 'u', parts, plain), {
    code: 'InternalError',
    outcomeUnknown: true,
  })
})

const classes: readonly (readonly [status: number, code: string, failureClass: FailureClass, unknown?: true])[] = [
  [503, 'SlowDown', 'throttled'],
  [400, 'RequestLimitExceeded', 'throttled'],
  [500, 'InternalError', 'transient', true],
  [400, 'RequestTimeout', 'transient'],
  [503, 'ServiceUnavailable', 'transient'],
  [400, 'BadDigest', 'transient'],
  [400, 'MalformedXML', 'transient'],
  [409, 'OperationAborted', 'transient', true],
  [412, 'PreconditionFailed', 'transient'],
  [403, 'InvalidAccessKeyId', 'location'],
  [403, 'SignatureDoesNotMatch', 'location'],
  [403, 'AccessDenied', 'location'],
  [403, 'SomethingNew', 'location'],
  [404, 'NoSuchBucket', 'location'],
  [301, 'PermanentRedirect', 'location'],
  [400, 'AuthorizationHeaderMalformed', 'location'],
  [403, 'AllAccessDisabled', 'location'],
  [400, 'ExpiredToken', 'location'],
  [403, 'RequestTimeTooSkewed', 'location'],
  [400, 'KMS.DisabledException', 'location'],
  [400, 'EntityTooLarge', 'object'],
  [400, 'KeyTooLongError', 'object'],
  [400, 'InvalidArgument', 'object'],
  [400, 'InvalidTag', 'object'],
  [400, 'MetadataTooLarge', 'object'],
  [501, 'NotImplemented', 'object'],
]
for (const [status, code, failureClass, unknown] of classes) {
  test(`${status} ${code} is ${failureClass}`, async () => {
    const body = `<Error><Code>${code}</Code><Message>m</Message><RequestId>R1</RequestId></Error>`
    const { location } = scripted(() => ({ status, body }))
    const facts = await failsWith(put(location), { class: failureClass, code, status, requestId: 'R1' })
    assert.equal(facts.outcomeUnknown, unknown)
  })
}

test('the right region is told', async () => {
  const body = '<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>ap-south-1</Region></Error>'
  const { location } = scripted(() => ({ status: 400, body }))
  assert.match(
    (await failsWith(put(location), {})).message,
    /bucket is in region ap-south-1, the location says eu-west-1/,
  )
  const head = scripted(() => ({ status: 301, headers: { 'x-amz-bucket-region': 'ap-south-1' } }))
  assert.match((await failsWith(head.location.head('k', ''), { class: 'location' })).message, /ap-south-1/)
})

test('a history is read page by page and no further than the key', async () => {
  const version = (key: string, id: string) =>
    `<Version><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>false</IsLatest></Version>`
  const pages = [
    `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>a%26b</NextKeyMarker>
     <NextVersionIdMarker>2</NextVersionIdMarker>${version('a%26b', '3')}${version('a%26b', '2')}</ListVersionsResult>`,
    `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextKeyMarker>a%26bc</NextKeyMarker>
     <NextVersionIdMarker>9</NextVersionIdMarker>${version('a%26b', '1')}${version('a%26bc', '9')}</ListVersionsResult>`,
  ]
  let page = 0
  const { location, sent } = scripted(request =>
    request.method === 'HEAD' ? { headers: { 'x-amz-meta-scal-version-id': 'x' } } : { body: pages[page++] ?? '' },
  )
  const history = await location.history('a&b', 100)
  assert.deepEqual(
    history.map(object => object.versionId),
    ['3', '2', '1'],
  )
  assert.equal(history[0]?.markers['scal-version-id'], 'x')
  const lists = sent.filter(request => request.method === 'GET').map(request => request.path)
  assert.match(lists[1] ?? '', /key-marker=a%26b&version-id-marker=2$/)
  assert.equal(lists.length, 2)
})

test('metadata that headers carry goes as it is, anything else as encoded words', () => {
  for (const value of ['', 'plain', 'a b', '=?x']) assert.equal(encodeMetadataValue(value), value)
  assert.equal(encodeMetadataValue('grüße'), '=?UTF-8?B?Z3LDvMOfZQ==?=')
  for (const value of [' a', 'a ', 'a  b', 'a\tb', '=?UTF-8?B?eA==?=']) {
    assert.match(encodeMetadataValue(value), /^=\?UTF-8\?B\?[A-Za-z0-9+/=]+\?=$/)
  }
})

test('what no S3 server can take is a fault of the object, and nothing is sent', async () => {
  const { location, sent } = scripted(() => ({ headers: good }))
  const big = { ...plain, userMetadata: { a: 'x'.repeat(9000) } }
  await failsWith(put(location, big), { class: 'object', code: 'MetadataTooLarge' })
  await failsWith(put(location, { ...plain, userMetadata: { 'a b': 'c' } }), {
    class: 'object',
    code: 'InvalidMetadataName',
  })
  await failsWith(put(location, { ...plain, contentType: 'a\nb' }), { class: 'object', code: 'InvalidHeader' })
  assert.equal(sent.length, 0)
})

test('a probe says that versioning is off and how to put it right', async () => {
  const { location } = scripted(() => ({ body: '<VersioningConfiguration/>' }))
  const facts = await failsWith(location.probe(), { class: 'location', code: 'VersioningNotEnabled' })
  assert.match(facts.message, /enable versioning on it, or set supportsVersioning: false/)
  const denied = scripted(request => (request.method === 'GET' ? { status: 403 } : {}))
  await denied.location.probe()
})
