// The part of the AWS SDK for JavaScript (v3) in the client matrix.
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { SignatureV4 } from '@smithy/signature-v4'
import {
  bucketTree,
  changeBucket,
  changeFolder,
  fetched,
  largeBytes,
  manyCount,
  oddFolder,
  partBytes,
  randomFile,
  type Stage,
  type StepTable,
  syncFolder,
  treeOf,
} from './stage.ts'

export function sdkClient(stage: Pick<Stage, 'server' | 'accessKey' | 'secretKey'>): S3Client {
  return new S3Client({
    endpoint: `http://${stage.server}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: stage.accessKey, secretAccessKey: stage.secretKey },
  })
}

interface Sdk {
  readonly stage: Stage
  put(key: string, body: Uint8Array): Promise<void>
  get(key: string, versionId?: string): Promise<Buffer>
}

function sdkOf(stage: Stage): Sdk {
  const { eye, bucket: Bucket } = stage
  return {
    stage,
    async put(Key, Body) {
      await eye.send(new PutObjectCommand({ Bucket, Key, Body }))
    },
    async get(Key) {
      const { Body } = await eye.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
  }
}

async function roundTrip(sdk: Sdk, name: string, size: number): Promise<void> {
  const bytes = readFileSync(randomFile(sdk.stage, name, size))
  await sdk.put(name, bytes)
  assert.ok(bytes.equals(await sdk.get(name)))
}

async function multipart(sdk: Sdk): Promise<void> {
  const { eye, bucket: Bucket } = sdk.stage
  const bytes = readFileSync(randomFile(sdk.stage, 'large', largeBytes))
  const address = { Bucket, Key: 'large' }
  const { UploadId } = await eye.send(new CreateMultipartUploadCommand({ ...address, ChecksumAlgorithm: 'CRC32' }))
  const Parts = []
  for (let PartNumber = 1; (PartNumber - 1) * partBytes < bytes.length; PartNumber += 1) {
    const Body = bytes.subarray((PartNumber - 1) * partBytes, PartNumber * partBytes)
    const sent = await eye.send(
      new UploadPartCommand({ ...address, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC32' }),
    )
    Parts.push({ PartNumber, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 })
  }
  await eye.send(new CompleteMultipartUploadCommand({ ...address, UploadId, MultipartUpload: { Parts } }))
  assert.ok(bytes.equals(await sdk.get('large')))
}

/** Puts every file of a folder, and takes away what is not in it. */
async function mirrorUp(sdk: Sdk, folder: string, prefix: string): Promise<void> {
  const { eye, bucket: Bucket } = sdk.stage
  const tree = treeOf(folder)
  for (const path of Object.keys(tree)) await sdk.put(prefix + path, readFileSync(join(folder, path)))
  for (const path of Object.keys(await bucketTree(sdk.stage, prefix)))
    if (!(path in tree)) await eye.send(new DeleteObjectCommand({ Bucket, Key: prefix + path }))
  assert.deepEqual(await bucketTree(sdk.stage, prefix), tree)
}

async function mirrorDown(sdk: Sdk, prefix: string, folder: string): Promise<void> {
  const tree = await bucketTree(sdk.stage, prefix)
  for (const path of Object.keys(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), await sdk.get(prefix + path))
  }
  assert.deepEqual(treeOf(folder), tree)
}

async function presigned({ stage }: Sdk, method: string, key: string): Promise<string> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: stage.accessKey, secretAccessKey: stage.secretKey },
    region: 'us-east-1',
    service: 's3',
    uriEscapePath: false,
    sha256: Sha256,
  })
  const [hostname = '', port = ''] = stage.server.split(':')
  const request = await signer.presign(
    {
      method,
      protocol: 'http:',
      hostname,
      port: Number(port),
      path: `/${stage.bucket}/${key}`,
      headers: { host: stage.server, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    },
    { expiresIn: 60 },
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(request.query ?? {})) query.set(name, String(value))
  return `http://${stage.server}${request.path}?${query}`
}

/** The form in which the signer wants a hash. */
class Sha256 {
  readonly #hash
  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', asBytes(secret))
  }
  update(data: unknown): void {
    this.#hash.update(asBytes(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {}
}

function asBytes(data: unknown): Uint8Array | string {
  if (typeof data === 'string' || data instanceof Uint8Array) return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  throw new TypeError('neither text nor bytes')
}

async function versions({ stage }: Sdk): Promise<void> {
  const { eye, versioned: Bucket } = stage
  const VersioningConfiguration = { Status: 'Enabled' } as const
  await eye.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
  const one = await eye.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'one' }))
  await eye.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'two' }))
  const marker = await eye.send(new DeleteObjectCommand({ Bucket, Key: 'v' }))
  const listed = await eye.send(new ListObjectVersionsCommand({ Bucket }))
  assert.deepEqual([listed.Versions?.length, listed.DeleteMarkers?.length], [2, 1])
  const old = await eye.send(new GetObjectCommand({ Bucket, Key: 'v', VersionId: one.VersionId }))
  assert.equal(await old.Body?.transformToString(), 'one')
  await eye.send(new DeleteObjectCommand({ Bucket, Key: 'v', VersionId: marker.VersionId }))
  await eye.send(new HeadObjectCommand({ Bucket, Key: 'v' }))
}

async function batchDelete({ stage }: Sdk): Promise<void> {
  const keys = Object.keys(await bucketTree(stage, 'many/'))
  for (const part of [keys.slice(0, 1000), keys.slice(1000)]) {
    const Objects = part.map(name => ({ Key: `many/${name}` }))
    const answer = await stage.eye.send(new DeleteObjectsCommand({ Bucket: stage.bucket, Delete: { Objects } }))
    assert.equal(answer.Deleted?.length, part.length)
  }
  assert.deepEqual(await bucketTree(stage, 'many/'), {})
}

async function checksums({ stage }: Sdk): Promise<void> {
  const { eye, bucket: Bucket } = stage
  for (const algorithm of [
    ChecksumAlgorithm.CRC32,
    ChecksumAlgorithm.CRC32C,
    ChecksumAlgorithm.CRC64NVME,
    ChecksumAlgorithm.SHA1,
    ChecksumAlgorithm.SHA256,
  ]) {
    const Key = `summed ${algorithm}`
    const put = await eye.send(
      new PutObjectCommand({ Bucket, Key, Body: 'x'.repeat(9000), ChecksumAlgorithm: algorithm }),
    )
    const head = await eye.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))
    const name = `Checksum${algorithm}` as const
    assert.ok(put[name])
    assert.equal(head[name], put[name])
    const got = await eye.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))
    assert.equal((await got.Body?.transformToString())?.length, 9000)
  }
}

export function sdkSteps(stage: Stage): StepTable {
  const sdk = sdkOf(stage)
  return {
    '0 bytes': () => roundTrip(sdk, 'zero', 0),
    '4 KiB': () => roundTrip(sdk, 'small', 4096),
    multipart: () => multipart(sdk),
    'odd keys': async () => {
      const folder = oddFolder(stage)
      await mirrorUp(sdk, folder, 'odd/')
      await mirrorDown(sdk, 'odd/', `${folder}.back`)
    },
    'over 1,000 keys': async () => assert.equal(Object.keys(await bucketTree(stage, 'many/')).length, manyCount),
    'presigned GET': async () => {
      assert.deepEqual(await fetched(await presigned(sdk, 'GET', 'small')), readFileSync(join(stage.folder, 'small')))
    },
    'presigned PUT': async () => {
      const answer = await fetch(await presigned(sdk, 'PUT', 'by-url'), { method: 'PUT', body: 'by url' })
      assert.equal(answer.status, 200, await answer.text())
      assert.equal((await sdk.get('by-url')).toString(), 'by url')
    },
    versions: () => versions(sdk),
    'batch delete': () => batchDelete(sdk),
    'sync up': async () => {
      const folder = syncFolder(stage)
      await mirrorUp(sdk, folder, 'tree/')
      changeFolder(folder)
      await mirrorUp(sdk, folder, 'tree/')
    },
    'sync down': async () => {
      await changeBucket(stage, 'tree/')
      await mirrorDown(sdk, 'tree/', join(stage.folder, 'tree.back'))
    },
    checksums: () => checksums(sdk),
  }
}
