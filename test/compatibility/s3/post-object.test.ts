// PostObject (browser forms): what a form stores and how it is answered, each condition of a policy, and each refusal. Method: forms made by hand
// and signed as a web server signs them, V4 and V2, sent over plain HTTP.
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import test, { after, before } from 'node:test'
import { hmacSha256Hex } from '../../../src/base/hash.ts'
import { amzDateOf, signingKeyOf } from '../../../src/base/signature-v4.ts'
import { errorCode, errorMessage, type RawAnswer, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer({ idleMs: 150 })
  await server.send({ method: 'PUT', path: '/forms' })
})

after(() => server.close())

/** As S3 writes it. */
const variable = ['up/$', '{filename}'].join('')

type Fields = Readonly<Record<string, string>>
const boundary = 'form-boundary'

interface Form {
  readonly fields: Fields
  readonly file?: string | Buffer | null
  readonly filename?: string
  readonly bucket?: string
  readonly after?: string
}

function body({ fields, file = 'data', filename = 'f.txt', after: tail = '' }: Form): Buffer {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\n\r\n`
  const last = file === null ? [] : [Buffer.from(head), Buffer.from(file), Buffer.from('\r\n')]
  return Buffer.concat([Buffer.from(parts.join('')), ...last, Buffer.from(`--${boundary}--\r\n${tail}`)])
}

function post(form: Form): Promise<RawAnswer> {
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  return server.send({ method: 'POST', path: `/${form.bucket ?? 'forms'}`, headers, body: body(form), as: null })
}

interface Policy {
  readonly conditions?: readonly unknown[]
  readonly expiration?: string
  readonly raw?: string
}

function policyText(fields: Fields, { conditions = [], expiration, raw }: Policy): string {
  if (raw !== undefined) return raw
  const own = Object.entries({ bucket: 'forms', ...fields }).map(([name, value]) => ({ [name]: value }))
  const until = expiration ?? new Date(Date.now() + 3_600_000).toISOString()
  return Buffer.from(JSON.stringify({ expiration: until, conditions: [...own, ...conditions] })).toString('base64')
}

/** Covers `fields` one by one; `more` are left to the conditions given. */
function signedV4(fields: Fields, policy: Policy = {}, more: Fields = {}): Fields {
  const date = amzDateOf(Date.now())
  const day = date.slice(0, 8)
  const signing = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `bart-key/${day}/us-east-1/s3/aws4_request`,
    'x-amz-date': date,
  }
  const text = policyText({ ...fields, ...signing }, policy)
  const signature = hmacSha256Hex(signingKeyOf('bart-secret', day, 'us-east-1', 's3'), text)
  return { ...fields, ...more, ...signing, policy: text, 'x-amz-signature': signature }
}

function signedV2(fields: Fields, policy: Policy = {}, more: Fields = {}): Fields {
  const text = policyText(fields, policy)
  const signature = createHmac('sha1', 'bart-secret').update(text).digest('base64')
  return { ...fields, ...more, AWSAccessKeyId: 'bart-key', signature, policy: text }
}

async function refused(answer: Promise<RawAnswer>, code: string, message: RegExp | string = /./): Promise<void> {
  const got = await answer
  assert.equal(errorCode(got), code, got.body)
  const said = errorMessage(got).replaceAll('&quot;', '"')
  if (typeof message === 'string') assert.equal(said, message)
  else assert.match(said, message)
}

async function stored(key: string): Promise<RawAnswer> {
  return server.send({ method: 'GET', path: `/forms/${encodeURIComponent(key)}` })
}

test('post-object/a form signed with V4 or V2 is stored and answered 204', async () => {
  for (const sign of [signedV4, signedV2]) {
    const answer = await post({ fields: sign({ key: `by-${sign.name}` }) })
    assert.equal(answer.status, 204)
    assert.equal(answer.body, '')
    assert.equal(answer.headers['etag'], '"8d777f385d3dfec8815d20f7496026dc"')
    assert.equal(answer.headers['location'], `http://${server.host}:${server.port}/forms/by-${sign.name}`)
    assert.equal((await stored(`by-${sign.name}`)).body, 'data')
  }
})

test('post-object/files of all sizes, cut by the network anywhere', async () => {
  for (const size of [0, 1, 16_384, 16_385, 300_000, 3_000_000]) {
    const file = Buffer.alloc(size, '\r\n--form-boundar')
    assert.equal((await post({ fields: signedV4({ key: 'sized' }), file })).status, 204, String(size))
    assert.equal((await stored('sized')).body, file.toString())
  }
})

test('post-object/what a form says of the object is kept', async () => {
  const fields = {
    key: 'described',
    'Content-Type': 'image/png',
    'Cache-Control': 'max-age=1',
    'Content-Disposition': 'inline',
    'Content-Encoding': 'gzip',
    'Content-Language': 'de',
    Expires: 'Fri, 21 Mar 2036 00:00:00 GMT',
    'x-amz-meta-caf': 'caf\u00e9',
    'x-amz-storage-class': 'STANDARD_IA',
    'x-amz-checksum-crc32': 'rfPzYw==',
    tagging: '<Tagging><TagSet><Tag><Key>a b</Key><Value>c+d=e</Value></Tag></TagSet></Tagging>',
    acl: 'private',
  }
  assert.equal((await post({ fields: signedV4(fields) })).status, 204)
  const { headers } = await stored('described')
  assert.equal(headers['content-type'], 'image/png')
  assert.equal(headers['cache-control'], 'max-age=1')
  assert.equal(headers['content-disposition'], 'inline')
  assert.equal(headers['content-encoding'], 'gzip')
  assert.equal(headers['content-language'], 'de')
  assert.equal(headers['expires'], 'Fri, 21 Mar 2036 00:00:00 GMT')
  assert.equal(headers['x-amz-meta-caf'], '=?UTF-8?B?Y2Fmw6k=?=')
  assert.equal(headers['x-amz-storage-class'], 'STANDARD_IA')
  const tags = await server.send({ method: 'GET', path: '/forms/described?tagging=' })
  assert.match(tags.body, /<Key>a b<\/Key><Value>c\+d=e<\/Value>/)
})

test('post-object/the key takes the name of the file, without its folders', async () => {
  const fields = signedV4({}, { conditions: [['starts-with', '$key', 'up/']] }, { key: variable })
  assert.equal((await post({ fields, filename: 'C:\\dir\\na$&me.txt' })).status, 204)
  assert.equal((await stored('up/na$&me.txt')).body, 'data')
  const outside = signedV4({}, { conditions: [['eq', '$key', variable]] }, { key: variable })
  await refused(post({ fields: outside }), 'AccessDenied', /Policy Condition failed: \["eq","\$key"/)
})

test('post-object/names of fields and conditions in any case, values as they are', async () => {
  const conditions = [
    ['StArTs-WiTh', '$KeY', '\\$fo'],
    ['eq', '$cOnTent-tYpe', 'text/plain'],
  ]
  const fields = signedV4({}, { conditions }, { kEy: '\\$foo', 'CONTENT-type': 'text/plain' })
  assert.equal((await post({ fields })).status, 204)
  assert.equal((await stored('\\$foo')).headers['content-type'], 'text/plain')
})

test('post-object/success_action_status: 200, 201 with a document, anything else is 204', async () => {
  const status = (value: string) => post({ fields: signedV4({ key: 'a b', success_action_status: value }) })
  const ok = await status('200')
  assert.deepEqual([ok.status, ok.body], [200, ''])
  assert.equal((await status('404')).status, 204)
  const created = await status('201')
  assert.equal(created.status, 201)
  assert.match(created.body, /<PostResponse><Location>http:[^<]*\/forms\/a%20b<\/Location><Bucket>forms<\/Bucket>/)
  assert.match(
    created.body,
    /<Key>a b<\/Key><ETag>&quot;8d777f385d3dfec8815d20f7496026dc&quot;<\/ETag><\/PostResponse>$/,
  )
})

test('post-object/success_action_redirect leads there with bucket, key and etag; what is no address does not count', async () => {
  const lead = (address: string) => post({ fields: signedV4({ key: 'a&b', success_action_redirect: address }) })
  const query = 'bucket=forms&key=a%26b&etag=%228d777f385d3dfec8815d20f7496026dc%22'
  const away = await lead('https://example.com/done')
  assert.equal(away.status, 303)
  assert.equal(away.headers['location'], `https://example.com/done?${query}`)
  assert.equal((await lead('http://example.com/?a=b')).headers['location'], `http://example.com/?a=b&${query}`)
  for (const bad of ['nowhere', 'javascript:alert(1)', 'http://a b']) assert.equal((await lead(bad)).status, 204, bad)
})

test('post-object/what follows the file is ignored, ignored fields need no condition', async () => {
  const fields = signedV4({ key: 'tail' }, {}, { 'x-ignore-me': 'x' })
  assert.equal((await post({ fields, after: 'more of anything' })).status, 204)
  assert.equal((await stored('tail')).body, 'data')
})

test('post-object/a policy that does not fit the form', async () => {
  const denied = (fields: Fields, what: string, bucket = 'forms') =>
    refused(post({ fields, bucket }), 'AccessDenied', `Invalid according to Policy: ${what}`)
  await denied(signedV4({ key: 'a' }, {}, { 'content-type': 'x' }), 'Extra input fields: content-type')
  await denied(signedV2({ key: 'a' }, { expiration: '2020-01-01T00:00:00Z' }), 'Policy expired.')
  const conditions = [['starts-with', '$x-amz-meta-a', 'b']]
  await denied(signedV4({ key: 'a' }, { conditions }), 'Policy Condition failed: ["starts-with","$x-amz-meta-a","b"]')
  await server.send({ method: 'PUT', path: '/other-forms' })
  await denied(signedV4({ key: 'a' }), 'Policy Condition failed: ["eq", "$bucket", "forms"]', 'other-forms')
  await refused(
    post({ fields: signedV4({ key: 'a' }, { raw: 'e30=' }) }),
    'InvalidPolicyDocument',
    /missing expiration/,
  )
  await refused(post({ fields: signedV4({ key: 'a' }, { raw: '' }) }), 'InvalidPolicyDocument', /End-of-Input/)
})

test('post-object/sizes that the policy allows', async () => {
  const sized = (file: Buffer, min: number, max: number) =>
    post({ fields: signedV4({ key: 'ranged' }, { conditions: [['content-length-range', min, max]] }), file })
  assert.equal((await sized(Buffer.alloc(10), 10, 10)).status, 204)
  const large = await sized(Buffer.alloc(11), 0, 10)
  assert.equal(errorCode(large), 'EntityTooLarge')
  assert.match(large.body, /<ProposedSize>11<\/ProposedSize><MaxSizeAllowed>10<\/MaxSizeAllowed>/)
  const small = await sized(Buffer.alloc(9), 10, 20)
  assert.equal(errorCode(small), 'EntityTooSmall')
  assert.match(small.body, /<ProposedSize>9<\/ProposedSize><MinSizeAllowed>10<\/MinSizeAllowed>/)
  const disk = server.disk.size
  assert.equal(errorCode(await sized(Buffer.alloc(400_000), 0, 100_000)), 'EntityTooLarge')
  assert.equal(errorCode(await sized(Buffer.alloc(400_000), 500_000, 600_000)), 'EntityTooSmall')
  assert.equal(server.disk.size, disk)
})

test('post-object/signatures that are wrong', async () => {
  const good = signedV4({ key: 'a' })
  const amended = (fields: Fields) => post({ fields: { ...good, ...fields } })
  await refused(amended({ 'x-amz-signature': 'f'.repeat(64) }), 'SignatureDoesNotMatch')
  await refused(amended({ policy: policyText({}, {}) }), 'SignatureDoesNotMatch')
  await refused(amended({ 'x-amz-algorithm': 'x' }), 'InvalidArgument', 'Only AWS4-HMAC-SHA256 is supported')
  await refused(amended({ 'x-amz-date': 'x' }), 'InvalidArgument', /ISO8601 Long format/)
  await refused(amended({ 'x-amz-credential': 'x' }), 'InvalidArgument', /^the Credential is mal-formed/)
  const credential = good['x-amz-credential'] ?? ''
  await refused(amended({ 'x-amz-credential': credential.replace('bart', 'bort') }), 'InvalidAccessKeyId')
  await refused(
    amended({ 'x-amz-credential': credential.replace('/s3/', '/ec2/') }),
    'InvalidArgument',
    /service "ec2"/,
  )
  await refused(amended({ 'x-amz-date': '20200101T000000Z' }), 'InvalidArgument', /Invalid credential date/)
  await refused(amended({ 'x-amz-security-token': 'x' }), 'InvalidToken')
  await refused(post({ fields: { ...signedV2({ key: 'a' }), signature: 'x' } }), 'SignatureDoesNotMatch')
  await refused(post({ fields: { ...signedV2({ key: 'a' }), AWSAccessKeyId: 'x' } }), 'InvalidAccessKeyId')
})

test('post-object/fields that are missing', async () => {
  const without = (fields: Fields, name: string) => {
    const { [name]: _left, ...others } = fields
    const message = `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`
    return refused(post({ fields: others }), 'InvalidArgument', message)
  }
  const v4 = signedV4({ key: 'a' })
  for (const name of ['policy', 'x-amz-signature', 'x-amz-credential', 'x-amz-date', 'x-amz-algorithm', 'key']) {
    await without(v4, name)
  }
  for (const name of ['policy', 'signature', 'AWSAccessKeyId']) await without(signedV2({ key: 'a' }), name)
  await refused(
    post({ fields: v4, file: null }),
    'InvalidArgument',
    'POST requires exactly one file upload per request.',
  )
  await refused(post({ fields: signedV4({ key: '' }) }), 'InvalidArgument')
  await refused(post({ fields: signedV4({ key: 'a'.repeat(1025) }) }), 'KeyTooLongError')
})

test('post-object/requests that are no forms, and forms that are none', async () => {
  const send = (contentType: string, text: string) =>
    server.send({ method: 'POST', path: '/forms', headers: { 'content-type': contentType }, body: text, as: null })
  await refused(send('application/json', '{}'), 'PreconditionFailed')
  await refused(send('multipart/form-data', 'x'), 'MalformedPOSTRequest')
  await refused(send(`multipart/form-data; boundary=${boundary}`, `--${boundary}\r\n\r\nx`), 'MalformedPOSTRequest')
  const long = 'a'.repeat(30_000)
  await refused(post({ fields: { key: long } }), 'MaxPostPreDataLengthExceeded')
  const cut = body({ fields: signedV4({ key: 'cut' }) })
    .toString()
    .replace(/\r\n--form-boundary--\r\n$/, '')
  await refused(send(`multipart/form-data; boundary=${boundary}`, cut), 'MalformedPOSTRequest')
  assert.equal((await stored('cut')).status, 404)
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const signed = server.send({ method: 'POST', path: '/forms', headers, body: body({ fields: { key: 'a' } }) })
  await refused(signed, 'InvalidRequest', /authorised by the policy/)
})

test('post-object/strangers and unknown buckets are refused before a byte is stored', async () => {
  const disk = server.disk.size
  await refused(post({ fields: { key: 'a' }, file: Buffer.alloc(500_000) }), 'AccessDenied')
  const fields = signedV4({ key: 'a', bucket: 'none' }, { raw: policyText({ bucket: 'none', key: 'a' }, {}) })
  assert.equal((await post({ fields, bucket: 'none' })).status, 403)
  assert.equal(server.disk.size, disk)
})

test('post-object/what is wrong with the object is said as for PutObject', async () => {
  await refused(post({ fields: signedV4({ key: 'a', tagging: 'x' }) }), 'MalformedXML')
  await refused(post({ fields: signedV4({ key: 'a', acl: 'x' }) }), 'InvalidArgument')
  await refused(post({ fields: signedV4({ key: 'a', 'x-amz-checksum-crc32': 'AAAAAA==' }) }), 'BadDigest')
  await refused(post({ fields: signedV4({ key: 'a', 'x-amz-storage-class': 'x' }) }), 'InvalidStorageClass')
})

test('post-object/a checksum needs no condition, and is checked', async () => {
  const sha256 = createHash('sha256').update('data').digest('base64')
  const withChecksum = (checksum: string) =>
    post({ fields: signedV4({ key: 'summed' }, {}, { 'x-amz-checksum-sha256': checksum }) })
  assert.equal((await withChecksum(sha256)).status, 204)
  await refused(withChecksum(Buffer.alloc(32).toString('base64')), 'BadDigest')
  await refused(withChecksum('nonsense'), 'InvalidRequest')
})

test('post-object/a client that stalls, or waits to be told to go on', async () => {
  const fields = body({ fields: signedV4({ key: 'slow' }), file: Buffer.alloc(100_000) })
  const head =
    `POST /forms HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\n` +
    `Content-Length: ${fields.length}\r\n`
  const stalled = await server.raw(`${head}\r\n${fields.toString('latin1', 0, 3_000)}`)
  assert.match(stalled, /^HTTP\/1\.1 400 .*<Code>RequestTimeout</s)
  const waiting = await server.raw(`${head.replace('/form-data', '/mixed')}Expect: 100-continue\r\n\r\n`)
  assert.match(waiting, /^HTTP\/1\.1 412 /)
})
