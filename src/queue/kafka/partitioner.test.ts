// The partition of a key, against what librdkafka's consistent_random partitioner chose in a recording of the original (topics with five
// partitions), and against the check value of CRC32.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicKey } from '../entry-format.ts'
import { partitionHash, partitionOf } from './partitioner.ts'

test('hashes with the CRC32 that librdkafka uses', () => {
  assert.equal(partitionHash('123456789'), 0xcbf43926)
  assert.equal(partitionHash(''), 0)
  assert.equal(partitionHash(Buffer.from('schlüssel')), partitionHash('schlüssel'))
})

test('puts keys where the original put them', () => {
  const recorded = ['aws/o1', 'both/hdr', 'both/copy'].map(key => topicKey({ bucket: 'crr-two', key }))
  assert.deepEqual(recorded, ['crr-two%2Faws%2Fo1', 'crr-two%2Fboth%2Fhdr', 'crr-two%2Fboth%2Fcopy'])
  assert.deepEqual(
    recorded.map(key => partitionOf(key, 5)),
    [4, 4, 4],
  )
  assert.deepEqual(
    ['a', 'b', 'c', 'bucket%2Fkey'].map(key => partitionOf(key, 5)),
    [3_904_355_907, 1_908_338_681, 112_844_655, 321_731_229].map(hash => hash % 5),
  )
})
