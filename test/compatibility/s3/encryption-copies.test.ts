// Goal: server-side encryption of multipart objects and copies behaves as S3's, and damage is noticed. Method: as encryption.test.ts.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { digestOf } from '../../../src/base/hash.ts'
import {
  Bucket,
  bytesOf,
  copySource,
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
  await makeBuckets(server, client, { boxes: false })
})

after(() => server.close())

async function upload(Key: string, sizes: readonly number[], write: Partial<SseC> | typeof managed) {
  const bytes = sizes.map(bytesOf)
  const key = 'SSECustomerKey' in write ? write : {}
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...write }))
  const Parts: CompletedPart[] = []
  for (const [index, Body] of bytes.entries()) {
    const PartNumber = index + 1
    const part = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...key }))
    Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 })
  }
  const complete = { Bucket, Key, UploadId, MultipartUpload: { Parts }, ...key }
  return {
    bytes: Buffer.concat(bytes),
    parts: bytes,
    completed: await client.send(new CompleteMultipartUploadCommand(complete)),
  }
}

const partSizes = [5 * 1024 ** 2 + 1, 5 * 1024 ** 2, 77]

for (const [name, write, read] of [
  ['SSE-S3', managed, {}],
  ['SSE-C', keyA, keyA],
] as const) {
  test(`encryption/${name}: a multipart object, its ranges over the borders of parts, and its parts`, async () => {
    const Key = `parts-${name}`
    const { bytes, parts, completed } = await upload(Key, partSizes, write)
    assert.equal(completed.ServerSideEncryption, name === 'SSE-S3' ? 'AES256' : undefined)
    assert.match(completed.ETag ?? '', /-3"$/)
    assert.ok((await steps.bodyOf(Key, read)).equals(bytes))
    assert.ok(!(await steps.storedBytes(Key)).includes(marker))
    const border = partSizes[0] ?? 0
    const over = await steps.bodyOf(Key, { ...read, Range: `bytes=${border - 70_000}-${border + 70_000}` })
    assert.ok(over.equals(bytes.subarray(border - 70_000, border + 70_001)))
    for (const [index, part] of parts.entries()) {
      assert.ok((await steps.bodyOf(Key, { ...read, PartNumber: index + 1 })).equals(part))
    }
    const suffix = await steps.bodyOf(Key, { ...read, Range: 'bytes=-100' })
    assert.ok(suffix.equals(bytes.subarray(-100)))
  })
}

test('encryption/UploadPart: the key must be the one of the upload', async () => {
  const started = async (headers: Record<string, string>) => {
    const { body } = await steps.send('POST', '/boxes/up?uploads=', headers)
    return /<UploadId>([^<]*)</.exec(body)?.[1] ?? ''
  }
  const part = async (uploadId: string, headers: Record<string, string>) => {
    const answer = await steps.send('PUT', `/boxes/up?partNumber=1&uploadId=${uploadId}`, headers, marker)
    return [...codeOf(answer), errorMessage(answer)]
  }
  const subsequent =
    'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.'
  const differs = 'The provided encryption parameters did not match the ones used originally.'
  const [open, ours, theirs] = [
    await started({}),
    await started({ 'x-amz-server-side-encryption': 'AES256' }),
    await started(keyHeaders(keyA)),
  ]
  assert.deepEqual(await part(open, keyHeaders(keyA)), [400, 'InvalidRequest', subsequent])
  assert.deepEqual(await part(ours, keyHeaders(keyA)), [400, 'InvalidRequest', subsequent])
  assert.deepEqual(await part(theirs, {}), [400, 'InvalidRequest', subsequent])
  assert.deepEqual(await part(theirs, keyHeaders(keyB)), [400, 'InvalidRequest', differs])
  assert.deepEqual((await part(open, { 'x-amz-server-side-encryption': 'AES256' })).slice(0, 2), [
    400,
    'InvalidArgument',
  ])
  assert.equal((await part(ours, { 'x-amz-server-side-encryption': 'AES256' }))[0], 200)
  assert.equal((await part(theirs, keyHeaders(keyA)))[0], 200)
})

test('encryption/CompleteMultipartUpload: another key is refused; the key is needed where checksums were asked for', async () => {
  for (const [headers, without] of [
    [{}, 200],
    [{ 'x-amz-checksum-algorithm': 'SHA256' }, 400],
  ] as const) {
    const { body } = await steps.send('POST', '/boxes/done?uploads=', { ...keyHeaders(keyA), ...headers })
    const uploadId = /<UploadId>([^<]*)</.exec(body)?.[1] ?? ''
    const sum = without === 200 ? {} : { 'x-amz-checksum-sha256': digestOf('SHA256', marker).toString('base64') }
    const path = `/boxes/done?partNumber=1&uploadId=${uploadId}`
    const part = await steps.send('PUT', path, { ...keyHeaders(keyA), ...sum }, marker)
    const sha256 = part.headers['x-amz-checksum-sha256']
    const checksum = sha256 === undefined ? '' : `<ChecksumSHA256>${sha256}</ChecksumSHA256>`
    const xml = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers['etag']}</ETag>${checksum}</Part></CompleteMultipartUpload>`
    const complete = (key: Record<string, string>) =>
      steps.send('POST', `/boxes/done?uploadId=${uploadId}`, key, Buffer.from(xml))
    assert.deepEqual(codeOf(await complete(keyHeaders(keyB))), [400, 'InvalidRequest'])
    const answer = await complete({})
    assert.equal(answer.status, without, answer.body)
    if (without === 400) assert.deepEqual(codeOf(answer), [400, 'InvalidArgument'])
    if (without === 400)
      assert.equal(
        (await complete(keyHeaders(keyA))).headers['x-amz-server-side-encryption-customer-key-md5'],
        keyA.SSECustomerKeyMD5,
      )
    assert.deepEqual(await steps.bodyOf('done', keyA), marker)
  }
})

const ways = [
  ['plain', {}, {}, {}],
  ['SSE-S3', managed, {}, {}],
  ['SSE-C', keyA, keyA, copySource(keyA)],
  ['SSE-C with another key', keyB, keyB, copySource(keyB)],
] as const
for (const [fromName, from, , asSource] of ways) {
  for (const [toName, to, read] of ways) {
    test(`encryption/CopyObject: ${fromName} to ${toName}`, async () => {
      for (const size of [0, 10, 100_000]) {
        const [Key, source] = [`copy-${fromName}-${toName}`, `copy-from-${fromName}`]
        const bytes = bytesOf(size)
        await client.send(new PutObjectCommand({ Bucket, Key: source, Body: bytes, ...from }))
        const CopySource = `${Bucket}/${encodeURIComponent(source)}`
        const copied = await client.send(new CopyObjectCommand({ Bucket, Key, CopySource, ...to, ...asSource }))
        assert.equal(copied.ServerSideEncryption, toName === 'SSE-S3' ? 'AES256' : undefined)
        assert.equal(copied.SSECustomerKeyMD5, 'SSECustomerKeyMD5' in to ? to.SSECustomerKeyMD5 : undefined)
        assert.ok((await steps.bodyOf(Key, read)).equals(bytes))
        assert.equal((await steps.storedBytes(Key)).includes(marker), toName === 'plain' && size > 50)
      }
    })
  }
}

test('encryption/CopyObject: a source under a key is not copied without it', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'locked', Body: marker, ...keyA }))
  const copy = (headers: Record<string, string>) =>
    steps.send('PUT', '/boxes/stolen', { 'x-amz-copy-source': '/boxes/locked', ...headers })
  const asSource = (of: SseC) => {
    const entries = Object.entries(keyHeaders(of))
    return Object.fromEntries(entries.map(([name, value]) => [name.replace('x-amz-', 'x-amz-copy-source-'), value]))
  }
  assert.deepEqual(codeOf(await copy({})), [400, 'InvalidRequest'])
  assert.deepEqual(codeOf(await copy(keyHeaders(keyA))), [400, 'InvalidRequest'])
  assert.deepEqual(codeOf(await copy(asSource(keyB))), [400, 'InvalidArgument'])
  assert.equal(await server.store.version({ bucket: Bucket, key: 'stolen', version: 'latest' }), null)
  assert.equal((await copy(asSource(keyA))).status, 200)
  assert.deepEqual(await steps.bodyOf('stolen'), marker)
})

test('encryption/CopyObject: onto itself, to change how it is encrypted', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'self', Body: marker }))
  const CopySource = `${Bucket}/self`
  await client.send(new CopyObjectCommand({ Bucket, Key: 'self', CopySource, ...managed }))
  assert.ok(!(await steps.storedBytes('self')).includes(marker))
  await client.send(new CopyObjectCommand({ Bucket, Key: 'self', CopySource, ...keyB }))
  assert.deepEqual(await steps.bodyOf('self', keyB), marker)
})

test('encryption/UploadPartCopy: from one key to another, with a range', async () => {
  const bytes = bytesOf(200_000)
  await client.send(new PutObjectCommand({ Bucket, Key: 'part-source', Body: bytes, ...keyA }))
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'part-target', ...keyB }))
  const request = { Bucket, Key: 'part-target', UploadId, PartNumber: 1, CopySource: `${Bucket}/part-source` }
  const range = { CopySourceRange: 'bytes=1000-150000' }
  await assert.rejects(client.send(new UploadPartCopyCommand({ ...request, ...copySource(keyA) })), {
    name: 'InvalidRequest',
  })
  const copied = await client.send(new UploadPartCopyCommand({ ...request, ...range, ...copySource(keyA), ...keyB }))
  assert.equal(copied.SSECustomerKeyMD5, keyB.SSECustomerKeyMD5)
  const { ETag, ChecksumCRC32 } = copied.CopyPartResult ?? {}
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag, ChecksumCRC32 }] }
  const { PartNumber: _number, CopySource: _source, ...complete } = request
  await client.send(new CompleteMultipartUploadCommand({ ...complete, MultipartUpload, ...keyB }))
  assert.ok((await steps.bodyOf('part-target', keyB)).equals(bytes.subarray(1000, 150_001)))
})

test('encryption/damage: changed bytes are never given out', async () => {
  const size = 3 * chunk
  await client.send(new PutObjectCommand({ Bucket, Key: 'damaged', Body: bytesOf(size), ...managed }))
  const record = await server.store.version({ bucket: Bucket, key: 'damaged', version: 'latest' })
  server.damageData(record?.metadata.location?.[0]?.key ?? '')
  assert.equal((await steps.send('GET', '/boxes/damaged')).status, 500)
  assert.equal((await steps.send('GET', '/boxes/damaged', { range: `bytes=${chunk}-${chunk + 9}` })).status, 206)
})
