// Goal: the configurations of one value each, request payment, acceleration and logging, are stored and refused as in S3; what is not there says
// so. Method: raw requests, tables.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { operations } from '../../../src/s3/operation-table.ts'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  for (const bucket of ['one', 'dotted.one', 'logs']) await server.send({ method: 'PUT', path: `/${bucket}` })
  await server.send({ method: 'PUT', path: '/foreign', as: 'lisa' })
})

after(() => server.close())

const read = async (path: string) => (await server.send({ method: 'GET', path })).body
const put = (path: string, body: string) => server.send({ method: 'PUT', path, body })

test('request-payment/the owner pays unless told otherwise', async () => {
  const path = '/one?requestPayment'
  const document = (payer: string) => `<RequestPaymentConfiguration>${payer}</RequestPaymentConfiguration>`
  assert.match(await read(path), /<Payer>BucketOwner<\/Payer>/)
  for (const payer of ['Requester', 'BucketOwner']) {
    assert.equal((await put(path, document(`<Payer>${payer}</Payer>`))).status, 200)
    assert.match(await read(path), new RegExp(`<Payer>${payer}</Payer>`))
  }
  for (const wrong of ['', '<Payer>Nobody</Payer>', '<Payer/>']) {
    assert.equal(errorCode(await put(path, document(wrong))), 'MalformedXML', wrong)
  }
})

test('request-payment/others than the owner must say that they pay, and be known', async () => {
  await server.send({ method: 'PUT', path: '/paid' })
  await server.send({ method: 'PUT', path: '/paid/o', body: 'x' })
  const statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::paid/*' }
  await put('/paid?policy', JSON.stringify({ Version: '2012-10-17', Statement: [statement] }))
  const get = async (as: 'bart' | 'lisa' | null, headers: Record<string, string> = {}) =>
    (await server.send({ method: 'GET', path: '/paid/o', as, headers })).status
  assert.deepEqual([await get('bart'), await get('lisa'), await get(null)], [200, 200, 200])
  await put(
    '/paid?requestPayment',
    '<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>',
  )
  assert.deepEqual([await get('bart'), await get('lisa'), await get(null)], [200, 403, 403])
  const pays = { 'x-amz-request-payer': 'requester' }
  assert.deepEqual([await get('bart', pays), await get('lisa', pays), await get(null, pays)], [200, 200, 403])
  const copy = (headers: Record<string, string>) =>
    server.send({
      method: 'PUT',
      path: '/foreign/copy',
      as: 'lisa',
      headers: { 'x-amz-copy-source': '/paid/o', ...headers },
    })
  assert.equal((await copy({})).status, 403)
  assert.equal((await copy(pays)).status, 200)
})

test('accelerate/never enabled, enabled, suspended, refused', async () => {
  const path = '/one?accelerate'
  const document = (status: string) => `<AccelerateConfiguration><Status>${status}</Status></AccelerateConfiguration>`
  assert.match(await read(path), /<AccelerateConfiguration xmlns="[^"]*"\/>$/)
  assert.equal((await put(path, document('Suspended'))).status, 200)
  assert.doesNotMatch(await read(path), /Status/)
  for (const status of ['Enabled', 'Suspended']) {
    assert.equal((await put(path, document(status))).status, 200)
    assert.match(await read(path), new RegExp(`<Status>${status}</Status>`))
  }
  assert.equal(errorCode(await put(path, document('On'))), 'MalformedXML')
  assert.equal(errorCode(await put('/dotted.one?accelerate', document('Enabled'))), 'InvalidRequest')
})

const enabled = (content: string) =>
  `<BucketLoggingStatus><LoggingEnabled>${content}</LoggingEnabled></BucketLoggingStatus>`
const target = (bucket: string, more = '') =>
  enabled(`<TargetBucket>${bucket}</TargetBucket><TargetPrefix>p/</TargetPrefix>${more}`)
const format = (content: string) => target('logs', `<TargetObjectKeyFormat>${content}</TargetObjectKeyFormat>`)

test('logging/off, on, with dates in the keys, off again', async () => {
  const path = '/one?logging'
  const off = '<BucketLoggingStatus/>'
  assert.match(await read(path), /<BucketLoggingStatus xmlns="[^"]*"\/>$/)
  assert.equal((await put(path, target('logs'))).status, 200)
  assert.match(
    await read(path),
    /<LoggingEnabled><TargetBucket>logs<\/TargetBucket><TargetPrefix>p\/<\/TargetPrefix><\/L/,
  )
  const partitioned = '<PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>'
  assert.equal((await put(path, format(partitioned))).status, 200)
  assert.match(await read(path), /<PartitionDateSource>EventTime</)
  assert.equal((await put(path, format('<SimplePrefix/>'))).status, 200)
  assert.match(await read(path), /<TargetObjectKeyFormat><SimplePrefix\/><\/TargetObjectKeyFormat>/)
  assert.equal((await put(path, off)).status, 200)
  assert.match(await read(path), /<BucketLoggingStatus xmlns="[^"]*"\/>$/)
})

for (const [what, body, code] of [
  ['another document', '<Logging/>', 'MalformedXML'],
  ['no target', enabled('<TargetPrefix/>'), 'MalformedXML'],
  ['no prefix', enabled('<TargetBucket>logs</TargetBucket>'), 'MalformedXML'],
  ['too long a prefix', target('logs').replace('p/', 'p'.repeat(801)), 'InvalidArgument'],
  ['two formats', format('<SimplePrefix/><PartitionedPrefix/>'), 'MalformedXML'],
  [
    'an unknown date',
    format('<PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource></PartitionedPrefix>'),
    'MalformedXML',
  ],
  ['a target that is not there', target('nowhere'), 'InvalidTargetBucketForLogging'],
  ['a target of another account', target('foreign'), 'InvalidTargetBucketForLogging'],
] as const) {
  test(`logging/refused: ${what}`, async () => {
    const answer = await put('/one?logging', body)
    assert.equal(answer.status, 400)
    assert.equal(errorCode(answer), code)
  })
}

const grant = (content: string, permission = 'FULL_CONTROL') =>
  target('logs', `<TargetGrants><Grant>${content}<Permission>${permission}</Permission></Grant></TargetGrants>`)
const grantee = (type: string, content: string) =>
  `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${type}">${content}</Grantee>`
const lisa = grantee('CanonicalUser', '<ID>canonical-lisa</ID>')

test('logging/grants are kept and shown, and gone with the next configuration', async () => {
  assert.equal((await put('/one?logging', grant(lisa))).status, 200)
  assert.match(
    await read('/one?logging'),
    /<TargetGrants><Grant><Grantee [^>]*"CanonicalUser"><ID>canonical-lisa<.*<Permission>FULL_CONTROL<\/Permission><\/Grant><\/T/,
  )
  assert.equal((await put('/one?logging', target('logs', '<TargetGrants/>'))).status, 200)
  assert.doesNotMatch(await read('/one?logging'), /TargetGrants/)
  await put('/one?logging', '<BucketLoggingStatus/>')
})

test('logging/refused: grants for a bucket that has no lists', async () => {
  const controls =
    '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>'
  assert.equal((await put('/logs?ownershipControls', controls)).status, 200)
  const answer = await put('/one?logging', grant(lisa))
  assert.deepEqual([answer.status, errorCode(answer)], [400, 'AccessControlListNotSupported'])
  assert.equal((await server.send({ method: 'DELETE', path: '/logs?ownershipControls' })).status, 204)
})

for (const [what, body, code] of [
  ['nobody', grant(''), 'MalformedXML'],
  ['an unknown kind', grant(grantee('Robot', '')), 'MalformedXML'],
  ['an unknown account', grant(grantee('CanonicalUser', '<ID>x</ID>')), 'InvalidArgument'],
  ['a permission that log objects have not', grant(lisa, 'WRITE_ACP'), 'MalformedXML'],
] as const) {
  test(`logging/refused: a grant of ${what}`, async () => {
    const answer = await put('/one?logging', body)
    assert.deepEqual([answer.status, errorCode(answer)], [400, code])
  })
}

test('not implemented/every operation that is not there says so, with the id of a configuration or without', async () => {
  for (const { name, method, resource, run } of operations) {
    if (run !== null || !resource.includes('?')) continue
    const [level, parameter = ''] = resource.split('?')
    const path = level === 'bucket' ? '/one' : '/one/key'
    for (const query of [parameter, `${parameter}&id=1`]) {
      const answer = await server.send({ method, path: `${path}?${query}` })
      assert.equal(answer.status, 501, name)
      assert.equal(errorCode(answer), 'NotImplemented', name)
    }
  }
})
