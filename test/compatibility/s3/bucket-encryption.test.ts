// Goal: PutBucketEncryption, GetBucketEncryption and DeleteBucketEncryption behave as S3's, and what they say holds at writes. Method: raw signed
// requests, a case per condition.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { keyA, keyHeaders } from './encryption-steps.ts'
import { codeOf, makeBuckets } from './multipart-steps.ts'
import { errorMessage, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  await makeBuckets(server, server.client(), { boxes: false, blocked: false })
})

after(() => server.close())

const put = (rules: string, bucket = 'boxes') =>
  server.send({
    method: 'PUT',
    path: `/${bucket}?encryption=`,
    body: `<ServerSideEncryptionConfiguration>${rules}</ServerSideEncryptionConfiguration>`,
  })
const get = (bucket = 'boxes') => server.send({ method: 'GET', path: `/${bucket}?encryption=` })
const remove = (bucket = 'boxes') => server.send({ method: 'DELETE', path: `/${bucket}?encryption=` })

function ruleOf(algorithm: string, inDefault = '', inRule = ''): string {
  const byDefault = `<SSEAlgorithm>${algorithm}</SSEAlgorithm>${inDefault}`
  return `<Rule><ApplyServerSideEncryptionByDefault>${byDefault}</ApplyServerSideEncryptionByDefault>${inRule}</Rule>`
}

test('bucket-encryption/a bucket that was never configured has none', async () => {
  assert.deepEqual(codeOf(await get()), [404, 'ServerSideEncryptionConfigurationNotFoundError'])
  assert.equal(errorMessage(await get()), 'The server side encryption configuration was not found')
})

test('bucket-encryption/what is put is got, until it is deleted', async () => {
  for (const rule of [
    ruleOf('AES256', '', '<BucketKeyEnabled>false</BucketKeyEnabled>'),
    ruleOf('AES256', '', '<BucketKeyEnabled>true</BucketKeyEnabled>'),
    ruleOf('aws:kms', '<KMSMasterKeyID>some-key</KMSMasterKeyID>', '<BucketKeyEnabled>true</BucketKeyEnabled>'),
    ruleOf('aws:kms:dsse', '', '<BucketKeyEnabled>false</BucketKeyEnabled>'),
  ]) {
    assert.equal((await put(rule)).status, 200)
    const answer = await get()
    assert.equal(answer.status, 200)
    assert.ok(answer.body.includes(rule), answer.body)
  }
  assert.deepEqual([(await remove()).status, (await remove()).status], [204, 204])
  assert.equal((await get()).status, 404)
})

test('bucket-encryption/a default of aws:kms refuses what would need it, and nothing else', async () => {
  assert.equal((await put(ruleOf('aws:kms'))).status, 200)
  const write = (headers: Record<string, string> = {}) =>
    server.send({ method: 'PUT', path: '/boxes/k', headers, body: 'x' })
  assert.deepEqual(codeOf(await write()), [501, 'NotImplemented'])
  assert.equal((await write({ 'x-amz-server-side-encryption': 'AES256' })).status, 200)
  assert.equal((await write(keyHeaders(keyA))).status, 200)
  await remove()
})

test('bucket-encryption/blocked customer keys: new writes are refused, old objects read', async () => {
  const blocks = (type: string) =>
    put(
      `<Rule><BlockedEncryptionTypes><EncryptionType>${type}</EncryptionType></BlockedEncryptionTypes></Rule>`,
      'blocked',
    )
  const headers = keyHeaders(keyA)
  const ask = (method: string, path: string, more: Record<string, string> = headers) =>
    server.send({ method, path: `/blocked/${path}`, headers: more, ...(method === 'GET' ? {} : { body: 'x' }) })
  assert.equal((await ask('PUT', 'old')).status, 200)
  const { body } = await server.send({ method: 'POST', path: '/blocked/up?uploads=', headers })
  const uploadId = /<UploadId>([^<]*)</.exec(body)?.[1] ?? ''
  assert.equal((await blocks('SSE-C')).status, 200)
  assert.ok((await get('blocked')).body.includes('<EncryptionType>SSE-C</EncryptionType>'))
  assert.deepEqual(codeOf(await ask('PUT', 'new')), [403, 'AccessDenied'])
  assert.deepEqual(codeOf(await ask('PUT', `up?partNumber=1&uploadId=${uploadId}`)), [403, 'AccessDenied'])
  assert.equal((await ask('PUT', 'new', {})).status, 200)
  assert.equal((await ask('GET', 'old')).body, 'x')
  assert.equal((await blocks('NONE')).status, 200)
  assert.equal((await ask('PUT', 'new')).status, 200)
})

const refused: readonly (readonly [string, string, string])[] = [
  ['no rule', '', 'MalformedXML'],
  ['two rules', ruleOf('AES256') + ruleOf('AES256'), 'MalformedXML'],
  ['an unknown algorithm', ruleOf('AES512'), 'MalformedXML'],
  ['a default without its algorithm', '<Rule><ApplyServerSideEncryptionByDefault/></Rule>', 'MalformedXML'],
  [
    'the name of a KMS key that is none',
    ruleOf('aws:kms', '<KMSMasterKeyID>my key</KMSMasterKeyID>'),
    'InvalidArgument',
  ],
  ['AES256 with a KMS key', ruleOf('AES256', '<KMSMasterKeyID>k</KMSMasterKeyID>'), 'InvalidArgument'],
  ['a bucket key that is no boolean', ruleOf('AES256', '', '<BucketKeyEnabled>yes</BucketKeyEnabled>'), 'MalformedXML'],
  [
    'an unknown type to block',
    '<Rule><BlockedEncryptionTypes><EncryptionType>SSE-S3</EncryptionType></BlockedEncryptionTypes></Rule>',
    'MalformedXML',
  ],
  ['blocked types without a type', '<Rule><BlockedEncryptionTypes/></Rule>', 'MalformedXML'],
]
for (const [name, rules, code] of refused) {
  test(`bucket-encryption/${name} is refused, and changes nothing`, async () => {
    assert.deepEqual(codeOf(await put(rules)), [400, code])
    assert.equal((await get()).status, 404)
  })
}

test('bucket-encryption/a missing bucket is missing, whatever is asked', async () => {
  for (const answer of [await put('', 'missing'), await get('missing'), await remove('missing')]) {
    assert.deepEqual(codeOf(answer), [404, 'NoSuchBucket'])
  }
})
