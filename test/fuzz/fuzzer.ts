// The fuzzer: requests of every operation, valid ones and mutated ones, against a server in this process over real sockets. It asserts that
// none is answered 500, none hangs, memory stays bounded, and in the end every byte of data belongs to a version, part or garbage entry, and
// every listed object can be read whole. The same seed makes the same requests as far as the answers are the same.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { defects } from '../../src/base/channels.ts'
import { md5Hex } from '../../src/base/hash.ts'
import { uriEncode } from '../../src/base/signature-v4.ts'
import { type Random, realWorld } from '../../src/base/world.ts'
import { encodeVersionId } from '../../src/domain/version-id.ts'
import { openFileDataStore } from '../../src/locations/file/data-store.ts'
import { parseXml } from '../../src/s3/xml/reader.ts'
import { startTestServer, type TestServer } from '../compatibility/s3/test-server.ts'
import { type Dice, seededDice } from './dice.ts'
import type { Known } from './documents.ts'
import { framed } from './framing.ts'
import { buckets, type FuzzRequest, validRequest } from './grammar.ts'
import { mutated, mutatedBytes, mutatedChunks } from './mutations.ts'
import { openWire, type Wire, type WireAnswer } from './wire.ts'

export interface FuzzOptions {
  readonly seconds: number
  readonly seed: number
}

export interface FuzzReport {
  readonly inputs: number
  /** How many answers there were of each status; 0: none came, as the bytes asked for none. */
  readonly statuses: ReadonlyMap<number, number>
  /** How many requests there were of each operation. */
  readonly operations: ReadonlyMap<string, number>
  readonly objectsRead: number
  readonly heapGrowthMiB: number
}

/** Requests that are under way at once. */
const wave = 8
const hangMs = 20_000
/** A request whose framing is broken may wait for bytes that never come. */
const brokenMs = 250
const heapGrowthMax = 100 * 1024 ** 2
const knownMax = 40

interface Input {
  readonly request: FuzzRequest
  readonly bytes: Buffer
  /** False when the length that is declared may not be that of the body. */
  readonly whole: boolean
}

interface Run {
  readonly server: TestServer
  readonly dice: Dice
  readonly known: Known
  readonly statuses: Map<number, number>
  readonly operations: Map<string, number>
  readonly wires: (Wire | undefined)[]
  inputs: number
}

export async function fuzz({ seconds, seed }: FuzzOptions): Promise<FuzzReport> {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-fuzz-'))
  const found: string[] = []
  const stopListening = defects.subscribe(({ where, error }) => {
    found.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`)
  })
  const random = seededRandomness(seed)
  const data = await openFileDataStore({ name: 'us-east-1', folder, epoch: 'fuzz', random, flush: false })
  const server = await startTestServer({
    world: { ...realWorld, random },
    dataStores: new Map([['us-east-1', data]]),
    idleMs: 100,
  })
  const run: Run = {
    server,
    dice: seededDice(seed),
    known: { uploads: [], versions: [], etags: [], tokens: [] },
    statuses: new Map(),
    operations: new Map(),
    wires: [],
    inputs: 0,
  }
  try {
    await prepare(run)
    const end = performance.now() + seconds * 1000
    let heapBefore = 0
    while (performance.now() < end) {
      await runWave(run, found)
      if (heapBefore === 0 && performance.now() > end - seconds * 800) heapBefore = heapUsed()
    }
    const heapGrowth = heapUsed() - heapBefore
    assert.ok(heapGrowth < heapGrowthMax, `the heap grew by ${heapGrowth} bytes`)
    await prepare(run)
    const objectsRead = await checkObjects(run)
    for (const wire of run.wires) wire?.close()
    await checkData(run, folder)
    assert.deepEqual(found, [])
    const { inputs, statuses, operations } = run
    return { inputs, statuses, operations, objectsRead, heapGrowthMiB: heapGrowth / 1024 ** 2 }
  } finally {
    stopListening()
    for (const wire of run.wires) wire?.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Names and ids come from the seed; time stays real. */
function seededRandomness(seed: number): Random {
  const dice = seededDice(seed ^ 0x5eed)
  return {
    bytes: count => dice.bytes(count),
    uuid: () => dice.bytes(16).toString('hex'),
    fraction: () => dice.int(2 ** 31) / 2 ** 31,
  }
}

/** The buckets are there, also when a request has deleted them, and open to their owner. */
async function prepare({ server }: Run): Promise<void> {
  for (const bucket of buckets) {
    await server.send({ method: 'PUT', path: `/${bucket}` })
    for (const setting of ['policy', 'publicAccessBlock', 'ownershipControls'])
      await server.send({ method: 'DELETE', path: `/${bucket}?${setting}` })
  }
}

function nextInput({ dice, known, server }: Run): Input {
  const request = dice.chance(0.25) ? validRequest(dice, known) : mutated(dice, validRequest(dice, known))
  const changesChunks = request.payload !== 'signed' && request.payload !== 'unsigned' && dice.chance(0.5)
  const bytes = framed(request, {
    host: `${server.host}:${server.port}`,
    now: Date.now(),
    ...(changesChunks && { changeChunks: body => mutatedChunks(dice, body) }),
  })
  // Not the bytes of a header of length: those are rare and slow, as both sides wait.
  const broken = dice.chance(0.04)
  return { request, bytes: broken ? mutatedBytes(dice, bytes) : bytes, whole: !broken }
}

async function runWave(run: Run, found: readonly string[]): Promise<void> {
  // All are made before any is answered, so that the order of answers changes nothing.
  const inputs = Array.from({ length: wave }, () => nextInput(run))
  const answers = await Promise.all(inputs.map((input, lane) => send(run, input, lane)))
  for (const [index, input] of inputs.entries()) {
    run.inputs += 1
    const { operation } = input.request
    run.operations.set(operation, (run.operations.get(operation) ?? 0) + 1)
    const answer = answers[index]
    run.statuses.set(answer?.status ?? 0, (run.statuses.get(answer?.status ?? 0) ?? 0) + 1)
    if (answer !== undefined) check(input, answer, found)
    if (answer !== undefined) learn(run.known, input.request, answer)
  }
  if (run.inputs % 80 === 0) await prepare(run)
}

async function send(run: Run, input: Input, lane: number): Promise<WireAnswer | undefined> {
  const { server, wires } = run
  const { request, bytes, whole } = input
  for (let attempt = 1; ; attempt += 1) {
    const known = wires[lane]
    const wire = known?.open ? known : openWire(server.host, server.port)
    wires[lane] = wire
    const outcome = await wire.exchange(bytes, request.method, whole ? hangMs : brokenMs)
    if (!whole || outcome === 'silent') {
      wire.close()
      wires[lane] = undefined
    }
    if (outcome === 'silent') {
      assert.ok(!whole, `no answer within ${hangMs} ms:\n${shown(input)}`)
      return undefined
    }
    if (outcome !== 'closed') return outcome
    if (!whole) return undefined
    // A connection that was kept open may be closed by the server just now; a fresh one must not be.
    assert.ok(attempt < 3, `the connection was closed without an answer:\n${shown(input)}`)
    wires[lane] = undefined
  }
}

function shown({ request, bytes }: Input): string {
  return `${request.operation}, ${request.payload}, ${request.signing}, ${request.account}\n${JSON.stringify(bytes.toString('latin1').slice(0, 6_000))}`
}

function check(input: Input, answer: WireAnswer, found: readonly string[]): void {
  const { status, headers, body } = answer
  const text = body.toString('utf8')
  const context = (): string => `${status} ${text.slice(0, 500)}\nto ${shown(input)}\n${found.join('\n')}`
  assert.ok(status >= 200 && status !== 500 && status < 600, context())
  assert.ok(!text.includes('<Code>InternalError</Code>'), context())
  if (!input.whole || input.request.method === 'HEAD' || body.length === 0) return
  if (headers.get('content-type') !== 'application/xml') return
  // An object may say that it is XML; it need not be.
  const isObject = status < 300 && input.request.operation.startsWith('GetObject')
  if (isObject) return
  const root = assertXml(text, context)
  if (status >= 400 && root === 'Error') assert.match(text, /<Code>\w+<\/Code>/, context())
}

function assertXml(text: string, context: () => string): string {
  // Documents may hold characters as references that XML 1.0 cannot carry: S3 has it so.
  const readable = text.replace(/&#x(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]);/g, '')
  try {
    return parseXml(readable, { bytesMax: 8e6, depthMax: 50, elementsMax: 1e6, attributesMax: 100, textMax: 1e6 }).name
  } catch (error) {
    assert.fail(`no XML (${String(error)}): ${context()}`)
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item)
  if (list.length > knownMax) list.shift()
}

/** Ids of an answer are for later requests. */
function learn(known: Known, { path }: FuzzRequest, { status, headers, body }: WireAnswer): void {
  if (status >= 300) return
  const [, bucket = '', ...rest] = path.split('/')
  const key = rest.join('/')
  const upload = /<UploadId>([0-9a-f]+)<\/UploadId>/.exec(body.toString('latin1'))?.[1]
  if (upload !== undefined && key !== '') keep(known.uploads, { bucket, key, id: upload })
  const version = headers.get('x-amz-version-id')
  if (version !== undefined && key !== '') keep(known.versions, { bucket, key, id: version })
  const etag = headers.get('etag')
  if (etag !== undefined) keep(known.etags, etag.replaceAll('"', ''))
  const token = /<NextContinuationToken>([^<]+)</.exec(body.toString('latin1'))?.[1]
  if (token !== undefined) keep(known.tokens, token)
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  const { heapUsed: heap, external } = process.memoryUsage()
  return heap + external
}

/** Every version that is listed can be read whole by its owner: with its length, and with its MD5 where that is the ETag. */
async function checkObjects({ server, known }: Run): Promise<number> {
  const wire = openWire(server.host, server.port)
  let read = 0
  for (const bucket of buckets) {
    const page = { bucket, prefix: '', delimiter: '', after: '', maxKeys: 1_000, what: 'versions' } as const
    const { entries } = await server.store.list(page)
    for (const entry of entries) {
      if (entry.kind !== 'version' || entry.version.isDeleteMarker) continue
      const { key, isNull, versionId, size, etag } = entry.version
      const id = isNull ? 'null' : encodeVersionId(versionId)
      const path = `/${bucket}/${uriEncode(key, true)}`
      const request = {
        ...validRequest(seededDice(read), known),
        method: 'GET',
        path,
        query: [['versionId', id]] as const,
      }
      const plain = {
        ...request,
        headers: [],
        body: Buffer.alloc(0),
        payload: 'signed',
        signing: 'headers',
        account: 'bart',
      } as const
      const answer = await wire.exchange(
        framed(plain, { host: `${server.host}:${server.port}`, now: Date.now() }),
        'GET',
        hangMs,
      )
      assert.ok(typeof answer === 'object', `${path}: ${answer}`)
      // An object under a customer's key, or of another account, is not for us.
      if (answer.status === 400 || answer.status === 403) continue
      assert.equal(answer.status, 200, `${path} ${id}: ${answer.body.toString()}`)
      assert.equal(answer.body.length, size, path)
      if (/^[0-9a-f]{32}$/.test(etag) && !answer.headers.has('x-amz-server-side-encryption'))
        assert.equal(md5Hex(answer.body), etag, path)
      read += 1
    }
  }
  wire.close()
  return read
}

/** No file that nothing refers to, finished or half-written. */
async function checkData({ server }: Run, folder: string): Promise<void> {
  // Requests that were cut off end when their connections do.
  for (let patience = 1_200; ; patience -= 1) {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    const names = files.map(({ name }) => name)
    const referenced = await server.store.referencedData(names)
    const left = names.filter(name => !referenced.has(name))
    if (left.length === 0) return
    assert.ok(patience > 0, `data that nothing refers to: ${left.join(', ')}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
