// Goal: no request to the internal routes, however malformed, throws, hangs, stores anything or ends the process; each field answers with the code
// it knows. Method: a table per route; after each table the server still answers and the clouds are empty.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { defects } from '../../../src/base/channels.ts'
import { md5Hex } from '../../../src/base/hash.ts'
import type { RawAnswer } from '../s3/test-server.ts'
import {
  type BackbeatServer,
  cloudHeaders,
  jsonOf,
  makeBucket,
  refusalOf,
  startBackbeatServer,
} from './backbeat-server.ts'

let server: BackbeatServer
const defectsSeen: unknown[] = []
const stop = defects.subscribe(event => defectsSeen.push(event.error))

before(async () => {
  server = await startBackbeatServer()
  await makeBucket(server, 'bad-bucket')
})
after(async () => {
  stop()
  await server.close()
})

function send(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array = '',
): Promise<RawAnswer> {
  return server.send({ method, path: `/_/backbeat/${path}`, headers, body, as: 'replication' })
}

const object = 'multiplebackenddata/bad-bucket/k'
const body = 'hello'
const headers = cloudHeaders('awsbackend', body)
const mebibytes = Buffer.alloc(3 * 1024 * 1024, 'z')

async function nothingHappened(): Promise<void> {
  assert.deepEqual(server.aws.keys(), [])
  assert.deepEqual(server.azure.keys(), [])
  assert.deepEqual(defectsSeen, [])
  assert.equal((await server.send({ method: 'HEAD', path: '/bad-bucket' })).status, 200)
}

test('wrong digests leave nothing at the cloud: base64, other bytes, small and large, declared or not', async () => {
  const wrong: readonly (readonly [Readonly<Record<string, string>>, string | Uint8Array])[] = [
    [{ ...headers, 'content-md5': Buffer.from(md5Hex(body), 'hex').toString('base64') }, body],
    [{ ...headers, 'content-md5': 'not a digest' }, body],
    [{ ...headers, 'content-md5': '' }, body],
    [{ ...headers, 'content-md5': md5Hex('other') }, body],
    [{ ...headers, 'content-md5': md5Hex('other') }, mebibytes],
    [{ ...headers, 'content-md5': md5Hex('other'), 'x-crossbeat-crc32': '00000000' }, mebibytes],
    [{ ...headers, 'content-md5': md5Hex(mebibytes), 'x-crossbeat-crc32': '00000000' }, mebibytes],
    [{ ...headers, 'content-md5': md5Hex(body), 'x-crossbeat-crc32': '00000000' }, body],
  ]
  for (const [given, bytes] of wrong) {
    const put = await send('PUT', `${object}?operation=putobject`, given, bytes)
    assert.deepEqual(refusalOf(put).slice(0, 2), [400, 'BadDigest'], put.body)
    const part = { ...given, 'x-scal-part-number': '1', 'x-scal-upload-id': 'u' }
    const putPart = await send('PUT', `${object}?operation=putpart`, part, bytes)
    assert.deepEqual(refusalOf(putPart).slice(0, 2), [400, 'BadDigest'], putPart.body)
    const { 'x-scal-storage-type': _, ...data } = given
    const putData = await send('PUT', 'data/bad-bucket/k?v2', { ...data, 'x-scal-storage-type': '' }, bytes)
    assert.equal(putData.status, 400, putData.body)
  }
  assert.equal(server.bytes.size, 0)
  await nothingHappened()
})

test('headers that should be JSON and are not are a malformed request', async () => {
  const values = ['z', '{', '[]', '1', 'null', '"text"', '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}']
  for (const value of values) {
    for (const name of ['x-scal-tags', 'x-scal-user-metadata']) {
      const answer = await send('PUT', `${object}?operation=putobject`, { ...headers, [name]: value }, body)
      const message = 'The body of your POST request is not well-formed multipart/form-data.'
      assert.deepEqual(refusalOf(answer), [400, 'MalformedPOSTRequest', message], `${name} ${value}`)
    }
  }
  await nothingHappened()
})

test('part numbers and upload ids that are none', async () => {
  for (const partNumber of ['0', '-1', '1.5', '10001', 'x', '1e2', '99999999999']) {
    const given = { ...headers, 'x-scal-part-number': partNumber, 'x-scal-upload-id': 'u' }
    const answer = await send('PUT', `${object}?operation=putpart`, given, body)
    assert.deepEqual(refusalOf(answer).slice(0, 2), [400, 'InvalidArgument'], partNumber)
  }
  const given = { ...headers, 'x-scal-part-number': '1', 'x-scal-upload-id': '' }
  assert.equal((await send('PUT', `${object}?operation=putpart`, given, body)).status, 400)
  await nothingHappened()
})

test('lists of parts that are none', async () => {
  const lists = [
    '',
    '{',
    '{}',
    'null',
    '[]',
    '"x"',
    '[1]',
    '[null]',
    '[{}]',
    '[{"PartNumber":[1]}]',
    '[{"PartNumber":["x"],"ETag":["e"]}]',
    '[{"PartNumber":[0],"ETag":["e"]}]',
    '[{"PartNumber":[10001],"ETag":["e"]}]',
    '[{"PartNumber":[1],"ETag":[1]}]',
    '[{"PartNumber":[1],"ETag":["e"],"NumberSubParts":["x"]}]',
    '[{"PartNumber":[1],"ETag":["e"],"Size":[-1]}]',
    '['.repeat(100_000),
  ]
  const given = { ...headers, 'x-scal-upload-id': 'u' }
  for (const list of lists) {
    for (const site of ['awsbackend', 'azurebackend']) {
      const put = await send(
        'POST',
        `${object}?operation=completempu`,
        { ...given, 'x-scal-storage-class': site },
        list,
      )
      assert.deepEqual(refusalOf(put).slice(0, 2), [400, 'MalformedPOSTRequest'], list.slice(0, 60))
    }
  }
  const huge = await send('POST', `${object}?operation=completempu`, given, `[${' '.repeat(6 * 1024 * 1024)}]`)
  assert.equal(huge.status, 400)
  await nothingHappened()
})

test('lists of locations to delete that are none', async () => {
  const lists = [
    '',
    '{',
    '[]',
    '{}',
    '{"Locations":{}}',
    '{"Locations":[1]}',
    '{"Locations":[{}]}',
    '{"Locations":[{"key":"k"}]}',
  ]
  for (const list of lists) {
    const answer = await send('POST', 'batchdelete/bad-bucket/k', {}, list)
    assert.deepEqual(refusalOf(answer).slice(0, 2), [400, 'MalformedPOSTRequest'], list)
  }
  const unknown = '{"Locations":[{"key":"k","dataStoreName":"nosite"}]}'
  assert.deepEqual(refusalOf(await send('POST', 'batchdelete/bad-bucket/k', {}, unknown)).slice(0, 2), [
    400,
    'InvalidLocationConstraint',
  ])
  const trick = '{"Locations":[{"key":"../../credentials","dataStoreName":"us-east-1"}]}'
  assert.equal((await send('POST', 'batchdelete/bad-bucket/k', {}, trick)).status, 200)
  await nothingHappened()
})

const goodMetadata = {
  'owner-display-name': 'peer',
  'owner-id': 'peer-owner',
  'content-length': 0,
  'content-md5': 'd41d8cd98f00b204e9800998ecf8427e',
  'last-modified': '2026-11-22T02:10:04.309Z',
  location: null,
  tags: {},
  replicationInfo: { status: 'REPLICA', backends: [], content: ['METADATA'] },
}
const versionId = 'aJfG35aUKYOz00000000001I4j3QKItW'

/** Field, and a value that no metadata can have there. */
const wrongFields: readonly (readonly [string, unknown])[] = [
  ['replicationInfo', undefined],
  ['replicationInfo', null],
  ['replicationInfo', []],
  ['replicationInfo', { status: 'DONE' }],
  ['replicationInfo', { status: 'REPLICA', backends: {} }],
  ['replicationInfo', { status: 'REPLICA', backends: [1] }],
  ['replicationInfo', { status: 'REPLICA', backends: [{ site: 's', status: 'MAYBE' }] }],
  ['content-length', undefined],
  ['content-length', '0'],
  ['content-length', -1],
  ['content-length', 1.5],
  ['content-length', 5],
  ['content-md5', 7],
  ['last-modified', undefined],
  ['last-modified', 'yesterday'],
  ['owner-id', {}],
  ['location', {}],
  ['location', [1]],
  ['location', [{ key: 'k', size: 0, start: 3, dataStoreName: 'us-east-1' }]],
  ['location', [{ key: 'inline.x', size: 0, start: 0, dataStoreName: 'us-east-1' }]],
  ['location', [{ key: 'k', size: 'x', start: 0, dataStoreName: 'us-east-1' }]],
  ['tags', []],
  ['tags', { a: 1 }],
  ['x-amz-meta-a', 1],
  ['x-amz-meta-a', 'a\0'],
  ['x-amz-meta-a', '\ud800'],
  ['x-amz-meta-\0', 'a'],
  ['tags', { '\udc00': 'a' }],
  ['cache-control', 1],
  ['legalHold', 'ON'],
  ['retentionMode', 'GOVERNANCE'],
  ['retentionMode', 7],
  ['retentionDate', '2040-01-01T00:00:00.000Z'],
]

/** Dates until which no version can be kept. */
const wrongDates: readonly unknown[] = ['tomorrow', '2040-01-01', '9999-12-31T23:59:59-01:00', 7, null]

test('metadata that is none is refused field by field, and nothing is stored', async () => {
  const path = `metadata/bad-bucket/k?versionId=${versionId}`
  const deep = `${JSON.stringify(goodMetadata).slice(0, -1)},"more":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  for (const text of ['', '{', '[]', 'null', '1', '"x"', '{}', '['.repeat(200_000), '{"a":'.repeat(50_000), deep]) {
    const answer = await send('PUT', path, {}, text)
    assert.deepEqual(refusalOf(answer).slice(0, 2), [400, 'MalformedPOSTRequest'], text.slice(0, 40))
  }
  for (const [field, value] of wrongFields) {
    const answer = await send('PUT', path, {}, JSON.stringify({ ...goodMetadata, [field]: value }))
    const shown = `${field} ${JSON.stringify(value)} ${answer.body}`
    assert.deepEqual(refusalOf(answer).slice(0, 2), [400, 'MalformedPOSTRequest'], shown)
  }
  for (const retentionDate of wrongDates) {
    const lock = { retentionMode: 'COMPLIANCE', retentionDate }
    const answer = await send('PUT', path, {}, JSON.stringify({ ...goodMetadata, ...lock }))
    assert.deepEqual(refusalOf(answer).slice(0, 2), [400, 'MalformedPOSTRequest'], String(retentionDate))
  }
  assert.equal(await server.store.version({ bucket: 'bad-bucket', key: 'k', version: 'latest' }), null)
  await nothingHappened()
})

test('metadata that refers to data elsewhere, missing, too short or with a tricky name is refused', async () => {
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, number, string])[] = [
    [{ key: 'k', dataStoreName: 'nosite' }, 400, 'InvalidLocationConstraint'],
    [{ key: 'k', dataStoreName: 'awsbackend' }, 400, 'InvalidLocationConstraint'],
    [{ key: '1.0000', dataStoreName: 'us-east-1' }, 424, 'LocationNotFound'],
    [{ key: '../../../etc/passwd', dataStoreName: 'us-east-1' }, 424, 'LocationNotFound'],
  ]
  for (const [place, status, code] of cases) {
    const location = [{ size: 5, start: 0, dataStoreETag: `1:${md5Hex(body)}`, ...place }]
    const text = JSON.stringify({ ...goodMetadata, 'content-length': 5, location })
    const answer = await send('PUT', `metadata/bad-bucket/k?versionId=${versionId}`, {}, text)
    assert.deepEqual(refusalOf(answer).slice(0, 2), [status, code], answer.body)
  }
  await nothingHappened()
})

test('ids of versions that are none, and versions that are not there', async () => {
  for (const bad of ['zzz', '0'.repeat(32), '%00', 'a'.repeat(31), 'a'.repeat(2000), '%ff', '']) {
    for (const method of ['GET', 'PUT']) {
      const answer = await send(method, `metadata/bad-bucket/k?versionId=${bad}`, {}, method === 'PUT' ? '{}' : '')
      assert.equal(answer.status, 400, `${method} ${bad} ${answer.body}`)
    }
  }
  assert.deepEqual(refusalOf(await send('GET', `metadata/bad-bucket/k?versionId=zzz`, {})), [
    400,
    'InvalidArgument',
    'Invalid Argument',
  ])
  for (const query of ['', '?versionId=null', `?versionId=${versionId}`]) {
    const refusal = refusalOf(await send('GET', `metadata/bad-bucket/nokey${query}`, {}))
    assert.deepEqual(refusal, [404, 'ObjNotFound', 'This object does not exist'])
  }
  const bucket = await send('GET', 'metadata/no-such-bucket/k', {})
  assert.deepEqual(refusalOf(bucket).slice(0, 2), [404, 'NoSuchBucket'])
})

test('a body that is cut off or longer than it says stores nothing', async () => {
  const head = [
    'PUT /_/backbeat/multiplebackenddata/bad-bucket/cut?operation=putobject HTTP/1.1',
    `Host: ${server.host}:${server.port}`,
    'Content-Length: 100',
    'Connection: close',
  ].join('\r\n')
  // Unsigned, so refused before the body; the point is that neither hangs nor breaks anything.
  const answer = await server.raw(`${head}\r\n\r\nshort`)
  assert.match(answer, /^HTTP\/1.1 403 /)
  const noLength = await send(
    'PUT',
    `${object}?operation=putobject`,
    { ...headers, 'transfer-encoding': 'chunked' },
    body,
  )
  assert.deepEqual(refusalOf(noLength).slice(0, 2), [411, 'MissingContentLength'])
  assert.equal(jsonOf(noLength)['resource'], null)
  await nothingHappened()
})
