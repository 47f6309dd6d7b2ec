// Goal: what the aws CLI and rclone sync into a bucket arrives in both clouds: at S3 every version in its order with its bytes, metadata, tags and
// content headers, at Azure the newest of each key or nothing. Method: a tree of 2,000 files, synced, changed, synced again; the clouds are read
// with the vendors' SDKs. LARGE_MIB (default 30) is the size of the largest file.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { runCommand } from '../../src/services/command.ts'
import { awsClient, azureServer, rcloneClient, s3Server } from '../services/available.ts'
import { changeTree, growTree, md5, type Tree } from './tree.ts'
import {
  drained,
  inParallel,
  openTwoClouds,
  replicatedBucket,
  type TwoClouds,
  type VersionThere,
  versionsIn,
} from './two-clouds.ts'

const fileCount = Number(process.env['TREE_FILES'] ?? 2000)
const largeBytes = Number(process.env['LARGE_MIB'] ?? 30) * 1024 ** 2

const s3 = await s3Server()
const azure = await azureServer()
const aws = await awsClient()
const rclone = await rcloneClient()
after(async () => {
  await s3.stop()
  await azure.stop()
})

/** MD5s of a key's versions in their order; null is a delete marker. */
type History = Map<string, (string | null)[]>

function record(history: History, tree: Tree, paths: Iterable<string>): void {
  for (const path of paths) history.set(path, [...(history.get(path) ?? []), tree.get(path) ?? null])
}

/** Syncs a folder into a bucket by some client, with deletions. */
type Sync = (clouds: TwoClouds, folder: string, bucket: string) => Promise<void>

async function awsSync(clouds: TwoClouds, folder: string, bucket: string): Promise<void> {
  const flags = ['--delete', '--only-show-errors', '--cache-control', 'max-age=60', '--content-language', 'en']
  const metadata = ['--metadata', 'origin=aws-cli,build-number=17']
  await runAws(clouds, ['s3', 'sync', folder, `s3://${bucket}`, ...flags, ...metadata])
}

async function runAws(clouds: TwoClouds, args: readonly string[]): Promise<string> {
  const { accessKey, secretKey } = clouds.crossbeat.keys
  const keys = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_DEFAULT_REGION: 'us-east-1' }
  const env = { ...process.env, ...keys, AWS_CONFIG_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' }
  return runCommand(aws.get(), ['--endpoint-url', `http://${clouds.crossbeat.s3}`, ...args], { env })
}

async function rcloneSync(clouds: TwoClouds, folder: string, bucket: string): Promise<void> {
  const { accessKey, secretKey } = clouds.crossbeat.keys
  const remote = {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_BEAT_TYPE: 's3',
    RCLONE_CONFIG_BEAT_PROVIDER: 'Other',
    RCLONE_CONFIG_BEAT_ENDPOINT: `http://${clouds.crossbeat.s3}`,
    RCLONE_CONFIG_BEAT_ACCESS_KEY_ID: accessKey,
    RCLONE_CONFIG_BEAT_SECRET_ACCESS_KEY: secretKey,
  }
  const flags = ['--transfers', '16', '--checkers', '16', '--s3-upload-cutoff', '10M', '--s3-chunk-size', '5M']
  const headers = ['--header-upload', 'Cache-Control: max-age=90']
  // rclone refuses to start with a bundle of certificates that is none of its own settings.
  const env = { ...process.env, ...remote, AWS_CA_BUNDLE: undefined }
  await runCommand(rclone.get(), ['sync', folder, `beat:${bucket}`, ...flags, ...headers], { env })
}

async function syncTwice(clouds: TwoClouds, bucket: string, sync: Sync): Promise<{ history: History; tree: Tree }> {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-tree-'))
  try {
    const history: History = new Map()
    const tree = await growTree(folder, fileCount, largeBytes)
    assert.equal(tree.size, fileCount)
    await sync(clouds, folder, bucket)
    record(history, tree, tree.keys())
    const { changed, removed } = await changeTree(folder, tree)
    await sync(clouds, folder, bucket)
    record(history, tree, [...changed, ...removed])
    return { history, tree }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Content headers and metadata that every object of a bucket must have. */
interface Carried {
  readonly cacheControl: string
  readonly metadata: Readonly<Record<string, string | RegExp>>
}

async function checkS3(clouds: TwoClouds, bucket: string, history: History, carried: Carried): Promise<void> {
  const { far, s3: destination } = clouds
  const found = new Map<string, (string | null)[]>()
  const all = distinct(await versionsIn(far, destination.bucket))
  const seen = new Map<string, string>()
  await inParallel(all, 16, async version => {
    if (version.isMarker) return
    const address = { Bucket: destination.bucket, Key: version.key, VersionId: version.versionId }
    const object = await far.send(new GetObjectCommand(address))
    assert.equal(object.CacheControl, carried.cacheControl, version.key)
    for (const [name, value] of Object.entries(carried.metadata)) {
      assert.match(
        object.Metadata?.[name] ?? '(none)',
        value instanceof RegExp ? value : new RegExp(`^${value}$`),
        name,
      )
    }
    const sourceId = object.Metadata?.['scal-version-id'] ?? ''
    const known = seen.get(sourceId)
    assert.equal(known, undefined, `${version.key}: ${sourceId} is there as ${known} and as ${version.versionId}`)
    seen.set(sourceId, version.versionId)
    const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array()
    digests.set(version.versionId, md5(bytes))
  })
  // A listing has the newest version of a key first.
  for (const version of all.filter(listed => !listed.isMarker)) {
    const key = version.key.slice(bucket.length + 1)
    found.set(key, [digests.get(version.versionId) ?? '', ...(found.get(key) ?? [])])
  }
  for (const marker of all.filter(listed => listed.isMarker)) {
    assert.ok(marker.isLatest, `the delete marker of ${marker.key} is not the newest`)
    const key = marker.key.slice(bucket.length + 1)
    found.set(key, [...(found.get(key) ?? []), null])
  }
  assert.deepEqual(Object.fromEntries([...found].sort()), Object.fromEntries([...history].sort()))
}

/** The server of the tests lists the last version of a page again on the next one. */
function distinct(versions: readonly VersionThere[]): readonly VersionThere[] {
  return [...new Map(versions.map(version => [`${version.key} ${version.versionId}`, version])).values()]
}

const digests = new Map<string, string>()

async function checkAzure(clouds: TwoClouds, bucket: string, tree: Tree, carried: Carried): Promise<void> {
  const names: string[] = []
  for await (const blob of clouds.container.listBlobsFlat({ prefix: `${bucket}/` })) names.push(blob.name)
  const expected = [...tree.keys()].map(path => `${bucket}/${path}`)
  assert.deepEqual(names.sort(), expected.sort())
  await inParallel(names, 16, async name => {
    const answer = await clouds.container.getBlobClient(name).download()
    const pieces: Buffer[] = []
    for await (const piece of answer.readableStreamBody ?? []) pieces.push(Buffer.from(piece))
    assert.equal(md5(Buffer.concat(pieces)), tree.get(name.slice(bucket.length + 1)), name)
    assert.equal(answer.cacheControl, carried.cacheControl, name)
    for (const [header, value] of Object.entries(carried.metadata)) {
      const held = answer.metadata?.[header.replaceAll('-', '_')] ?? '(none)'
      assert.match(held, value instanceof RegExp ? value : new RegExp(`^${value}$`), `${name}: ${header}`)
    }
  })
}

async function checkSource(clouds: TwoClouds, bucket: string, history: History): Promise<void> {
  const versions = await versionsIn(clouds.source, bucket)
  assert.equal(versions.length, [...history.values()].flat().length)
  await inParallel(versions, 16, async ({ key, versionId, isMarker }) => {
    if (isMarker) return
    const head = await clouds.source.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }))
    assert.equal(head.ReplicationStatus, 'COMPLETED', `${key}: ${JSON.stringify(head.Metadata)}`)
  })
}

const skip = s3.skip || azure.skip

/** A tree that is synced, changed and synced again is in both clouds, with what the client says of it; `more` is looked at in the same clouds. */
async function checkSyncedTree(
  bucket: string,
  sync: Sync,
  carried: Carried,
  more: (clouds: TwoClouds) => Promise<void> = async () => {},
): Promise<void> {
  const clouds = await openTwoClouds({ s3: s3.get(), azure: azure.get() })
  try {
    await replicatedBucket(clouds.source, bucket)
    const { history, tree } = await syncTwice(clouds, bucket, sync)
    await drained(clouds)
    await checkSource(clouds, bucket, history)
    await checkS3(clouds, bucket, history, carried)
    await checkAzure(clouds, bucket, tree, carried)
    await more(clouds)
  } finally {
    await clouds.close()
  }
}

test('a tree synced twice by the aws CLI is in both clouds, byte for byte', { skip: skip || aws.skip }, async () => {
  const carried = { cacheControl: 'max-age=60', metadata: { origin: 'aws-cli', 'build-number': '17' } }
  await checkSyncedTree('by-aws', awsSync, carried, clouds => checkTags(clouds, 'by-aws'))
})

/** Tags at the PUT and tags that come later, by the aws CLI. */
async function checkTags(clouds: TwoClouds, bucket: string): Promise<void> {
  const address = ['--bucket', bucket, '--key', 'tags/täg me.txt']
  const put = await runAws(clouds, ['s3api', 'put-object', ...address, '--tagging', 'colour=dark%20blue&size=5%2B'])
  assert.match(put, /VersionId/)
  await drained(clouds)
  const name = `${bucket}/tags/täg me.txt`
  // Tags are a set: the server at the other end lists them in any order.
  const tagsThere = async (): Promise<unknown> => {
    const answer = await clouds.far.send(new GetObjectTaggingCommand({ Bucket: clouds.s3.bucket, Key: name }))
    return Object.fromEntries((answer.TagSet ?? []).map(tag => [tag.Key, tag.Value]))
  }
  const blobTags = async (): Promise<unknown> =>
    JSON.parse((await clouds.container.getBlobClient(name).getProperties()).metadata?.['tags'] ?? 'null')
  assert.deepEqual(await tagsThere(), { colour: 'dark blue', size: '5+' })
  assert.deepEqual(await blobTags(), { colour: 'dark blue', size: '5+' })
  await runAws(clouds, ['s3api', 'put-object-tagging', ...address, '--tagging', 'TagSet=[{Key=colour,Value=grün}]'])
  await drained(clouds)
  assert.deepEqual(await tagsThere(), { colour: 'grün' })
  assert.deepEqual(await blobTags(), { colour: 'grün' })
}

test('a tree synced twice by rclone is in both clouds, byte for byte', { skip: skip || rclone.skip }, async () => {
  const carried = { cacheControl: 'max-age=90', metadata: { mtime: /^\d+\.\d+$/ } }
  await checkSyncedTree('by-rclone', rcloneSync, carried)
})
