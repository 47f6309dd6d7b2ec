// Goal: server-side encryption (SSE-S3 and SSE-C) of single objects behaves as S3's, by operation and condition, and what lies on the disk and in
// the database is never plain. Method: a current AWS SDK, raw signed requests for what it would not send, and a look behind the server's back.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test, { after, before } from 'node:test'
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { md5Hex } from '../../../src/base/hash.ts'
import {
  Bucket,
  bytesOf,
  type EncryptionSteps,
  encryptionSteps,
  keyA,
  keyB,
  keyHeaders,
  managed,
  marker,
  type SseC,
} from './encryption-steps.ts'
import { codeOf, makeBuckets } from './multipart-steps.ts'
import { errorMessage, startTestServer, type TestServer } from './test-server.ts'

const chunk = 64 * 1024

let server: TestServer
let client: S3Client
let steps: EncryptionSteps

before(async () => {
  server = await startTestServer()
  client = server.client()
  steps = encryptionSteps(server, client)
  await makeBuckets(server, client, { boxes: false, defaults: false, versioned: true })
  const body =
    '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>' +
    '</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>'
  const answer = await server.send({ method: 'PUT', path: '/defaults?encryption=', body })
  assert.equal(answer.status, 200, answer.body)
})

after(() => server.close())

const lengths = [0, 1, 15, 16, 17, 16 * 1024, 16 * 1024 + 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 300_001]

for (const [name, write, read] of [
  ['SSE-S3', managed, {}],
  ['SSE-C', keyA, keyA],
] as const) {
  test(`encryption/${name}: every length comes back, whole and in ranges, and does not lie there`, async () => {
    for (const size of lengths) {
      const Key = `length-${name}-${size}`
      const bytes = bytesOf(size)
      await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes, ...write }))
      assert.ok((await steps.bodyOf(Key, read)).equals(bytes), Key)
      assert.ok(!(await steps.storedBytes(Key)).includes(marker), Key)
      for (const [first, last] of [
        [0, 0],
        [size - 1, size - 1],
        [Math.floor(size / 3), Math.floor((2 * size) / 3)],
        [chunk - 1, chunk],
      ] as const) {
        if (first < 0 || last >= size) continue
        const part = await steps.bodyOf(Key, { ...read, Range: `bytes=${first}-${last}` })
        assert.ok(part.equals(bytes.subarray(first, last + 1)), `${Key} ${first}-${last}`)
      }
    }
  })
}

test('encryption/SSE-S3: the answers say so, the ETag is the MD5', async () => {
  const put = await client.send(new PutObjectCommand({ Bucket, Key: 'says', Body: 'hello', ...managed }))
  assert.equal(put.ServerSideEncryption, 'AES256')
  assert.equal(put.ETag, `"${md5Hex(Buffer.from('hello'))}"`)
  for (const method of ['GET', 'HEAD']) {
    const answer = await steps.send(method, '/boxes/says')
    assert.equal(answer.headers['x-amz-server-side-encryption'], 'AES256')
    assert.equal(answer.headers['content-length'], '5')
  }
  const record = await server.store.version({ bucket: Bucket, key: 'says', version: 'latest' })
  const [piece] = record?.metadata.location ?? []
  assert.equal(record?.metadata['x-amz-server-side-encryption'], 'AES256')
  assert.equal(piece?.masterKeyId, 'test')
  assert.equal(piece?.size, 5)
  assert.equal(piece?.cryptoScheme, 2)
})

test('encryption/SSE-S3: the bucket default holds for what says nothing', async () => {
  const put = await steps.send('PUT', '/defaults/k', {}, marker)
  assert.equal(put.headers['x-amz-server-side-encryption'], 'AES256')
  assert.equal((await steps.send('HEAD', '/defaults/k')).headers['x-amz-server-side-encryption'], 'AES256')
  assert.ok(!(await steps.storedBytes('k', 'defaults')).includes(marker))
  assert.deepEqual(await steps.bodyOf('k', { Bucket: 'defaults' }), marker)
  const own = await client.send(new PutObjectCommand({ Bucket: 'defaults', Key: 'c', Body: 'x', ...keyA }))
  assert.equal(own.ServerSideEncryption, undefined)
  assert.equal(own.SSECustomerKeyMD5, keyA.SSECustomerKeyMD5)
})

test('encryption/SSE-C: the answers name the key by its MD5, the ETag tells nothing of the bytes', async () => {
  const put = () => client.send(new PutObjectCommand({ Bucket, Key: 'c', Body: marker, ...keyA }))
  const first = await put()
  assert.equal(first.SSECustomerAlgorithm, 'AES256')
  assert.equal(first.SSECustomerKeyMD5, keyA.SSECustomerKeyMD5)
  assert.notEqual(first.ETag, `"${md5Hex(marker)}"`)
  assert.match(first.ETag ?? '', /^"[0-9a-f]{32}"$/)
  assert.notEqual((await put()).ETag, first.ETag)
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'c', ...keyA }))
  assert.equal(head.SSECustomerKeyMD5, keyA.SSECustomerKeyMD5)
  assert.equal(head.SSECustomerAlgorithm, 'AES256')
  assert.equal(head.ServerSideEncryption, undefined)
  assert.equal(head.ContentLength, marker.byteLength)
})

test('encryption/SSE-C: no key is stored, nor the MD5 of key or bytes', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: marker, ...keyA }))
  const stored = (await steps.storedBytes('kept')).toString('latin1')
  for (const secret of [keyA.SSECustomerKey, keyA.SSECustomerKeyMD5, md5Hex(marker)]) {
    assert.ok(!stored.includes(secret))
  }
})

const must = 'Requests specifying Server Side Encryption with Customer provided keys must provide'
const stored = 'The object was stored using a form of Server Side Encryption. '
const short = Buffer.alloc(10, 1)
const shortKey = {
  SSECustomerAlgorithm: 'AES256',
  SSECustomerKey: short.toString('base64'),
  SSECustomerKeyMD5: createHash('md5').update(short).digest('base64'),
}
const { 'x-amz-server-side-encryption-customer-key-md5': _, ...withoutMd5 } = keyHeaders(keyA)
const badKeys: readonly (readonly [string, Record<string, string>, string, string])[] = [
  [
    'no algorithm',
    { ...keyHeaders(keyA), 'x-amz-server-side-encryption-customer-algorithm': '' },
    'InvalidEncryptionAlgorithmError',
    'The Encryption request you specified is not valid. Supported value: AES256.',
  ],
  [
    'another algorithm',
    { ...keyHeaders(keyA), 'x-amz-server-side-encryption-customer-algorithm': 'AES192' },
    'InvalidEncryptionAlgorithmError',
    'The Encryption request you specified is not valid. Supported value: AES256.',
  ],
  [
    'only a key',
    { 'x-amz-server-side-encryption-customer-key': keyA.SSECustomerKey },
    'InvalidArgument',
    `${must} a valid encryption algorithm.`,
  ],
  [
    'only an MD5',
    { 'x-amz-server-side-encryption-customer-key-md5': keyA.SSECustomerKeyMD5 },
    'InvalidArgument',
    `${must} a valid encryption algorithm.`,
  ],
  [
    'only an algorithm',
    { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' },
    'InvalidArgument',
    `${must} an appropriate secret key.`,
  ],
  ['no MD5', withoutMd5, 'InvalidArgument', `${must} the client calculated MD5 of the secret key.`],
  [
    'the MD5 of another key',
    { ...keyHeaders(keyA), 'x-amz-server-side-encryption-customer-key-md5': keyB.SSECustomerKeyMD5 },
    'InvalidArgument',
    'The calculated MD5 hash of the key did not match the hash that was provided.',
  ],
  [
    'a key of ten bytes',
    keyHeaders(shortKey),
    'InvalidArgument',
    'The secret key was invalid for the specified algorithm.',
  ],
]
for (const [name, headers, code, message] of badKeys) {
  test(`encryption/SSE-C: ${name} is refused at writes and reads`, async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'refused', Body: 'x', ...keyA }))
    for (const answer of [
      await steps.send('PUT', '/boxes/none', headers, marker),
      await steps.send('POST', '/boxes/none?uploads=', headers),
      await steps.send('GET', '/boxes/refused', headers),
    ]) {
      assert.deepEqual([...codeOf(answer), errorMessage(answer)], [400, code, message])
    }
    assert.equal((await steps.send('HEAD', '/boxes/refused', headers)).status, 400)
    assert.equal(await server.store.version({ bucket: Bucket, key: 'none', version: 'latest' }), null)
  })
}

test('encryption/SSE-C: an object is read with its own key and no other, of zero bytes too', async () => {
  for (const [Key, Body] of [
    ['own', marker],
    ['own-empty', ''],
  ] as const) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body, ...keyA }))
    const without = await steps.send('GET', `/boxes/${Key}`)
    const message = `${stored}The correct parameters must be provided to retrieve the object.`
    assert.deepEqual([...codeOf(without), errorMessage(without)], [400, 'InvalidRequest', message])
    const other = await steps.send('GET', `/boxes/${Key}`, keyHeaders(keyB))
    assert.deepEqual(
      [...codeOf(other), errorMessage(other)],
      [400, 'InvalidArgument', `${must} the correct secret key.`],
    )
    for (const headers of [{}, keyHeaders(keyB)]) {
      const head = await steps.send('HEAD', `/boxes/${Key}`, headers)
      assert.deepEqual([head.status, head.body], [400, ''])
    }
    assert.equal((await steps.send('DELETE', `/boxes/${Key}`)).status, 204)
  }
})

test('encryption/SSE-C: a key for an object that needs none is refused', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'open', Body: 'x' }))
  await client.send(new PutObjectCommand({ Bucket, Key: 'ours', Body: 'x', ...managed }))
  for (const key of ['open', 'ours']) {
    const answer = await steps.send('GET', `/boxes/${key}`, keyHeaders(keyA))
    const message = 'The encryption parameters are not applicable to this object.'
    assert.deepEqual([...codeOf(answer), errorMessage(answer)], [400, 'InvalidRequest', message])
  }
})

test('encryption/SSE-C: each version has its own key', async () => {
  const put = (Body: string, key: SseC) =>
    client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'k', Body, ...key }))
  const [first, second] = [await put('first', keyA), await put('second', keyB)]
  const read = async (versionId: string | undefined, key: SseC) =>
    (await steps.send('GET', `/versioned/k?versionId=${versionId}`, keyHeaders(key))).body
  assert.equal(await read(first.VersionId, keyA), 'first')
  assert.equal(await read(second.VersionId, keyB), 'second')
  assert.equal((await steps.send('GET', '/versioned/k', keyHeaders(keyA))).status, 400)
})

test('encryption/SSE-C: conditions are looked at with the right key', async () => {
  const { ETag = '' } = await client.send(new PutObjectCommand({ Bucket, Key: 'when', Body: 'x', ...keyA }))
  assert.equal((await steps.send('GET', '/boxes/when', { ...keyHeaders(keyA), 'if-none-match': ETag })).status, 304)
  assert.equal((await steps.send('GET', '/boxes/when', { ...keyHeaders(keyA), 'if-match': '"x"' })).status, 412)
  assert.equal((await steps.send('GET', '/boxes/when', { ...keyHeaders(keyB), 'if-none-match': ETag })).status, 400)
})

const contradictions: readonly (readonly [string, Record<string, string>, number, string])[] = [
  ['both kinds', { ...keyHeaders(keyA), 'x-amz-server-side-encryption': 'AES256' }, 400, 'InvalidArgument'],
  [
    'a customer key and aws:kms',
    { ...keyHeaders(keyA), 'x-amz-server-side-encryption': 'aws:kms' },
    400,
    'InvalidArgument',
  ],
  [
    'AES256 with a KMS key',
    { 'x-amz-server-side-encryption': 'AES256', 'x-amz-server-side-encryption-aws-kms-key-id': 'k' },
    400,
    'InvalidArgument',
  ],
  ['a KMS key alone', { 'x-amz-server-side-encryption-aws-kms-key-id': 'k' }, 400, 'InvalidArgument'],
  ['an unknown method', { 'x-amz-server-side-encryption': 'aes:kms' }, 400, 'InvalidArgument'],
  ['no method', { 'x-amz-server-side-encryption': '' }, 400, 'InvalidArgument'],
  ['aws:kms', { 'x-amz-server-side-encryption': 'aws:kms' }, 501, 'NotImplemented'],
  ['aws:kms:dsse', { 'x-amz-server-side-encryption': 'aws:kms:dsse' }, 501, 'NotImplemented'],
]
for (const [name, headers, status, code] of contradictions) {
  test(`encryption/writes: ${name} is ${status} ${code}, and nothing is stored`, async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'from', Body: 'x' }))
    for (const answer of [
      await steps.send('PUT', '/boxes/none', headers, marker),
      await steps.send('POST', '/boxes/none?uploads=', headers),
      await steps.send('PUT', '/boxes/none', { ...headers, 'x-amz-copy-source': '/boxes/from' }),
    ]) {
      assert.deepEqual(codeOf(answer), [status, code])
    }
    assert.equal(await server.store.version({ bucket: Bucket, key: 'none', version: 'latest' }), null)
  })
}

test('encryption/reads: headers of writes are refused', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'read', Body: 'x', ...managed }))
  for (const headers of [{ 'x-amz-server-side-encryption': 'AES256' }, { 'x-amz-server-side-encryption': 'aws:kms' }]) {
    assert.deepEqual(codeOf(await steps.send('GET', '/boxes/read', headers)), [400, 'InvalidArgument'])
    assert.equal((await steps.send('HEAD', '/boxes/read', headers)).status, 400)
  }
})
