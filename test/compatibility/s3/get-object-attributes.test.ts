// Goal: GetObjectAttributes tells what is asked of a version and no more, pages its parts, and refuses as S3 does. Method: a current AWS SDK and
// raw signed requests over the real server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { digestOf, md5Hex } from '../../../src/base/hash.ts'
import { errorCode, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer
let client: S3Client
const Bucket = 'told'
const ObjectAttributes = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const
const five = Buffer.alloc(5 * 1024 * 1024, 'f')

before(async () => {
  server = await startTestServer()
  client = server.client()
  await client.send(new CreateBucketCommand({ Bucket }))
})

after(() => server.close())

const ask = (Key: string, more: object = {}) =>
  client.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: [...ObjectAttributes], ...more }))

async function upload(Key: string, bodies: readonly Buffer[]): Promise<void> {
  const place = { Bucket, Key }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...place, ChecksumAlgorithm: 'SHA256' }))
  const Parts: CompletedPart[] = []
  for (const [index, Body] of bodies.entries()) {
    const named = { PartNumber: index + 1, ChecksumSHA256: digestOf('SHA256', Body).toString('base64') }
    const { ETag } = await client.send(new UploadPartCommand({ ...place, UploadId, Body, ...named }))
    Parts.push({ ETag, ...named })
  }
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }))
}

test('get-object-attributes/whole: everything asked of an object of one piece, and no parts', async () => {
  await server.send({ method: 'PUT', path: `/${Bucket}/one`, body: 'hello' })
  const told = await ask('one')
  assert.equal(told.ETag, md5Hex('hello'))
  assert.equal(told.Checksum?.ChecksumCRC64NVME, digestOf('CRC64NVME', Buffer.from('hello')).toString('base64'))
  assert.deepEqual([told.Checksum?.ChecksumType, told.ObjectSize, told.StorageClass], ['FULL_OBJECT', 5, 'STANDARD'])
  assert.equal(told.ObjectParts, undefined)
  const size = await ask('one', { ObjectAttributes: ['ObjectSize'] })
  assert.deepEqual([size.ObjectSize, size.ETag, size.Checksum, size.StorageClass], [5, undefined, undefined, undefined])
})

test('get-object-attributes/parts: numbers, sizes and checksums of the parts, page by page', async () => {
  const bodies = [five, five, Buffer.from('end')]
  await upload('parts', bodies)
  const told = await ask('parts')
  assert.equal(told.Checksum?.ChecksumType, 'COMPOSITE')
  assert.equal(told.ObjectParts?.TotalPartsCount, 3)
  assert.deepEqual(
    told.ObjectParts?.Parts?.map(part => [part.PartNumber, part.Size, part.ChecksumSHA256]),
    bodies.map((body, index) => [index + 1, body.length, digestOf('SHA256', body).toString('base64')]),
  )
  const first = await ask('parts', { MaxParts: 2 })
  assert.deepEqual([first.ObjectParts?.IsTruncated, first.ObjectParts?.NextPartNumberMarker], [true, '2'])
  const rest = await ask('parts', { MaxParts: 2, PartNumberMarker: first.ObjectParts?.NextPartNumberMarker })
  assert.deepEqual(
    rest.ObjectParts?.Parts?.map(part => part.PartNumber),
    [3],
  )
  assert.equal(rest.ObjectParts?.IsTruncated, false)
})

test('get-object-attributes/versions: a version that is named, and what is a delete marker', async () => {
  const versioned = 'told-versions'
  await client.send(new CreateBucketCommand({ Bucket: versioned }))
  await server.send({ method: 'PUT', path: `/${versioned}?versioning=`, body: versioningEnabled })
  const { VersionId } = await client.send(new PutObjectCommand({ Bucket: versioned, Key: 'k', Body: 'old' }))
  const marker = await server.send({ method: 'DELETE', path: `/${versioned}/k` })
  const told = await ask('k', { Bucket: versioned, VersionId })
  assert.deepEqual([told.VersionId, told.ObjectSize], [VersionId, 3])
  const headers = { 'x-amz-object-attributes': 'ETag' }
  const gone = await server.send({ method: 'GET', path: `/${versioned}/k?attributes=`, headers })
  assert.deepEqual([gone.status, errorCode(gone), gone.headers['x-amz-delete-marker']], [404, 'NoSuchKey', 'true'])
  const id = marker.headers['x-amz-version-id']
  const named = await server.send({ method: 'GET', path: `/${versioned}/k?attributes=&versionId=${id}`, headers })
  assert.deepEqual([named.status, errorCode(named)], [405, 'MethodNotAllowed'])
})

for (const [what, headers, code] of [
  ['no header', {}, 'InvalidRequest'],
  ['an empty header', { 'x-amz-object-attributes': ' ,' }, 'InvalidRequest'],
  ['an unknown name', { 'x-amz-object-attributes': 'ETag,Color' }, 'InvalidArgument'],
  ['a count that is none', { 'x-amz-object-attributes': 'ETag', 'x-amz-max-parts': 'x' }, 'InvalidArgument'],
  ['a marker below zero', { 'x-amz-object-attributes': 'ETag', 'x-amz-part-number-marker': '-1' }, 'InvalidArgument'],
] as const) {
  test(`get-object-attributes/refused: ${what} is ${code}`, async () => {
    const answer = await server.send({ method: 'GET', path: `/${Bucket}/one?attributes=`, headers })
    assert.deepEqual([answer.status, errorCode(answer)], [400, code])
  })
}
