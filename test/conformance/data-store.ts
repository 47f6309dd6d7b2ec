// The conformance suite of the DataStore port: what every place for object bytes does. A store is made for an epoch over a disk that outlives
// it, so that the next process start can be played.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { DataStore } from '../../src/locations/data-store.ts'
import { failsWith, patterned } from './location-subject.ts'

export interface DataStoreUnderTest {
  readonly name: string
  /** Why it cannot be tested here. */
  readonly skip?: false | string
  /** What names begin with that are made in an epoch; the epoch itself if left out. */
  readonly writerOf?: (epoch: string) => string
  /** A disk, and stores over it. */
  make(): Promise<{ open(epoch: string): Promise<DataStore>; close(): Promise<void> }>
}

async function written(store: DataStore, bytes: Uint8Array, chunkBytes = 100_000): Promise<string> {
  const writer = store.create()
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) await writer.write(bytes.subarray(at, at + chunkBytes))
  await writer.finish()
  return writer.key
}

async function read(store: DataStore, key: string, start: number, end: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.read(key, start, end)) {
    assert.ok(chunk.byteLength <= 256 * 1024)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function orphansOf(store: DataStore): Promise<readonly string[]> {
  const names: string[] = []
  for await (const name of store.orphanCandidates()) names.push(name)
  return names.sort()
}

export function dataStoreConformance(tested: DataStoreUnderTest): void {
  const [first, second] = ['epoch1', 'epoch2'].map(epoch => tested.writerOf?.(epoch) ?? epoch)
  describe(`data store ${tested.name}`, { skip: tested.skip ?? false }, () => {
    let disk: Awaited<ReturnType<DataStoreUnderTest['make']>>
    let store: DataStore
    before(async () => {
      disk = await tested.make()
      store = await disk.open('epoch1')
    })
    after(async () => {
      await store.close()
      await disk.close()
    })

    test('what was finished is there, whole and in ranges', async () => {
      for (const size of [0, 1, 4096, 262_144, 700_001]) {
        const bytes = patterned(size)
        const key = await written(store, bytes)
        assert.ok(bytes.equals(await read(store, key, 0, size)), String(size))
        const [from, to] = [Math.floor(size / 3), Math.floor(size / 2)]
        assert.ok(bytes.subarray(from, to).equals(await read(store, key, from, to)))
        const target = Buffer.alloc(to - from)
        await store.readInto(key, from, target)
        assert.ok(bytes.subarray(from, to).equals(target))
      }
    })

    test('a range that is not all there is refused, and so is data that is not there', async () => {
      const key = await written(store, patterned(1000))
      await failsWith(store.readInto(key, 900, new Uint8Array(101)), { code: 'SourceDataDamaged' })
      await failsWith(store.readInto(`${first}.00ff`, 0, new Uint8Array(1)), { class: 'source-gone' })
    })

    test('names begin with the epoch and are never the same', async () => {
      const keys = await Promise.all(Array.from({ length: 200 }, (_, index) => written(store, patterned(10, index))))
      assert.equal(new Set(keys).size, 200)
      assert.ok(keys.every(key => key.startsWith(`${first}.`)))
    })

    test('writers at work at the same time do not meet', async () => {
      const bodies = Array.from({ length: 20 }, (_, index) => patterned(300_000, index + 1))
      const keys = await Promise.all(bodies.map(bytes => written(store, bytes, 7000)))
      for (const [index, bytes] of bodies.entries()) {
        assert.ok(bytes.equals(await read(store, keys[index] ?? '', 0, bytes.byteLength)))
      }
    })

    test('what was given up, or not finished, is not there', async () => {
      const givenUp = store.create()
      await givenUp.write(patterned(600_000))
      await givenUp.discard()
      const unfinished = store.create()
      await unfinished.write(patterned(600_000))
      for (const key of [givenUp.key, unfinished.key]) {
        await failsWith(read(store, key, 0, 1), { class: 'source-gone' })
      }
      await unfinished.discard()
    })

    test('what was removed is gone, and can be removed again', async () => {
      const key = await written(store, patterned(10))
      await store.remove(key)
      await store.remove(key)
      await failsWith(read(store, key, 0, 10), { class: 'source-gone' })
    })

    test('finished data can still be given up', async () => {
      const writer = store.create()
      await writer.write(patterned(10))
      await writer.finish()
      await writer.discard()
      await failsWith(read(store, writer.key, 0, 10), { class: 'source-gone' })
    })

    test('names that are none of its own lead nowhere', async () => {
      for (const name of ['../../etc/passwd', `${first}.0000/../x`, '', 'nothing']) {
        await failsWith(read(store, name, 0, 10), { class: 'source-gone' })
        await store.remove(name)
      }
    })

    test('data shorter than it is said to be is an error, not an early end', async () => {
      const key = await written(store, patterned(10))
      await failsWith(read(store, key, 0, 11), { class: 'object' })
    })

    test('reading stops when it is no longer wanted', async () => {
      const key = await written(store, patterned(700_000))
      const giveUp = new AbortController()
      await assert.rejects(async () => {
        for await (const _ of store.read(key, 0, 700_000, giveUp.signal)) giveUp.abort(new Error('enough'))
      }, /enough/)
    })

    test('the next process start finds what former ones left, and nothing of its own', async () => {
      const kept = await written(store, patterned(10))
      const next = await disk.open('epoch2')
      await written(next, patterned(10))
      assert.ok((await orphansOf(next)).includes(kept))
      assert.ok((await orphansOf(next)).every(name => name.startsWith(`${first}.`)))
      assert.ok((await orphansOf(store)).every(name => name.startsWith(`${second}.`)))
      await next.remove(kept)
      assert.ok(!(await orphansOf(next)).includes(kept))
      await next.close()
    })
  })
}
