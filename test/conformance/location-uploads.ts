// Conformance cases of locations: multipart uploads.
import assert from 'node:assert/strict'
import { bytesSource, sliceSource } from '../../src/base/byte-source.ts'
import { hexCrc32 } from '../../src/locations/checked-body.ts'
import type { Capabilities, CompletedPart, ObjectAttributes } from '../../src/locations/location.ts'
import {
  checksumsOf,
  failsWith,
  type LocationCase,
  marked,
  patterned,
  plain,
  put,
  read,
  type Subject,
} from './location-subject.ts'

const partBytes = 5 * 1024 ** 2

const needsInitiation = (capabilities: Capabilities): string | undefined =>
  capabilities.clientMadeUploadIds ? 'its uploads are not begun' : undefined

/** Uploads an object in two parts; returns what is needed to complete it. */
async function uploaded(
  { location, key }: Subject,
  bytes: Buffer,
  attributes: ObjectAttributes,
): Promise<{ readonly uploadId: string; readonly parts: readonly CompletedPart[] }> {
  const uploadId = await location.initiateUpload(key, attributes)
  const source = bytesSource(bytes)
  const ranges = [sliceSource(source, 0, partBytes), sliceSource(source, partBytes, bytes.byteLength)]
  const parts = await Promise.all(
    ranges.map(async (range, index) => {
      const crc32 = hexCrc32(range.bytes ?? Buffer.alloc(0))
      const result = await location.putPart(key, uploadId, index + 1, range, { crc32 })
      return { ...result, partNumber: index + 1, size: range.size, crc32 }
    }),
  )
  return { uploadId, parts }
}

export const uploadCases: readonly LocationCase[] = [
  {
    name: 'parts become an object with everything it carries',
    async run(subject) {
      const { location, key } = subject
      const bytes = patterned(partBytes + 1000)
      const attributes = marked('55', { contentType: 'text/plain', tags: { a: 'b' }, userMetadata: { u: 'ü' } })
      const { uploadId, parts } = await uploaded(subject, bytes, attributes)
      assert.equal(await location.head(key, ''), null)
      const written = await location.completeUpload(key, uploadId, parts, attributes)
      const stored = await location.head(key, '')
      assert.equal(stored?.size, bytes.byteLength)
      assert.equal(stored?.etag, written.etag)
      assert.equal(stored?.versionId, written.versionId)
      assert.equal(stored?.markers['scal-version-id'], '55')
      assert.ok(bytes.equals(await read(subject)))
      assert.deepEqual(await location.listUploads(key), [])
    },
  },
  {
    name: 'a part sent again replaces itself',
    async run(subject) {
      const { location, key } = subject
      const bytes = patterned(2000)
      const uploadId = await location.initiateUpload(key, plain)
      const first = patterned(2000, 3)
      await location.putPart(key, uploadId, 1, bytesSource(first), { crc32: hexCrc32(first) })
      const part = await location.putPart(key, uploadId, 1, bytesSource(bytes), { crc32: hexCrc32(bytes) })
      await location.completeUpload(
        key,
        uploadId,
        [{ ...part, partNumber: 1, size: 2000, crc32: hexCrc32(bytes) }],
        plain,
      )
      assert.ok(bytes.equals(await read(subject)))
    },
  },
  {
    name: 'a part whose bytes are not those of its checksum is refused',
    async run({ location, key }) {
      const uploadId = await location.initiateUpload(key, plain)
      const bytes = patterned(2000)
      const { crc32 } = checksumsOf(patterned(2000, 2))
      await failsWith(location.putPart(key, uploadId, 1, bytesSource(bytes), { crc32 }), { class: 'transient' })
      await location.abortUpload(key, uploadId)
    },
  },
  {
    name: 'an upload that was begun is listed under its key alone until it is aborted',
    skip: needsInitiation,
    async run({ location, key }) {
      const uploadId = await location.initiateUpload(key, plain)
      const longer = await location.initiateUpload(`${key}-longer`, plain)
      assert.deepEqual(await location.listUploads(key), [uploadId])
      await location.abortUpload(key, uploadId)
      await location.abortUpload(key, uploadId)
      await location.abortUpload(`${key}-longer`, longer)
      assert.deepEqual(await location.listUploads(key), [])
      const bytes = Buffer.from('x')
      await failsWith(location.putPart(key, uploadId, 1, bytesSource(bytes), { crc32: hexCrc32(bytes) }), {
        class: 'transient',
        code: 'NoSuchUpload',
      })
    },
  },
  {
    name: 'parts that were never sent can not be completed',
    async run({ location, key }) {
      const uploadId = await location.initiateUpload(key, plain)
      const bytes = patterned(10)
      const { md5, crc32 } = checksumsOf(bytes)
      const part = { partNumber: 1, etag: md5, crc32, size: 10, subParts: 1 }
      await failsWith(location.completeUpload(key, uploadId, [part], plain), { class: 'transient' })
      assert.equal(await location.head(key, ''), null)
      await location.abortUpload(key, uploadId)
    },
  },
  {
    name: 'a completion on condition of absence fails once there is something',
    skip: capabilities => (capabilities.conditionalWrites ? undefined : 'it has no conditional writes'),
    async run(subject) {
      const { location, key } = subject
      const bytes = patterned(partBytes + 10)
      const { uploadId, parts } = await uploaded(subject, bytes, plain)
      const { etag } = await put({ ...subject, key: `${key}-x` }, 'x')
      const blocked = { precondition: { kind: 'etag', etag } } as const
      await failsWith(location.completeUpload(key, uploadId, parts, plain, blocked), { code: 'PreconditionFailed' })
      await location.completeUpload(key, uploadId, parts, plain, { precondition: { kind: 'absent' } })
      assert.ok(bytes.equals(await read(subject)))
    },
  },
]
