// Goal: encrypted objects survive `kill -9`: what was acknowledged is read whole afterwards, an upload goes on, and nothing plain lies in the data
// folder. Method: a process of its own with a bucket that encrypts by default, killed in the middle of writes; all files searched.
import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { CrossbeatProcess } from '../process/crossbeat.ts'

const Bucket = 'sealed'
const marker = 'what must not be seen on any disk'
const sizes = [50, 20_000, 300_000]

let crossbeat: CrossbeatProcess
let client: S3Client

before(async () => {
  crossbeat = await CrossbeatProcess.start({})
  const { accessKey, secretKey } = crossbeat.keys
  client = new S3Client({
    endpoint: `http://${crossbeat.s3}`,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  })
})

after(async () => {
  client.destroy()
  await crossbeat.stop()
})

function bytesOf(name: string, size: number): Buffer {
  return Buffer.from(`${marker} ${name} `.repeat(Math.ceil(size / 40))).subarray(0, size)
}

async function read(Key: string): Promise<Buffer> {
  const { Body, ServerSideEncryption } = await client.send(new GetObjectCommand({ Bucket, Key }))
  assert.equal(ServerSideEncryption, 'AES256')
  return Buffer.from((await Body?.transformToByteArray()) ?? [])
}

/** Puts until the server is gone; answers what was acknowledged. */
async function putUntilGone(lane: number, enough: () => void): Promise<readonly [string, number][]> {
  const done: [string, number][] = []
  for (let turn = 0; ; turn++) {
    const size = sizes[turn % sizes.length] ?? 0
    const Key = `o-${lane}-${turn}`
    try {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: bytesOf(Key, size) }))
    } catch {
      return done
    }
    done.push([Key, size])
    if (turn === 10) enough()
  }
}

/** Nothing of a file that has gone since it was listed: the server cleans up. */
async function bytesAt(path: string): Promise<Buffer> {
  return readFile(path).catch(error => {
    assert.equal(error.code, 'ENOENT', String(error))
    return Buffer.alloc(0)
  })
}

async function filesWith(text: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const entry of await readdir(crossbeat.dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && (await bytesAt(path)).includes(text)) found.push(path)
  }
  return found
}

test('encrypted objects survive kill -9, and nothing plain lies anywhere', async () => {
  await client.send(new CreateBucketCommand({ Bucket }))
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } } as const
  const ServerSideEncryptionConfiguration = { Rules: [rule] }
  await client.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration }))
  const upload = { Bucket, Key: 'parts' }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload))
  const [one, two] = [bytesOf('first', 5 * 1024 ** 2 + 1), bytesOf('second', 100_000)]
  const sendPart = (PartNumber: number, Body: Buffer) =>
    client.send(new UploadPartCommand({ ...upload, UploadId, PartNumber, Body }))
  const first = await sendPart(1, one)
  const enough = Promise.withResolvers<void>()
  const lanes = [0, 1, 2, 3].map(lane => putUntilGone(lane, enough.resolve))
  await enough.promise
  await crossbeat.kill()
  const acknowledged = (await Promise.all(lanes)).flat()
  assert.ok(acknowledged.length > 10)
  await crossbeat.restart()
  for (const [key, size] of acknowledged) assert.ok((await read(key)).equals(bytesOf(key, size)), key)
  const second = await sendPart(2, two)
  const Parts = [first, second].map(({ ETag, ChecksumCRC32 }, index) => ({
    PartNumber: index + 1,
    ETag,
    ChecksumCRC32,
  }))
  await client.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }))
  assert.ok((await read('parts')).equals(Buffer.concat([one, two])))
  assert.deepEqual(await filesWith(marker), [])
  assert.equal((await stat(join(crossbeat.dataDir, 'master-key'))).mode & 0o777, 0o600)
})
