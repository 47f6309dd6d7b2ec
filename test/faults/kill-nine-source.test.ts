// Goal: kill -9 while buckets' data goes to a shared S3 location loses nothing that was acknowledged, and leaves nothing there that nobody refers
// to. Method: a real process whose bucket lies in the very location that also takes its copies, loaded with puts large and small, killed,
// restarted; then versions, data and copies are counted at the location itself. KILL_SEED sets the loop.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, test } from 'node:test'
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { destinationBucket } from '../bench/stage.ts'
import { CrossbeatProcess, type S3Destination } from '../process/crossbeat.ts'
import { s3Server } from '../services/available.ts'
import { until } from '../until.ts'
import { noUploadsLeft } from './left-uploads.ts'
import { seededRandom } from './seeded-random.ts'

const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000)
const s3 = await s3Server()
after(() => s3.stop())

const Bucket = 'far'
const sizes = [900, 40_000, 40_000, 300_000, 9 * 1024 ** 2]
/** Larger ones have data at the location. */
const inlineBytes = 16 * 1024

interface Acknowledged {
  readonly Key: string
  readonly VersionId: string
  readonly md5: string
}

function clientOf(endpoint: string, { accessKey, secretKey }: { accessKey: string; secretKey: string }): S3Client {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
  const common = { region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 }
  return new S3Client({ endpoint: `http://${endpoint}`, credentials, ...common })
}

async function prepare(source: S3Client): Promise<void> {
  const location = { LocationConstraint: 'awsbackend' as 'EU' }
  await source.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: location }))
  const versioning = { Status: 'Enabled' } as const
  await source.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: versioning }))
  const destination = { Bucket: 'arn:aws:s3:::far', StorageClass: 'awsbackend' as 'STANDARD' }
  const rule = { ID: 'all', Prefix: '', Status: 'Enabled' as const, Destination: destination }
  const configuration = { Role: 'arn:aws:iam::123456789012:role/r', Rules: [rule] }
  await source.send(new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: configuration }))
}

/** Puts until the server is gone, or `count` are through. */
async function load(
  source: S3Client,
  random: () => number,
  acknowledged: Acknowledged[],
  progressed: () => void,
): Promise<void> {
  const worker = async (name: number): Promise<void> => {
    for (;;) {
      const Body = Buffer.alloc(sizes[Math.floor(random() * sizes.length)] ?? 0, Math.floor(random() * 256))
      const Key = `w${name}/k${Math.floor(random() * 5)}`
      try {
        const { VersionId = '' } = await source.send(new PutObjectCommand({ Bucket, Key, Body }))
        acknowledged.push({ Key, VersionId, md5: createHash('md5').update(Body).digest('hex') })
        progressed()
      } catch {
        return
      }
    }
  }
  await Promise.all([0, 1, 2, 3].map(worker))
}

async function keysBelow(far: S3Client, bucket: string, prefix: string): Promise<readonly string[]> {
  const { Contents = [] } = await far.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }))
  return Contents.map(({ Key = '' }) => Key)
}

async function checkEverything(
  source: S3Client,
  far: S3Client,
  at: S3Destination,
  acknowledged: readonly Acknowledged[],
): Promise<void> {
  const { Versions = [], IsTruncated } = await source.send(new ListObjectVersionsCommand({ Bucket }))
  assert.ok(IsTruncated !== true)
  const withData = Versions.filter(({ Size = 0 }) => Size > inlineBytes).length
  // The sweep of the start goes on behind the first requests.
  const hasNoOther = async (): Promise<boolean> =>
    (await keysBelow(far, at.bucket, '.crossbeat/data/')).length === withData
  await until('no data is left but that of versions', hasNoOther)
  await noUploadsLeft(far, at.bucket)
  for (const { md5, ...version } of acknowledged) {
    const { Body } = await source.send(new GetObjectCommand({ Bucket, ...version }))
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
    assert.equal(createHash('md5').update(bytes).digest('hex'), md5)
  }
  const copies = await far.send(new ListObjectVersionsCommand({ Bucket: at.bucket, Prefix: `${Bucket}/` }))
  assert.equal(copies.Versions?.length, Versions.length)
}

test(`kill -9 of a front end between data and metadata in a shared location (seed ${seed})`, {
  skip: s3.skip,
}, async t => {
  const random = seededRandom(seed)
  const at = await destinationBucket(s3.get())
  const crossbeat = await CrossbeatProcess.start({ s3: at })
  const [source, far] = [clientOf(crossbeat.s3, crossbeat.keys), clientOf(at.endpoint, at)]
  t.after(async () => {
    source.destroy()
    far.destroy()
    await crossbeat.stop()
  })
  await prepare(source)
  const acknowledged: Acknowledged[] = []
  for (let run = 0; run < 3; run += 1) {
    const enough = acknowledged.length + 10 + Math.floor(random() * 20)
    const killed = Promise.withResolvers<void>()
    const loading = load(source, random, acknowledged, () => {
      if (acknowledged.length >= enough) killed.resolve()
    })
    await Promise.race([killed.promise, loading])
    await crossbeat.kill()
    await loading
    await crossbeat.restart()
  }
  await crossbeat.drained('awsbackend', 50)
  await checkEverything(source, far, at, acknowledged)
})
