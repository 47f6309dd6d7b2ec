// Goal: parts and uploads under way behave as S3's, by operation and condition: created, replaced, aborted, listed. Method: a current AWS SDK,
// and raw signed requests for what it would not send.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { digestOf } from '../../../src/base/hash.ts'
import {
  codeOf,
  type MultipartSteps,
  makeBuckets,
  multipartSteps,
  type Started,
  uploadPath,
} from './multipart-steps.ts'
import { errorMessage, startTestServer, type TestServer } from './test-server.ts'

const tail = randomBytes(100_000)

let server: TestServer
let client: S3Client
let steps: MultipartSteps

before(async () => {
  server = await startTestServer()
  client = server.client()
  steps = multipartSteps(server, client)
  await makeBuckets(server, client, { plain: false, versioned: true, uploads: false, none: false })
})

after(() => server.close())

test('upload-part/replaced: a part sent again counts, the former bytes become garbage', async () => {
  const started = await steps.create('plain', 'replaced')
  const former = await steps.upload(started, 1, randomBytes(40_000))
  const latter = await steps.upload(started, 1, tail)
  assert.deepEqual(codeOf(await steps.rawComplete(started, [former])), [400, 'InvalidPart'])
  await steps.complete(started, [latter])
  assert.ok((await steps.bytesOf('plain', 'replaced')).equals(tail))
})

test('upload-part/refused: numbers, uploads, buckets and accounts that are wrong', async () => {
  const started = await steps.create('plain', 'part-refused')
  const put = (path: string, as: 'bart' | 'lisa' | null = 'bart') => server.send({ method: 'PUT', path, body: 'x', as })
  for (const number of ['0', '10001', '-1', '1.5', 'x', '', '99999999999']) {
    const answer = await put(uploadPath(started, `partNumber=${number}&`))
    assert.deepEqual(codeOf(answer), [400, 'InvalidArgument'], number)
    assert.equal(errorMessage(answer), 'Part number must be an integer between 1 and 10000, inclusive.')
  }
  assert.deepEqual(codeOf(await put('/plain/part-refused?partNumber=1')), [400, 'InvalidArgument'])
  assert.deepEqual(codeOf(await put('/plain/part-refused?partNumber=1&uploadId=nonsense')), [404, 'NoSuchUpload'])
  assert.deepEqual(codeOf(await put('/plain/part-refused?partNumber=1&uploadId=')), [404, 'NoSuchUpload'])
  const elsewhere = await put(`/plain/elsewhere?partNumber=1&uploadId=${started.UploadId}`)
  assert.deepEqual(codeOf(elsewhere), [404, 'NoSuchUpload'])
  const otherBucket = await put(`/versioned/part-refused?partNumber=1&uploadId=${started.UploadId}`)
  assert.deepEqual(codeOf(otherBucket), [404, 'NoSuchUpload'])
  const missing = await put(`/missing/part-refused?partNumber=1&uploadId=${started.UploadId}`)
  assert.deepEqual(codeOf(missing), [404, 'NoSuchBucket'])
  const path = uploadPath(started, 'partNumber=1&')
  assert.deepEqual(codeOf(await put(path, 'lisa')), [403, 'AccessDenied'])
  assert.deepEqual(codeOf(await put(path, null)), [403, 'AccessDenied'])
  const large = await server
    .send({ method: 'PUT', path, headers: { 'content-length': String(5 * 1024 ** 3 + 1) } })
    .catch(() => undefined)
  if (large !== undefined) assert.deepEqual(codeOf(large), [400, 'EntityTooLarge'])
  assert.equal((await client.send(new ListPartsCommand(started))).Parts, undefined)
})

test('upload-part/aborted-meanwhile: bytes of a part whose upload ended are removed', async () => {
  const started = await steps.create('plain', 'late')
  const before = server.disk.size
  const abort = server.send({ method: 'DELETE', path: uploadPath(started) })
  const late = Array.from({ length: 8 }, (_, index) =>
    server.send({ method: 'PUT', path: uploadPath(started, `partNumber=${index + 1}&`), body: tail }),
  )
  assert.equal((await abort).status, 204)
  const answers = await Promise.all(late)
  for (const answer of answers) {
    if (answer.status !== 200) assert.deepEqual(codeOf(answer), [404, 'NoSuchUpload'])
  }
  const stored = answers.filter(({ status }) => status === 200).length
  // Those stored before the abort wait for the collection of garbage.
  assert.equal(server.disk.size - before, stored)
})

test('abort-multipart-upload: ends the upload; a second time, or with another key, there is none', async () => {
  const started = await steps.create('plain', 'aborted')
  const part = await steps.upload(started, 1, tail)
  const elsewhere = await server.send({ method: 'DELETE', path: uploadPath({ ...started, Key: 'other' }) })
  assert.deepEqual(codeOf(elsewhere), [404, 'NoSuchUpload'])
  await client.send(new AbortMultipartUploadCommand(started))
  assert.deepEqual(codeOf(await server.send({ method: 'DELETE', path: uploadPath(started) })), [404, 'NoSuchUpload'])
  assert.deepEqual(codeOf(await steps.rawComplete(started, [part])), [404, 'NoSuchUpload'])
  assert.deepEqual(codeOf(await server.send({ method: 'GET', path: uploadPath(started) })), [404, 'NoSuchUpload'])
})

test('list-parts/pages: parts by number, in pages', async () => {
  const started = await steps.create('plain', 'listed', { ChecksumAlgorithm: 'CRC32C' })
  for (const number of [5, 1, 10_000, 3])
    await steps.upload(started, number, Buffer.from(`part ${number}`), { ChecksumAlgorithm: 'CRC32C' })
  const all = await client.send(new ListPartsCommand(started))
  assert.deepEqual(
    all.Parts?.map(({ PartNumber, Size, ChecksumCRC32C }) => [PartNumber, Size, ChecksumCRC32C]),
    [1, 3, 5, 10_000].map(number => {
      const bytes = Buffer.from(`part ${number}`)
      return [number, bytes.length, digestOf('CRC32C', bytes).toString('base64')]
    }),
  )
  assert.equal(all.IsTruncated, false)
  assert.equal(all.MaxParts, 1000)
  assert.equal(all.StorageClass, 'STANDARD')
  assert.equal(all.ChecksumAlgorithm, 'CRC32C')
  assert.equal(all.ChecksumType, 'COMPOSITE')
  assert.deepEqual(all.Owner, { ID: 'canonical-bart', DisplayName: 'bart' })
  assert.deepEqual(all.Initiator, all.Owner)
  const found: (number | undefined)[] = []
  let marker: string | undefined
  for (;;) {
    const page = await client.send(
      new ListPartsCommand({ ...started, MaxParts: 2, ...(marker !== undefined && { PartNumberMarker: marker }) }),
    )
    found.push(...(page.Parts ?? []).map(({ PartNumber }) => PartNumber))
    if (page.IsTruncated !== true) break
    marker = page.NextPartNumberMarker
  }
  assert.deepEqual(found, [1, 3, 5, 10_000])
  for (const query of ['max-parts=x&', 'max-parts=-1&', 'part-number-marker=x&', 'encoding-type=x&']) {
    const answer = await server.send({ method: 'GET', path: uploadPath(started, query) })
    assert.deepEqual(codeOf(answer), [400, 'InvalidArgument'], query)
  }
  const none = await server.send({ method: 'GET', path: uploadPath(started, 'max-parts=0&') })
  assert.ok(none.body.includes('<MaxParts>0</MaxParts><IsTruncated>false</IsTruncated>'), none.body)
})

async function listUploads(query: string): Promise<{ names: string[]; prefixes: string[]; body: string }> {
  const { status, body } = await server.send({ method: 'GET', path: `/uploads?${query}` })
  assert.equal(status, 200, body)
  const names = [...body.matchAll(/<Upload><Key>([^<]*)<\/Key><UploadId>([^<]*)</g)].map(
    ([, key, id]) => `${key} ${id}`,
  )
  return { names, prefixes: [...body.matchAll(/<CommonPrefixes><Prefix>([^<]*)</g)].map(match => match[1] ?? ''), body }
}

test('list-multipart-uploads: by key and age, by prefix and delimiter, in pages', async () => {
  const started: Started[] = []
  for (const Key of ['a', 'b/1', 'b/2', 'b/2', 'b/c/3', 'd', 'ü']) started.push(await steps.create('uploads', Key))
  const expected = started.map(({ Key, UploadId }) => `${Key} ${UploadId}`)
  assert.deepEqual((await listUploads('uploads=')).names, expected)
  assert.deepEqual((await listUploads('prefix=b%2F&uploads=')).names, expected.slice(1, 5))
  const rolled = await listUploads('delimiter=%2F&uploads=')
  assert.deepEqual(rolled.names, [expected[0], expected[5], expected[6]])
  assert.deepEqual(rolled.prefixes, ['b/'])
  const nested = await listUploads('delimiter=%2F&prefix=b%2F&uploads=')
  assert.deepEqual([nested.names, nested.prefixes], [expected.slice(1, 4), ['b/c/']])
  for (const max of [1, 2, 3, 5]) {
    for (const Delimiter of [undefined, '/']) {
      const found: string[] = []
      let markers: { KeyMarker?: string; UploadIdMarker?: string } = {}
      for (;;) {
        const page = await client.send(
          new ListMultipartUploadsCommand({
            Bucket: 'uploads',
            MaxUploads: max,
            ...markers,
            ...(Delimiter !== undefined && { Delimiter }),
          }),
        )
        found.push(...(page.Uploads ?? []).map(({ Key, UploadId }) => `${Key} ${UploadId}`))
        found.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''))
        assert.ok(found.length <= 20)
        if (page.IsTruncated !== true) break
        markers = { KeyMarker: page.NextKeyMarker ?? '', UploadIdMarker: page.NextUploadIdMarker ?? '' }
      }
      const whole = Delimiter === undefined ? expected : [expected[0], 'b/', expected[5], expected[6]]
      assert.deepEqual(found.toSorted(), whole.toSorted(), `${max} ${Delimiter}`)
    }
  }
  assert.deepEqual((await listUploads('key-marker=b%2F2&uploads=')).names, expected.slice(4))
  const within = await listUploads(`key-marker=b%2F2&upload-id-marker=${started[2]?.UploadId}&uploads=`)
  assert.deepEqual(within.names, expected.slice(3))
  const empty = await listUploads('max-uploads=0&uploads=')
  assert.deepEqual(empty.names, [])
  assert.ok(empty.body.includes('<IsTruncated>false</IsTruncated>'))
  const encoded = await listUploads('encoding-type=url&prefix=%C3%BC&uploads=')
  assert.match(encoded.names[0] ?? '', /^%C3%BC /)
  for (const query of ['max-uploads=x&uploads=', 'encoding-type=x&uploads=']) {
    const answer = await server.send({ method: 'GET', path: `/uploads?${query}` })
    assert.deepEqual(codeOf(answer), [400, 'InvalidArgument'])
  }
  const none = await server.send({ method: 'GET', path: '/none?uploads=' })
  assert.ok(none.body.includes('<MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>'), none.body)
})

test('create-multipart-upload/refused: settings that no object could have', async () => {
  const post = (headers: Record<string, string>, as: 'bart' | 'lisa' | null = 'bart') =>
    server.send({ method: 'POST', path: '/plain/k?uploads=', headers, as })
  const attempts: readonly (readonly [Record<string, string>, number, string])[] = [
    [{ 'x-amz-storage-class': 'COLD' }, 400, 'InvalidStorageClass'],
    [{ 'x-amz-tagging': 'a=1&a=2' }, 400, 'InvalidArgument'],
    [{ 'x-amz-meta-a': 'x'.repeat(2100) }, 400, 'MetadataTooLarge'],
    [{ 'x-amz-server-side-encryption': 'aws:kms' }, 501, 'NotImplemented'],
    [{ 'x-amz-acl': 'everybody' }, 400, 'InvalidArgument'],
  ]
  for (const [headers, status, code] of attempts) assert.deepEqual(codeOf(await post(headers)), [status, code])
  assert.deepEqual(codeOf(await post({}, 'lisa')), [403, 'AccessDenied'])
  assert.deepEqual(codeOf(await post({}, null)), [403, 'AccessDenied'])
  const missing = await server.send({ method: 'POST', path: '/missing/k?uploads=' })
  assert.deepEqual(codeOf(missing), [404, 'NoSuchBucket'])
})
