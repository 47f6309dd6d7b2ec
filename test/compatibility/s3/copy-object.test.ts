// Goal: CopyObject and UploadPartCopy behave as S3's, by operation and condition. Method: a current AWS SDK, and raw signed requests for what it
// would not send.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { defects, s3Requests } from '../../../src/base/channels.ts'
import { digestOf, md5Hex } from '../../../src/base/hash.ts'
import { realWorld } from '../../../src/base/world.ts'
import type { Integrity, ObjectMetadata } from '../../../src/domain/object-metadata.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import { codeOf, type MultipartSteps, makeBuckets, multipartSteps, uploadPath } from './multipart-steps.ts'
import { errorMessage, replicationXml, startTestServer, type TestServer } from './test-server.ts'

const large = randomBytes(600_000)
const odd = 'dir/ü +&?=%.txt'

let server: TestServer
let client: S3Client
let steps: MultipartSteps

before(async () => {
  server = await startTestServer()
  client = server.client()
  steps = multipartSteps(server, client)
  await makeBuckets(server, client, { source: false, target: false, versioned: true, replicated: true })
  await makeBuckets(server, server.client('lisa'), { lisas: false })
  const configured = await server.send({ method: 'PUT', path: '/replicated?replication=', body: replicationXml([{}]) })
  assert.equal(configured.status, 200, configured.body)
  await client.send(
    new PutObjectCommand({
      Bucket: 'source',
      Key: odd,
      Body: 'hello',
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      Metadata: { color: 'blue' },
      Tagging: 'a=1',
      StorageClass: 'STANDARD_IA',
      ChecksumAlgorithm: 'SHA256',
    }),
  )
  await client.send(new PutObjectCommand({ Bucket: 'source', Key: 'large', Body: large }))
  await client.send(new PutObjectCommand({ Bucket: 'source', Key: 'empty', Body: '' }))
  await server.client('lisa').send(new PutObjectCommand({ Bucket: 'lisas', Key: 'k', Body: 'secret' }))
})

after(() => server.close())

const sourceOf = (bucket: string, key: string) => `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`

function copy(
  path: string,
  source: string,
  headers: Readonly<Record<string, string>> = {},
  as: 'bart' | 'lisa' = 'bart',
) {
  return server.send({ method: 'PUT', path, headers: { 'x-amz-copy-source': source, ...headers }, as })
}

test('copy-object/copy: bytes, headers, metadata and tags are those of the source, its storage class is not', async () => {
  const done = await client.send(
    new CopyObjectCommand({ Bucket: 'target', Key: 'copied', CopySource: sourceOf('source', odd) }),
  )
  assert.equal(done.CopyObjectResult?.ETag, `"${md5Hex('hello')}"`)
  assert.equal(done.CopyObjectResult?.ChecksumSHA256, digestOf('SHA256', Buffer.from('hello')).toString('base64'))
  assert.equal(done.CopyObjectResult?.ChecksumType, 'FULL_OBJECT')
  assert.ok(done.CopyObjectResult?.LastModified instanceof Date)
  assert.equal(done.VersionId, undefined)
  assert.equal(done.CopySourceVersionId, undefined)
  const got = await client.send(new GetObjectCommand({ Bucket: 'target', Key: 'copied', ChecksumMode: 'ENABLED' }))
  assert.equal(await got.Body?.transformToString(), 'hello')
  assert.equal(got.ContentType, 'text/plain')
  assert.equal(got.CacheControl, 'no-cache')
  assert.deepEqual(got.Metadata, { color: 'blue' })
  assert.equal(got.StorageClass, undefined)
  assert.equal(got.ChecksumSHA256, done.CopyObjectResult?.ChecksumSHA256)
  const tags = await client.send(new GetObjectTaggingCommand({ Bucket: 'target', Key: 'copied' }))
  assert.deepEqual(tags.TagSet, [{ Key: 'a', Value: '1' }])
})

test('copy-object/own-data: the copy outlives its source, whatever the size', async () => {
  for (const [key, bytes] of [
    ['large', large],
    ['empty', Buffer.alloc(0)],
  ] as const) {
    await client.send(new PutObjectCommand({ Bucket: 'source', Key: `gone-${key}`, Body: bytes }))
    const answer = await copy(`/target/own-${key}`, `/source/gone-${key}`)
    assert.equal(answer.status, 200, answer.body)
    await client.send(new DeleteObjectCommand({ Bucket: 'source', Key: `gone-${key}` }))
    for (const { dataKey } of await server.store.garbage(1000)) {
      const record = await server.store.version({ bucket: 'target', key: `own-${key}`, version: 'latest' })
      assert.ok(record?.metadata.location?.every(piece => piece.key !== dataKey) ?? true)
    }
    assert.ok((await steps.bytesOf('target', `own-${key}`)).equals(bytes))
  }
})

test('copy-object/replace: metadata and tags are those of the request', async () => {
  await client.send(
    new CopyObjectCommand({
      Bucket: 'target',
      Key: 'replaced',
      CopySource: sourceOf('source', odd),
      MetadataDirective: 'REPLACE',
      TaggingDirective: 'REPLACE',
      ContentType: 'text/html',
      Metadata: { size: 'big' },
      Tagging: 'b=2',
      StorageClass: 'REDUCED_REDUNDANCY',
    }),
  )
  const head = await client.send(new HeadObjectCommand({ Bucket: 'target', Key: 'replaced' }))
  assert.equal(head.ContentType, 'text/html')
  assert.equal(head.CacheControl, undefined)
  assert.deepEqual(head.Metadata, { size: 'big' })
  assert.equal(head.StorageClass, 'REDUCED_REDUNDANCY')
  const tags = await client.send(new GetObjectTaggingCommand({ Bucket: 'target', Key: 'replaced' }))
  assert.deepEqual(tags.TagSet, [{ Key: 'b', Value: '2' }])
})

test('copy-object/directives: each stands alone; without REPLACE the words of the request are ignored', async () => {
  const base = sourceOf('source', odd)
  const words = { 'content-type': 'x/y', 'x-amz-meta-size': 'big', 'x-amz-tagging': 'b=2' }
  const cases: readonly (readonly [Record<string, string>, string, Record<string, string>])[] = [
    [{}, 'text/plain', { a: '1' }],
    [{ 'x-amz-metadata-directive': 'REPLACE' }, 'x/y', { a: '1' }],
    [{ 'x-amz-tagging-directive': 'REPLACE' }, 'text/plain', { b: '2' }],
    [{ 'x-amz-metadata-directive': 'COPY', 'x-amz-tagging-directive': 'COPY' }, 'text/plain', { a: '1' }],
  ]
  for (const [directives, contentType, tags] of cases) {
    const answer = await copy('/target/directives', base, { ...words, ...directives })
    assert.equal(answer.status, 200, answer.body)
    const record = await server.store.version({ bucket: 'target', key: 'directives', version: 'latest' })
    assert.equal(record?.metadata['content-type'], contentType)
    assert.deepEqual(record?.metadata.tags, tags)
  }
})

test('copy-object/document: elements in the order of S3', async () => {
  const { body } = await copy('/target/document', sourceOf('source', odd))
  const names = [...body.matchAll(/<([A-Za-z0-9]+)[ >]/g)].map(match => match[1])
  assert.deepEqual(names, ['CopyObjectResult', 'LastModified', 'ETag', 'ChecksumSHA256', 'ChecksumType'])
})

test('copy-object/checksum: another algorithm is computed when asked for', async () => {
  const answer = await copy('/target/crc', '/source/large', { 'x-amz-checksum-algorithm': 'crc64nvme' })
  const value = digestOf('CRC64NVME', large).toString('base64')
  assert.ok(answer.body.includes(`<ChecksumCRC64NVME>${value}</ChecksumCRC64NVME>`), answer.body)
  const refused = await copy('/target/crc', '/source/large', { 'x-amz-checksum-algorithm': 'MD4' })
  assert.deepEqual(codeOf(refused), [400, 'InvalidRequest'])
})

test('copy-object/multipart-source: the copy of a multipart object is one piece with the ETag of its bytes', async () => {
  const started = await steps.create('source', 'multi')
  await steps.complete(started, [await steps.upload(started, 1, large)])
  const answer = await copy('/target/multi', '/source/multi')
  assert.ok(answer.body.includes(`<ETag>&quot;${md5Hex(large)}&quot;</ETag>`), answer.body)
  assert.ok((await steps.bytesOf('target', 'multi')).equals(large))
})

test('copy-object/source-spelling: leading slash, encoded slashes and plus signs', async () => {
  const spellings = [
    sourceOf('source', odd),
    `/${sourceOf('source', odd)}`,
    encodeURIComponent(`source/${odd}`),
    encodeURIComponent(`/source/${odd}`),
    sourceOf('source', odd).replace('%20', '+'),
  ]
  for (const spelling of spellings) {
    const answer = await copy('/target/spelled', spelling)
    assert.equal(answer.status, 200, `${spelling} ${answer.body}`)
  }
})

const badSources: readonly (readonly [string, number, string])[] = [
  ['source', 400, 'InvalidArgument'],
  ['/source', 400, 'InvalidArgument'],
  ['/source/', 400, 'InvalidArgument'],
  ['/', 400, 'InvalidArgument'],
  ['//k', 400, 'InvalidArgument'],
  ['source/%zz', 400, 'InvalidArgument'],
  ['source/%ff', 400, 'InvalidArgument'],
  ['source/a%00b', 400, 'InvalidArgument'],
  [`source/${'k'.repeat(1025)}`, 400, 'KeyTooLongError'],
  ['source/missing', 404, 'NoSuchKey'],
  ['missing/k', 404, 'NoSuchBucket'],
  ['lisas/k', 403, 'AccessDenied'],
  ['source/large?versionId=', 400, 'InvalidArgument'],
  ['source/large?versionId=abc', 400, 'InvalidArgument'],
  ['source/large?versionId=aJfG35aUKYOz00000000001I4j3QKItW', 404, 'NoSuchVersion'],
]

for (const [source, status, code] of badSources) {
  test(`copy-object/refused: source ${source.slice(0, 60)}`, async () => {
    assert.deepEqual(codeOf(await copy('/target/refused', source)), [status, code])
    const part = await steps.create('target', 'refused-part')
    assert.deepEqual(codeOf(await copy(uploadPath(part, 'partNumber=1&'), source)), [status, code])
  })
}

test('copy-object/rights: both buckets must be the own ones, and their expected owners right', async () => {
  assert.deepEqual(codeOf(await copy('/lisas/k2', 'source/large')), [403, 'AccessDenied'])
  assert.deepEqual(codeOf(await copy('/target/k', 'source/large', {}, 'lisa')), [403, 'AccessDenied'])
  const anonymous = await server.send({
    method: 'PUT',
    path: '/target/k',
    headers: { 'x-amz-copy-source': 'source/large' },
    as: null,
  })
  assert.deepEqual(codeOf(anonymous), [403, 'AccessDenied'])
  const wrong = { 'x-amz-source-expected-bucket-owner': '999999999999' }
  assert.deepEqual(codeOf(await copy('/target/k', 'source/large', wrong)), [403, 'AccessDenied'])
  const right = { 'x-amz-source-expected-bucket-owner': '123456789012', 'x-amz-expected-bucket-owner': '123456789012' }
  assert.equal((await copy('/target/k', 'source/large', right)).status, 200)
})

test('copy-object/versions: a named version is copied and both ids are answered', async () => {
  const put = await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'v', Body: 'old' }))
  await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'v', Body: 'new' }))
  const answer = await copy('/versioned/v', `/versioned/v?versionId=${put.VersionId}`)
  assert.equal(answer.status, 200, answer.body)
  assert.equal(answer.headers['x-amz-copy-source-version-id'], put.VersionId)
  const head = await client.send(new HeadObjectCommand({ Bucket: 'versioned', Key: 'v' }))
  assert.equal(answer.headers['x-amz-version-id'], head.VersionId)
  assert.notEqual(head.VersionId, put.VersionId)
  assert.equal((await steps.bytesOf('versioned', 'v')).toString(), 'old')
})

test('copy-object/delete-marker: as a source it is not there, or refused when named', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'm', Body: 'x' }))
  const marker = await client.send(new DeleteObjectCommand({ Bucket: 'versioned', Key: 'm' }))
  assert.deepEqual(codeOf(await copy('/target/m', '/versioned/m')), [404, 'NoSuchKey'])
  const named = await copy('/target/m', `/versioned/m?versionId=${marker.VersionId}`)
  assert.deepEqual(codeOf(named), [400, 'InvalidRequest'])
  assert.match(errorMessage(named), /may not specifically refer to a delete marker/)
})

test('copy-object/onto-itself: only with a change', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'source', Key: 'self', Body: 'self', Metadata: { a: '1' } }))
  const idle = await copy('/source/self', '/source/self')
  assert.deepEqual(codeOf(idle), [400, 'InvalidRequest'])
  assert.match(errorMessage(idle), /^This copy request is illegal because it is trying to copy an object to itself/)
  const same = { 'x-amz-storage-class': 'STANDARD', 'x-amz-metadata-directive': 'COPY' }
  assert.deepEqual(codeOf(await copy('/source/self', '/source/self', same)), [400, 'InvalidRequest'])
  const changes: readonly Record<string, string>[] = [
    { 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-b': '2' },
    { 'x-amz-tagging-directive': 'REPLACE', 'x-amz-tagging': 'x=y' },
    { 'x-amz-storage-class': 'STANDARD_IA' },
    { 'x-amz-checksum-algorithm': 'SHA1' },
  ]
  for (const headers of changes) {
    const answer = await copy('/source/self', '/source/self', headers)
    assert.equal(answer.status, 200, JSON.stringify(headers) + answer.body)
  }
  const record = await server.store.version({ bucket: 'source', key: 'self', version: 'latest' })
  assert.equal(record?.metadata['x-amz-meta-b'], '2')
  assert.equal(record?.metadata['x-amz-meta-a'], undefined)
  assert.deepEqual(record?.metadata.tags, { x: 'y' })
  assert.equal((await steps.bytesOf('source', 'self')).toString(), 'self')
})

test('copy-object/refused: directives, classes and settings that do not exist', async () => {
  const cases: readonly (readonly [Record<string, string>, number, string])[] = [
    [{ 'x-amz-metadata-directive': 'MERGE' }, 400, 'InvalidArgument'],
    [{ 'x-amz-tagging-directive': 'x' }, 400, 'InvalidArgument'],
    [{ 'x-amz-storage-class': 'COLD' }, 400, 'InvalidStorageClass'],
    [{ 'x-amz-server-side-encryption': 'aws:kms' }, 501, 'NotImplemented'],
    [{ 'x-amz-copy-source-server-side-encryption-customer-algorithm': 'AES256' }, 400, 'InvalidArgument'],
    [{ 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-a': 'x'.repeat(2100) }, 400, 'MetadataTooLarge'],
    [{ 'x-amz-tagging-directive': 'REPLACE', 'x-amz-tagging': 'a=1&a=2' }, 400, 'InvalidArgument'],
  ]
  for (const [headers, status, code] of cases) {
    assert.deepEqual(
      codeOf(await copy('/target/none', '/source/large', headers)),
      [status, code],
      JSON.stringify(headers),
    )
  }
  for (const query of ['partNumber=1', 'versionId=null']) {
    assert.deepEqual(codeOf(await copy(`/target/none?${query}`, '/source/large')), [400, 'InvalidArgument'])
  }
  assert.equal(await server.store.version({ bucket: 'target', key: 'none', version: 'latest' }), null)
})

const past = 'Mon, 01 Jan 2001 00:00:00 GMT'
const future = 'Fri, 01 Jan 2100 00:00:00 GMT'
const etag = `"${md5Hex(large)}"`
const conditions: readonly (readonly [Record<string, string>, number])[] = [
  [{ 'if-match': etag }, 200],
  [{ 'if-match': '"x"' }, 412],
  [{ 'if-none-match': etag }, 412],
  [{ 'if-none-match': '"x"' }, 200],
  [{ 'if-modified-since': past }, 200],
  [{ 'if-modified-since': future }, 412],
  [{ 'if-unmodified-since': past }, 412],
  [{ 'if-unmodified-since': future }, 200],
  [{ 'if-match': etag, 'if-unmodified-since': past }, 200],
  [{ 'if-none-match': etag, 'if-modified-since': past }, 412],
]

for (const [headers, status] of conditions) {
  test(`copy-object/source-conditions: ${Object.keys(headers).join(' and ')} give ${status}`, async () => {
    const entries = Object.entries(headers).map(([name, value]) => [`x-amz-copy-source-${name}`, value])
    const answer = await copy('/target/conditional', '/source/large', Object.fromEntries(entries))
    assert.equal(answer.status, status, answer.body)
    const started = await steps.create('target', 'conditional-part')
    const part = await copy(uploadPath(started, 'partNumber=1&'), '/source/large', Object.fromEntries(entries))
    assert.equal(part.status, status, part.body)
  })
}

test('copy-object/target-conditions: a copy may be made only where nothing is', async () => {
  assert.equal((await copy('/target/once', '/source/large', { 'if-none-match': '*' })).status, 200)
  const again = await copy('/target/once', '/source/large', { 'if-none-match': '*' })
  assert.deepEqual(codeOf(again), [412, 'PreconditionFailed'])
})

test('copy-object/replicated: the copy waits for its sites, also when a service account makes it', async () => {
  for (const as of ['bart', 'replication'] as const) {
    const headers = { 'x-amz-copy-source': 'source/large' }
    const answer = await server.send({ method: 'PUT', path: `/replicated/by-${as}`, headers, as })
    assert.equal(answer.status, 200, answer.body)
    const record = await server.store.version({ bucket: 'replicated', key: `by-${as}`, version: 'latest' })
    assert.equal(record?.metadata.replicationInfo.status, 'PENDING')
    assert.deepEqual(record?.metadata.replicationInfo.content, ['DATA', 'METADATA'])
    assert.equal(record?.metadata.originOp, 's3:ObjectCreated:Copy')
  }
})

/** Stores a version whose metadata is a lie: another server's, or one damaged on disk. */
async function plant(key: string, change: Partial<ObjectMetadata>, integrity: Integrity | null): Promise<void> {
  const record = await server.store.version({ bucket: 'versioned', key: 'planted', version: 'latest' })
  assert.ok(record !== null)
  const { versionId: _, isNull: __, ...metadata } = record.metadata
  const stored = await server.store.putReplica({
    bucket: 'versioned',
    key,
    versionId: record.versionId,
    metadata: { ...metadata, ...change, key },
    keepLocation: false,
    integrity,
  })
  assert.equal(stored.outcome, 'stored')
}

test('copy-object/too-large: over 5 GiB a copy is refused; a damaged source never becomes a copy', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'planted', Body: large }))
  await plant('huge', { 'content-length': 5 * 1024 ** 3 + 1 }, null)
  const refused = await copy('/target/huge', '/versioned/huge')
  assert.deepEqual(codeOf(refused), [400, 'InvalidRequest'])
  assert.match(errorMessage(refused), /larger than the maximum allowable size for a copy source: 5368709120/)
  await plant('damaged', {}, { crc32: '00000000' })
  const before = server.disk.size
  assert.deepEqual(codeOf(await copy('/target/damaged', '/versioned/damaged')), [500, 'InternalError'])
  assert.equal(await server.store.version({ bucket: 'target', key: 'damaged', version: 'latest' }), null)
  assert.equal(server.disk.size, before)
})

test('copy-object/client-gone: the copy stops, leaves nothing, and is no defect', async () => {
  const disk = new Map<string, Uint8Array>()
  const memory = createMemoryDataStore({ name: 'us-east-1', epoch: '1', random: realWorld.random, disk })
  const reading = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  /** Gives the first bytes and then nothing, until it is told to stop. */
  const stuck: DataStore = {
    ...memory,
    async *read(dataKey, start, end, signal) {
      for await (const chunk of memory.read(dataKey, start, end, signal)) {
        yield chunk
        reading.resolve()
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      }
    },
  }
  const own = await startTestServer({ dataStores: new Map([['us-east-1', stuck]]) })
  // Defects of the other server may be told late, when it is in other threads.
  const { headers } = await own.send({ method: 'GET', path: '/' })
  const ids = headers['x-amz-request-id']?.slice(0, 12) ?? ''
  const failures: unknown[] = []
  const stops = [
    defects.subscribe(event => {
      if (event.requestId?.startsWith(ids) === true) failures.push(event)
    }),
    s3Requests.subscribe(event => {
      if (event.operation === 'CopyObject') ended.resolve()
    }),
  ]
  try {
    const ownClient = own.client()
    await makeBuckets(own, ownClient, { own: false })
    await ownClient.send(new PutObjectCommand({ Bucket: 'own', Key: 'a', Body: large }))
    const leaving = new AbortController()
    const input = { Bucket: 'own', Key: 'b', CopySource: 'own/a' }
    const copying = ownClient.send(new CopyObjectCommand(input), { abortSignal: leaving.signal })
    await reading.promise
    leaving.abort()
    await assert.rejects(copying, { name: 'AbortError' })
    await ended.promise
    assert.equal(disk.size, 1)
    assert.equal(await own.store.version({ bucket: 'own', key: 'b', version: 'latest' }), null)
    assert.deepEqual(failures, [])
  } finally {
    for (const stop of stops) stop()
    await own.close()
  }
})

test('upload-part-copy/ranges: parts of parts make the object', async () => {
  const started = await steps.create('target', 'ranges', { ChecksumAlgorithm: 'CRC32C' })
  const source = sourceOf('source', 'large')
  const copied = await client.send(
    new UploadPartCopyCommand({ ...started, PartNumber: 2, CopySource: source, CopySourceRange: 'bytes=100-20099' }),
  )
  const bytes = large.subarray(100, 20_100)
  assert.equal(copied.CopyPartResult?.ETag, `"${md5Hex(bytes)}"`)
  assert.equal(copied.CopyPartResult?.ChecksumCRC32C, digestOf('CRC32C', bytes).toString('base64'))
  await steps.complete(started, [
    { PartNumber: 2, ETag: copied.CopyPartResult?.ETag, ChecksumCRC32C: copied.CopyPartResult?.ChecksumCRC32C },
  ])
  assert.ok((await steps.bytesOf('target', 'ranges')).equals(bytes))
})

test('upload-part-copy/whole: without a range the whole source is the part, an empty one too', async () => {
  for (const [key, bytes] of [
    ['large', large],
    ['empty', Buffer.alloc(0)],
  ] as const) {
    const started = await steps.create('target', `whole-${key}`)
    const answer = await copy(uploadPath(started, 'partNumber=1&'), `source/${key}`)
    assert.ok(answer.body.includes('<CopyPartResult xmlns='), answer.body)
    await steps.complete(started, [{ PartNumber: 1, ETag: `"${md5Hex(bytes)}"` }])
    assert.ok((await steps.bytesOf('target', `whole-${key}`)).equals(bytes))
  }
})

test('upload-part-copy/refused: ranges that are none, and uploads that are not there', async () => {
  const started = await steps.create('target', 'refused-ranges')
  const path = uploadPath(started, 'partNumber=1&')
  for (const range of [
    'bytes=5-',
    'bytes=-5',
    'bytes=9-5',
    'bytes=0-600000',
    '0-5',
    'bytes=0-5,7-9',
    'bytes=a-b',
    '',
  ]) {
    const answer = await copy(path, 'source/large', { 'x-amz-copy-source-range': range })
    assert.deepEqual(codeOf(answer), [400, 'InvalidArgument'], range)
  }
  const missing = await copy('/target/refused-ranges?partNumber=1&uploadId=x', 'source/large')
  assert.deepEqual(codeOf(missing), [404, 'NoSuchUpload'])
  assert.deepEqual(codeOf(await copy(uploadPath(started, 'partNumber=0&'), 'source/large')), [400, 'InvalidArgument'])
})
