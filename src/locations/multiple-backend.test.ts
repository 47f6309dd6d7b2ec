// Keys, attributes and checks of copies, over a location in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checksumsOf, failsWith, patterned, streamed } from '../../test/conformance/location-subject.ts'
import { bytesSource, sliceSource } from '../base/byte-source.ts'
import { realWorld } from '../base/world.ts'
import type { Capabilities } from './location.ts'
import { createMemoryCloud } from './memory/cloud.ts'
import { createMemoryLocation } from './memory/location.ts'
import { completeUpload, initiateUpload, objectAttributes, putObject, putPart } from './multiple-backend.ts'

function destination(capabilities: Partial<Capabilities> = {}, bucketMatch = false) {
  const cloud = createMemoryCloud(realWorld, { versions: true })
  const location = createMemoryLocation({ name: 'awsbackend', cloud, world: realWorld, capabilities })
  return { cloud, destination: { location, bucketMatch } }
}

const name = { bucket: 'photos', key: 'a/b' }
const copied = { userMetadata: { 'x-amz-meta-a': 'b' }, tags: {}, versionId: '3938' }
const bytes = patterned(10_000)
const known = checksumsOf(bytes)

test('keys carry their bucket unless the location matches buckets', async () => {
  const apart = destination()
  await putObject(apart.destination, name, bytesSource(bytes), known, copied)
  assert.deepEqual(apart.cloud.keys(), ['photos/a/b'])
  const matched = destination({}, true)
  await putObject(matched.destination, name, bytesSource(bytes), known, copied)
  assert.deepEqual(matched.cloud.keys(), ['a/b'])
})

test('a copy carries our markers, and none that a client made up', () => {
  const userMetadata = {
    'x-amz-meta-scal-version-id': 'forged',
    'X-Amz-Meta-Scal-Replication-Status': 'forged',
    'x-amz-meta-kept': 'yes',
  }
  const attributes = objectAttributes({ ...copied, userMetadata, contentType: 'text/plain' })
  assert.deepEqual(attributes, {
    contentType: 'text/plain',
    userMetadata: { kept: 'yes' },
    tags: {},
    markers: { 'scal-replication-status': 'REPLICA', 'scal-version-id': '3938' },
  })
})

test('what a destination can not hold is refused before a byte is read', async () => {
  const unread = { size: 10_000, open: () => assert.fail('read') }
  const small = destination({ partBytesMax: 9999, objectBytesMax: 20_000 })
  await failsWith(putObject(small.destination, name, unread, known, copied), {
    class: 'object',
    code: 'EntityTooLarge',
  })
  await failsWith(putPart(small.destination, name, 'u', 1, unread), { class: 'object', code: 'EntityTooLarge' })
  const begun = initiateUpload(small.destination, name, copied, 20_001)
  await failsWith(begun, { class: 'object', code: 'EntityTooLarge' })
  const long = { bucket: 'photos', key: 'ü'.repeat(510) }
  const { destination: ordinary } = destination()
  await failsWith(putObject(ordinary, long, unread, known, copied), { class: 'object', code: 'KeyTooLong' })
})

async function parts(target: ReturnType<typeof destination>['destination'], uploadId: string) {
  const halves = [sliceSource(streamed(bytes), 0, 6000), sliceSource(streamed(bytes), 6000, 10_000)]
  return Promise.all(halves.map((half, index) => putPart(target, name, uploadId, index + 1, half)))
}

test('an upload is completed when its parts add up to the object', async () => {
  const { cloud, destination: target } = destination()
  const uploadId = await initiateUpload(target, name, copied, bytes.byteLength)
  const done = await parts(target, uploadId)
  assert.deepEqual(
    done.map(part => [part.partNumber, part.size, part.crc32]),
    [
      [1, 6000, checksumsOf(bytes.subarray(0, 6000)).crc32],
      [2, 4000, checksumsOf(bytes.subarray(6000)).crc32],
    ],
  )
  await completeUpload(target, name, uploadId, done, { size: 10_000, crc32: known.crc32 }, copied)
  assert.ok(bytes.equals(cloud.versionsOf('photos/a/b')[0]?.bytes ?? Buffer.alloc(0)))
})

test('parts that do not add up complete nothing', async () => {
  const { cloud, destination: target } = destination()
  const uploadId = await initiateUpload(target, name, copied)
  const done = await parts(target, uploadId)
  const complete = (whole: { readonly size: number; readonly crc32: string }) =>
    completeUpload(target, name, uploadId, done, whole, copied)
  const wrong = checksumsOf(patterned(10_000, 2)).crc32
  await failsWith(complete({ size: 10_000, crc32: wrong }), { class: 'transient', code: 'ChecksumMismatch' })
  await failsWith(complete({ size: 10_001, crc32: known.crc32 }), { class: 'transient', code: 'ChecksumMismatch' })
  assert.deepEqual(cloud.keys(), [])
  assert.equal(cloud.uploads.size, 1)
})
