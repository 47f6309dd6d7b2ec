// The hashes against their published check values, taking turns, and joined.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { fc } from '../../test/properties.ts'
import { combineCrc, combineCrcValues, crc32Combine } from './crc-combine.ts'
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  createHasher,
  digestOf,
  equalInConstantTime,
  initHashes,
} from './hash.ts'

const crcs = ['CRC32', 'CRC32C', 'CRC64NVME'] as const
const checkValues: Readonly<Record<ChecksumAlgorithm, string>> = {
  CRC32: 'cbf43926',
  CRC32C: 'e3069283',
  CRC64NVME: 'ae8b14860a799888',
  MD5: '25f9e794323b453885f5181f1b624d0b',
  SHA1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  SHA256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
  SHA512:
    'd9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85',
  XXHASH128: '33119477ede5dcd5e9716427681d5860',
  XXHASH3: '72dcb18b67a17dff',
  XXHASH64: '8cb841db40e6ae83',
}
const algorithms = checksumAlgorithms

before(() => initHashes())

test('the digits 1 to 9 have the published check values, at once and byte by byte', () => {
  for (const algorithm of algorithms) {
    assert.equal(digestOf(algorithm, Buffer.from('123456789')).toString('hex'), checkValues[algorithm])
    const hasher = createHasher(algorithm)
    for (const digit of '123456789') hasher.update(Buffer.from(digit))
    assert.equal(hasher.digest().toString('hex'), checkValues[algorithm])
  }
})

test('hashes of different bodies that take turns do not disturb each other', () => {
  for (const algorithm of algorithms) {
    const one = createHasher(algorithm)
    const other = createHasher(algorithm)
    for (const digit of '123456789') {
      one.update(Buffer.from(digit))
      other.update(Buffer.from('x'))
      digestOf(algorithm, Buffer.from('between'))
    }
    assert.equal(one.digest().toString('hex'), checkValues[algorithm])
    assert.deepEqual(other.digest(), digestOf(algorithm, Buffer.from('xxxxxxxxx')))
  }
})

test('an empty body has a digest', () => {
  assert.equal(createHasher('CRC64NVME').digest().toString('base64'), 'AAAAAAAAAAA=')
  assert.equal(createHasher('CRC32').digest().toString('base64'), 'AAAAAA==')
})

test('the CRC of a whole follows from the CRCs of its parts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      for (const crc of crcs) {
        const joined = combineCrc(
          crc,
          digestOf(crc, first).toString('base64'),
          digestOf(crc, second).toString('base64'),
          second.length,
        )
        assert.equal(joined, digestOf(crc, Buffer.concat([first, second])).toString('base64'))
      }
      const joined = crc32Combine(
        digestOf('CRC32', first).readUInt32BE(),
        digestOf('CRC32', second).readUInt32BE(),
        second.length,
      )
      assert.equal(joined, digestOf('CRC32', Buffer.concat([first, second])).readUInt32BE())
    }),
    { verbose: 1 },
  )
})

test('joining works for parts of gigabytes and refuses what is no length', () => {
  const gigabytes = 5 * 1024 ** 3
  // Three joins of parts must not depend on the order in which they are made.
  const left = combineCrcValues('CRC64NVME', combineCrcValues('CRC64NVME', 1n, 2n, gigabytes), 3n, 7)
  const right = combineCrcValues('CRC64NVME', 1n, combineCrcValues('CRC64NVME', 2n, 3n, 7), gigabytes + 7)
  assert.equal(left, right)
  assert.throws(() => combineCrcValues('CRC32', 1n, 1n, -1), RangeError)
  assert.throws(() => combineCrcValues('CRC32', 1n, 1n, 1.5), RangeError)
})

test('the constant-time comparison compares', () => {
  assert.equal(equalInConstantTime('abc', 'abc'), true)
  assert.equal(equalInConstantTime('abc', 'abd'), false)
  assert.equal(equalInConstantTime('abc', 'ab'), false)
  assert.equal(equalInConstantTime('\u00fc', 'ab'), false)
})
