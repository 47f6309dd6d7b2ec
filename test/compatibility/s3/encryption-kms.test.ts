// Goal: encryption under named keys (SSE-KMS) is taken, kept, shown and asked for by policies as S3's is, for every way in which objects are written,
// and what the built-in key management does not do is refused. Method: a current AWS SDK, raw signed requests, and a look behind the server's back.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Bucket, bytesOf, type EncryptionSteps, encryptionSteps, marker } from './encryption-steps.ts'
import { codeOf, makeBuckets } from './multipart-steps.ts'
import { startTestServer, type TestServer } from './test-server.ts'

const header = 'x-amz-server-side-encryption'
const keyHeader = `${header}-aws-kms-key-id`
const underKey = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'reports' } as const

let server: TestServer
let client: S3Client
let steps: EncryptionSteps

before(async () => {
  server = await startTestServer()
  client = server.client()
  steps = encryptionSteps(server, client)
  await makeBuckets(server, client, { boxes: false, defaults: false, governed: false })
})

after(() => server.close())

interface Shown {
  ServerSideEncryption?: string | undefined
  SSEKMSKeyId?: string | undefined
}

const shown = ({ ServerSideEncryption, SSEKMSKeyId }: Shown) => [ServerSideEncryption, SSEKMSKeyId]
const asAsked = ['aws:kms', 'reports']

test('encryption-kms/put-object: the key is shown at the write and at reads, and nothing lies there plain', async () => {
  for (const size of [0, 100, 300_000]) {
    const Key = `put-${size}`
    const Body = size === 0 ? Buffer.alloc(0) : bytesOf(size)
    assert.deepEqual(shown(await client.send(new PutObjectCommand({ Bucket, Key, Body, ...underKey }))), asAsked)
    assert.deepEqual(shown(await client.send(new HeadObjectCommand({ Bucket, Key }))), asAsked)
    const got = await client.send(new GetObjectCommand({ Bucket, Key }))
    assert.deepEqual(shown(got), asAsked)
    await got.Body?.transformToByteArray()
    assert.ok((await steps.bodyOf(Key)).equals(Body))
    assert.ok(!(await steps.storedBytes(Key)).includes(marker))
  }
})

test('encryption-kms/multipart: the key of the upload holds for all its parts', async () => {
  const Key = 'parts'
  const begun = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...underKey }))
  assert.deepEqual(shown(begun), asAsked)
  const { UploadId } = begun
  const Body = bytesOf(6_000_000)
  const part = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body }))
  assert.deepEqual(shown(part), asAsked)
  const repeated = await steps.send(
    'PUT',
    `/${Bucket}/${Key}?partNumber=2&uploadId=${UploadId}`,
    { [header]: 'aws:kms', [keyHeader]: 'reports' },
    Buffer.from('end'),
  )
  assert.equal(repeated.status, 200, 'as some clients say again with each part')
  const Parts = [
    { PartNumber: 1, ETag: part.ETag },
    { PartNumber: 2, ETag: repeated.headers['etag'] },
  ]
  const completed = await client.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
  )
  assert.deepEqual(shown(completed), asAsked)
  assert.deepEqual(shown(await client.send(new HeadObjectCommand({ Bucket, Key }))), asAsked)
  assert.ok((await steps.bodyOf(Key)).equals(Buffer.concat([Body, Buffer.from('end')])))
  assert.ok(!(await steps.storedBytes(Key)).includes(marker))
})

test('encryption-kms/copy-object: into another key, out of it, and onto itself', async () => {
  const Body = bytesOf(70_000)
  const CopySource = `${Bucket}/source`
  await client.send(new PutObjectCommand({ Bucket, Key: 'source', Body, ...underKey }))
  const other = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'arn:aws:kms:us-east-1:1:key/a-b' } as const
  const copied = await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource, ...other }))
  assert.deepEqual(shown(copied), ['aws:kms', other.SSEKMSKeyId])
  await client.send(new CopyObjectCommand({ Bucket, Key: 'plain', CopySource }))
  assert.deepEqual(shown(await client.send(new HeadObjectCommand({ Bucket, Key: 'plain' }))), [undefined, undefined])
  await client.send(new CopyObjectCommand({ Bucket, Key: 'source', CopySource, ...other }))
  assert.deepEqual(shown(await client.send(new HeadObjectCommand({ Bucket, Key: 'source' }))), [
    'aws:kms',
    other.SSEKMSKeyId,
  ])
  for (const key of ['source', 'copy', 'plain']) assert.ok((await steps.bodyOf(key)).equals(Body), key)
})

test('encryption-kms/a default of the bucket holds where a writer says nothing', async () => {
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'reports' } } as const
  await client.send(
    new PutBucketEncryptionCommand({
      Bucket: 'defaults',
      ServerSideEncryptionConfiguration: { Rules: [rule] },
    }),
  )
  const put = (more = {}) => client.send(new PutObjectCommand({ Bucket: 'defaults', Key: 'k', Body: 'x', ...more }))
  assert.deepEqual(shown(await put()), asAsked)
  assert.deepEqual(shown(await client.send(new HeadObjectCommand({ Bucket: 'defaults', Key: 'k' }))), asAsked)
  assert.deepEqual(shown(await put({ ServerSideEncryption: 'AES256' })), ['AES256', undefined])
  assert.deepEqual(shown(await put({ ...underKey, SSEKMSKeyId: 'other' })), ['aws:kms', 'other'])
})

test('encryption-kms/a policy can ask for one key', async () => {
  const Policy = JSON.stringify({
    Statement: {
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:PutObject',
      Resource: 'arn:aws:s3:::governed/*',
      Condition: { StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': 'reports' } },
    },
  })
  await client.send(new PutBucketPolicyCommand({ Bucket: 'governed', Policy }))
  const put = (headers: Record<string, string>) => steps.send('PUT', '/governed/k', headers, Buffer.from('x'))
  assert.equal((await put({ [header]: 'aws:kms', [keyHeader]: 'reports' })).status, 200)
  for (const headers of [{}, { [header]: 'aws:kms', [keyHeader]: 'other' }, { [header]: 'AES256' }]) {
    assert.deepEqual(codeOf(await put(headers)), [403, 'AccessDenied'], JSON.stringify(headers))
  }
})

const named = { [header]: 'aws:kms', [keyHeader]: 'reports' }

for (const [name, headers, status, code] of [
  ['no key', { [header]: 'aws:kms' }, 501, 'NotImplemented'],
  ['an empty key', { [header]: 'aws:kms', [keyHeader]: '' }, 400, 'InvalidArgument'],
  ['a key that is no name', { [header]: 'aws:kms', [keyHeader]: 'a b' }, 400, 'InvalidArgument'],
  ['a key of many bytes', { [header]: 'aws:kms', [keyHeader]: 'k'.repeat(2049) }, 400, 'InvalidArgument'],
  ['two layers', { ...named, [header]: 'aws:kms:dsse' }, 501, 'NotImplemented'],
  ['a context', { ...named, [`${header}-context`]: 'e30=' }, 501, 'NotImplemented'],
  ['a key without its method', { [keyHeader]: 'reports' }, 400, 'InvalidArgument'],
] as const) {
  test(`encryption-kms/refused: ${name}`, async () => {
    assert.deepEqual(codeOf(await steps.send('PUT', `/${Bucket}/refused`, headers, Buffer.from('x'))), [status, code])
    assert.equal((await steps.send('HEAD', `/${Bucket}/refused`)).status, 404)
  })
}

test('encryption-kms/reads name no key', async () => {
  await client.send(new PutObjectCommand({ Bucket, Key: 'read', Body: 'x', ...underKey }))
  assert.deepEqual(codeOf(await steps.send('GET', `/${Bucket}/read`, named)), [400, 'InvalidArgument'])
  assert.equal((await steps.send('HEAD', `/${Bucket}/read`, named)).status, 400)
})
