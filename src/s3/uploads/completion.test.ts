// Goal: what is said of a multipart object from its parts alone is true of its bytes. Method: random parts, compared with hashes of the
// joined bytes; every way in which a list of parts can be wrong.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { before } from 'node:test'
import { type ChecksumAlgorithm, digestOf, initHashes, md5Hex } from '../../base/hash.ts'
import type { UploadPart } from '../../metadata/metadata-store.ts'
import { headersOf } from '../http/request-head.ts'
import { parseXml } from '../xml/reader.ts'
import {
  checkedChecksum,
  checkObjectSize,
  checksumOfParts,
  chooseParts,
  crc32OfParts,
  etagOfParts,
  locationOfParts,
  readNamedParts,
} from './completion.ts'

before(() => initHashes())

function partOf(partNumber: number, bytes: Uint8Array, algorithm?: ChecksumAlgorithm): UploadPart {
  const etag = md5Hex(bytes)
  return {
    partNumber,
    etag,
    size: bytes.length,
    lastModified: '2026-01-01T00:00:00.000Z',
    crc32: digestOf('CRC32', bytes).toString('hex'),
    ...(algorithm === undefined
      ? undefined
      : { checksum: { algorithm, value: digestOf(algorithm, bytes).toString('base64') } }),
    location: {
      key: `data-${partNumber}`,
      size: bytes.length,
      start: 0,
      dataStoreName: 'us-east-1',
      dataStoreETag: `${partNumber}:${etag}`,
    },
  }
}

const sizes = [1000, 0, 1, 70_001, 64]

for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME'] as const) {
  test(`the ${algorithm} of the whole is combined from those of the parts, parts without bytes included`, () => {
    const pieces = sizes.map(size => randomBytes(size))
    const parts = pieces.map((bytes, index) => partOf(index + 1, bytes, algorithm))
    const whole = Buffer.concat(pieces)
    assert.deepEqual(checksumOfParts({ algorithm, type: 'FULL_OBJECT' }, parts), {
      algorithm,
      value: digestOf(algorithm, whole).toString('base64'),
      type: 'FULL_OBJECT',
    })
    assert.equal(crc32OfParts(parts), digestOf('CRC32', whole).toString('hex'))
  })
}

test('a composite checksum is that of the checksums, with the number of parts', () => {
  const pieces = [randomBytes(10), randomBytes(20)]
  const parts = pieces.map((bytes, index) => partOf(index + 1, bytes, 'SHA256'))
  const joined = Buffer.concat(pieces.map(bytes => digestOf('SHA256', bytes)))
  assert.equal(
    checksumOfParts({ algorithm: 'SHA256', type: 'COMPOSITE' }, parts)?.value,
    `${digestOf('SHA256', joined).toString('base64')}-2`,
  )
  assert.equal(checksumOfParts({ algorithm: 'SHA256', type: 'FULL_OBJECT' }, parts), undefined)
  assert.equal(checksumOfParts({ algorithm: 'CRC32C', type: 'COMPOSITE' }, parts), undefined)
})

test('the ETag is the MD5 of the MD5s, with the number of parts', () => {
  // Two parts of 5 MiB of zeros: a value that S3 itself gives.
  const etag = md5Hex(Buffer.alloc(5 * 1024 ** 2))
  assert.equal(etag, '5f363e0e58a95f06cbe9bbc662c5dfb6')
  assert.equal(etagOfParts([etag, etag]), `${md5Hex(Buffer.from(etag + etag, 'hex'))}-2`)
})

test('pieces are laid end to end; those without bytes are left out', () => {
  const parts = [partOf(2, randomBytes(5)), partOf(5, Buffer.alloc(0)), partOf(9, randomBytes(7))]
  assert.deepEqual(
    locationOfParts(parts)?.map(({ key, start, size }) => ({ key, start, size })),
    [
      { key: 'data-2', start: 0, size: 5 },
      { key: 'data-9', start: 5, size: 7 },
    ],
  )
  assert.equal(locationOfParts([partOf(1, Buffer.alloc(0))]), null)
})

const named = (text: string) => readNamedParts(parseXml(`<CompleteMultipartUpload>${text}</CompleteMultipartUpload>`))
const part = (number: string, etag = '"a"') => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`

test('a list of parts is read with its quotes, spaces and checksums', () => {
  assert.deepEqual(
    named(
      '<Part><ETag> &quot;aa&quot; </ETag><PartNumber> 1 </PartNumber><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>',
    ),
    [{ partNumber: 1, etag: 'aa', checksums: [{ algorithm: 'CRC32', value: 'AAAAAA==' }] }],
  )
})

const wrongLists: readonly (readonly [string, string, string])[] = [
  ['no part', '', 'MalformedXML'],
  ['a number that is none', part('one'), 'MalformedXML'],
  ['a fraction', part('1.5'), 'MalformedXML'],
  ['no ETag', '<Part><PartNumber>1</PartNumber></Part>', 'MalformedXML'],
  ['part zero', part('0'), 'InvalidArgument'],
  ['a negative number', part('-1'), 'InvalidArgument'],
  ['part 10001', part('10001'), 'InvalidArgument'],
  ['falling order', part('2') + part('1'), 'InvalidPartOrder'],
  ['a part twice', part('1') + part('1'), 'InvalidPartOrder'],
]

for (const [what, text, code] of wrongLists) {
  test(`a list with ${what} is refused with ${code}`, () => {
    assert.throws(() => named(text), { code })
  })
}

test('a part that was not uploaded, has another ETag or another checksum is refused', () => {
  const stored = partOf(1, randomBytes(10), 'CRC32C')
  const entry = { partNumber: 1, etag: stored.etag, checksums: [] }
  const wrong = { algorithm: 'CRC32C' as const, value: 'AAAAAA==' }
  assert.deepEqual(chooseParts('u', [entry], [stored], null), [stored])
  assert.throws(() => chooseParts('u', [{ ...entry, partNumber: 2 }], [stored], null), { code: 'InvalidPart' })
  assert.throws(() => chooseParts('u', [{ ...entry, etag: md5Hex('x') }], [stored], null), { code: 'InvalidPart' })
  assert.throws(() => chooseParts('u', [{ ...entry, checksums: [wrong] }], [stored], null), { code: 'InvalidPart' })
})

test('only the last part may be smaller than 5 MiB', () => {
  const small = partOf(1, randomBytes(10))
  const large = { ...partOf(2, randomBytes(10)), size: 5 * 1024 ** 2 }
  const entries = [small, large].map(({ partNumber, etag }) => ({ partNumber, etag, checksums: [] }))
  assert.throws(() => chooseParts('u', entries, [small, large], null), {
    code: 'EntityTooSmall',
    details: { ProposedSize: '10', MinSizeAllowed: '5242880', PartNumber: '1', ETag: small.etag },
  })
  assert.equal(chooseParts('u', entries.slice(0, 1), [small, large], null).length, 1)
})

test('an object over 5 TiB is refused', () => {
  const parts = [1, 2].map(number => ({ ...partOf(number, randomBytes(4)), size: 3 * 1024 ** 4 }))
  const entries = parts.map(({ partNumber, etag }) => ({ partNumber, etag, checksums: [] }))
  assert.throws(() => chooseParts('u', entries, parts, null), { code: 'EntityTooLarge' })
})

test('the stated checksum must be that of the whole, of the kind that was chosen', () => {
  const parts = [partOf(1, Buffer.from('ab'), 'CRC32'), partOf(2, Buffer.from('c'), 'CRC32')]
  const whole = digestOf('CRC32', Buffer.from('abc')).toString('base64')
  const full = { algorithm: 'CRC32', type: 'FULL_OBJECT' } as const
  const check = (headers: Record<string, string>, choice: Parameters<typeof checkedChecksum>[1] = full) =>
    checkedChecksum(headersOf(headers), choice, parts)
  const expected = { ...full, value: whole }
  assert.deepEqual(check({ 'x-amz-checksum-crc32': whole }), expected)
  assert.deepEqual(check({}), expected)
  assert.equal(check({}, null), undefined)
  assert.deepEqual(check({ 'x-amz-checksum-crc32': whole }, null), expected)
  assert.throws(() => check({ 'x-amz-checksum-crc32': 'AAAAAA==' }), { code: 'BadDigest' })
  assert.throws(() => check({ 'x-amz-checksum-crc32': 'AAAAAA==' }, null), { code: 'BadDigest' })
  assert.throws(() => check({ 'x-amz-checksum-type': 'COMPOSITE' }), { code: 'InvalidRequest' })
  assert.throws(() => check({ 'x-amz-checksum-type': 'HALF' }), { code: 'InvalidRequest' })
  assert.throws(() => check({ 'x-amz-checksum-crc32c': 'AAAAAA==' }), { code: 'InvalidRequest' })
  assert.throws(() => check({ 'x-amz-checksum-sha256': 'x' }, null), { code: 'InvalidRequest' })
})

test('a composite checksum may be stated with or without the number of parts', () => {
  const parts = [partOf(1, Buffer.from('ab'), 'SHA1'), partOf(2, Buffer.from('c'), 'SHA1')]
  const choice = { algorithm: 'SHA1', type: 'COMPOSITE' } as const
  const value = checksumOfParts(choice, parts)?.value ?? ''
  for (const stated of [value, value.replace('-2', '')]) {
    assert.equal(checkedChecksum(headersOf({ 'x-amz-checksum-sha1': stated }), choice, parts)?.value, value)
  }
})

test('the stated size must be that of the whole', () => {
  checkObjectSize(headersOf({}), 5)
  checkObjectSize(headersOf({ 'x-amz-mp-object-size': '5' }), 5)
  assert.throws(() => checkObjectSize(headersOf({ 'x-amz-mp-object-size': '6' }), 5), { code: 'InvalidRequest' })
  for (const text of ['', '-1', 'five', '5.0']) {
    assert.throws(() => checkObjectSize(headersOf({ 'x-amz-mp-object-size': text }), 5), { code: 'InvalidRequest' })
  }
})
