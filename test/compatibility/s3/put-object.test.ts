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
import { md5Hex } from '../../../src/base/hash.ts'
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
  assert.equal(put.Size, 11)
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

const refused: readonly (readonly [string, Record<string, string>, number, string])[] = [
  ['a key management service', { 'x-amz-server-side-encryption': 'aws:kms' }, 501, 'NotImplemented'],
  [
    'a customer algorithm without its key',
    { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' },
    400,
    'InvalidArgument',
  ],
  ['half of a retention', { 'x-amz-object-lock-mode': 'GOVERNANCE' }, 400, 'InvalidArgument'],
  ['an unknown ACL', { 'x-amz-acl': 'everybody' }, 400, 'InvalidArgument'],
  ['a grant to nobody known', { 'x-amz-grant-read': 'id=x' }, 400, 'InvalidArgument'],
  ['a website redirect to nowhere', { 'x-amz-website-redirect-location': 'x' }, 400, 'InvalidRedirectLocation'],
  [
    'too long a website redirect',
    { 'x-amz-website-redirect-location': `/${'x'.repeat(2048)}` },
    400,
    'InvalidRedirectLocation',
  ],
  ['an unknown storage class', { 'x-amz-storage-class': 'FROZEN' }, 400, 'InvalidStorageClass'],
  ['a storage class for archives', { 'x-amz-storage-class': 'GLACIER' }, 400, 'InvalidStorageClass'],
  ['too much user metadata', { 'x-amz-meta-a': 'x'.repeat(2048) }, 400, 'MetadataTooLarge'],
  ['eleven tags', { 'x-amz-tagging': 'a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=' }, 400, 'BadRequest'],
  ['a tag twice', { 'x-amz-tagging': 'a=1&a=2' }, 400, 'InvalidArgument'],
  ['a tag of the system', { 'x-amz-tagging': 'aws:a=1' }, 400, 'InvalidTag'],
  ['tags that are not encoded', { 'x-amz-tagging': 'a=%zz' }, 400, 'InvalidArgument'],
  ['a wrong content-md5', { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }, 400, 'BadDigest'],
  ['a content-md5 that is none', { 'content-md5': 'x' }, 400, 'InvalidDigest'],
  ['a wrong CRC32', { 'x-amz-checksum-crc32': 'AAAAAA==' }, 400, 'BadDigest'],
  ['a CRC32 that is none', { 'x-amz-checksum-crc32': 'x' }, 400, 'InvalidRequest'],
  ['two checksums', { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }, 400, 'InvalidRequest'],
]

for (const [name, headers, status, code] of refused) {
  test(`put-object/${name} is refused and nothing stored`, async () => {
    for (const size of [4, 40_000]) {
      const answer = await server.send({ method: 'PUT', path: '/plain/refused', headers, body: 'x'.repeat(size) })
      assert.equal(answer.status, status, answer.body)
      assert.equal(errorCode(answer), code)
    }
    assert.equal(await server.store.version({ bucket: 'plain', key: 'refused', version: 'latest' }), null)
    assert.equal((await referencedNames()).size, server.disk.size)
  })
}

async function referencedNames(): Promise<ReadonlySet<string>> {
  return server.store.referencedData([...server.disk.keys()])
}

test('put-object/if-none-match of an ETag: anything but this', async () => {
  const put = (etag: string) =>
    server.send({ method: 'PUT', path: '/plain/unlike', headers: { 'if-none-match': `"${etag}"` }, body: 'x' })
  assert.equal((await put(md5Hex('x'))).status, 200)
  const again = await put(md5Hex('x'))
  assert.deepEqual([again.status, errorCode(again)], [412, 'PreconditionFailed'])
  assert.equal((await put(md5Hex('y'))).status, 200)
})

test('put-object/if-none-match star: the first write wins', async () => {
  const write = () =>
    server.send({ method: 'PUT', path: '/plain/once', headers: { 'if-none-match': '*' }, body: 'x'.repeat(40_000) })
  assert.equal((await write()).status, 200)
  const second = await write()
  assert.equal(second.status, 412)
  assert.equal(errorCode(second), 'PreconditionFailed')
  assert.equal((await referencedNames()).size, server.disk.size)
})

test('put-object/if-match: of the current one, of another, of nothing', async () => {
  const path = '/plain/matched'
  const write = (etag: string) => server.send({ method: 'PUT', path, headers: { 'if-match': etag }, body: 'x' })
  assert.equal(errorCode(await write('"a"')), 'NoSuchKey')
  const any = await write('*')
  assert.deepEqual([any.status, errorCode(any)], [404, 'NoSuchKey'])
  assert.equal((await server.send({ method: 'HEAD', path })).status, 404)
  const { headers } = await server.send({ method: 'PUT', path, body: 'x' })
  assert.equal((await write('*')).status, 200)
  assert.equal((await write(headers['etag'] ?? '')).status, 200)
  assert.equal((await write('"a"')).status, 412)
})

test('put-object/checksums the client states are checked, kept and shown', async () => {
  const stated = {
    CRC32: 'DUoRhQ==',
    CRC32C: 'yZRlqg==',
    SHA1: 'Kq5sNclPz7QV2+lfQIuc6R7oRu0=',
    SHA256: 'uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=',
    CRC64NVME: 'jSnVw/bqjr4=',
  }
  for (const [algorithm, value] of Object.entries(stated)) {
    const name = `x-amz-checksum-${algorithm.toLowerCase()}`
    const path = `/plain/sum-${algorithm}`
    const put = await server.send({ method: 'PUT', path, headers: { [name]: value }, body: 'hello world' })
    assert.equal(put.status, 200, `${algorithm} ${put.body}`)
    assert.equal(put.headers[name], value)
    const head = await server.send({ method: 'HEAD', path, headers: { 'x-amz-checksum-mode': 'ENABLED' } })
    assert.equal(head.headers[name], value)
    assert.equal(head.headers['x-amz-checksum-type'], 'FULL_OBJECT')
  }
})

test('put-object/storage classes are kept and shown', async () => {
  const headers = { 'x-amz-storage-class': 'STANDARD_IA' }
  await server.send({ method: 'PUT', path: '/plain/class', headers, body: 'x' })
  assert.equal(
    (await server.send({ method: 'HEAD', path: '/plain/class' })).headers['x-amz-storage-class'],
    'STANDARD_IA',
  )
})

test('put-object/keys are opaque: dots, slashes and odd letters stay as they are', async () => {
  await server.send({ method: 'PUT', path: '/odd' })
  await client.send(new CreateBucketCommand({ Bucket: 'odd-keys' }))
  const paths = ['../x', '..', '.', 'a//b', '/lead', 'a/../b', '%2e%2e/%2e', 'a%2Fb', '%F0%9F%98%80', 'a%3Fb', 'trail/']
  for (const path of paths) {
    const answer = await server.send({ method: 'PUT', path: `/odd-keys/${path}`, body: path })
    assert.equal(answer.status, 200, path)
  }
  const listed = await client.send(new ListObjectsV2Command({ Bucket: 'odd-keys' }))
  const keys = listed.Contents?.map(({ Key }) => Key) ?? []
  const wanted = [...new Set(paths.map(path => decodeURIComponent(path)))]
  assert.deepEqual([...keys].sort(), wanted.sort())
  for (const Key of keys) {
    const got = await client.send(new GetObjectCommand({ Bucket: 'odd-keys', Key }))
    assert.equal(decodeURIComponent((await got.Body?.transformToString()) ?? ''), Key)
  }
  assert.equal((await client.send(new ListObjectsV2Command({ Bucket: 'plain', Prefix: 'x' }))).KeyCount, 0)
})

test('put-object/key of 1024 bytes fits, of 1025 does not', async () => {
  assert.equal((await server.send({ method: 'PUT', path: `/plain/${'k'.repeat(1024)}`, body: 'x' })).status, 200)
  const long = await server.send({ method: 'PUT', path: `/plain/${'k'.repeat(1025)}`, body: 'x' })
  assert.equal(errorCode(long), 'KeyTooLongError')
})

test('put-object/overwriting without versioning leaves one version and its data only', async () => {
  for (const fill of ['a', 'b', 'c']) {
    await server.send({ method: 'PUT', path: '/plain/over', body: fill.repeat(30_000) })
  }
  const got = await server.send({ method: 'GET', path: '/plain/over' })
  assert.equal(got.body, 'c'.repeat(30_000))
})

test('put-object/a write that names a version or a part is refused', async () => {
  for (const query of ['versionId=null', 'partNumber=1']) {
    const answer = await server.send({ method: 'PUT', path: `/plain/named?${query}`, body: 'x' })
    assert.equal(errorCode(answer), 'InvalidArgument')
  }
  assert.equal(await server.store.version({ bucket: 'plain', key: 'named', version: 'latest' }), null)
})

for (const storageClass of ['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR', 'REDUCED_REDUNDANCY']) {
  test(`put-object/storage class ${storageClass}: kept as a label, and shown`, async () => {
    const path = `/plain/class-${storageClass}`
    const headers = { 'x-amz-storage-class': storageClass }
    assert.equal((await server.send({ method: 'PUT', path, headers, body: 'x' })).status, 200)
    const head = await server.send({ method: 'HEAD', path })
    assert.equal(head.headers['x-amz-storage-class'], storageClass)
  })
}
