// Goal: PutObject, GetObject, HeadObject and DeleteObject behave as S3's, by operation and condition. Method: a current AWS SDK and raw signed
// requests against the real HTTP server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { errorCode, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer
let client: S3Client

before(async () => {
  server = await startTestServer()
  client = server.client()
  await client.send(new CreateBucketCommand({ Bucket: 'plain' }))
  await client.send(new CreateBucketCommand({ Bucket: 'versioned' }))
  const enabled = await server.send({ method: 'PUT', path: '/versioned?versioning=', body: versioningEnabled })
  assert.equal(enabled.status, 200, enabled.body)
})

after(() => server.close())

test('put-object/small: bytes, content headers and user metadata come back', async () => {
  const put = await client.send(
    new PutObjectCommand({
      Bucket: 'plain',
      Key: 'a b/ü+x?y',
      Body: 'hello world',
      ContentType: 'text/plain',
      CacheControl: 'no-cache',
      ContentDisposition: 'attachment; filename=a',
      ContentEncoding: 'identity',
      ContentLanguage: 'en',
      Metadata: { color: 'blue', unicode: '=?UTF-8?B?w7xiZXI=?=' },
      Tagging: 'k1=v1&k2=v2',
    }),
  )
  assert.equal(put.ETag, '"5eb63bbbe01eeed093cb22bb8f5acdc3"')
  assert.equal(put.VersionId, undefined)
  const got = await client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'a b/ü+x?y' }))
  assert.equal(await got.Body?.transformToString(), 'hello world')
  assert.equal(got.ContentType, 'text/plain')
  assert.equal(got.CacheControl, 'no-cache')
  assert.equal(got.ContentDisposition, 'attachment; filename=a')
  assert.equal(got.ContentEncoding, 'identity')
  assert.equal(got.ContentLanguage, 'en')
  assert.equal(got.TagCount, 2)
  assert.deepEqual(got.Metadata, { color: 'blue', unicode: '=?UTF-8?B?w7xiZXI=?=' })
  const record = await server.store.version({ bucket: 'plain', key: 'a b/ü+x?y', version: 'latest' })
  assert.equal(record?.metadata['x-amz-meta-unicode'], 'über')
})

test('put-object/large: bytes beyond the inline limit come back whole and by range', async () => {
  const body = Buffer.alloc(700_000, 'crossbeat ')
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'large', Body: body }))
  const whole = await client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'large' }))
  assert.deepEqual(Buffer.from((await whole.Body?.transformToByteArray()) ?? []), body)
  const part = await client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'large', Range: 'bytes=299990-300009' }))
  assert.equal(part.ContentRange, 'bytes 299990-300009/700000')
  assert.equal(await part.Body?.transformToString(), body.subarray(299_990, 300_010).toString())
})

test('head-object/empty: an object of zero bytes has length 0 and no body', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'empty', Body: '' }))
  const head = await client.send(new HeadObjectCommand({ Bucket: 'versioned', Key: 'empty' }))
  assert.equal(head.ContentLength, 0)
  assert.equal(head.ETag, '"d41d8cd98f00b204e9800998ecf8427e"')
  const got = await client.send(new GetObjectCommand({ Bucket: 'versioned', Key: 'empty' }))
  assert.equal(await got.Body?.transformToString(), '')
})

test('delete-object/versioned: a marker hides the object, deleting the marker brings it back', async () => {
  const put = await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'v', Body: 'one' }))
  assert.equal(put.VersionId?.length, 32)
  const deleted = await client.send(new DeleteObjectCommand({ Bucket: 'versioned', Key: 'v' }))
  assert.equal(deleted.DeleteMarker, true)
  const hidden = await server.send({ method: 'GET', path: '/versioned/v' })
  assert.equal(hidden.status, 404)
  assert.equal(hidden.headers['x-amz-delete-marker'], 'true')
  assert.equal(errorCode(hidden), 'NoSuchKey')
  const marker = await server.send({ method: 'GET', path: `/versioned/v?versionId=${deleted.VersionId}` })
  assert.equal(marker.status, 405)
  await client.send(new DeleteObjectCommand({ Bucket: 'versioned', Key: 'v', VersionId: deleted.VersionId }))
  const again = await client.send(new GetObjectCommand({ Bucket: 'versioned', Key: 'v' }))
  assert.equal(await again.Body?.transformToString(), 'one')
})

test('delete-object/unversioned: deleting twice is 204 both times', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'gone', Body: 'x' }))
  for (let time = 0; time < 2; time++) {
    const answer = await server.send({ method: 'DELETE', path: '/plain/gone' })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers['x-amz-delete-marker'], undefined)
  }
})

test('list-objects-v2/pages: pages follow one another in byte order', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'listed' }))
  const keys = ['a/1', 'a/2', 'b', 'c/1', 'd', '\u{1f600}']
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: 'listed', Key, Body: Key }))
  const seen: string[] = []
  let token: string | undefined
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: 'listed', MaxKeys: 2, Delimiter: '/', ContinuationToken: token }),
    )
    for (const { Key } of page.Contents ?? []) seen.push(Key ?? '')
    for (const { Prefix } of page.CommonPrefixes ?? []) seen.push(Prefix ?? '')
    token = page.NextContinuationToken
  } while (token !== undefined)
  assert.deepEqual(seen, ['b', 'a/', 'd', 'c/', '\u{1f600}'])
})
