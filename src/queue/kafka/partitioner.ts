// Which partition a key belongs to: CRC32 of the key's bytes, as librdkafka's `consistent_random`, so that a Backbeat beside us puts the
// records of a key into the same partition and their order stays.
import { crc32 } from 'node:zlib'

/** The hash of a key; the partition is its remainder by the number of partitions. */
export function partitionHash(key: string | Uint8Array): number {
  return crc32(key)
}

export function partitionOf(key: string | Uint8Array, partitions: number): number {
  return partitionHash(key) % partitions
}
