// Goal: the newcomer's run shows everything COMPLETED, keeps running, ends cleanly, finds its data again, and what it printed is true: the copies
// are read with the vendors' SDKs. Method: bin/crossbeat.js demo (with ENGINE=distributed: distributed) as a process with an empty home.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { azuriteAccount, obtainAzurite } from '../../src/services/azurite.ts'
import { cacheFolder, ServiceUnavailable } from '../../src/services/service-cache.ts'
import { type RunningCli, runCli, startCli } from '../process/cli.ts'
import { eventually } from '../until.ts'
import { md5 } from './tree.ts'

const inCi = process.env['CI'] === 'true'
const isDistributed = process.env['ENGINE'] === 'distributed'
const command = isDistributed ? 'distributed' : 'demo'
const skip = await obtainAzurite().then(
  () => false as const,
  (error: unknown) => {
    if (inCi || !(error instanceof ServiceUnavailable)) throw error
    return error.message
  },
)

let folder: string
let running: RunningCli | undefined

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossbeat-demo-'))
})

after(async () => {
  running?.signal('SIGTERM')
  await running?.ended
  // Root's PostgreSQL cannot lie in a folder that is closed to others.
  const elsewhere = await readFile(join(folder, 'data', 'engine', 'postgres', 'elsewhere'), 'utf8').catch(() => null)
  if (elsewhere !== null) await rm(elsewhere.trim(), { recursive: true, force: true })
  await rm(folder, { recursive: true, force: true })
})

async function startDemo(): Promise<RunningCli> {
  const env = { HOME: join(folder, 'home'), CROSSBEAT_SERVICES: await cacheFolder() }
  running = startCli([command, '--data-dir', join(folder, 'data')], { env, cwd: folder })
  await running.printed(/Crossbeat keeps running/, 240_000)
  return running
}

/** What the demo says of an S3 server: `http://...   bucket <name>` and a line with its keys. */
function s3Client(endpoint: string, accessKeyId: string, secretAccessKey: string): S3Client {
  const credentials = { accessKeyId, secretAccessKey }
  return new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
}

function found(text: string, pattern: RegExp): readonly string[] {
  const match = pattern.exec(text)
  assert.ok(match !== null, `the demo printed nothing like ${pattern}`)
  return match.slice(1)
}

interface Places {
  readonly source: S3Client
  readonly far: S3Client
  readonly azure: BlobServiceClient
  readonly control: string
}

function placesOf(printed: string): Places {
  const [endpoint = ''] = found(printed, /Your S3 endpoint\n +(http:\S+) +bucket demo/)
  const [access = '', secret = ''] = found(printed, /access key (\S+) +secret key (\S+)/)
  const [far = '', farAccess = '', farSecret = ''] = found(printed, /S3 +(http:\S+) +bucket \S+ +keys (\S+) (\S+)/)
  const [blobs = ''] = found(printed, /Azure (http:\S+) /)
  const [control = ''] = found(printed, /Control API\n +(http:\S+)/)
  const credential = new StorageSharedKeyCredential(azuriteAccount.name, azuriteAccount.key)
  return {
    source: s3Client(endpoint, access, secret),
    far: s3Client(far, farAccess, farSecret),
    azure: new BlobServiceClient(blobs, credential),
    control,
  }
}

async function digestOf(client: S3Client, bucket: string, key: string): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  return md5((await Body?.transformToByteArray()) ?? new Uint8Array())
}

/** All keys of the demo, after showing that both copies have the same bytes. */
async function checkCopies({ source, far, azure }: Places): Promise<readonly string[]> {
  const { Contents } = await source.send(new ListObjectsV2Command({ Bucket: 'demo' }))
  const keys = (Contents ?? []).map(({ Key }) => Key ?? '')
  for (const key of keys) {
    const original = await digestOf(source, 'demo', key)
    assert.equal(await digestOf(far, 'crossbeat-copies', `demo/${key}`), original, `${key} at S3`)
    const blob = azure.getContainerClient('crossbeat-copies').getBlobClient(`demo/${key}`)
    assert.equal(md5(await blob.downloadToBuffer()), original, `${key} at Azure`)
  }
  return keys
}

test('the first run shows everything COMPLETED soon and keeps running', { skip }, async () => {
  const started = performance.now()
  const demo = await startDemo()
  const tookMs = performance.now() - started
  assert.match(demo.stdout(), /All COMPLETED: every object is in both clouds\./)
  assert.equal(demo.stdout().match(/ COMPLETED /g)?.length, 12, demo.stdout())
  // Eight more processes and four servers take their time to start.
  if (!isDistributed) assert.equal(demo.stderr(), '')
  // 15 s are promised for the demo on a machine that does nothing else; here other tests run beside it.
  assert.ok(tookMs < (isDistributed ? 240_000 : 90_000), `it took ${tookMs} ms`)
  const places = placesOf(demo.stdout())
  const keys = await checkCopies(places)
  assert.equal(keys.length, 6)
  assert.ok(keys.includes('notes/привет, 世界.txt'))
  await tryWhatItSuggests(places)
})

async function tryWhatItSuggests(places: Places): Promise<void> {
  const { control, source, far, azure } = places
  assert.equal((await fetch(`${control}/_/crr/pause/azurebackend`, { method: 'POST' })).status, 200)
  await source.send(new PutObjectCommand({ Bucket: 'demo', Key: 'mine.md', Body: 'mine' }))
  await eventually('the pause is in force', async () => {
    const { stdout } = await runCli(['status', '--control', control])
    assert.match(stdout, /^azurebackend +(paused|pausing)\b/m)
    return /^azurebackend +paused\b/m.test(stdout) || undefined
  })
  const later = await runCli(['resume', 'azurebackend', '--in', '6h', '--control', control])
  assert.match(later.stdout, /^azurebackend: paused, resumes at /)
  assert.equal((await fetch(`${control}/_/crr/resume/azurebackend`, { method: 'POST' })).status, 200)
  // The next run counts on both.
  await eventually('mine.md is at S3', () => digestOf(far, 'crossbeat-copies', 'demo/mine.md'))
  const blob = azure.getContainerClient('crossbeat-copies').getBlobClient('demo/mine.md')
  await eventually('mine.md is at Azure', async () => ((await blob.exists()) ? true : undefined))
  assert.equal((await fetch(`${control}/api/v1/openapi.json`)).status, 200)
}

test('a second demo on the same folder says who has it, and leaves it alone', { skip }, async () => {
  const env = { CROSSBEAT_SERVICES: await cacheFolder() }
  const { code, stderr } = await runCli([command, '--data-dir', join(folder, 'data')], { env })
  assert.equal(code, 1)
  assert.match(stderr, /in use by another Crossbeat process \(pid \d+\)/)
  assert.doesNotMatch(stderr, /\n +at /)
})

test('Ctrl-C ends it with exit code 0, and the next run finds its data', { skip }, async () => {
  running?.signal('SIGINT')
  const first = await running?.ended
  assert.equal(first?.code, 0, first?.stderr)
  assert.match(first?.stdout ?? '', /\nStopping: /)
  const again = await startDemo()
  assert.match(again.stdout(), /Found the data of the last run/)
  const keys = await checkCopies(placesOf(again.stdout()))
  assert.ok(keys.includes('mine.md'), keys.join(' '))
  again.signal('SIGINT')
  const { code, stderr } = await again.ended
  assert.deepEqual([code, isDistributed ? '' : stderr], [0, ''])
})
