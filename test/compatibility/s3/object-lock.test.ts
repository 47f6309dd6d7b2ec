// Goal: object lock behaves as S3's: buckets made for it, retention and legal hold of versions by header and by request, the default retention,
// and deletions refused. Method: a current AWS SDK and raw signed requests over the real server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { errorCode, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer
let client: S3Client
const Bucket = 'locked'
const later = new Date('2040-01-01T00:00:00.000Z')
const sooner = new Date('2035-01-01T00:00:00.000Z')

before(async () => {
  server = await startTestServer()
  client = server.client()
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }))
  await client.send(new CreateBucketCommand({ Bucket: 'plain' }))
})

after(() => server.close())

/** The code a request is refused with. */
async function nameOfRefusal(request: Promise<unknown>): Promise<string> {
  return request.then(
    () => 'done',
    (error: Error) => error.name,
  )
}

async function put(Key: string, more: object = {}): Promise<string> {
  const { VersionId = '' } = await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...more }))
  return VersionId
}

const keep = (Key: string, Mode: 'GOVERNANCE' | 'COMPLIANCE', RetainUntilDate: Date, more: object = {}) =>
  client.send(new PutObjectRetentionCommand({ Bucket, Key, Retention: { Mode, RetainUntilDate }, ...more }))

const remove = (Key: string, VersionId: string, more: object = {}) =>
  client.send(new DeleteObjectCommand({ Bucket, Key, VersionId, ...more }))

test('create-bucket/object-lock: a bucket made for it keeps versions, for ever', async () => {
  assert.equal((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status, 'Enabled')
  const body = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>'
  const suspended = await server.send({ method: 'PUT', path: `/${Bucket}?versioning=`, body })
  assert.deepEqual([suspended.status, errorCode(suspended)], [409, 'InvalidBucketState'])
})

const configuration = (content: string) => `<ObjectLockConfiguration>${content}</ObjectLockConfiguration>`
const enabled = '<ObjectLockEnabled>Enabled</ObjectLockEnabled>'
const rule = (content: string) =>
  configuration(`${enabled}<Rule><DefaultRetention>${content}</DefaultRetention></Rule>`)

for (const [what, body, code] of [
  ['both days and years', rule('<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>'), 'MalformedXML'],
  ['neither days nor years', rule('<Mode>GOVERNANCE</Mode>'), 'MalformedXML'],
  ['an unknown mode', rule('<Mode>governance</Mode><Days>1</Days>'), 'MalformedXML'],
  ['no mode', rule('<Days>1</Days>'), 'MalformedXML'],
  ['a rule without a retention', configuration(`${enabled}<Rule/>`), 'MalformedXML'],
  ['an unknown state', configuration('<ObjectLockEnabled>Disabled</ObjectLockEnabled>'), 'MalformedXML'],
  ['no state', configuration(''), 'MalformedXML'],
  ['no days', rule('<Mode>GOVERNANCE</Mode><Days>0</Days>'), 'InvalidRetentionPeriod'],
  ['years below zero', rule('<Mode>GOVERNANCE</Mode><Years>-1</Years>'), 'InvalidRetentionPeriod'],
  ['too many years', rule('<Mode>GOVERNANCE</Mode><Years>101</Years>'), 'InvalidArgument'],
  ['days that are no number', rule('<Mode>GOVERNANCE</Mode><Days>x</Days>'), 'MalformedXML'],
  ['no body', '', 'MissingRequestBodyError'],
] as const) {
  test(`put-object-lock-configuration/refused: ${what} is ${code}`, async () => {
    const answer = await server.send({ method: 'PUT', path: `/${Bucket}?object-lock=`, body })
    assert.deepEqual([answer.status, errorCode(answer)], [400, code])
  })
}

test('put-object-lock-configuration/existing bucket: it needs versions, and can then be enabled', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'later' }))
  const path = '/later?object-lock='
  const none = await server.send({ method: 'GET', path })
  assert.deepEqual([none.status, errorCode(none)], [404, 'ObjectLockConfigurationNotFoundError'])
  const body = rule('<Mode>COMPLIANCE</Mode><Years>2</Years>')
  const refused = await server.send({ method: 'PUT', path, body })
  assert.deepEqual([refused.status, errorCode(refused)], [409, 'InvalidBucketState'])
  await server.send({ method: 'PUT', path: '/later?versioning=', body: versioningEnabled })
  assert.equal((await server.send({ method: 'PUT', path, body })).status, 200)
  const got = await server.send({ method: 'GET', path })
  assert.match(got.body, /<DefaultRetention><Mode>COMPLIANCE<\/Mode><Years>2<\/Years><\/DefaultRetention>/)
})

test('put-object-lock-configuration/default: new versions of every kind are kept by it unless they say otherwise', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'default', ObjectLockEnabledForBucket: true }))
  const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: 3 } } as const
  const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule } as const
  await client.send(new PutObjectLockConfigurationCommand({ Bucket: 'default', ObjectLockConfiguration }))
  await client.send(new PutObjectCommand({ Bucket: 'default', Key: 'put', Body: 'x' }))
  const own = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: later } as const
  await client.send(new PutObjectCommand({ Bucket: 'default', Key: 'own', Body: 'x', ...own }))
  await client.send(new CopyObjectCommand({ Bucket: 'default', Key: 'copy', CopySource: 'default/own' }))
  const place = { Bucket: 'default', Key: 'parts' }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(place))
  const { ETag } = await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: 1, Body: 'x' }))
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] }
  await client.send(new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload }))
  for (const Key of ['put', 'copy', 'parts']) {
    const head = await client.send(new HeadObjectCommand({ Bucket: 'default', Key }))
    assert.equal(head.ObjectLockMode, 'GOVERNANCE', Key)
    const days = ((head.ObjectLockRetainUntilDate?.getTime() ?? 0) - (head.LastModified?.getTime() ?? 0)) / 86_400_000
    assert.equal(Math.round(days), 3, Key)
  }
  const head = await client.send(new HeadObjectCommand({ Bucket: 'default', Key: 'own' }))
  assert.deepEqual([head.ObjectLockMode, head.ObjectLockRetainUntilDate], ['COMPLIANCE', later])
})

test('put-object/lock headers: retention and legal hold of the new version, shown on reading', async () => {
  const lock = {
    ObjectLockMode: 'GOVERNANCE',
    ObjectLockRetainUntilDate: later,
    ObjectLockLegalHoldStatus: 'ON',
  } as const
  const VersionId = await put('headers', lock)
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'headers', VersionId }))
  assert.deepEqual(
    [head.ObjectLockMode, head.ObjectLockRetainUntilDate, head.ObjectLockLegalHoldStatus],
    ['GOVERNANCE', later, 'ON'],
  )
})

for (const [what, headers, code] of [
  ['a mode alone', { 'x-amz-object-lock-mode': 'GOVERNANCE' }, 'InvalidArgument'],
  ['a date alone', { 'x-amz-object-lock-retain-until-date': '2040-01-01T00:00:00Z' }, 'InvalidArgument'],
  [
    'an unknown mode',
    { 'x-amz-object-lock-mode': 'abc', 'x-amz-object-lock-retain-until-date': '2040-01-01T00:00:00Z' },
    'InvalidArgument',
  ],
  [
    'a date that is over',
    { 'x-amz-object-lock-mode': 'GOVERNANCE', 'x-amz-object-lock-retain-until-date': '2020-01-01T00:00:00Z' },
    'InvalidArgument',
  ],
  [
    'a date of another form',
    { 'x-amz-object-lock-mode': 'GOVERNANCE', 'x-amz-object-lock-retain-until-date': 'tomorrow' },
    'InvalidArgument',
  ],
  [
    'a date that is after the year 9999 in UTC',
    { 'x-amz-object-lock-mode': 'GOVERNANCE', 'x-amz-object-lock-retain-until-date': '9999-12-31T23:59:59-01:00' },
    'InvalidArgument',
  ],
  ['an unknown legal hold', { 'x-amz-object-lock-legal-hold': 'on' }, 'InvalidArgument'],
] as const) {
  test(`put-object/lock headers refused: ${what} is ${code}`, async () => {
    for (const request of [
      { method: 'PUT', path: `/${Bucket}/refused` },
      { method: 'POST', path: `/${Bucket}/refused?uploads=` },
    ]) {
      const answer = await server.send({ ...request, headers, body: '' })
      assert.deepEqual([answer.status, errorCode(answer)], [400, code])
    }
  })
}

test('lock of a bucket that was not made for it: InvalidRequest, whatever is asked', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'k', Body: 'x' }))
  const date = '<RetainUntilDate>2040-01-01T00:00:00Z</RetainUntilDate>'
  for (const request of [
    { method: 'PUT', path: '/plain/k', headers: { 'x-amz-object-lock-legal-hold': 'ON' }, body: '' },
    { method: 'PUT', path: '/plain/k?retention=', body: `<Retention><Mode>GOVERNANCE</Mode>${date}</Retention>` },
    { method: 'PUT', path: '/plain/k?legal-hold=', body: '<LegalHold><Status>ON</Status></LegalHold>' },
    { method: 'GET', path: '/plain/k?retention=' },
    { method: 'GET', path: '/plain/k?legal-hold=' },
  ]) {
    const answer = await server.send(request)
    assert.deepEqual([answer.status, errorCode(answer)], [400, 'InvalidRequest'], request.path)
  }
})

test('put-object-retention/governance: extended by anybody, shortened, changed and removed only with the bypass', async () => {
  const VersionId = await put('governance')
  await keep('governance', 'GOVERNANCE', sooner)
  await keep('governance', 'GOVERNANCE', later)
  const bypass = { BypassGovernanceRetention: true }
  assert.equal(await nameOfRefusal(keep('governance', 'GOVERNANCE', sooner)), 'AccessDenied')
  assert.equal(await nameOfRefusal(keep('governance', 'COMPLIANCE', later)), 'AccessDenied')
  await keep('governance', 'GOVERNANCE', sooner, bypass)
  const { Retention } = await client.send(new GetObjectRetentionCommand({ Bucket, Key: 'governance', VersionId }))
  assert.deepEqual(Retention, { Mode: 'GOVERNANCE', RetainUntilDate: sooner })
  assert.equal(await nameOfRefusal(remove('governance', VersionId)), 'AccessDenied')
  const none = { method: 'PUT', path: `/${Bucket}/governance?retention=`, body: '<Retention/>' }
  assert.equal(errorCode(await server.send(none)), 'AccessDenied')
  const headers = { 'x-amz-bypass-governance-retention': 'true' }
  assert.equal((await server.send({ ...none, headers })).status, 200)
  const gone = await server.send({ method: 'GET', path: `/${Bucket}/governance?retention=` })
  assert.deepEqual([gone.status, errorCode(gone)], [404, 'NoSuchObjectLockConfiguration'])
  await remove('governance', VersionId)
})

test('put-object-retention/compliance: extended, never shortened or changed, by nobody', async () => {
  const VersionId = await put('compliance')
  await keep('compliance', 'COMPLIANCE', sooner)
  const bypass = { BypassGovernanceRetention: true }
  await keep('compliance', 'COMPLIANCE', later)
  assert.equal(await nameOfRefusal(keep('compliance', 'COMPLIANCE', sooner, bypass)), 'AccessDenied')
  assert.equal(await nameOfRefusal(keep('compliance', 'GOVERNANCE', later, bypass)), 'AccessDenied')
  assert.equal(await nameOfRefusal(remove('compliance', VersionId, bypass)), 'AccessDenied')
})

test('put-object-retention/race: of many changes at once, the longest is what is left', async () => {
  await put('race')
  const years = [2031, 2039, 2033, 2036, 2032, 2038, 2034, 2037]
  await Promise.allSettled(years.map(year => keep('race', 'COMPLIANCE', new Date(Date.UTC(year, 0, 1)))))
  const { Retention } = await client.send(new GetObjectRetentionCommand({ Bucket, Key: 'race' }))
  assert.equal(Retention?.RetainUntilDate?.getUTCFullYear(), 2039)
})

for (const [what, sub, body, code] of [
  ['an unknown mode', 'retention', '<Retention><Mode>abc</Mode></Retention>', 'MalformedXML'],
  ['a mode without a date', 'retention', '<Retention><Mode>GOVERNANCE</Mode></Retention>', 'MalformedXML'],
  [
    'a date that is over',
    'retention',
    '<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2020-01-01T00:00:00Z</RetainUntilDate></Retention>',
    'InvalidArgument',
  ],
  [
    'a date that is after the year 9999 in UTC',
    'retention',
    '<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>9999-12-31T23:59:59-01:00</RetainUntilDate></Retention>',
    'MalformedXML',
  ],
  ['no body', 'retention', '', 'MissingRequestBodyError'],
  ['an unknown status', 'legal-hold', '<LegalHold><Status>abc</Status></LegalHold>', 'MalformedXML'],
  ['no status', 'legal-hold', '<LegalHold/>', 'MalformedXML'],
  ['another document', 'legal-hold', '<Retention/>', 'MalformedXML'],
] as const) {
  test(`put-object-${sub}/refused: ${what} is ${code}`, async () => {
    await put('bodies')
    const answer = await server.send({ method: 'PUT', path: `/${Bucket}/bodies?${sub}=`, body })
    assert.deepEqual([answer.status, errorCode(answer)], [400, code])
  })
}

test('legal hold: keeps a version until it is taken away, the bypass notwithstanding', async () => {
  const VersionId = await put('held')
  const unset = await server.send({ method: 'GET', path: `/${Bucket}/held?legal-hold=` })
  assert.deepEqual([unset.status, errorCode(unset)], [404, 'NoSuchObjectLockConfiguration'])
  const hold = (Status: 'ON' | 'OFF') =>
    client.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'held', VersionId, LegalHold: { Status } }))
  await hold('ON')
  assert.equal(await nameOfRefusal(remove('held', VersionId, { BypassGovernanceRetention: true })), 'AccessDenied')
  await hold('OFF')
  await remove('held', VersionId)
})

test('delete-objects/locked: each is refused by itself, the others go, and the bypass is heeded', async () => {
  const kept = await put('multi', { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: later })
  const free = await put('multi')
  const Objects = [kept, free].map(VersionId => ({ Key: 'multi', VersionId }))
  const first = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
  assert.deepEqual(
    [first.Deleted?.map(item => item.VersionId), first.Errors?.map(item => item.Code)],
    [[free], ['AccessDenied']],
  )
  const second = await client.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects }, BypassGovernanceRetention: true }),
  )
  assert.equal(second.Errors, undefined)
})

test('delete-object/marker: a locked version may be hidden by a delete marker, and the marker removed', async () => {
  await put('hidden', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: later })
  const { VersionId = '', DeleteMarker } = await client.send(new DeleteObjectCommand({ Bucket, Key: 'hidden' }))
  assert.equal(DeleteMarker, true)
  await remove('hidden', VersionId)
  await client.send(new HeadObjectCommand({ Bucket, Key: 'hidden' }))
})
