// Goal: what disappears at the source while a site is behind leaves no work, no PENDING and nothing half done: versions that are deleted for good,
// whole buckets, rules. Method: sites paused, things removed, sites resumed; real servers.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  DeleteBucketCommand,
  DeleteBucketReplicationCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { type DestinationProxy, openDestinationProxy } from '../faults/destination-proxy.ts'
import { azureServer, s3Server } from '../services/available.ts'
import { eventually } from '../until.ts'
import { fileBytes } from './tree.ts'
import {
  drained,
  openTwoClouds,
  quickRetries,
  replicatedBucket,
  sites,
  statusOf,
  type TwoClouds,
  untilStatus,
  untilStill,
  versionsIn,
} from './two-clouds.ts'

const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
let clouds: TwoClouds
let proxy: DestinationProxy

before(async () => {
  if (skip) return
  clouds = await openTwoClouds(
    { s3: s3.get(), azure: azure.get() },
    {
      replication: quickRetries,
      async route(there) {
        proxy = await openDestinationProxy(there.s3.endpoint)
        return { s3: { ...there.s3, endpoint: proxy.address }, azure: there.azure }
      },
    },
  )
})

after(async () => {
  await clouds?.close()
  await proxy?.close()
  await s3.stop()
  await azure.stop()
})

async function put(bucket: string, key: string, body: string | Buffer = key): Promise<string> {
  const answer = await clouds.source.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
  return answer.VersionId ?? ''
}

async function keysAtS3(bucket: string): Promise<readonly string[]> {
  const versions = await versionsIn(clouds.far, clouds.s3.bucket)
  return versions.filter(({ key }) => key.startsWith(`${bucket}/`)).map(({ key }) => key)
}

async function blobNames(bucket: string): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { name } of clouds.container.listBlobsFlat({ prefix: `${bucket}/` })) names.push(name)
  return names
}

async function whilePaused(act: () => Promise<void>): Promise<void> {
  for (const site of sites) await clouds.crossbeat.pause(site)
  for (const site of sites) await untilStill(clouds.crossbeat.control, site)
  await act()
  for (const site of sites) await clouds.crossbeat.resume(site)
  await drained(clouds)
}

test('versions deleted for good before they were copied are no work any more; the others of their key are', {
  skip,
}, async () => {
  await replicatedBucket(clouds.source, 'versions')
  await whilePaused(async () => {
    const first = await put('versions', 'k', 'one')
    await put('versions', 'k', 'two')
    const third = await put('versions', 'k', 'three')
    const only = await put('versions', 'gone')
    for (const VersionId of [first, third])
      await clouds.source.send(new DeleteObjectCommand({ Bucket: 'versions', Key: 'k', VersionId }))
    await clouds.source.send(new DeleteObjectCommand({ Bucket: 'versions', Key: 'gone', VersionId: only }))
  })
  assert.deepEqual(await keysAtS3('versions'), ['versions/k'])
  assert.deepEqual(await blobNames('versions'), ['versions/k'])
  assert.equal(String(await clouds.container.getBlobClient('versions/k').downloadToBuffer()), 'two')
  await untilStatus(clouds.source, 'versions', 'k', 'COMPLETED')
})

test('a bucket that is emptied and removed while sites are behind leaves no backlog', { skip }, async () => {
  await replicatedBucket(clouds.source, 'removed')
  await whilePaused(async () => {
    for (let count = 0; count < 20; count += 1) await put('removed', `k${count}`)
    await clouds.source.send(new DeleteObjectCommand({ Bucket: 'removed', Key: 'k1' }))
    const Objects = (await versionsIn(clouds.source, 'removed')).map(({ key, versionId }) => ({
      Key: key,
      VersionId: versionId,
    }))
    const { Errors } = await clouds.source.send(new DeleteObjectsCommand({ Bucket: 'removed', Delete: { Objects } }))
    assert.deepEqual(Errors ?? [], [])
    await clouds.source.send(new DeleteBucketCommand({ Bucket: 'removed' }))
  })
  assert.deepEqual(await keysAtS3('removed'), [])
  assert.deepEqual(await blobNames('removed'), [])
})

test('rules that are removed say nothing about what was accepted before', { skip }, async () => {
  await replicatedBucket(clouds.source, 'unruled')
  await whilePaused(async () => {
    await put('unruled', 'before')
    await clouds.source.send(new DeleteBucketReplicationCommand({ Bucket: 'unruled' }))
    await put('unruled', 'after')
  })
  assert.deepEqual(await keysAtS3('unruled'), ['unruled/before'])
  assert.deepEqual(await blobNames('unruled'), ['unruled/before'])
  await untilStatus(clouds.source, 'unruled', 'before', 'COMPLETED')
  assert.equal((await statusOf(clouds.source, 'unruled', 'after')).overall, undefined)
})

/** A key with an object under a delete marker, which has arrived. */
async function marked(bucket: string, key: string, body: string): Promise<{ versionId: string; marker: string }> {
  const versionId = await put(bucket, key, body)
  const { VersionId: marker = '' } = await clouds.source.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
  return { versionId, marker }
}

test('a delete marker that is deleted brings the blob back, and the status says so all the way', { skip }, async () => {
  await replicatedBucket(clouds.source, 'undeleted')
  const one = await marked('undeleted', 'one', 'first')
  const two = await marked('undeleted', 'two', 'second')
  await put('undeleted', 'three', 'older')
  const three = await marked('undeleted', 'three', 'third')
  await drained(clouds)
  assert.deepEqual(await blobNames('undeleted'), [])
  await clouds.crossbeat.pause('azurebackend')
  await untilStill(clouds.crossbeat.control, 'azurebackend')
  await clouds.source.send(new DeleteObjectCommand({ Bucket: 'undeleted', Key: 'one', VersionId: one.marker }))
  const shown = await statusOf(clouds.source, 'undeleted', 'one')
  assert.deepEqual([shown.overall, shown.sites], ['PROCESSING', { awsbackend: 'COMPLETED', azurebackend: 'PENDING' }])
  const Objects = [
    { Key: 'two', VersionId: two.marker },
    { Key: 'three', VersionId: three.marker },
  ]
  await clouds.source.send(new DeleteObjectsCommand({ Bucket: 'undeleted', Delete: { Objects } }))
  await clouds.crossbeat.resume('azurebackend')
  for (const key of ['one', 'two', 'three']) await untilStatus(clouds.source, 'undeleted', key, 'COMPLETED')
  assert.deepEqual(await blobNames('undeleted'), ['undeleted/one', 'undeleted/three', 'undeleted/two'])
  for (const [key, text] of [
    ['one', 'first'],
    ['two', 'second'],
    ['three', 'third'],
  ] as const)
    assert.equal(String(await clouds.container.getBlobClient(`undeleted/${key}`).downloadToBuffer()), text)
  assert.equal(
    (await clouds.source.send(new DeleteObjectCommand({ Bucket: 'undeleted', Key: 'one' }))).DeleteMarker,
    true,
  )
  await drained(clouds)
  assert.deepEqual(await blobNames('undeleted'), ['undeleted/three', 'undeleted/two'])
})

test('a blob is not brought back where no rule would send it any more', { skip }, async () => {
  await replicatedBucket(clouds.source, 'uncovered')
  const { marker } = await marked('uncovered', 'k', 'text')
  await drained(clouds)
  await clouds.source.send(new DeleteBucketReplicationCommand({ Bucket: 'uncovered' }))
  await clouds.source.send(new DeleteObjectCommand({ Bucket: 'uncovered', Key: 'k', VersionId: marker }))
  await drained(clouds)
  assert.deepEqual(await blobNames('uncovered'), [])
  const { sites: shown } = await untilStatus(clouds.source, 'uncovered', 'k', 'COMPLETED')
  assert.deepEqual(shown, { awsbackend: 'COMPLETED', azurebackend: 'SKIPPED' })
})

test('a version deleted in the middle of its upload leaves no upload at S3', { skip }, async () => {
  await replicatedBucket(clouds.source, 'uploads')
  const uploads = async (): Promise<number> =>
    (await clouds.far.send(new ListMultipartUploadsCommand({ Bucket: clouds.s3.bucket }))).Uploads?.length ?? 0
  const before = proxy.passages.length
  await clouds.crossbeat.pause('awsbackend')
  const versionId = await put('uploads', 'large', fileBytes('large', 60 * 1024 ** 2))
  await clouds.crossbeat.resume('awsbackend')
  await eventually('the upload has begun', async () =>
    proxy.passages.slice(before).some(({ path }) => path.includes('uploads/large?uploads')) ? true : undefined,
  )
  await proxy.misbehave('reset-before')
  await clouds.source.send(new DeleteObjectCommand({ Bucket: 'uploads', Key: 'large', VersionId: versionId }))
  await proxy.heal()
  await drained(clouds)
  await eventually('no upload is left', async () => ((await uploads()) === 0 ? true : undefined))
})

test('a pause and a kill in the middle of a large copy do it no harm', {
  skip,
}, async () => {
  await replicatedBucket(clouds.source, 'interrupted')
  const body = fileBytes('interrupted', 60 * 1024 ** 2)
  await put('interrupted', 'large', body)
  await clouds.crossbeat.pause('awsbackend')
  await clouds.crossbeat.kill()
  await clouds.crossbeat.restart()
  await clouds.crossbeat.resume('awsbackend')
  await drained(clouds)
  await untilStatus(clouds.source, 'interrupted', 'large', 'COMPLETED')
  assert.deepEqual(await keysAtS3('interrupted'), ['interrupted/large'])
  assert.ok(body.equals(await clouds.container.getBlobClient('interrupted/large').downloadToBuffer()))
})
