// Goal: a destination that refuses, breaks connections, hangs, answers 200 with an error, throttles, lies about checksums or gets other bytes never
// yields COMPLETED; healed, everything completes, nothing twice. Wrong credentials make nothing FAILED. Method: proxies before real servers.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutBucketVersioningCommand,
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
  statusOf,
  type TwoClouds,
  untilStatus,
  versionsIn,
} from '../integration/two-clouds.ts'
import { azureServer, s3Server } from '../services/available.ts'
import { eventually } from '../until.ts'
import { type DestinationProxy, type Misbehaviour, openDestinationProxy } from './destination-proxy.ts'
import { noUploadsLeft } from './left-uploads.ts'

const bucket = 'faulty'
const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
let clouds: TwoClouds
let proxies: readonly [DestinationProxy, DestinationProxy]

before(async () => {
  if (skip) return
  clouds = await openTwoClouds(
    { s3: s3.get(), azure: azure.get() },
    {
      replication: quickRetries,
      async route(there) {
        const url = new URL(there.azure.endpoint)
        proxies = [await openDestinationProxy(there.s3.endpoint), await openDestinationProxy(url.host)]
        return {
          s3: { ...there.s3, endpoint: proxies[0].address },
          azure: { ...there.azure, endpoint: `http://${proxies[1].address}${url.pathname}` },
        }
      },
    },
  )
  await replicatedBucket(clouds.source, bucket)
})

after(async () => {
  await clouds?.close()
  for (const proxy of proxies ?? []) await proxy.close()
  await s3.stop()
  await azure.stop()
})

interface Written {
  readonly key: string
  readonly versionId: string
  readonly body: Buffer
}

/** Objects of every way to be written: empty, small, multipart; two versions of a key. */
async function load(prefix: string): Promise<readonly Written[]> {
  const sizes = [0, 11, 4096, 4096, 4096, 300_000, 21_000_000]
  const written: Written[] = []
  for (const [index, size] of sizes.entries()) {
    const key = `${prefix}/${index === 4 ? 3 : index}`
    const body = Buffer.alloc(size, createHash('sha256').update(`${prefix} ${index}`).digest())
    const answer = await clouds.source.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
    written.push({ key, versionId: answer.VersionId ?? '', body })
  }
  return written
}

async function statesOf(written: readonly Written[]): Promise<readonly string[]> {
  const states: string[] = []
  for (const { key, versionId } of written) {
    const shown = await statusOf(clouds.source, bucket, key, versionId)
    states.push(shown.overall ?? '', ...Object.values(shown.sites))
  }
  return states
}

async function checkArrived(written: readonly Written[]): Promise<void> {
  await inParallel(written, 4, async ({ key, versionId }) => {
    const shown = await untilStatus(clouds.source, bucket, key, 'COMPLETED', versionId)
    for (const site of sites) assert.match(shown.sites[site] ?? '', /^(COMPLETED|SKIPPED)$/, key)
  })
  const keys = new Set(written.map(({ key }) => key))
  for (const key of keys) {
    const wanted = written.filter(version => version.key === key)
    const there = (await versionsIn(clouds.far, clouds.s3.bucket)).filter(
      ({ key: name }) => name === `${bucket}/${key}`,
    )
    assert.equal(there.length, wanted.length, `${key} has ${there.length} versions at S3`)
    // A listing has the newest first.
    for (const [index, version] of there.toReversed().entries()) {
      const address = { Bucket: clouds.s3.bucket, Key: version.key, VersionId: version.versionId }
      const object = await clouds.far.send(new GetObjectCommand(address))
      const bytes = Buffer.from((await object.Body?.transformToByteArray()) ?? [])
      assert.equal(object.Metadata?.['scal-version-id'], wanted[index]?.versionId, key)
      assert.ok(bytes.equals(wanted[index]?.body ?? Buffer.alloc(0)), `the bytes of ${key} at S3`)
    }
    const blob = await clouds.container.getBlobClient(`${bucket}/${key}`).downloadToBuffer()
    assert.ok(blob.equals(wanted.at(-1)?.body ?? Buffer.alloc(0)), `the bytes of ${key} at Azure`)
  }
  await noUploadsLeft(clouds.far, clouds.s3.bucket)
}

const misbehaviours: readonly Misbehaviour[] = [
  'refuse',
  'reset-before',
  'cut',
  'reset-after',
  'hang',
  'error-body',
  'throttle',
  'lie',
  'flip',
]

for (const how of misbehaviours) {
  test(`nothing is COMPLETED while both destinations do this: ${how}; healed, everything is, once`, {
    skip,
  }, async () => {
    const seen = proxies.map(proxy => proxy.disturbed)
    for (const proxy of proxies) await proxy.misbehave(how)
    const written = await load(how)
    // Several attempts each, so that what an attempt leaves behind meets the next one.
    const attempts = how === 'hang' ? 3 : 12
    await eventually(`both destinations were asked under ${how}`, async () => {
      if (how === 'refuse') return (await statesOf(written)).length
      return proxies.every((proxy, index) => proxy.disturbed >= (seen[index] ?? 0) + attempts) ? 1 : undefined
    })
    const states = await statesOf(written)
    // An empty body has no byte that could change.
    const held = how === 'flip' ? await statesOf(written.filter(({ body }) => body.length > 0)) : states
    assert.ok(
      held.every(state => state === 'PENDING' || state === 'PROCESSING'),
      `states under ${how}: ${held.join(' ')}`,
    )
    for (const proxy of proxies) await proxy.heal()
    await drained(clouds)
    await checkArrived(written)
  })
}

test('an end while a destination hangs takes seconds, and what was under way is done once after the start', {
  skip,
}, async () => {
  for (const proxy of proxies) await proxy.misbehave('hang')
  const seen = proxies.map(proxy => proxy.disturbed)
  const written = await load('ended')
  await eventually('both hang', async () =>
    proxies.every((proxy, index) => proxy.disturbed >= (seen[index] ?? 0) + 3) ? true : undefined,
  )
  const asked = performance.now()
  assert.equal(await clouds.crossbeat.end(), 0)
  assert.ok(performance.now() - asked < 45_000, 'the end took too long')
  for (const proxy of proxies) await proxy.heal()
  await clouds.crossbeat.restart()
  await drained(clouds)
  await checkArrived(written)
})

test('deletes and tag changes wait for a broken destination like everything else', { skip }, async () => {
  const [first] = await load('changes')
  assert.ok(first !== undefined)
  await drained(clouds)
  for (const proxy of proxies) await proxy.misbehave('reset-after')
  const tagged = { Bucket: bucket, Key: 'changes/1', Tagging: { TagSet: [{ Key: 'a', Value: 'b' }] } }
  await clouds.source.send(new PutObjectTaggingCommand(tagged))
  await clouds.source.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'changes/2' }))
  const seen = proxies.map(proxy => proxy.disturbed)
  await eventually('both were asked', async () =>
    proxies.every((proxy, index) => proxy.disturbed >= (seen[index] ?? 0) + 6) ? true : undefined,
  )
  assert.equal((await statusOf(clouds.source, bucket, 'changes/1')).overall, 'PENDING')
  for (const proxy of proxies) await proxy.heal()
  await drained(clouds)
  await untilStatus(clouds.source, bucket, 'changes/1', 'COMPLETED')
  const there = (await versionsIn(clouds.far, clouds.s3.bucket)).filter(({ key }) => key === `${bucket}/changes/2`)
  assert.deepEqual(
    there.map(({ isMarker }) => isMarker),
    [false, true],
    'one version and one delete marker at S3',
  )
  assert.equal(await clouds.container.getBlobClient(`${bucket}/changes/2`).exists(), false)
  const properties = await clouds.container.getBlobClient(`${bucket}/changes/1`).getProperties()
  assert.equal(properties.metadata?.['tags'], '{"a":"b"}')
})

test('a bucket without versioning and a container that is gone hold up everything and make nothing FAILED', {
  skip,
}, async () => {
  const versioning = (Status: 'Enabled' | 'Suspended') =>
    clouds.far.send(new PutBucketVersioningCommand({ Bucket: clouds.s3.bucket, VersioningConfiguration: { Status } }))
  const other = clouds.container.getBlockBlobClient(`${bucket}/changes/1`)
  await versioning('Suspended')
  await clouds.container.delete()
  const written = await load('settings')
  await eventually('both are held up, and say why', async () => {
    const answer = await fetch(`http://${clouds.crossbeat.control}/api/v1/locations`)
    const { locations } = (await answer.json()) as { locations: readonly { trouble: string | null }[] }
    const told = locations.map(({ trouble }) => trouble ?? '')
    assert.match(told[0] ?? '', /^VersioningNotEnabled: /)
    assert.match(told[1] ?? '', /^ContainerNotFound: /)
    return true
  })
  assert.ok((await statesOf(written)).every(state => state === 'PENDING' || state === 'PROCESSING'))
  await versioning('Enabled')
  await clouds.container.create()
  await drained(clouds)
  for (const { key, versionId } of written) await untilStatus(clouds.source, bucket, key, 'COMPLETED', versionId)
  assert.equal(await other.exists(), false, 'what was in the container that is gone does not come back by itself')
})

test('wrong credentials make nothing FAILED; with the right ones everything completes', { skip }, async () => {
  const s3Seen = { ...clouds.s3, endpoint: proxies[0].address }
  const azureSeen = {
    ...clouds.azure,
    endpoint: `http://${proxies[1].address}${new URL(clouds.azure.endpoint).pathname}`,
  }
  await clouds.crossbeat.end()
  await clouds.crossbeat.restart({
    s3: { ...s3Seen, secretKey: 'wrong' },
    azure: { ...azureSeen, key: Buffer.from('wrong').toString('base64') },
  })
  const asked = proxies.map(proxy => proxy.passages.length)
  const written = await load('credentials')
  await eventually('both have refused often', async () =>
    proxies.every(({ passages }, index) => {
      const refused = passages.slice(asked[index]).filter(({ status }) => status === 403)
      return refused.length >= 4
    })
      ? true
      : undefined,
  )
  const states = await statesOf(written)
  assert.ok(
    states.every(state => state === 'PENDING'),
    states.join(' '),
  )
  for (const site of sites) assert.equal(await clouds.crossbeat.backlog(site), written.length)
  await clouds.crossbeat.end()
  await clouds.crossbeat.restart({ s3: s3Seen, azure: azureSeen })
  await drained(clouds)
  await checkArrived(written)
})
