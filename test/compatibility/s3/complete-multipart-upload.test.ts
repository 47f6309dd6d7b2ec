// Goal: multipart uploads end as S3's do, by operation and condition, and no order of events loses or mixes up bytes. Method: a current AWS
// SDK, raw signed requests for what it would not send, and completions, aborts and parts that race.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { digestOf, md5Hex } from '../../../src/base/hash.ts'
import { codeOf, type MultipartSteps, makeBuckets, multipartSteps, uploadPath } from './multipart-steps.ts'
import { errorMessage, replicationXml, startTestServer, type TestServer } from './test-server.ts'

const mebibyte = 1024 ** 2
const five = randomBytes(5 * mebibyte)
const tail = randomBytes(100_000)

let server: TestServer
let client: S3Client
let steps: MultipartSteps

before(async () => {
  server = await startTestServer()
  client = server.client()
  steps = multipartSteps(server, client)
  await makeBuckets(server, client, { plain: false, versioned: true, replicated: true })
  const body = replicationXml([{}])
  const configured = await server.send({ method: 'PUT', path: '/replicated?replication=', body })
  assert.equal(configured.status, 200, configured.body)
})

after(() => server.close())

test('complete-multipart-upload/whole: bytes, ETag, settings and parts of the object', async () => {
  const started = await steps.create('plain', 'dir/ü', {
    ContentType: 'text/x-parts',
    CacheControl: 'no-store',
    Metadata: { color: 'blue' },
    Tagging: 'a=1&b=2',
    StorageClass: 'STANDARD_IA',
  })
  const parts = [
    await steps.upload(started, 3, five),
    await steps.upload(started, 7, five),
    await steps.upload(started, 9, tail),
  ]
  const done = await steps.complete(started, parts)
  const digests = Buffer.concat([five, five, tail].map(bytes => digestOf('MD5', bytes)))
  assert.equal(done.ETag, `"${md5Hex(digests)}-3"`)
  assert.equal(done.Bucket, 'plain')
  assert.equal(done.Key, 'dir/ü')
  assert.equal(done.Location, `http://${server.host}:${server.port}/plain/dir/%C3%BC`)
  assert.equal(done.VersionId, undefined)
  const head = await client.send(new HeadObjectCommand({ Bucket: 'plain', Key: 'dir/ü' }))
  assert.equal(head.ETag, done.ETag)
  assert.equal(head.ContentLength, 2 * five.length + tail.length)
  assert.equal(head.ContentType, 'text/x-parts')
  assert.equal(head.CacheControl, 'no-store')
  assert.equal(head.StorageClass, 'STANDARD_IA')
  assert.deepEqual(head.Metadata, { color: 'blue' })
  assert.ok((await steps.bytesOf('plain', 'dir/ü')).equals(Buffer.concat([five, five, tail])))
  const second = await client.send(new GetObjectCommand({ Bucket: 'plain', Key: 'dir/ü', PartNumber: 3 }))
  assert.equal(second.PartsCount, 3)
  assert.ok(Buffer.from((await second.Body?.transformToByteArray()) ?? []).equals(tail))
  const record = await server.store.version({ bucket: 'plain', key: 'dir/ü', version: 'latest' })
  assert.equal(record?.integrity?.crc32, digestOf('CRC32', Buffer.concat([five, five, tail])).toString('hex'))
  assert.deepEqual(
    record?.metadata.location?.map(({ start, size, dataStoreETag }) => [start, size, dataStoreETag]),
    [
      [0, five.length, `3:${md5Hex(five)}`],
      [five.length, five.length, `7:${md5Hex(five)}`],
      [2 * five.length, tail.length, `9:${md5Hex(tail)}`],
    ],
  )
  assert.equal(record?.metadata.uploadId, started.UploadId)
  assert.deepEqual(record?.metadata.tags, { a: '1', b: '2' })
  assert.equal(record?.metadata.originOp, 's3:ObjectCreated:CompleteMultipartUpload')
})

test('complete-multipart-upload/small: a single part of any size, inline too, and of no bytes', async () => {
  for (const size of [0, 1, 20_000]) {
    const bytes = randomBytes(size)
    const started = await steps.create('plain', `small-${size}`)
    const done = await steps.complete(started, [await steps.upload(started, 1, bytes)])
    assert.equal(done.ETag, `"${md5Hex(digestOf('MD5', bytes))}-1"`)
    assert.ok((await steps.bytesOf('plain', `small-${size}`)).equals(bytes))
  }
})

test('complete-multipart-upload/last-part-empty: a last part without bytes changes nothing but the ETag', async () => {
  const started = await steps.create('plain', 'trailing')
  const parts = [await steps.upload(started, 1, five), await steps.upload(started, 2, new Uint8Array(0))]
  assert.match((await steps.complete(started, parts)).ETag ?? '', /-2"$/)
  assert.ok((await steps.bytesOf('plain', 'trailing')).equals(five))
})

test('complete-multipart-upload/some-parts: parts that are not named become garbage', async () => {
  const started = await steps.create('plain', 'some')
  await steps.upload(started, 1, tail)
  const kept = await steps.upload(started, 2, randomBytes(30_000))
  await steps.upload(started, 3, tail)
  const before = server.disk.size
  await steps.complete(started, [kept])
  const garbage = await server.store.garbage(100)
  const record = await server.store.version({ bucket: 'plain', key: 'some', version: 'latest' })
  const own = record?.metadata.location?.map(({ key }) => key) ?? []
  assert.equal(own.length, 1)
  assert.ok(garbage.every(({ dataKey }) => !own.includes(dataKey)))
  assert.ok(garbage.length >= 2)
  assert.equal(server.disk.size, before)
})

test('complete-multipart-upload/versioned: the version id is answered', async () => {
  const started = await steps.create('versioned', 'v')
  const done = await steps.complete(started, [await steps.upload(started, 1, tail)])
  const head = await client.send(new HeadObjectCommand({ Bucket: 'versioned', Key: 'v' }))
  assert.ok(done.VersionId !== undefined)
  assert.equal(head.VersionId, done.VersionId)
})

test('complete-multipart-upload/replicated: the version waits for its sites as a multipart object', async () => {
  const started = await steps.create('replicated', 'r')
  await steps.complete(started, [await steps.upload(started, 1, tail)])
  const record = await server.store.version({ bucket: 'replicated', key: 'r', version: 'latest' })
  assert.deepEqual(record?.metadata.replicationInfo.content, ['DATA', 'METADATA', 'MPU'])
  assert.equal(record?.metadata.replicationInfo.status, 'PENDING')
  assert.deepEqual(
    record?.metadata.replicationInfo.backends.map(({ site }) => site),
    ['awsbackend', 'azurebackend'],
  )
})

test('complete-multipart-upload/repeated: a lost answer can be asked for again, as long as the version is there', async () => {
  for (const bucket of ['plain', 'versioned']) {
    const started = await steps.create(bucket, 'again', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' })
    const parts = [await steps.upload(started, 1, tail)]
    const first = await steps.rawComplete(started, parts)
    const again = await steps.rawComplete(started, parts)
    assert.equal(first.status, 200, first.body)
    assert.deepEqual([again.status, again.body], [200, first.body])
    assert.equal(again.headers['x-amz-version-id'], first.headers['x-amz-version-id'])
    const other = [{ ...parts[0], ETag: `"${md5Hex('other')}"` }]
    assert.deepEqual(codeOf(await steps.rawComplete(started, other)), [404, 'NoSuchUpload'])
    // With versions, a newer one does not make the completed one disappear.
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'again', Body: 'newer' }))
    const later = await steps.rawComplete(started, parts)
    if (bucket === 'versioned') assert.deepEqual([later.status, later.body], [200, first.body])
    else assert.deepEqual(codeOf(later), [404, 'NoSuchUpload'])
    const otherKey = await steps.rawComplete({ ...started, Key: 'elsewhere' }, parts)
    assert.deepEqual(codeOf(otherKey), [404, 'NoSuchUpload'])
  }
})

test('complete-multipart-upload/concurrent: twenty completions make one version and one answer', async () => {
  const started = await steps.create('versioned', 'race')
  const parts = [await steps.upload(started, 1, tail)]
  const answers = await Promise.all(Array.from({ length: 20 }, () => steps.rawComplete(started, parts)))
  for (const answer of answers) assert.equal(answer.status, 200, answer.body)
  assert.equal(new Set(answers.map(({ headers }) => headers['x-amz-version-id'])).size, 1)
  const listing = await server.store.list({
    bucket: 'versioned',
    prefix: 'race',
    delimiter: '',
    after: '',
    maxKeys: 10,
    what: 'versions',
  })
  assert.equal(listing.entries.length, 1)
})

test('complete-multipart-upload/race-with-abort: one of both wins, and the object is whole or not there', async () => {
  for (let round = 0; round < 10; round++) {
    const started = await steps.create('plain', `abort-race-${round}`)
    const parts = [await steps.upload(started, 1, tail)]
    const [completed, aborted] = await Promise.all([
      steps.rawComplete(started, parts),
      server.send({ method: 'DELETE', path: uploadPath(started) }),
    ])
    assert.notEqual(completed.status === 200, aborted.status === 204)
    const got = await server.send({ method: 'HEAD', path: `/plain/abort-race-${round}` })
    assert.equal(got.status, completed.status === 200 ? 200 : 404)
  }
})

test('complete-multipart-upload/race-with-part: the object has the bytes its ETag tells, never those of a replaced part', async () => {
  for (let round = 0; round < 10; round++) {
    const Key = `part-race-${round}`
    const started = await steps.create('plain', Key)
    const parts = [await steps.upload(started, 1, tail)]
    const [completed] = await Promise.all([
      steps.rawComplete(started, parts),
      client
        .send(new UploadPartCommand({ ...started, PartNumber: 1, Body: randomBytes(50_000) }))
        .catch(() => undefined),
    ])
    if (completed.status !== 200) {
      assert.deepEqual(codeOf(completed), [400, 'InvalidPart'])
      continue
    }
    assert.ok((await steps.bytesOf('plain', Key)).equals(tail))
    const record = await server.store.version({ bucket: 'plain', key: Key, version: 'latest' })
    const own = record?.metadata.location?.map(({ key }) => key) ?? []
    assert.ok((await server.store.garbage(10_000)).every(({ dataKey }) => !own.includes(dataKey)))
  }
})

test('complete-multipart-upload/refused: wrong lists leave the upload as it was', async () => {
  const started = await steps.create('plain', 'refused')
  const first = await steps.upload(started, 1, tail)
  const second = await steps.upload(started, 2, tail)
  const attempts: readonly (readonly [readonly CompletedPart[], string])[] = [
    [[first, second], 'EntityTooSmall'],
    [[second, first], 'InvalidPartOrder'],
    [[first, first], 'InvalidPartOrder'],
    [[{ ...first, ETag: `"${md5Hex('x')}"` }], 'InvalidPart'],
    [[{ ...first, ETag: '' }], 'InvalidPart'],
    [[first, { ...second, PartNumber: 3 }], 'InvalidPart'],
    [[{ ...first, PartNumber: 10_001 }], 'InvalidArgument'],
    [[], 'MalformedXML'],
  ]
  for (const [parts, code] of attempts) {
    assert.deepEqual(codeOf(await steps.rawComplete(started, parts)), [400, code])
  }
  const bodies: readonly (readonly [string, string])[] = [
    ['', 'MalformedXML'],
    ['<CompleteMultipartUpload>', 'MalformedXML'],
    ['<Other/>', 'MalformedXML'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><CompleteMultipartUpload/>', 'MalformedXML'],
    [`<CompleteMultipartUpload>${'<Part/>'.repeat(3)}</CompleteMultipartUpload>`, 'MalformedXML'],
  ]
  for (const [body, code] of bodies) {
    const answer = await server.send({ method: 'POST', path: uploadPath(started), body })
    assert.deepEqual(codeOf(answer), [400, code], body)
  }
  assert.equal((await client.send(new ListPartsCommand(started))).Parts?.length, 2)
  const small = await steps.rawComplete(started, [first, second])
  for (const text of ['<MinSizeAllowed>5242880<', '<ProposedSize>100000<', '<PartNumber>1<']) {
    assert.ok(small.body.includes(text), small.body)
  }
  await steps.complete(started, [second])
  assert.ok((await steps.bytesOf('plain', 'refused')).equals(tail))
})

test('complete-multipart-upload/too-large-body: a body over the limit is refused', async () => {
  const started = await steps.create('plain', 'long')
  const body = `<CompleteMultipartUpload>${' '.repeat(5 * mebibyte)}</CompleteMultipartUpload>`
  const answer = await server.send({ method: 'POST', path: uploadPath(started), body })
  assert.deepEqual(codeOf(answer), [400, 'MaxMessageLengthExceeded'])
})

test('complete-multipart-upload/object-size: a stated size must be right', async () => {
  const started = await steps.create('plain', 'sized')
  const parts = [await steps.upload(started, 1, tail)]
  const wrong = await steps.rawComplete(started, parts, { 'x-amz-mp-object-size': '99999' })
  assert.deepEqual(codeOf(wrong), [400, 'InvalidRequest'])
  const right = await steps.rawComplete(started, parts, { 'x-amz-mp-object-size': '100000' })
  assert.equal(right.status, 200)
})

test('complete-multipart-upload/conditions: If-None-Match and If-Match hold at the end of the upload', async () => {
  const started = await steps.create('plain', 'conditional')
  const parts = [await steps.upload(started, 1, tail)]
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'conditional', Body: 'x' }))
  assert.deepEqual(codeOf(await steps.rawComplete(started, parts, { 'if-none-match': '*' })), [
    412,
    'PreconditionFailed',
  ])
  assert.deepEqual(codeOf(await steps.rawComplete(started, parts, { 'if-match': '"abc"' })), [
    412,
    'PreconditionFailed',
  ])
  assert.deepEqual(codeOf(await steps.rawComplete(started, parts, { 'if-none-match': `"${md5Hex('x')}"` })), [
    412,
    'PreconditionFailed',
  ])
  const current = `"${md5Hex('x')}"`
  assert.equal((await steps.rawComplete(started, parts, { 'if-match': current })).status, 200)
  const other = await steps.create('plain', 'conditional-new')
  const answer = await steps.rawComplete(other, [await steps.upload(other, 1, tail)], { 'if-none-match': '*' })
  assert.equal(answer.status, 200)
})

for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME'] as const) {
  test(`multipart-checksums/full-object: ${ChecksumAlgorithm} of the whole is answered, kept and checked`, async () => {
    const Key = `full-${ChecksumAlgorithm}`
    const started = await steps.create('plain', Key, { ChecksumAlgorithm, ChecksumType: 'FULL_OBJECT' })
    const Parts: CompletedPart[] = []
    for (const [index, Body] of [five, tail].entries()) {
      const part = await client.send(
        new UploadPartCommand({ ...started, PartNumber: index + 1, Body, ChecksumAlgorithm }),
      )
      const value = digestOf(ChecksumAlgorithm, Body).toString('base64')
      assert.equal(part[`Checksum${ChecksumAlgorithm}`], value)
      Parts.push({ PartNumber: index + 1, ETag: part.ETag, [`Checksum${ChecksumAlgorithm}`]: value })
    }
    const whole = digestOf(ChecksumAlgorithm, Buffer.concat([five, tail])).toString('base64')
    const name = `x-amz-checksum-${ChecksumAlgorithm.toLowerCase()}`
    const wrong = digestOf(ChecksumAlgorithm, tail).toString('base64')
    assert.deepEqual(codeOf(await steps.rawComplete(started, Parts, { [name]: wrong })), [400, 'BadDigest'])
    const done = await client.send(
      new CompleteMultipartUploadCommand({
        ...started,
        MultipartUpload: { Parts },
        ChecksumType: 'FULL_OBJECT',
        [`Checksum${ChecksumAlgorithm}`]: whole,
      }),
    )
    assert.equal(done[`Checksum${ChecksumAlgorithm}`], whole)
    assert.equal(done.ChecksumType, 'FULL_OBJECT')
    const got = await client.send(new GetObjectCommand({ Bucket: 'plain', Key, ChecksumMode: 'ENABLED' }))
    assert.equal(got[`Checksum${ChecksumAlgorithm}`], whole)
    assert.equal((await got.Body?.transformToByteArray())?.length, five.length + tail.length)
  })
}

test('multipart-checksums/none chosen: the CRC64NVME of the whole, whatever checksums the parts bring along', async () => {
  const started = await steps.create('plain', 'unchosen')
  const middle = Buffer.concat([five, tail])
  const digest = (algorithm: 'CRC32' | 'CRC64NVME' | 'SHA256', bytes: Buffer) =>
    digestOf(algorithm, bytes).toString('base64')
  const sent: readonly (readonly [Buffer, Readonly<Record<string, string>>])[] = [
    [five, { 'x-amz-checksum-crc32': digest('CRC32', five) }],
    [middle, { 'x-amz-checksum-sha256': digest('SHA256', middle) }],
    [five, { 'x-amz-checksum-crc64nvme': digest('CRC64NVME', five) }],
    [tail, {}],
  ]
  const parts: CompletedPart[] = []
  for (const [index, [body, headers]] of sent.entries()) {
    const PartNumber = index + 1
    const path = uploadPath(started, `partNumber=${PartNumber}&`)
    const answer = await server.send({ method: 'PUT', path, headers, body })
    for (const [name, value] of Object.entries(headers)) assert.equal(answer.headers[name], value)
    parts.push({ PartNumber, ETag: answer.headers['etag'] })
  }
  const bytes = Buffer.concat(sent.map(([body]) => body))
  const whole = digest('CRC64NVME', bytes)
  const half = { 'x-amz-checksum-type': 'COMPOSITE' }
  assert.deepEqual(codeOf(await steps.rawComplete(started, parts, half)), [400, 'InvalidRequest'])
  const mistaken = { 'x-amz-checksum-crc32': digest('CRC32', tail) }
  assert.deepEqual(codeOf(await steps.rawComplete(started, parts, mistaken)), [400, 'BadDigest'])
  const stated = await steps.rawComplete(started, parts, { 'x-amz-checksum-crc32': digest('CRC32', bytes) })
  for (const element of [`<ChecksumCRC64NVME>${whole}<`, '<ChecksumType>FULL_OBJECT<']) {
    assert.ok(stated.body.includes(element), stated.body)
  }
  const head = await client.send(new HeadObjectCommand({ Bucket: 'plain', Key: 'unchosen', ChecksumMode: 'ENABLED' }))
  assert.deepEqual([head.ChecksumCRC64NVME, head.ChecksumCRC32, head.ChecksumType], [whole, undefined, 'FULL_OBJECT'])
})

test('multipart-checksums/composite: the checksum of checksums is answered and kept; no part may be without one', async () => {
  const started = await steps.create('plain', 'composite', { ChecksumAlgorithm: 'SHA256' })
  const first = await client.send(
    new UploadPartCommand({ ...started, PartNumber: 1, Body: five, ChecksumAlgorithm: 'SHA256' }),
  )
  assert.equal(first.ChecksumSHA256, digestOf('SHA256', five).toString('base64'))
  const without = await server.send({ method: 'PUT', path: uploadPath(started, 'partNumber=2&'), body: tail })
  assert.deepEqual(codeOf(without), [400, 'InvalidRequest'])
  const ChecksumSHA256 = digestOf('SHA256', tail).toString('base64')
  const headers = { 'x-amz-checksum-sha256': ChecksumSHA256 }
  const second = await server.send({ method: 'PUT', path: uploadPath(started, 'partNumber=2&'), body: tail, headers })
  const parts = [
    { PartNumber: 1, ETag: first.ETag, ChecksumSHA256: first.ChecksumSHA256 },
    { PartNumber: 2, ETag: second.headers['etag'] },
  ]
  assert.deepEqual(codeOf(await steps.rawComplete(started, parts)), [400, 'InvalidRequest'])
  const [one = {}, two = {}] = parts
  const done = await steps.complete(started, [one, { ...two, ChecksumSHA256 }])
  const joined = Buffer.concat([five, tail].map(bytes => digestOf('SHA256', bytes)))
  assert.equal(done.ChecksumSHA256, `${digestOf('SHA256', joined).toString('base64')}-2`)
  assert.equal(done.ChecksumType, 'COMPOSITE')
  const head = await client.send(new HeadObjectCommand({ Bucket: 'plain', Key: 'composite', ChecksumMode: 'ENABLED' }))
  assert.equal(head.ChecksumSHA256, done.ChecksumSHA256)
})

test('multipart-checksums/refused: combinations, mismatches and false values', async () => {
  const createWith = (headers: Record<string, string>) =>
    server.send({ method: 'POST', path: '/plain/refused-checksum?uploads=', headers })
  const wrong: readonly Record<string, string>[] = [
    { 'x-amz-checksum-type': 'FULL_OBJECT' },
    { 'x-amz-checksum-algorithm': 'MD4' },
    { 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'HALF' },
    { 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-type': 'FULL_OBJECT' },
    { 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'COMPOSITE' },
  ]
  for (const headers of wrong) {
    assert.deepEqual(codeOf(await createWith(headers)), [400, 'InvalidRequest'], JSON.stringify(headers))
  }
  const started = await steps.create('plain', 'refused-checksum', {
    ChecksumAlgorithm: 'CRC32C',
    ChecksumType: 'FULL_OBJECT',
  })
  const path = uploadPath(started, 'partNumber=1&')
  const put = (headers: Record<string, string>) => server.send({ method: 'PUT', path, headers, body: 'abc' })
  const mismatch = await put({ 'x-amz-checksum-sha256': digestOf('SHA256', Buffer.from('abc')).toString('base64') })
  assert.deepEqual(codeOf(mismatch), [400, 'InvalidRequest'])
  assert.match(errorMessage(mismatch), /expected checksum Type: CRC32C, actual checksum Type: SHA256/)
  assert.deepEqual(codeOf(await put({ 'x-amz-checksum-crc32c': 'AAAAAA==' })), [400, 'BadDigest'])
  assert.deepEqual(codeOf(await put({ 'x-amz-checksum-crc32c': '?' })), [400, 'InvalidRequest'])
  assert.deepEqual(codeOf(await put({ 'content-md5': digestOf('MD5', Buffer.from('x')).toString('base64') })), [
    400,
    'BadDigest',
  ])
  assert.deepEqual(codeOf(await put({ 'content-md5': 'x' })), [400, 'InvalidDigest'])
  assert.equal((await client.send(new ListPartsCommand(started))).Parts, undefined)
})
