// Goal: the real servers of the tests are what docs/internals/test-services.md says, so that a proof made with them
// proves something. Method: the vendors' own clients.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { runCommand } from '../../src/services/command.ts'
import { awsClient, azureServer, postgresServer, rcloneClient, s3Server, uniqueName } from './available.ts'
import { connect, makeDatabase } from './postgres.ts'

const s3 = await s3Server()
const azure = await azureServer()
const postgres = await postgresServer()
const aws = await awsClient()
const rclone = await rcloneClient()
after(async () => {
  await s3.stop()
  await azure.stop()
  await postgres.stop()
})

async function versionedBucket(): Promise<{ client: S3Client; bucket: string }> {
  const { endpoint, region, accessKey, secretKey } = s3.get()
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 })
  const Bucket = uniqueName('services')
  await client.send(new CreateBucketCommand({ Bucket }))
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }))
  return { client, bucket: Bucket }
}

test('the S3 server keeps versions and delete markers', { skip: s3.skip }, async () => {
  const { client, bucket: Bucket } = await versionedBucket()
  const ids: (string | undefined)[] = []
  for (const Body of ['one', 'two'])
    ids.push((await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body }))).VersionId)
  ids.push((await client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }))).VersionId)
  const listed = await client.send(new ListObjectVersionsCommand({ Bucket }))
  assert.deepEqual(
    [...(listed.DeleteMarkers ?? []), ...(listed.Versions ?? [])].map(version => version.VersionId),
    ids.toReversed(),
  )
  client.destroy()
})

test('the S3 server refuses bytes that do not have the checksum sent with them', { skip: s3.skip }, async () => {
  const { client, bucket: Bucket } = await versionedBucket()
  const wrong = [
    { ContentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==' },
    { ChecksumCRC32: 'AAAAAA==' },
    { ChecksumCRC64NVME: 'AAAAAAAAAAA=' },
  ]
  for (const checksum of wrong) {
    const put = client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'bytes', ...checksum }))
    await assert.rejects(put, { name: 'BadDigest' })
  }
  client.destroy()
})

test('the Azure server checks Content-MD5 and conditions', { skip: azure.skip }, async () => {
  const { blobEndpoint, accountName, accountKey } = azure.get()
  const credential = new StorageSharedKeyCredential(accountName, accountKey)
  const service = new BlobServiceClient(blobEndpoint, credential, { retryOptions: { maxTries: 1 } })
  const container = service.getContainerClient(uniqueName('services'))
  await container.create()
  const blob = container.getBlockBlobClient('k')
  const wrong = Buffer.alloc(16)
  await assert.rejects(blob.upload('bytes', 5, { blobHTTPHeaders: { blobContentMD5: wrong } }), { statusCode: 400 })
  await blob.upload('bytes', 5, { conditions: { ifNoneMatch: '*' } })
  await assert.rejects(blob.upload('again', 5, { conditions: { ifNoneMatch: '*' } }), { code: 'BlobAlreadyExists' })
  await assert.rejects(blob.upload('again', 5, { conditions: { ifMatch: '"0x1"' } }), { code: 'ConditionNotMet' })
})

test('PostgreSQL makes databases of their own, in UTF-8', { skip: postgres.skip }, async () => {
  const database = await makeDatabase(postgres.get().url)
  const sql = connect(database.url)
  const [found] = await sql.unsafe("SELECT current_database() AS name, current_setting('server_encoding') AS encoding")
  assert.deepEqual({ ...found }, { name: database.name, encoding: 'UTF8' })
  await sql.end()
  await database.drop()
})

test('the aws CLI runs', { skip: aws.skip }, async () => {
  assert.match(await runCommand(aws.get(), ['--version']), /^aws-cli\//)
})

test('rclone runs', { skip: rclone.skip }, async () => {
  assert.match(await runCommand(rclone.get(), ['version']), /^rclone v/)
})
