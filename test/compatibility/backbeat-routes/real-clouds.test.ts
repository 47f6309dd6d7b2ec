// Goal: with `replication.gateway: http` the main job comes out the same on real servers: bytes, metadata, tags, delete markers and parts at a
// third-party S3 server and at Azurite, and every status told. Method: a Crossbeat process, and the vendors' clients to look at all three sides.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3'
import {
  drained,
  openTwoClouds,
  quickRetries,
  replicatedBucket,
  statusOf,
  type TwoClouds,
  untilStatus,
  versionsIn,
} from '../../integration/two-clouds.ts'
import { azureServer, s3Server } from '../../services/available.ts'

const bucket = 'by-http'
const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
let clouds: TwoClouds

before(async () => {
  if (skip) return
  const replication = { ...quickRetries, gateway: 'http' }
  clouds = await openTwoClouds({ s3: s3.get(), azure: azure.get() }, { replication })
  await replicatedBucket(clouds.source, bucket)
})
after(() => clouds?.close())

async function put(key: string, body: Uint8Array | string, more = {}): Promise<string> {
  const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...more })
  return (await clouds.source.send(command)).VersionId ?? ''
}

async function copyAtS3(key: string): Promise<{ readonly bytes: Buffer; readonly metadata: Record<string, string> }> {
  const answer = await clouds.far.send(new GetObjectCommand({ Bucket: clouds.s3.bucket, Key: `${bucket}/${key}` }))
  return { bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []), metadata: answer.Metadata ?? {} }
}

function copyAtAzure(key: string): Promise<Buffer> {
  return clouds.container.getBlobClient(`${bucket}/${key}`).downloadToBuffer()
}

function patterned(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  for (let index = 0; index < size; index += 1)
    bytes[index] = (index * 31 + (index >> 8) * 7 + (index >> 16) * 13) & 0xff
  return bytes
}

test('small, empty and large objects are byte-identical at both clouds', { skip }, async () => {
  const bodies = {
    small: Buffer.from('hello'),
    empty: Buffer.alloc(0),
    'some mebibytes': patterned(3_000_000),
    'in parts': patterned(24 * 1024 * 1024),
    'dir/größe 世界.txt': Buffer.from('unicode'),
  }
  for (const [key, body] of Object.entries(bodies)) {
    await put(key, body, { Metadata: { colour: 'blue' }, ContentType: 'text/plain', Tagging: 'a=b' })
  }
  await drained(clouds)
  for (const [key, body] of Object.entries(bodies)) {
    const shown = await untilStatus(clouds.source, bucket, key, 'COMPLETED')
    assert.deepEqual(shown.sites, { awsbackend: 'COMPLETED', azurebackend: 'COMPLETED' })
    const copy = await copyAtS3(key)
    assert.ok(copy.bytes.equals(body), `${key} at S3`)
    assert.equal(copy.metadata['colour'], 'blue')
    assert.equal(copy.metadata['scal-replication-status'], 'REPLICA')
    assert.ok((await copyAtAzure(key)).equals(body), `${key} at Azure`)
  }
})

test('versions, tags and delete markers follow', { skip }, async () => {
  for (const body of ['one', 'two', 'three']) await put('versions', body)
  await put('tagged', 'x')
  await drained(clouds)
  await untilStatus(clouds.source, bucket, 'tagged', 'COMPLETED')
  const Tagging = { TagSet: [{ Key: 'new', Value: 'tag ü' }] }
  await clouds.source.send(new PutObjectTaggingCommand({ Bucket: bucket, Key: 'tagged', Tagging }))
  await clouds.source.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'versions' }))
  await drained(clouds)
  await untilStatus(clouds.source, bucket, 'tagged', 'COMPLETED')
  const versions = (await versionsIn(clouds.far, clouds.s3.bucket)).filter(({ key }) => key === `${bucket}/versions`)
  assert.deepEqual([versions.filter(({ isMarker }) => isMarker).length, versions.length], [1, 4])
  assert.equal(await clouds.container.getBlobClient(`${bucket}/versions`).exists(), false)
  const address = { Bucket: clouds.s3.bucket, Key: `${bucket}/tagged` }
  const { TagSet } = await clouds.far.send(new GetObjectTaggingCommand(address))
  assert.deepEqual(TagSet, [{ Key: 'new', Value: 'tag ü' }])
  const properties = await clouds.container.getBlobClient(`${bucket}/tagged`).getProperties()
  assert.equal(properties.metadata?.['tags'], JSON.stringify({ new: 'tag \\u00fc' }).replace('\\\\', '\\'))
  assert.equal((await statusOf(clouds.source, bucket, 'tagged')).overall, 'COMPLETED')
})
