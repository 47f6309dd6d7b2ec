// Goal: a large download, which the system sends from the object's file where it can, is the object's bytes and nothing else: whole, in ranges, of many
// parts, one after another on a connection, beside clients that leave half-way; a file that has become short is never taken for the object. Method: the real
// server over files, raw clients.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test, { after, before } from 'node:test'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { type S3RequestEvent, s3Requests } from '../../../src/base/channels.ts'
import { loadSendFile } from '../../../src/base/send-file.ts'
import { realWorld } from '../../../src/base/world.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { openFileDataStore } from '../../../src/locations/file/data-store.ts'
import { until } from '../../until.ts'
import { signedHeaders, startTestServer, type TestServer } from './test-server.ts'

const partBytes = 6 * 1024 ** 2
const content = Buffer.from(Uint32Array.from({ length: 5 * 1024 ** 2 }, (_, index) => index * 2_654_435_761).buffer)

let folder = ''
let server: TestServer
let store: DataStore
/** What the system sent, of everything so far. */
let sentBytes = 0
const told: S3RequestEvent[] = []
const tellNoMore = s3Requests.subscribe(event => told.push(event))

/** The store, with an eye on what is sent. */
function watched(store: DataStore): DataStore {
  return {
    ...store,
    read: (key, start, end, signal, lent) => {
      if (typeof lent !== 'function') return store.read(key, start, end, signal, lent)
      return store.read(key, start, end, signal, async (file, position, count) => {
        const sent = await lent(file, position, count)
        sentBytes += sent
        return sent
      })
    },
  }
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossbeat-downloads-'))
  const options = { name: 'us-east-1', folder, epoch: '1', random: realWorld.random, flush: false }
  store = await openFileDataStore(options)
  server = await startTestServer({ dataStores: new Map([['us-east-1', watched(store)]]) })
  assert.equal((await server.send({ method: 'PUT', path: '/bucket' })).status, 200)
  const client = server.client()
  await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'one', Body: content }))
  const parts = { Bucket: 'bucket', Key: 'parts' }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(parts))
  const made: CompletedPart[] = []
  for (let at = 0; at < content.length; at += partBytes) {
    const PartNumber = made.length + 1
    const part = { ...parts, UploadId, PartNumber, Body: content.subarray(at, at + partBytes) }
    made.push({ PartNumber, ETag: (await client.send(new UploadPartCommand(part))).ETag })
  }
  await client.send(new CompleteMultipartUploadCommand({ ...parts, UploadId, MultipartUpload: { Parts: made } }))
})

after(async () => {
  tellNoMore()
  await server.close()
  await rm(folder, { recursive: true })
})

function download(key: string, range?: string, agent?: Agent): Promise<IncomingMessage> {
  const { host, port } = server
  const path = `/bucket/${key}`
  const headers = signedHeaders(`${host}:${port}`, { method: 'GET', path, as: 'bart' })
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host, port, path, headers: range === undefined ? headers : { ...headers, range }, agent: agent ?? false },
      resolve,
    )
    request.on('error', reject).end()
  })
}

/** How many the process has open; 0 where the system does not tell. */
async function descriptors(): Promise<number> {
  return (await readdir('/proc/self/fd').catch(() => [])).length
}

async function dataFiles(): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Most of it is sent by the system, where the system can. */
async function checkSent(bytes: number, run: () => Promise<void>): Promise<void> {
  const start = sentBytes
  await run()
  const canSend = (await loadSendFile()) !== null
  if (canSend)
    assert.ok(sentBytes - start > bytes / 3, `${sentBytes - start} of ${bytes} bytes were sent by the system`)
}

for (const key of ['one', 'parts']) {
  test(`large-downloads/${key}: whole and in ranges, one after another on a connection`, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    told.length = 0
    await checkSent(3 * content.length, async () => {
      for (let turn = 0; turn < 3; turn++) {
        assert.ok((await bytesOf(await download(key, undefined, agent))).equals(content), `turn ${turn}`)
        const [from, to] = [turn * 1_000_003, content.length - 1 - turn * 999_983]
        const answer = await download(key, `bytes=${from}-${to}`, agent)
        assert.equal(answer.statusCode, 206)
        assert.ok((await bytesOf(answer)).equals(content.subarray(from, to + 1)), `range of turn ${turn}`)
      }
    })
    assert.ok(told.some(event => event.operation === 'GetObject' && event.responseBytes === content.length))
    agent.destroy()
  })
}

test('large-downloads/clients that leave half-way harm nobody else, and leave nothing open', async () => {
  const openBefore = await descriptors()
  const leaving = Array.from({ length: 40 }, async (_, index) => {
    const answer = await download('one', `bytes=${index * 1_000}-`)
    await once(answer, 'readable')
    answer.read(1_000)
    answer.destroy()
  })
  const staying = Array.from({ length: 8 }, async (_, index) => {
    for (let turn = 0; turn < 3; turn++) {
      const from = (index * 3 + turn) * 100_003
      const bytes = await bytesOf(await download(index % 2 === 0 ? 'one' : 'parts', `bytes=${from}-`))
      assert.ok(bytes.equals(content.subarray(from)), `client ${index}, turn ${turn}`)
    }
  })
  await Promise.all([...leaving, ...staying])
  // The server's side of a connection ends a few turns after its client's.
  await until(`no more than ${openBefore} descriptors are open`, async () => (await descriptors()) <= openBefore)
})

test('large-downloads/a client that reads slowly gets every byte', async () => {
  const answer = await download('one')
  const chunks: Buffer[] = []
  for await (const chunk of answer) {
    chunks.push(chunk)
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(Buffer.concat(chunks).equals(content))
})

test('large-downloads/a file that has become short breaks the answer off', async () => {
  const known = new Set(await dataFiles())
  await server.client().send(new PutObjectCommand({ Bucket: 'bucket', Key: 'short', Body: content }))
  const made = (await dataFiles()).filter(path => !known.has(path))
  assert.equal(made.length, 1)
  await truncate(made[0] ?? '', 10_000_000)
  const answer = await download('short')
  assert.equal(answer.headers['content-length'], String(content.length))
  await assert.rejects(bytesOf(answer), { code: 'ECONNRESET' })
})

test('large-downloads/clients that leave before their answer begins leave no file open, and nothing that is kept for them', async () => {
  const warnings: string[] = []
  const warn = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', warn)
  const openBefore = await descriptors()
  const { host, port } = server
  for (let turn = 0; turn < 150; turn++) {
    const path = turn % 2 === 0 ? '/bucket/one' : '/bucket/parts'
    const headers = Object.entries(signedHeaders(`${host}:${port}`, { method: 'GET', path, as: 'bart' }))
    const client = connect({ host, port })
    client.on('error', () => undefined)
    await once(client, 'connect')
    client.write(`GET ${path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    for (let pause = 0; pause < turn % 5; pause++) await new Promise(resolve => setImmediate(resolve))
    client.resetAndDestroy()
  }
  await until(`no more than ${openBefore} descriptors are open`, async () => (await descriptors()) <= openBefore)
  // A file that nobody closed, the garbage collector closes, and says so.
  assert.deepEqual(warnings, [])
  process.off('warning', warn)
  for (const path of await dataFiles()) await store.remove(basename(path))
  assert.deepEqual(await dataFiles(), [])
})
