// Goal: which stores a configuration opens, and what their names say. Method: real folders; nothing listens where the S3 location points to.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { createHttpClient } from '../base/http-client.ts'
import { Secret } from '../base/secret.ts'
import { sleep, realWorld as world } from '../base/world.ts'
import type { LocationConfig } from '../config/types.ts'
import { Failure } from '../domain/failure.ts'
import { type DataStoresOptions, type OpenDataStores, openDataStores } from './data-stores.ts'
import { Lifecycle } from './lifecycle.ts'
import { NodeIdError } from './node-id.ts'

const credentials = { accessKey: 'a', secretKey: new Secret('s'), sessionToken: undefined }
const local: LocationConfig = { name: 'us-east-1', type: 'file', objectId: 'us-east-1', legacyAwsBehavior: true }
const shared: LocationConfig = {
  name: 'far',
  type: 'aws_s3',
  objectId: 'far',
  legacyAwsBehavior: true,
  details: {
    awsEndpoint: '127.0.0.1:9',
    bucketName: 'data',
    bucketMatch: false,
    region: 'us-east-1',
    https: false,
    pathStyle: true,
    serverSideEncryption: false,
    supportsVersioning: true,
    supportsObjectLock: false,
    credentials,
  },
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'crossbeat-stores-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

async function open(
  t: TestContext,
  dataDir: string,
  locations: readonly LocationConfig[],
  more: Partial<DataStoresOptions> = {},
): Promise<OpenDataStores> {
  const http = createHttpClient()
  const lifecycle = new Lifecycle()
  t.after(async () => {
    await lifecycle.close()
    await http.close()
  })
  return openDataStores({ config: { dataDir, locations, sites: [] }, world, http, epoch: '7', ...more }, lifecycle)
}

const holders = { addressOf: async () => null }

test('the embedded engine names data by its epoch only, and makes no node', async t => {
  const dataDir = await folder(t)
  const { stores, nodeId } = await open(t, dataDir, [local])
  assert.equal(nodeId, null)
  assert.match(stores.get('us-east-1')?.create().key ?? '', /^7\.[0-9a-f]{32}$/)
  assert.deepEqual(await readdir(dataDir), ['objects'])
})

test('data in a shared location says which node wrote it, the same after a restart; local data stays as it is', async t => {
  const dataDir = await folder(t)
  const first = await open(t, dataDir, [local, shared])
  const again = await open(t, dataDir, [local, shared], { epoch: '8' })
  assert.equal(again.nodeId, first.nodeId)
  assert.match(first.stores.get('far')?.create().key ?? '', new RegExp(`^${first.nodeId}-7\\.`))
  assert.match(again.stores.get('us-east-1')?.create().key ?? '', /^8\./)
})

test('in a layout of many processes local data says it, too', async t => {
  const dataDir = await folder(t)
  const { stores, own, nodeId } = await open(t, dataDir, [local], {
    distributed: { holders, credentials, keepsData: true },
  })
  assert.match(stores.get('us-east-1')?.create().key ?? '', new RegExp(`^${nodeId}-7\\.`))
  assert.deepEqual([...own.keys()], ['us-east-1'])
})

test('a process that keeps no data needs no folder, and writes nowhere', async t => {
  const dataDir = join(await folder(t), 'none')
  const distributed = { holders, credentials, keepsData: false }
  const { stores, own } = await open(t, dataDir, [local, shared], { distributed })
  assert.equal(own.size, 0)
  assert.throws(() => stores.get('us-east-1')?.create(), /keeps no data/)
  const writer = stores.get('far')?.create()
  assert.ok(writer !== undefined)
  await assert.rejects(writer.finish(), /keeps no data/)
  await assert.rejects(readdir(dataDir), { code: 'ENOENT' })
})

test('a shared location is looked at for orphans from the first write on, not before', async t => {
  const dataDir = await folder(t)
  const candidates = async (opened: OpenDataStores): Promise<number> => {
    let count = 0
    for await (const _ of opened.stores.get('far')?.orphanCandidates() ?? []) count += 1
    return count
  }
  const first = await open(t, dataDir, [shared])
  assert.equal(await candidates(first), 0)
  const writer = first.stores.get('far')?.create()
  assert.ok(writer !== undefined)
  await writer.write(Buffer.from('x'))
  await assert.rejects(writer.finish(), Failure)
  await assert.rejects(candidates(await open(t, dataDir, [shared], { epoch: '8' })), Failure)
})

test('a node file without an id stops the start with words', async t => {
  const dataDir = await folder(t)
  await mkdir(dataDir, { recursive: true })
  await writeFile(join(dataDir, 'node'), 'something else\n')
  await assert.rejects(open(t, dataDir, [shared]), error => {
    return error instanceof NodeIdError && /holds no node id: restore it/.test(error.message)
  })
})

test('threads that write to the same location share its memory, and each has enough for a few writes', async t => {
  const counts = await Promise.all(
    [1, 2, 4, 64].map(async threads => {
      const { stores } = await open(t, await folder(t), [shared], { threads })
      const store = stores.get('far')
      assert.ok(store !== undefined)
      let begun = 0
      const writers = Array.from({ length: 17 }, () => store.create())
      // Each takes a part's buffer before its first byte; nobody gives one back.
      for (const writer of writers)
        writer.write(Buffer.from('x')).then(
          () => begun++,
          () => {},
        )
      await sleep(world.timers, 0)
      const first = begun
      await Promise.all(writers.map(writer => writer.discard()))
      return first
    }),
  )
  assert.deepEqual(counts, [16, 8, 4, 4])
})
