// Goal: a server without master keys says so, and one that lacks or has exchanged a key of stored objects never gives out wrong bytes. Method: servers
// with different keys over one store and one data location.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { realWorld as world } from '../../../src/base/world.ts'
import { createMasterKeys, noMasterKeys } from '../../../src/locations/master-keys.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import { keyA, keyHeaders, marker } from './encryption-steps.ts'
import { codeOf } from './multipart-steps.ts'
import { errorMessage, startTestServer, type TestServer } from './test-server.ts'

const disk = new Map<string, Uint8Array>()
const dataStores = new Map([
  ['us-east-1', createMemoryDataStore({ name: 'us-east-1', epoch: '1', random: world.random, disk })],
])
const managed = { 'x-amz-server-side-encryption': 'AES256' }
const large = Buffer.alloc(100_000, marker)

function keysOf(keys: Readonly<Record<string, number>>, current: string) {
  const all = Object.entries(keys).map(([id, fill]) => ({ id, key: Buffer.alloc(32, fill) }))
  const wrapping = all.find(({ id }) => id === current)
  assert.ok(wrapping !== undefined)
  return createMasterKeys({ keys: all, current: async () => wrapping, random: world.random })
}

let server: TestServer
const others: TestServer[] = []

before(async () => {
  server = await startTestServer({ dataStores, masterKeys: keysOf({ k1: 1 }, 'k1') })
  await server.send({ method: 'PUT', path: '/keys' })
  for (const [key, body] of Object.entries({ small: marker, large })) {
    await server.send({ method: 'PUT', path: `/keys/${key}`, headers: managed, body })
  }
})

after(async () => {
  for (const other of others) await other.close()
  await server.close()
})

/** Another server over the same store and data. */
async function serverWith(masterKeys: ReturnType<typeof noMasterKeys>): Promise<TestServer> {
  const other = await startTestServer({ store: server.store, dataStores, masterKeys })
  others.push(other)
  return other
}

test('encryption-keys/without master keys SSE-S3 is not implemented, and SSE-C works', async () => {
  const without = await serverWith(noMasterKeys(world.random))
  const put = (headers: Record<string, string>) =>
    without.send({ method: 'PUT', path: '/keys/none', headers, body: marker })
  const refused = await put(managed)
  assert.deepEqual(codeOf(refused), [501, 'NotImplemented'])
  assert.match(errorMessage(refused), /needs s3\.encryption in the configuration/)
  assert.equal((await put(keyHeaders(keyA))).status, 200)
  const read = await without.send({ method: 'GET', path: '/keys/none', headers: keyHeaders(keyA) })
  assert.equal(read.body, marker.toString())
})

test('encryption-keys/a key that is missing, or another one under its id, is an error that names it, and never wrong bytes', async () => {
  for (const [keys, message] of [
    [keysOf({ k2: 2 }, 'k2'), /master key k1, which is not in s3\.encryption/],
    [keysOf({ k1: 3 }, 'k1'), /not encrypted under the master key k1 that s3\.encryption has/],
  ] as const) {
    const other = await serverWith(keys)
    for (const key of ['small', 'large']) {
      const answer = await other.send({ method: 'GET', path: `/keys/${key}` })
      assert.deepEqual(codeOf(answer), [500, 'InternalError'])
      assert.match(errorMessage(answer), message)
      assert.equal((await other.send({ method: 'HEAD', path: `/keys/${key}` })).status, 200)
    }
  }
})

test('encryption-keys/after rotation old objects are read, and new ones are under the new key', async () => {
  const rotated = await serverWith(keysOf({ k1: 1, k2: 2 }, 'k2'))
  assert.equal((await rotated.send({ method: 'GET', path: '/keys/large' })).body, large.toString())
  await rotated.send({ method: 'PUT', path: '/keys/newer', headers: managed, body: marker })
  const again = await rotated.send({
    method: 'PUT',
    path: '/keys/small',
    headers: { ...managed, 'x-amz-copy-source': '/keys/small' },
  })
  assert.equal(again.status, 200, again.body)
  for (const key of ['newer', 'small']) {
    const record = await server.store.version({ bucket: 'keys', key, version: 'latest' })
    assert.equal(record?.metadata.location?.[0]?.masterKeyId, 'k2')
    assert.equal((await rotated.send({ method: 'GET', path: `/keys/${key}` })).body, marker.toString())
  }
})
