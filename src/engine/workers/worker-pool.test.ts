// Worker threads of the S3 port in a whole engine: they see each other's writes at once, answer what only the main thread knows, and one that
// dies is replaced.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { createManualWorld } from '../../../test/control/manual-world.ts'
import { until } from '../../../test/until.ts'
import { createAccountDirectory } from '../../accounts/account-directory.ts'
import { s3Requests } from '../../base/channels.ts'
import { sha256Hex } from '../../base/hash.ts'
import { amzDateOf, signV4Headers } from '../../base/signature-v4.ts'
import { realWorld } from '../../base/world.ts'
import { loadConfig } from '../../config/load.ts'
import { memoryEnvironment } from '../../config/memory-environment.ts'
import type { Config } from '../../config/types.ts'
import { openSqlite } from '../../metadata/sqlite/engine.ts'
import { startEmbedded } from '../embedded.ts'
import type { WholeEngine } from '../engine.ts'
import type { WorkerMessage } from './messages.ts'
import { createWorkerPool } from './worker-pool.ts'

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-workers-'))
const threads: Worker[] = []
const onWorker = (thread: Worker): void => {
  threads.push(thread)
}
process.on('worker', onWorker)
let engine: WholeEngine

async function configOf(dataDir: string, workers: number): Promise<Config> {
  const text = JSON.stringify({
    dataDir: join(folder, dataDir),
    s3: { listen: '127.0.0.1:0', workers },
    control: { listen: '127.0.0.1:0' },
    log: { level: 'silent' },
  })
  const result = await loadConfig('/crossbeat.yaml', memoryEnvironment({ '/crossbeat.yaml': text }))
  assert.ok(result.ok)
  return result.config
}

before(async () => {
  engine = await startEmbedded({ config: await configOf('data', 2), world: realWorld })
})

after(async () => {
  await engine.close()
  process.off('worker', onWorker)
  rmSync(folder, { recursive: true, force: true })
})

interface Answered {
  readonly status: number
  readonly body: string
  /** Each worker has its own. */
  readonly worker: string
}

/** Sends a request of the administrator over a connection of its own: the system chooses the worker. */
function send(method: string, path: string, body = '', more: Readonly<Record<string, string>> = {}): Promise<Answered> {
  const { s3, accounts } = engine
  const { access = '', secret = '' } = accounts.administratorKey ?? {}
  const [plain = '', query = ''] = path.split('?')
  const headers = signV4Headers({
    method,
    host: `${s3.host}:${s3.port}`,
    path: plain,
    query,
    headers: more,
    payloadHash: sha256Hex(body),
    region: 'us-east-1',
    service: 's3',
    accessKey: access,
    secretKey: secret,
    amzDate: amzDateOf(Date.now()),
  })
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ ...s3, method, path, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const requestId = String(response.headers['x-amz-request-id'] ?? '')
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, body: text, worker: requestId.slice(0, 12) })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Asks until this worker, or any but those, has answered; connections that a dying worker had are asked again. */
function answeredBy(wanted: (worker: string) => boolean): Promise<string> {
  return until('such a worker answers', async () => {
    const answer = await send('GET', '/').catch(() => null)
    return answer !== null && wanted(answer.worker) && answer.worker
  })
}

test("workers see each other's writes at once, small and large", async () => {
  assert.equal((await send('PUT', '/shared')).status, 200)
  const workers = new Set<string>()
  for (let index = 0; index < 20; index++) {
    const body = `${index}`.padEnd(index % 2 === 0 ? 100 : 300_000, 'x')
    const put = await send('PUT', `/shared/key-${index}`, body)
    assert.equal(put.status, 200)
    const got = await send('GET', `/shared/key-${index}`)
    assert.equal(got.body, body)
    workers.add(put.worker).add(got.worker)
  }
  assert.equal(workers.size, 2)
})

test('what one worker encrypts another decrypts, under one master key', async () => {
  const asked = { 'x-amz-server-side-encryption': 'AES256' }
  const bodies = ['short', 'long'.padEnd(300_000, '.')]
  for (const [index, body] of bodies.entries()) {
    assert.equal((await send('PUT', `/shared/sealed-${index}`, body, asked)).status, 200)
    const workers = new Set<string>()
    while (workers.size < 2) {
      const got = await send('GET', `/shared/sealed-${index}`)
      assert.equal(got.body, body)
      workers.add(got.worker)
    }
  }
})

test('the control API answers administrators through a worker', async () => {
  const answer = await send('GET', '/_/backbeat/api/metrics/crr/all')
  assert.equal(answer.status, 200)
})

test('what happens in workers is told in the main thread', async () => {
  const told = Promise.withResolvers<number>()
  const stop = s3Requests.subscribe(event => {
    if (event.bucket === 'untold') told.resolve(event.status)
  })
  await send('GET', '/untold')
  assert.equal(await told.promise, 404)
  stop()
})

test('a worker that dies is replaced, and what was written stays', async () => {
  const first = await answeredBy(() => true)
  const second = await answeredBy(worker => worker !== first)
  const known = threads.length
  await threads.at(-1)?.terminate()
  // One that has lived for less than a second is replaced after a pause.
  await until('there is another worker', () => threads.length > known)
  const third = await answeredBy(worker => worker !== first && worker !== second)
  assert.notEqual(third, '')
  assert.equal(threads.length, known + 1)
  assert.equal((await send('GET', '/shared/key-1')).status, 200)
})

/** A pool of one worker, whose time and whose news from the store the test has in its hand. */
async function openPool(name: string) {
  const config = await configOf(name, 1)
  mkdirSync(config.dataDir)
  const databasePath = join(config.dataDir, 'database')
  const sqlite = await openSqlite({ path: databasePath, world: realWorld, group: 'RG001', bootId: 'b', flush: false })
  const world = createManualWorld()
  /** Called by the test: the store has carried out all that an ended worker gave. */
  const lefts: (() => void)[] = []
  const pool = createWorkerPool({
    ...{ config, databasePath, world, flush: false, dataStores: new Map() },
    accounts: createAccountDirectory([]),
    sqlite: {
      epoch: sqlite.epoch,
      bucketChanges: sqlite.bucketChanges,
      portForThread: left => sqlite.portForThread(() => void lefts.push(left)),
    },
    masterKeys: { wrap: () => assert.fail('unasked'), dataKey: () => assert.fail('unasked') },
  })
  const first = threads.length
  await pool.start(() => assert.fail('unasked'))
  const worker = (index: number): Worker => threads[first + index] ?? assert.fail(`no worker ${index}`)
  return {
    ...{ pool, world, lefts, worker },
    writer: `${sqlite.epoch}w1`,
    started: () => threads.length - first,
    async close() {
      await pool.close()
      await sqlite.close()
    },
  }
}

test('a worker that has died can still commit until the store has carried out what it gave', async () => {
  const { pool, world, lefts, worker, writer, close } = await openPool('left')
  let deaths = 0
  pool.onDeath(() => {
    deaths += 1
  })
  await worker(0).terminate()
  const left = await until('the store has all', () => lefts[0])
  assert.deepEqual([pool.isAlive(writer), pool.isAlive(`n0-${writer}`), deaths], [true, true, 0])
  left()
  await world.settle()
  assert.deepEqual([pool.isAlive(writer), pool.isAlive(`n0-${writer}`), deaths], [false, false, 1])
  await close()
})

test('a worker that does not say what it reads is not waited for without end', async () => {
  const { pool, world, worker, close } = await openPool('told')
  await pool.told()
  const hanging = worker(0)
  const { postMessage } = hanging
  hanging.postMessage = () => {}
  const refused = assert.rejects(pool.told(), /within 10 s/)
  await world.advance(10_000)
  await refused
  hanging.postMessage = postMessage
  await pool.told()
  await close()
})

test('a worker that dies soon after it listens is replaced after a pause, one that has lived at once', async () => {
  const { world, worker, started, close } = await openPool('soon')
  await worker(0).terminate()
  await world.advance(999)
  assert.equal(started(), 1)
  await world.advance(1)
  await until('there is another worker', () => started() === 2)
  const listening = Promise.withResolvers<void>()
  worker(1).on('message', (message: WorkerMessage) => {
    if (message.kind === 'listening') listening.resolve()
  })
  await listening.promise
  await world.advance(1_001)
  await worker(1).terminate()
  await until('it is replaced at once', () => started() === 3)
  await close()
})
