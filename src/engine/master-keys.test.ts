// Goal: master keys are those of the configuration, or one that is made once, kept as a secret and found again; what was encrypted under a former key
// is read, and a missing or wrong key is told. Method: real files in a temporary folder, a state store in memory.
import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Secret } from '../base/secret.ts'
import { realWorld } from '../base/world.ts'
import type { EncryptionConfig } from '../config/types.ts'
import { SharedState } from '../control/memory/state-store.ts'
import { Failure } from '../domain/failure.ts'
import type { SealedLocation } from '../domain/object-metadata.ts'
import type { MasterKeys, WrappedKey } from '../locations/master-keys.ts'
import { MasterKeyError, openMasterKeys } from './master-keys.ts'
import { agreeOnKeys } from './shared-keys.ts'

const { random } = realWorld
const dataKey = Buffer.alloc(32, 9)

function encryptionOf(ids: Readonly<Record<string, number>>, current: string): EncryptionConfig {
  const keys = Object.entries(ids).map(([id, fill]) => {
    return { id, key: new Secret(Buffer.alloc(32, fill).toString('base64')) }
  })
  return { keys, current }
}

function open(dataDir: string, encryption?: EncryptionConfig, ownsData = true): Promise<MasterKeys> {
  return openMasterKeys({ config: { dataDir, s3: { encryption } }, random, ownsData })
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'crossbeat-keys-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

function pieceOf(wrapped: WrappedKey): SealedLocation {
  return { key: 'k', size: 1, start: 0, dataStoreName: 'l', dataStoreETag: '1:x', cryptoScheme: 2, ...wrapped }
}

async function opened(keys: MasterKeys, wrapped: WrappedKey): Promise<Buffer> {
  return (await keys.dataKey(pieceOf(wrapped))).export()
}

const noKey = (error: unknown) => error instanceof Failure && error.facts.code === 'NoMasterKey'

test('without configuration a key is made when it is first needed, which only its owner can read', async t => {
  const dataDir = await folder(t)
  // What a start that was cut off has left must not lend its mode to the key.
  await writeFile(join(dataDir, 'master-key.new'), 'half')
  await chmod(join(dataDir, 'master-key.new'), 0o644)
  const keys = await open(dataDir)
  assert.deepEqual(await readdir(dataDir), ['master-key.new'])
  const [one, two] = await Promise.all([keys.wrap(dataKey), keys.wrap(dataKey)])
  assert.equal(one.masterKeyId, two.masterKeyId)
  assert.equal((await stat(join(dataDir, 'master-key'))).mode & 0o777, 0o600)
  const again = await open(dataDir)
  assert.deepEqual(await opened(again, one), dataKey)
  assert.equal((await again.wrap(dataKey)).masterKeyId, one.masterKeyId)
})

test('a key file that holds no key stops the start', async t => {
  const dataDir = await folder(t)
  await (await open(dataDir)).wrap(dataKey)
  const file = join(dataDir, 'master-key')
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, 30))
  await assert.rejects(open(dataDir), (error: unknown) => {
    return error instanceof MasterKeyError && /master-key holds no master key: restore it/.test(error.message)
  })
})

test('the current key encrypts, former ones decrypt, also the one that was made before keys were configured', async t => {
  const dataDir = await folder(t)
  const made = await (await open(dataDir)).wrap(dataKey)
  const first = await open(dataDir, encryptionOf({ k1: 1 }, 'k1'))
  const byFirst = await first.wrap(dataKey)
  assert.equal(byFirst.masterKeyId, 'k1')
  const second = await open(dataDir, encryptionOf({ k1: 1, k2: 2 }, 'k2'))
  assert.equal((await second.wrap(dataKey)).masterKeyId, 'k2')
  for (const wrapped of [made, byFirst]) assert.deepEqual(await opened(second, wrapped), dataKey)
})

test('a missing key, and another key under its id, are told by their names', async t => {
  const dataDir = await folder(t)
  const wrapped = await (await open(dataDir, encryptionOf({ k1: 1 }, 'k1'))).wrap(dataKey)
  await assert.rejects(opened(await open(dataDir, encryptionOf({ k2: 2 }, 'k2')), wrapped), /k1, which is not in/)
  await assert.rejects(opened(await open(dataDir, encryptionOf({ k1: 3 }, 'k1')), wrapped), noKey)
})

test('a process that shares its data makes no key', async t => {
  const dataDir = await folder(t)
  const keys = await open(dataDir, undefined, false)
  await assert.rejects(keys.wrap(dataKey), noKey)
  assert.deepEqual(await readdir(dataDir), [])
})

test('processes that share data agree on their keys, and one with another key or without it does not start', async () => {
  const state = new SharedState(realWorld.timers).session()
  const agree = (encryption?: EncryptionConfig) => agreeOnKeys(state, encryption, random)
  await agree()
  await agree(encryptionOf({ k1: 1 }, 'k1'))
  await agree(encryptionOf({ k1: 1, k2: 2 }, 'k1'))
  // The next key may be given to one process after another, until one of them encrypts with it.
  await agree(encryptionOf({ k1: 1 }, 'k1'))
  await agree(encryptionOf({ k1: 1, k2: 2 }, 'k2'))
  await assert.rejects(agree(encryptionOf({ k1: 1 }, 'k1')), /lacks the key k2, which other processes encrypt with/)
  await assert.rejects(agree(), MasterKeyError)
  const other = encryptionOf({ k1: 1, k2: 3 }, 'k1')
  await assert.rejects(agree(other), /k2 of s3\.encryption\.keys is not the one that other processes have/)
  assert.ok(
    !JSON.stringify(await state.get('/crossbeat/encryption/keys/k1')).includes(Buffer.alloc(32, 1).toString('base64')),
  )
})
