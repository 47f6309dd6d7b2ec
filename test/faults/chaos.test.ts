// Goal: whatever happens at the same time, the promises hold: clients write, delete and tag while both destinations misbehave in changing ways, sites
// are paused and resumed, and the process is killed. In the end S3 has every version in the source's order, Azure the newest, none twice, all
// statuses say so. Method: seeded choices (CHAOS_SEED), CHAOS_SECONDS of it (default 15), real servers behind proxies.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3'
import {
  drained,
  inParallel,
  openTwoClouds,
  quickRetries,
  replicatedBucket,
  sites,
  type TwoClouds,
  untilStatus,
} from '../integration/two-clouds.ts'
import { azureServer, s3Server } from '../services/available.ts'
import { until } from '../until.ts'
import { blobsOf } from './azure-side.ts'
import { type DestinationProxy, type Misbehaviour, openDestinationProxy } from './destination-proxy.ts'
import { noUploadsLeft } from './left-uploads.ts'
import { seededRandom } from './seeded-random.ts'
import { type ListedEntry, versionList } from './version-list.ts'

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000)
const lastsMs = Number(process.env['CHAOS_SECONDS'] ?? 15) * 1000
/** Fewer acknowledged writes prove little: on a machine that is so slow it lasts longer. */
const enough = lastsMs / 400
/** The way of the replication half; by the seed, so that both get their share. */
const gateway = process.env['CHAOS_GATEWAY'] ?? (seed % 2 === 0 ? 'direct' : 'http')
const bucket = 'chaos'

const s3 = await s3Server()
const azure = await azureServer()
after(async () => {
  await s3.stop()
  await azure.stop()
})

type Random = () => number

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('nothing to pick')
  return item
}

function pauseFor(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

interface Run {
  readonly clouds: TwoClouds
  readonly proxies: readonly DestinationProxy[]
  readonly random: Random
  /** Version ids that clients were given. */
  readonly acknowledged: { key: string; versionId: string }[]
  over: boolean
}

const sizes = [0, 10, 4096, 4096, 30_000, 400_000]

/** One client: writes its own keys, so that tags speak of versions it knows. */
async function client(run: Run, name: number): Promise<void> {
  const { clouds, random, acknowledged } = run
  for (let count = 0; !run.over; count += 1) {
    const address = { Bucket: bucket, Key: `c${name}/k${Math.floor(random() * 5)}` }
    try {
      const dice = random()
      if (dice < 0.12) {
        const { VersionId } = await clouds.source.send(new DeleteObjectCommand(address))
        acknowledged.push({ key: address.Key, versionId: VersionId ?? '' })
      } else if (dice < 0.25) {
        const Tagging = { TagSet: [{ Key: 'count', Value: String(count) }] }
        await clouds.source.send(new PutObjectTaggingCommand({ ...address, Tagging }))
      } else {
        const size = name === 0 && count % 9 === 4 ? 21_000_000 : pick(random, sizes)
        const Body = Buffer.alloc(size, `${address.Key} ${count} ${random()}`)
        const tagging = random() < 0.3 ? { Tagging: `at=put${count}` } : {}
        const { VersionId } = await clouds.source.send(new PutObjectCommand({ ...address, Body, ...tagging }))
        acknowledged.push({ key: address.Key, versionId: VersionId ?? '' })
      }
    } catch {
      // Not acknowledged, or nothing there to tag.
    }
    await pauseFor(10 + random() * 40)
  }
}

const ways: readonly Misbehaviour[] = [
  'refuse',
  'reset-before',
  'cut',
  'reset-after',
  'hang',
  'error-body',
  'lie',
  'flip',
]

async function disturb(run: Run, proxy: DestinationProxy): Promise<void> {
  while (!run.over) {
    if (run.random() < 0.4) await proxy.heal()
    else await proxy.misbehave(pick(run.random, ways))
    await pauseFor(100 + run.random() * 700)
  }
  await proxy.heal()
}

async function operate(run: Run): Promise<void> {
  const { crossbeat } = run.clouds
  while (!run.over) {
    await pauseFor(300 + run.random() * 900)
    const dice = run.random()
    const site = pick(run.random, sites)
    if (dice < 0.3) await crossbeat.pause(site)
    else if (dice < 0.65) await crossbeat.resume(site)
    else if (dice < 0.9) {
      await crossbeat.kill()
      await crossbeat.restart()
    } else {
      assert.equal(await crossbeat.end(), 0)
      await crossbeat.restart()
    }
  }
  for (const site of sites) await crossbeat.resume(site)
}

test(`all promises hold in chaos, by the gateway ${gateway} (CHAOS_SEED=${seed})`, {
  skip: s3.skip || azure.skip,
}, async () => {
  const proxies: DestinationProxy[] = []
  const clouds = await openTwoClouds(
    { s3: s3.get(), azure: azure.get() },
    {
      replication: { ...quickRetries, gateway },
      async route(there) {
        const url = new URL(there.azure.endpoint)
        for (const target of [there.s3.endpoint, url.host]) proxies.push(await openDestinationProxy(target))
        const [first = '', second = ''] = proxies.map(proxy => proxy.address)
        return {
          s3: { ...there.s3, endpoint: first },
          azure: { ...there.azure, endpoint: `http://${second}${url.pathname}` },
        }
      },
    },
  )
  try {
    await replicatedBucket(clouds.source, bucket)
    const run: Run = { clouds, proxies, random: seededRandom(seed), acknowledged: [], over: false }
    const work = [
      operate(run),
      ...proxies.map(proxy => disturb(run, proxy)),
      ...[0, 1, 2].map(name => client(run, name)),
    ]
    await Promise.race([pauseFor(lastsMs), Promise.all(work)])
    await until(`${enough} writes are acknowledged`, () => run.acknowledged.length > enough)
    run.over = true
    await Promise.all(work)
    await drained(clouds)
    await check(run)
  } finally {
    await clouds.close()
    for (const proxy of proxies) await proxy.close()
  }
})

async function check(run: Run): Promise<void> {
  const { clouds, acknowledged } = run
  const source = await versionList({ endpoint: clouds.crossbeat.s3, bucket, ...clouds.crossbeat.keys })
  const all = new Set([...source.values()].flat().map(({ versionId }) => versionId))
  for (const { key, versionId } of acknowledged) assert.ok(all.has(versionId), `${key} ${versionId} was lost`)
  const far = await versionList(clouds.s3)
  const blobs = await blobsOf(clouds.azure)
  await inParallel([...source], 8, async ([key, versions]) => {
    await checkKeyAtS3(run, key, versions, far.get(`${bucket}/${key}`) ?? [])
    const newest = versions.at(-1)
    const blob = blobs.get(`${bucket}/${key}`)
    assert.equal(blob, newest?.isMarker ? undefined : newest?.versionId, `${key} at Azure`)
    if (newest !== undefined && !newest.isMarker) await checkTags(clouds, key, newest.versionId)
  })
  assert.equal([...blobs.keys()].length, [...source.values()].filter(versions => !versions.at(-1)?.isMarker).length)
  await noUploadsLeft(clouds.far, clouds.s3.bucket)
}

async function checkKeyAtS3(
  run: Run,
  key: string,
  versions: readonly ListedEntry[],
  there: readonly ListedEntry[],
): Promise<void> {
  const { clouds } = run
  const arrived: string[] = []
  for (const { versionId, isMarker } of there) {
    if (isMarker) {
      arrived.push('marker')
      continue
    }
    const address = { Bucket: clouds.s3.bucket, Key: `${bucket}/${key}`, VersionId: versionId }
    const head = await clouds.far.send(new HeadObjectCommand(address))
    arrived.push(head.Metadata?.['scal-version-id'] ?? '')
    await checkVersion(clouds, key, arrived.at(-1) ?? '', versionId, head.ETag ?? '')
  }
  const wanted = versions.map(({ versionId, isMarker }) => (isMarker ? 'marker' : versionId))
  // The server of the tests makes no delete marker for a key that it does not have.
  const begin = wanted.findIndex(version => version !== 'marker')
  const expected = begin < 0 ? [] : wanted.slice(begin)
  assert.deepEqual(arrived, expected, `versions of ${key} at S3; requests for it:\n${requestsFor(run, key)}`)
}

/** What went to S3 for a key, with what it said of itself: to find out what went wrong. */
function requestsFor({ proxies }: Run, key: string): string {
  const lines = (proxies[0]?.passages ?? [])
    .filter(({ path }) => decodeURIComponent(path).includes(`${bucket}/${key}`))
    .map(({ method, path, headers, status, mode, at, answeredAt }) => {
      const id = headers['x-amz-meta-scal-version-id'] ?? ''
      return `${at.toFixed(0)}-${answeredAt.toFixed(0)} ${mode} ${method} ${path.replace(/^[^?]*/, '')} ${status} ${id}`
    })
  return lines.join('\n')
}

/** One version's status, bytes and tags. */
async function checkVersion(clouds: TwoClouds, key: string, id: string, farId: string, farETag: string): Promise<void> {
  const shown = await untilStatus(clouds.source, bucket, key, 'COMPLETED', id)
  assert.equal(shown.sites['awsbackend'], 'COMPLETED', key)
  assert.match(shown.sites['azurebackend'] ?? '', /^(COMPLETED|SKIPPED)$/, key)
  const head = await clouds.source.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: id }))
  if (!farETag.includes('-')) assert.equal(farETag, head.ETag, `bytes of ${key} ${id}`)
  const [near, far] = await Promise.all([
    clouds.source.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: key, VersionId: id })),
    clouds.far.send(
      new GetObjectTaggingCommand({ Bucket: clouds.s3.bucket, Key: `${bucket}/${key}`, VersionId: farId }),
    ),
  ])
  assert.deepEqual(far.TagSet ?? [], near.TagSet ?? [], `tags of ${key} ${id} at S3`)
}

async function checkTags(clouds: TwoClouds, key: string, versionId: string): Promise<void> {
  const address = { Bucket: bucket, Key: key, VersionId: versionId }
  const { TagSet } = await clouds.source.send(new GetObjectTaggingCommand(address))
  const wanted = Object.fromEntries((TagSet ?? []).map(({ Key, Value }) => [Key, Value]))
  const { metadata } = await clouds.container.getBlobClient(`${bucket}/${key}`).getProperties()
  assert.deepEqual(JSON.parse(metadata?.['tags'] ?? '{}'), wanted, `tags of ${key} at Azure`)
}
