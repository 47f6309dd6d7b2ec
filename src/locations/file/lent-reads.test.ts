// Streams whose memory is used again: whatever their number, and however it changes while they are read, each gives its own bytes.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { realWorld } from '../../base/world.ts'
import type { DataStore } from '../data-store.ts'
import { openFileDataStore } from './data-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-lent-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const size = 3_500_001

/** A file of numbers that tell where they lie, and in which file. */
function contentOf(file: number): Buffer {
  const words = Uint32Array.from({ length: Math.ceil(size / 4) }, (_, index) => index * 64 + file)
  return Buffer.from(words.buffer, 0, size)
}

async function written(store: DataStore, content: Uint8Array): Promise<string> {
  const writer = store.create()
  await writer.write(content)
  await writer.finish()
  return writer.key
}

/** Reads a stream as a slow client would; answers the sizes of the chunks. */
async function readSlowly(store: DataStore, key: string, content: Buffer, start: number): Promise<readonly number[]> {
  const sizes: number[] = []
  let at = start
  for await (const chunk of store.read(key, start, size, undefined, 'lent')) {
    // What would overwrite it now must not.
    await new Promise<void>(resolve => realWorld.timers.immediate(resolve))
    assert.ok(content.subarray(at, at + chunk.byteLength).equals(chunk), `bytes from ${at}`)
    at += chunk.byteLength
    sizes.push(chunk.byteLength)
  }
  assert.equal(at, size)
  return sizes
}

test('few streams get large chunks, many get small ones, and all get their bytes', async () => {
  const options = { name: 'us-east-1', epoch: '1', random: realWorld.random, flush: false }
  const store = await openFileDataStore({ ...options, folder })
  const contents = [contentOf(0), contentOf(1)]
  const keys = await Promise.all(contents.map(content => written(store, content)))
  const read = (stream: number): Promise<readonly number[]> => {
    const [content, key] = [contents[stream % 2], keys[stream % 2]]
    assert.ok(content !== undefined && key !== undefined)
    return readSlowly(store, key, content, stream * 1_001)
  }
  assert.equal((await read(0))[0], 2 * 1024 * 1024)
  for (const count of [3, 20, 70]) await Promise.all(Array.from({ length: count }, (_, stream) => read(stream)))
  // More come while the first are under way, and go before these end.
  const first = Array.from({ length: 4 }, (_, stream) => read(stream))
  const more = Array.from({ length: 30 }, async (_, stream) => {
    for (let pause = 0; pause < stream % 5; pause++)
      await new Promise<void>(resolve => realWorld.timers.immediate(resolve))
    return read(stream + 1_000)
  })
  const sizes = (await Promise.all([...first, ...more])).flat()
  assert.ok(Math.max(...sizes) <= 2 * 1024 * 1024)
  await store.close()
})
