// Goal: two Crossbeats, each from its configuration file alone, replicate to each other. Method: two embedded engines in this process, over real
// files, each naming the other under `servers`; a service account of each may use the other's internal routes.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { realWorld } from '../../../src/base/world.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { startEmbedded } from '../../../src/engine/embedded.ts'
import type { WholeEngine } from '../../../src/engine/engine.ts'
import { freePort } from '../../../src/services/service-process.ts'
import { until } from '../../until.ts'
import { accounts } from '../s3/test-server.ts'

const bucket = 'both-sides'

function authData(): string {
  const list = [accounts.bart, accounts.replication].map(({ canonicalId, shortId, name, email, arn, keys }) => {
    return { name, email, arn, canonicalID: canonicalId, shortid: shortId, keys }
  })
  return JSON.stringify({ accounts: list })
}

interface Side {
  readonly engine: WholeEngine
  readonly client: S3Client
}

async function startSide(folder: string, group: string, port: number, peerPort: number): Promise<Side> {
  writeFileSync(join(folder, 'authdata.json'), authData())
  const [key] = accounts.replication.keys
  const configuration = {
    dataDir: './data',
    s3: { listen: `127.0.0.1:${port}` },
    control: { listen: '127.0.0.1:0' },
    accounts: './authdata.json',
    replicationGroupId: group,
    locations: { 'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} } },
    env_replication_endpoints: [
      {
        site: 'peer',
        servers: [`127.0.0.1:${peerPort}`],
        credentials: { accessKey: key?.access, secretKey: key?.secret },
      },
    ],
    log: { level: 'silent' },
  }
  writeFileSync(join(folder, 'crossbeat.yaml'), JSON.stringify(configuration))
  const loaded = await loadConfig(join(folder, 'crossbeat.yaml'))
  assert.ok(loaded.ok, JSON.stringify(loaded))
  const engine = await startEmbedded({ config: loaded.config, world: realWorld })
  const [own] = accounts.bart.keys
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${engine.s3.port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: own?.access ?? '', secretAccessKey: own?.secret ?? '' },
  })
  return { engine, client }
}

async function makeBucket(client: S3Client): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const VersioningConfiguration = { Status: 'Enabled' } as const
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }))
  const roles = 'arn:aws:iam::123456789012:role/source,arn:aws:iam::123456789012:role/target'
  const rule = {
    ID: 'all',
    Prefix: '',
    Status: 'Enabled',
    Destination: { Bucket: `arn:aws:s3:::${bucket}`, StorageClass: 'STANDARD' },
  } as const
  const ReplicationConfiguration = { Role: roles, Rules: [rule] }
  await client.send(new PutBucketReplicationCommand({ Bucket: bucket, ReplicationConfiguration }))
}

async function idle({ engine }: Side): Promise<void> {
  await until('nothing is left to replicate', async () =>
    (await engine.store.ledger.backlog()).every(site => site.objects === 0),
  )
}

async function versionsOf({ client }: Side): Promise<readonly string[]> {
  const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }))
  const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
  return all.map(({ Key, VersionId, IsLatest }) => `${Key} ${VersionId} ${IsLatest}`).sort()
}

test('two engines replicate to each other', async t => {
  const folders = ['left', 'right'].map(name => mkdtempSync(join(tmpdir(), `crossbeat-${name}-`)))
  t.after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  const [leftFolder = '', rightFolder = ''] = folders
  const [leftPort, rightPort] = [await freePort(), await freePort()]
  const left = await startSide(leftFolder, 'LEFT001', leftPort, rightPort)
  t.after(() => left.engine.close())
  const right = await startSide(rightFolder, 'RIGHT01', rightPort, leftPort)
  t.after(() => right.engine.close())
  t.after(() => {
    left.client.destroy()
    right.client.destroy()
  })
  await makeBucket(left.client)
  await makeBucket(right.client)
  const large = Buffer.alloc(5_000_000, 'L')
  await left.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'large', Body: large }))
  for (const [side, key] of [
    [left, 'l'],
    [right, 'r'],
  ] as const) {
    await side.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: key }))
    await side.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'shared', Body: key }))
  }
  await right.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'r' }))
  await Promise.all([idle(left), idle(right)])
  const versions = await versionsOf(left)
  assert.equal(versions.length, 6)
  assert.deepEqual(await versionsOf(right), versions)
  const read = await right.client.send(new GetObjectCommand({ Bucket: bucket, Key: 'large' }))
  assert.ok(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(large))
  const head = await right.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'large' }))
  assert.equal(head.ReplicationStatus, 'REPLICA')
})
