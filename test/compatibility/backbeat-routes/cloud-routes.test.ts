// Goal: the cloud routes answer a real Backbeat as the original does, status, code, message and shape, and do better where the original crashed,
// hung or left a wrong object behind. Method: tables of requests with their outcomes, sent to the real server over clouds in memory.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import type { RawAnswer, RawRequest } from '../s3/test-server.ts'
import {
  type BackbeatServer,
  cloudHeaders,
  jsonOf,
  makeBucket,
  refusalOf,
  startBackbeatServer,
} from './backbeat-server.ts'

let server: BackbeatServer

before(async () => {
  server = await startBackbeatServer()
  await makeBucket(server, 'crr-two')
})
after(() => server.close())

const body = 'hello multi'
const bodyMd5 = '1ed1074f30035a824aa2388afed000b2'
const prefix = '/_/backbeat/multiplebackenddata'

function send(request: Omit<RawRequest, 'as'>): Promise<RawAnswer> {
  return server.send({ as: 'replication', ...request })
}

function operation(
  method: string,
  key: string,
  name: string,
  headers: Readonly<Record<string, string>>,
  sent: string | Uint8Array = '',
): Promise<RawAnswer> {
  return send({ method, path: `${prefix}/crr-two/${key}?operation=${name}`, headers, body: sent })
}

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name))
}

const copyHeaders = {
  'x-scal-version-id': 'aJfG35aUKYOz00000000001I4j3QKItW',
  'x-scal-content-type': 'text/plain',
  'x-scal-user-metadata': '{"x-amz-meta-color":"blue"}',
  'x-scal-cache-control': 'no-cache',
  'x-scal-content-disposition': 'inline',
  'x-scal-content-encoding': 'identity',
  'x-scal-tags': '{"k1":"v1","k2":"v 2"}',
}

test('putobject answers with the location and the version id, in the body and in both headers', async () => {
  const headers = { ...cloudHeaders('awsbackend', body), ...copyHeaders }
  const answer = await operation('PUT', 'mb/awsbackend', 'putobject', headers, body)
  assert.equal(answer.status, 200, answer.body)
  assert.equal(answer.headers['content-type'], 'application/json')
  const [stored] = server.aws.versionsOf('crr-two/mb/awsbackend')
  assert.deepEqual(jsonOf(answer), {
    versionId: stored?.versionId,
    location: [
      {
        dataStoreName: 'awsbackend',
        dataStoreType: 'aws_s3',
        key: 'crr-two/mb/awsbackend',
        start: 0,
        size: 11,
        dataStoreETag: `1:${bodyMd5}`,
        dataStoreVersionId: stored?.versionId,
      },
    ],
  })
  assert.equal(answer.headers['x-amz-version-id'], stored?.versionId)
  assert.equal(answer.headers['x-amz-scal-version-id'], stored?.versionId)
  assert.equal(answer.headers['x-amz-id-2'], answer.headers['x-amz-request-id'])
  assert.deepEqual(stored?.attributes, {
    contentType: 'text/plain',
    cacheControl: 'no-cache',
    contentDisposition: 'inline',
    contentEncoding: 'identity',
    userMetadata: { color: 'blue' },
    tags: { k1: 'v1', k2: 'v 2' },
    markers: { 'scal-replication-status': 'REPLICA', 'scal-version-id': copyHeaders['x-scal-version-id'] },
  })
})

test('putobject to Azure has no version id, and an empty object is an object', async () => {
  const answer = await operation('PUT', 'mb/empty', 'putobject', cloudHeaders('azurebackend'))
  assert.deepEqual(jsonOf(answer), {
    versionId: '',
    location: [
      {
        dataStoreName: 'azurebackend',
        dataStoreType: 'azure',
        key: 'crr-two/mb/empty',
        start: 0,
        size: 0,
        dataStoreETag: '1:d41d8cd98f00b204e9800998ecf8427e',
      },
    ],
  })
  assert.equal(answer.headers['x-amz-version-id'], undefined)
  assert.equal(server.azure.versionsOf('crr-two/mb/empty').length, 1)
})

test('PUT data with a storage type and class is answered as putobject, under either name of the type', async () => {
  for (const name of ['x-scal-replication-storage-type', 'x-scal-storage-type']) {
    const headers = { ...without(cloudHeaders('awsbackend', body), 'x-scal-storage-type'), [name]: 'aws_s3' }
    const answer = await send({ method: 'PUT', path: '/_/backbeat/data/no-such-bucket/as-data', headers, body })
    assert.equal(answer.status, 200, answer.body)
    assert.equal(typeof jsonOf(answer)['versionId'], 'string')
    assert.equal(answer.headers['x-amz-scal-version-id'], jsonOf(answer)['versionId'])
  }
  assert.equal(server.aws.versionsOf('no-such-bucket/as-data').length, 2)
})

test('a location that keeps bytes here takes an object as data', async () => {
  const headers = {
    ...cloudHeaders('awsbackend', body),
    'x-scal-storage-class': 'us-east-1',
    'x-scal-storage-type': 'file',
  }
  const answer = await operation('PUT', 'mb/f', 'putobject', headers, body)
  const { versionId, location } = jsonOf(answer)
  assert.equal(versionId, '')
  const [first]: readonly Record<string, unknown>[] = JSON.parse(JSON.stringify(location))
  assert.deepEqual(
    [first?.['dataStoreName'], first?.['size'], first?.['dataStoreETag']],
    ['us-east-1', 11, `1:${bodyMd5}`],
  )
  assert.equal(Buffer.from(server.bytes.get(String(first?.['key'])) ?? '').toString(), body)
})

test('an upload goes by initiatempu, putpart and completempu', async () => {
  const base = { ...cloudHeaders('awsbackend'), ...copyHeaders }
  const { uploadId } = jsonOf(await operation('POST', 'mpu', 'initiatempu', without(base, 'content-md5')))
  const parts = ['first part ', 'second part']
  const etags: string[] = []
  for (const [index, part] of parts.entries()) {
    const headers = {
      ...cloudHeaders('awsbackend', part),
      'x-scal-part-number': String(index + 1),
      'x-scal-upload-id': String(uploadId),
    }
    const answer = await operation('PUT', 'mpu', 'putpart', headers, part)
    assert.deepEqual(jsonOf(answer), { partNumber: String(index + 1), ETag: md5Hex(part) })
    etags.push(String(jsonOf(answer)['ETag']))
  }
  const list = JSON.stringify(etags.map((ETag, index) => ({ PartNumber: [index + 1], ETag: [ETag] })))
  const complete = { ...without(base, 'content-md5'), 'x-scal-upload-id': String(uploadId) }
  const answer = await operation('POST', 'mpu', 'completempu', complete, list)
  assert.equal(answer.status, 200, answer.body)
  const [stored] = server.aws.versionsOf('crr-two/mpu')
  assert.equal(Buffer.from(stored?.bytes ?? []).toString(), parts.join(''))
  assert.equal(jsonOf(answer)['versionId'], stored?.versionId)
  assert.equal(answer.headers['x-amz-version-id'], stored?.versionId)
  const location: unknown = jsonOf(answer)['location']
  assert.deepEqual(location, [
    {
      dataStoreName: 'awsbackend',
      dataStoreType: 'aws_s3',
      key: 'crr-two/mpu',
      start: 0,
      size: 22,
      dataStoreETag: stored?.etag,
      dataStoreVersionId: stored?.versionId,
    },
  ])
})

test('Azure never initiates: an id is made for whoever asks all the same, and parts tell their blocks', async () => {
  const headers = cloudHeaders('azurebackend', body)
  const { uploadId } = jsonOf(await operation('POST', 'az', 'initiatempu', without(headers, 'content-md5')))
  assert.match(String(uploadId), /^[0-9a-f]{32}$/)
  const own = '3f2504e04f8911d39a0c0305e82c3301'
  const partHeaders = { ...headers, 'x-scal-part-number': '1', 'x-scal-upload-id': own }
  const part = await operation('PUT', 'az', 'putpart', partHeaders, body)
  assert.deepEqual(jsonOf(part), { partNumber: '1', ETag: bodyMd5, numberSubParts: 1 })
  const list = JSON.stringify([{ PartNumber: ['1'], ETag: [bodyMd5], Size: [11], NumberSubParts: [1] }])
  const complete = { ...without(headers, 'content-md5'), 'x-scal-upload-id': own }
  const answer = await operation('POST', 'az', 'completempu', complete, list)
  assert.equal(jsonOf(answer)['versionId'], '')
  assert.equal(Buffer.from(server.azure.versionsOf('crr-two/az')[0]?.bytes ?? []).toString(), body)
  const aborted = await operation('DELETE', 'az', 'abortmpu', { ...headers, 'x-scal-upload-id': own })
  assert.deepEqual([aborted.status, aborted.body], [200, '{}'])
})

test('abortmpu and deleteobject answer {}, also for what is not there', async () => {
  for (const site of ['awsbackend', 'azurebackend'] as const) {
    const abort = { ...cloudHeaders(site), 'x-scal-upload-id': 'never-begun' }
    const aborted = await operation('DELETE', 'never', 'abortmpu', abort)
    assert.deepEqual([aborted.status, aborted.body], [200, '{}'])
    const deleted = await operation('DELETE', 'never', 'deleteobject', cloudHeaders(site))
    assert.deepEqual([deleted.status, deleted.body], [200, '{}'])
    assert.equal(deleted.headers['x-amz-version-id'] !== undefined, site === 'awsbackend')
  }
})

test('tags are put on and taken off a stored version', async () => {
  const put = jsonOf(await operation('PUT', 'tag', 'putobject', cloudHeaders('awsbackend', body), body))
  const headers = {
    ...cloudHeaders('awsbackend'),
    'x-scal-data-store-version-id': String(put['versionId']),
    'x-scal-source-bucket': 'crr-two',
    'x-scal-source-version-id': 'x',
    'x-scal-replication-endpoint-site': 'awsbackend',
    'x-scal-tags': '{"t":"\\u00fc"}',
  }
  const tagged = await operation('POST', 'tag', 'puttagging', headers)
  assert.deepEqual(jsonOf(tagged), { versionId: put['versionId'] })
  assert.equal(tagged.headers['x-amz-scal-version-id'], put['versionId'])
  const [stored] = server.aws.versionsOf('crr-two/tag')
  assert.deepEqual(stored?.attributes.tags, { t: 'ü' })
  assert.deepEqual(jsonOf(await operation('DELETE', 'tag', 'deleteobjecttagging', headers)), {
    versionId: put['versionId'],
  })
  assert.deepEqual(stored?.attributes.tags, {})
  const lookUp = { ...headers, 'x-scal-data-store-version-id': '' }
  assert.deepEqual(refusalOf(await operation('POST', 'tag', 'puttagging', lookUp)), [
    404,
    'NoSuchKey',
    'The specified key does not exist.',
  ])
})

test('multiplebackendmetadata tells when the stored object was last modified', async () => {
  await operation('PUT', 'md', 'putobject', cloudHeaders('awsbackend', body), body)
  const ask = (locations: string) =>
    send({
      method: 'GET',
      path: '/_/backbeat/multiplebackendmetadata/crr-two/md',
      headers: { 'x-scal-locations': locations },
    })
  const found = await ask('[{"key":"crr-two/md","dataStoreName":"awsbackend"}]')
  assert.equal(jsonOf(found)['lastModified'], server.aws.versionsOf('crr-two/md')[0]?.lastModified)
  for (const bad of [
    'zz',
    '{}',
    '[]',
    '[1]',
    '[{"key":"k","dataStoreName":"nosite"}]',
    '[{"dataStoreName":"awsbackend"}]',
    '',
  ]) {
    const refusal = refusalOf(await ask(bad))
    assert.deepEqual(refusal, [400, 'InvalidRequest', 'x-scal-locations header is invalid'], bad)
  }
  assert.equal((await ask('[{"key":"crr-two/none","dataStoreName":"awsbackend"}]')).status, 424)
})

const tagging = ['x-scal-data-store-version-id', 'x-scal-source-bucket', 'x-scal-replication-endpoint-site']

/** Operation, header that is missing, what is said about it. */
const missingHeaders: readonly (readonly [string, string, string, string])[] = [
  ['PUT', 'putobject', 'x-scal-storage-type', 'x-scal-storage-type header'],
  ['PUT', 'putobject', 'x-scal-canonical-id', 'x-scal-canonical-id header'],
  ['PUT', 'putobject', 'content-md5', 'content-md5 header'],
  ['PUT', 'putobject', 'x-scal-storage-class', 'x-scal-storage-class header'],
  ['PUT', 'putpart', 'x-scal-part-number', 'part-number header'],
  ['PUT', 'putpart', 'x-scal-upload-id', 'upload-id header'],
  ['POST', 'completempu', 'x-scal-upload-id', 'upload-id header'],
  ['DELETE', 'abortmpu', 'x-scal-upload-id', 'upload-id header'],
  ...tagging.map(name => ['POST', 'puttagging', name, `${name} header`] as const),
  ...tagging.map(name => ['DELETE', 'deleteobjecttagging', name, `${name} header`] as const),
]

const everyHeader = {
  ...cloudHeaders('awsbackend', body),
  'x-scal-part-number': '1',
  'x-scal-upload-id': 'upload',
  'x-scal-data-store-version-id': 'v',
  'x-scal-source-bucket': 'crr-two',
  'x-scal-replication-endpoint-site': 'awsbackend',
}

test('a missing header is named, in the original order when there are several', async () => {
  for (const [method, name, header, what] of missingHeaders) {
    const answer = await operation(method, 'mb/x', name, without(everyHeader, header), method === 'PUT' ? body : '')
    assert.deepEqual(refusalOf(answer), [400, 'BadRequest', `bad request: missing ${what}`], `${name} ${header}`)
  }
  const order: readonly (readonly [string, string, readonly string[]])[] = [
    ['PUT', 'putobject', ['x-scal-storage-type', 'x-scal-canonical-id', 'content-md5', 'x-scal-storage-class']],
    ['PUT', 'putpart', ['x-scal-storage-type', 'x-scal-part-number', 'x-scal-upload-id', 'x-scal-storage-class']],
    ['POST', 'puttagging', ['x-scal-storage-type', ...tagging, 'x-scal-storage-class']],
  ]
  for (const [method, name, headers] of order) {
    for (const [index, header] of headers.entries()) {
      const left = headers.slice(index).reduce(without, { ...everyHeader, 'x-scal-storage-type': 'aws_s3' })
      const { message } = jsonOf(await operation(method, 'mb/x', name, left))
      const named = header.replace(/^x-scal-(part-number|upload-id)$/, '$1')
      assert.equal(message, `bad request: missing ${named} header`, name)
    }
  }
})

test('a location that is not there, or of a type that is not listed, is refused', async () => {
  const cases = [
    { 'x-scal-storage-class': 'nosite' },
    { 'x-scal-storage-type': 'azure' },
    { 'x-scal-storage-type': '' },
    { 'x-scal-storage-class': '__proto__' },
  ]
  for (const change of cases) {
    const answer = await operation('PUT', 'mb/f', 'putobject', { ...cloudHeaders('awsbackend', body), ...change }, body)
    const message = 'invalid request: invalid location constraint in request'
    assert.deepEqual(refusalOf(answer), [400, 'InvalidRequest', message])
  }
})

test('what is not routed is 405, whatever it is', async () => {
  const paths = [
    ['GET', `${prefix}/crr-two/k?operation=putobject`],
    ['PUT', `${prefix}/crr-two/k`],
    ['PUT', `${prefix}/crr-two/k?operation=constructor`],
    ['PUT', `${prefix}/crr-two?operation=putobject`],
    ['PUT', `${prefix}?operation=putobject`],
    ['POST', '/_/backbeat/metadata/crr-two/k'],
    ['GET', '/_/backbeat/metadata/crr-two'],
    ['GET', '/_/backbeat/data/crr-two/k'],
    ['GET', '/_/backbeat/nothing/crr-two/k'],
    ['GET', '/_/backbeat/__proto__/crr-two/k'],
    ['GET', '/_/backbeat'],
    ['DELETE', '/_/backbeat/batchdelete/crr-two/k'],
  ] as const
  for (const [method, path] of paths) {
    const refusal = refusalOf(await send({ method, path, headers: everyHeader }))
    const message = 'The specified method is not allowed against this resource.'
    assert.deepEqual(refusal, [405, 'MethodNotAllowed', message], `${method} ${path}`)
  }
  const foreign = await send({ method: 'GET', path: '/_/nothing/x' })
  assert.equal(foreign.status, 400)
  assert.match(foreign.body, /<Code>InvalidURI</)
})

test('keys may hold anything that S3 allows, up to its length', async () => {
  const keys = ['a b/ü+x?y', 'dir//twice/../dots/.', '/leading', '%2F', 'k'.repeat(1024), 'ü'.repeat(512)]
  for (const key of keys) {
    const encoded = key.split('/').map(encodeURIComponent).join('/')
    const answer = await operation('PUT', encoded, 'putobject', cloudHeaders('awsbackend', body), body)
    // The memory cloud allows 1024 bytes with the bucket's name.
    const fits = Buffer.byteLength(`crr-two/${key}`) <= 1024
    assert.equal(answer.status, fits ? 200 : 503, `${key} ${answer.body}`)
    if (fits) assert.equal(server.aws.versionsOf(`crr-two/${key}`).length, 1, key)
  }
  const tooLong = await operation('PUT', 'k'.repeat(1025), 'putobject', cloudHeaders('awsbackend', body), body)
  assert.deepEqual(refusalOf(tooLong).slice(0, 2), [400, 'KeyTooLongError'])
})
