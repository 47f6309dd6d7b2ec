// Goal: reads obey conditions, ranges, versions, parts and overrides as S3's do. Method: one table per group, raw signed requests.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { digestOf } from '../../../src/base/hash.ts'
import { errorCode, type RawAnswer, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer
const etag = '"781e5e245d69b566979b86e28d23f2c7"'
const past = 'Mon, 01 Jan 2024 00:00:00 GMT'
const future = 'Fri, 01 Jan 2049 00:00:00 GMT'
const versions: string[] = []

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/reads' })
  const put = await server.send({ method: 'PUT', path: '/reads/ten', body: '0123456789' })
  assert.equal(put.headers['etag'], etag)
  await server.send({ method: 'PUT', path: '/reads/none', body: '' })
  await server.send({ method: 'PUT', path: '/versions' })
  await server.send({ method: 'PUT', path: '/versions/o', body: 'null version' })
  await server.send({ method: 'PUT', path: '/versions?versioning=', body: versioningEnabled })
  for (const body of ['first', 'second']) {
    const answer = await server.send({ method: 'PUT', path: '/versions/o', body })
    versions.push(answer.headers['x-amz-version-id'] ?? '')
  }
})

after(() => server.close())

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<RawAnswer> {
  return server.send({ method, path, headers })
}

const conditions: readonly (readonly [string, Record<string, string>, number])[] = [
  ['if-match holds', { 'if-match': etag }, 200],
  ['if-match without quotes holds', { 'if-match': etag.replaceAll('"', '') }, 200],
  ['if-match star holds', { 'if-match': '*' }, 200],
  ['if-match of another fails', { 'if-match': '"x"' }, 412],
  ['if-match in a list holds', { 'if-match': `"x", ${etag}` }, 200],
  ['if-none-match of another holds', { 'if-none-match': '"x"' }, 200],
  ['if-none-match is not modified', { 'if-none-match': etag }, 304],
  ['if-none-match star is not modified', { 'if-none-match': '*' }, 304],
  ['if-modified-since past holds', { 'if-modified-since': past }, 200],
  ['if-modified-since future is not modified', { 'if-modified-since': future }, 304],
  ['if-unmodified-since future holds', { 'if-unmodified-since': future }, 200],
  ['if-unmodified-since past fails', { 'if-unmodified-since': past }, 412],
  ['if-match outweighs if-unmodified-since', { 'if-match': etag, 'if-unmodified-since': past }, 200],
  ['if-none-match outweighs if-modified-since', { 'if-none-match': '"x"', 'if-modified-since': future }, 200],
  ['if-none-match is not modified, whatever the date', { 'if-none-match': etag, 'if-modified-since': past }, 304],
  ['a date that is none is ignored', { 'if-modified-since': 'yesterday' }, 200],
]

for (const [name, headers, status] of conditions) {
  test(`get-object/${name}`, async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await get('/reads/ten', headers, method)
      assert.equal(answer.status, status, method)
      if (status === 304) assert.equal(answer.headers['etag'], etag)
      if (status !== 200) assert.equal(answer.body.includes('0123456789'), false)
      if (status === 412 && method === 'GET') assert.equal(errorCode(answer), 'PreconditionFailed')
    }
  })
}

const ranges: readonly (readonly [string, number, string?, string?])[] = [
  ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
  ['bytes=7-', 206, '789', 'bytes 7-9/10'],
  ['bytes=-4', 206, '6789', 'bytes 6-9/10'],
  ['bytes=-100', 206, '0123456789', 'bytes 0-9/10'],
  ['bytes=5-100', 206, '56789', 'bytes 5-9/10'],
  ['bytes=9-9', 206, '9', 'bytes 9-9/10'],
  ['bytes=10-', 416],
  ['bytes=-0', 416],
  ['bytes=3-1', 200, '0123456789'],
  ['bytes=-', 200, '0123456789'],
  ['bytes=0-1,3-4', 200, '0123456789'],
  ['lines=1-2', 200, '0123456789'],
  ['bytes=99999999999999999999999-', 416],
]

for (const [range, status, body, contentRange] of ranges) {
  test(`get-object/range ${range}`, async () => {
    const answer = await get('/reads/ten', { range })
    assert.equal(answer.status, status)
    if (body !== undefined) assert.equal(answer.body, body)
    else assert.equal(errorCode(answer), 'InvalidRange')
    assert.equal(answer.headers['content-range'], contentRange)
    const head = await get('/reads/ten', { range }, 'HEAD')
    assert.equal(head.status, status)
    if (body !== undefined) assert.equal(head.headers['content-length'], String(body.length))
  })
}

test('get-object/range of an empty object cannot be satisfied, but its last bytes are all of it', async () => {
  for (const range of ['bytes=0-0', 'bytes=0-', 'bytes=-0'])
    assert.equal((await get('/reads/none', { range })).status, 416)
  const last = await get('/reads/none', { range: 'bytes=-1' })
  assert.deepEqual([last.status, last.body, last.headers['content-range']], [200, '', undefined])
})

test('get-object/partNumber 1 of a single PUT is the object, 2 is none', async () => {
  const first = await get('/reads/ten?partNumber=1')
  assert.equal(first.status, 206)
  assert.equal(first.body, '0123456789')
  assert.equal(errorCode(await get('/reads/ten?partNumber=2')), 'InvalidPartNumber')
  assert.equal(errorCode(await get('/reads/ten?partNumber=0')), 'InvalidArgument')
  assert.equal(errorCode(await get('/reads/ten?partNumber=x')), 'InvalidArgument')
  assert.equal(errorCode(await get('/reads/ten?partNumber=1', { range: 'bytes=0-1' })), 'InvalidRequest')
})

test('get-object/versionId finds each version, null the one from before versioning', async () => {
  assert.equal((await get('/versions/o')).body, 'second')
  assert.equal((await get(`/versions/o?versionId=${versions[0]}`)).body, 'first')
  const before = await get('/versions/o?versionId=null')
  assert.equal(before.body, 'null version')
  assert.equal(before.headers['x-amz-version-id'], 'null')
})

test('get-object/versionId that is wrong, empty or of nothing', async () => {
  assert.equal(errorCode(await get('/versions/o?versionId=zzz')), 'InvalidArgument')
  assert.equal(errorCode(await get('/versions/o?versionId=')), 'InvalidArgument')
  const other = await get(`/versions/other?versionId=${versions[0]}`)
  assert.equal(other.status, 404)
  assert.equal(errorCode(other), 'NoSuchVersion')
  assert.equal(errorCode(await get('/versions/other')), 'NoSuchKey')
  assert.equal(errorCode(await get('/nowhere/o')), 'NoSuchBucket')
})

test('get-object/response parameters replace headers of signed requests', async () => {
  const query = 'response-content-type=text%2Fx&response-cache-control=no-store&response-content-disposition=a%0d%0ab'
  const answer = await get(`/reads/ten?${query}`)
  assert.equal(answer.status, 200, answer.body)
  assert.equal(answer.headers['content-type'], 'text/x')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['content-disposition'], 'ab')
})

test('get-object/checksum mode shows the checksum of the whole, never of a range', async () => {
  const whole = await get('/reads/ten', { 'x-amz-checksum-mode': 'ENABLED' })
  assert.equal(
    whole.headers['x-amz-checksum-crc64nvme'],
    digestOf('CRC64NVME', Buffer.from('0123456789')).toString('base64'),
  )
  assert.equal(whole.headers['x-amz-checksum-type'], 'FULL_OBJECT')
  const part = await get('/reads/ten', { 'x-amz-checksum-mode': 'ENABLED', range: 'bytes=0-1' })
  assert.equal(part.headers['x-amz-checksum-crc64nvme'], undefined)
  assert.equal((await get('/reads/ten')).headers['x-amz-checksum-crc64nvme'], undefined)
})

test('get-object/x-amz-location-constraint of the own location is accepted, another refused', async () => {
  assert.equal((await get('/reads/ten', { 'x-amz-location-constraint': 'us-east-1' })).status, 200)
  const other = await get('/reads/ten', { 'x-amz-location-constraint': 'awsbackend' })
  assert.equal(errorCode(other), 'InvalidLocationConstraint')
})

test('head-object/errors have no body', async () => {
  const answer = await get('/reads/nothing', {}, 'HEAD')
  assert.equal(answer.status, 404)
  assert.equal(answer.body, '')
})
