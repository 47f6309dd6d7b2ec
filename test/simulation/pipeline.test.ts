// Goal: the pipeline as a whole, over a database and clouds in memory, on virtual time: from the write to COMPLETED. Method: real parts, no faults.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryCloud } from '../../src/locations/memory/cloud.ts'
import { createMemoryLocation } from '../../src/locations/memory/location.ts'
import { MemoryDatabase } from '../../src/metadata/sqlite/engine.ts'
import { bucket, createBucket, putObject } from './client.ts'
import { startPipeline } from './pipeline.ts'
import { seededRandom, VirtualTime } from './virtual-world.ts'

test('a version that is put arrives at both sites and its status says so', async () => {
  const time = new VirtualTime()
  const { world } = time.process(seededRandom(1))
  const versioned = createMemoryCloud(world, { versions: true })
  const flat = createMemoryCloud(world, { versions: false })
  const calls: string[] = []
  const locations = [
    createMemoryLocation({ name: 'aws', cloud: versioned, world, onCall: call => calls.push(call.operation) }),
    createMemoryLocation({
      name: 'azure',
      cloud: flat,
      world,
      capabilities: { versions: false, conditionalWrites: true, clientMadeUploadIds: true },
    }),
  ]
  const starting = startPipeline({ database: new MemoryDatabase(), world, disk: new Map(), locations })
  let completed: string | undefined
  const scenario = async () => {
    const pipeline = await starting
    const { store, dataStore } = pipeline
    await createBucket(store)
    const clients = { store, dataStore, sites: ['aws', 'azure'], now: world.clock.now }
    const put = await putObject(clients, 'greeting', Buffer.from('hello'))
    assert.equal(put.outcome, 'stored')
    while (completed !== 'COMPLETED') {
      await new Promise<void>(resolve => world.timers.after(5, resolve))
      completed = (await store.version({ bucket, key: 'greeting', version: 'latest' }))?.metadata.replicationInfo.status
    }
    await pipeline.close()
    return 'ended'
  }
  let end: unknown
  void scenario().then(
    value => {
      end = value
    },
    error => {
      end = error
    },
  )
  await time.run(() => end !== undefined, 60_000)
  assert.equal(end, 'ended')
  assert.deepEqual(calls, ['put'])
  assert.equal(Buffer.from(versioned.versionsOf('source/greeting')[0]?.bytes ?? []).toString(), 'hello')
  assert.equal(Buffer.from(flat.versionsOf('source/greeting')[0]?.bytes ?? []).toString(), 'hello')
})
