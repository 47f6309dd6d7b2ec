// Goal: data that somebody reads stays until he has let it go, and is removed then. Method: a file store on a folder of its own.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { realWorld } from '../base/world.ts'
import { openFileDataStore } from './file/data-store.ts'
import { createHeldData } from './held-data.ts'

test('data that is removed while it is read stays until the last reader has let it go', () => {
  const removed: string[] = []
  const data = createHeldData(dataKey => removed.push(dataKey))
  const letFirstGo = data.hold(['a', 'b'])
  const letSecondGo = data.hold(['a'])
  assert.deepEqual([data.putsOff('a'), data.putsOff('c')], [true, false])
  letFirstGo()
  letFirstGo()
  assert.deepEqual(removed, [])
  letSecondGo()
  assert.deepEqual(removed, ['a'])
  assert.equal(data.putsOff('b'), false, 'nobody reads it any more')
})

test('a file store reads to the end what is removed meanwhile', async context => {
  const folder = await mkdtemp(join(tmpdir(), 'held-data-'))
  context.after(() => rm(folder, { recursive: true }))
  const store = await openFileDataStore({ name: 's', folder, epoch: '1', random: realWorld.random, flush: false })
  const writer = store.create()
  await writer.write(Buffer.from('piece'))
  await writer.finish()
  const letGo = store.hold?.([writer.key])
  await store.remove(writer.key)
  const read = async (): Promise<string> => {
    let text = ''
    for await (const chunk of store.read(writer.key, 0, 5)) text += Buffer.from(chunk).toString()
    return text
  }
  assert.equal(await read(), 'piece')
  letGo?.()
  const isThere = (): Promise<boolean> =>
    read().then(
      () => true,
      () => false,
    )
  while (await isThere());
})
