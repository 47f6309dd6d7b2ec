// Goal: DeleteObjects behaves as S3's, by condition: each key has its own outcome, and a request that is refused deletes nothing. Method: a
// current AWS SDK, and raw signed requests for what it would not send.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { DeleteObjectsCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { digestOf, md5Hex } from '../../../src/base/hash.ts'
import { realWorld } from '../../../src/base/world.ts'
import { codeOf, makeBuckets } from './multipart-steps.ts'
import { replicationXml, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let client: S3Client

before(async () => {
  server = await startTestServer()
  client = server.client()
  await makeBuckets(server, client, { plain: false, versioned: true, replicated: true })
  const configured = await server.send({ method: 'PUT', path: '/replicated?replication=', body: replicationXml([{}]) })
  assert.equal(configured.status, 200, configured.body)
})

after(() => server.close())

async function put(Bucket: string, Key: string, Body = 'x'): Promise<string | undefined> {
  return (await client.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId
}

async function exists(Bucket: string, Key: string): Promise<boolean> {
  return client.send(new HeadObjectCommand({ Bucket, Key })).then(
    () => true,
    () => false,
  )
}

function remove(bucket: string, body: string, headers?: Record<string, string>, as: 'bart' | 'lisa' | null = 'bart') {
  const digest = { 'content-md5': digestOf('MD5', Buffer.from(body)).toString('base64') }
  return server.send({ method: 'POST', path: `/${bucket}?delete=`, body, headers: headers ?? digest, as })
}

const object = (key: string, more = '') => `<Object><Key>${key}</Key>${more}</Object>`
const deletion = (objects: string, more = '') => `<Delete>${more}${objects}</Delete>`

test('delete-objects/unversioned: keys are gone, also those that never were', async () => {
  const keys = ['a', 'b/ü &<>', 'c']
  for (const key of keys) await put('plain', key)
  const answer = await client.send(
    new DeleteObjectsCommand({
      Bucket: 'plain',
      Delete: { Objects: [...keys, 'never'].map(Key => ({ Key })) },
    }),
  )
  assert.deepEqual(
    answer.Deleted,
    [...keys, 'never'].map(Key => ({ Key })),
  )
  assert.equal(answer.Errors, undefined)
  for (const key of keys) assert.equal(await exists('plain', key), false)
})

test('delete-objects/quiet: only what failed is answered', async () => {
  await put('plain', 'quiet')
  const body = deletion(object('quiet') + object('k', '<VersionId>abc</VersionId>'), '<Quiet>true</Quiet>')
  const answer = await remove('plain', body)
  assert.equal(answer.status, 200)
  assert.equal(
    answer.body,
    '<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Error><Key>k</Key>' +
      '<VersionId>abc</VersionId><Code>InvalidArgument</Code><Message>Invalid version id specified</Message></Error></DeleteResult>',
  )
  assert.equal(await exists('plain', 'quiet'), false)
})

test('delete-objects/versions: markers are made, named versions and markers are deleted for good', async () => {
  const first = await put('versioned', 'k', '1')
  const second = await put('versioned', 'k', '2')
  const marked = await client.send(
    new DeleteObjectsCommand({ Bucket: 'versioned', Delete: { Objects: [{ Key: 'k' }] } }),
  )
  const marker = marked.Deleted?.[0]
  assert.equal(marker?.DeleteMarker, true)
  assert.equal(marker?.VersionId, undefined)
  assert.equal(await exists('versioned', 'k'), false)
  const removed = await client.send(
    new DeleteObjectsCommand({
      Bucket: 'versioned',
      Delete: {
        Objects: [
          { Key: 'k', VersionId: marker?.DeleteMarkerVersionId },
          { Key: 'k', VersionId: second },
        ],
      },
    }),
  )
  assert.deepEqual(removed.Deleted, [
    {
      Key: 'k',
      VersionId: marker?.DeleteMarkerVersionId,
      DeleteMarker: true,
      DeleteMarkerVersionId: marker?.DeleteMarkerVersionId,
    },
    { Key: 'k', VersionId: second },
  ])
  const head = await client.send(new HeadObjectCommand({ Bucket: 'versioned', Key: 'k' }))
  assert.equal(head.VersionId, first)
})

test('delete-objects/order: of one key named often, each deletion has its place', async () => {
  const version = await put('versioned', 'often')
  const body = deletion(
    object('often') + object('often', `<VersionId>${version}</VersionId>`) + object('often') + object('often'),
  )
  const answer = await remove('versioned', body)
  const ids = [...answer.body.matchAll(/<DeleteMarkerVersionId>([^<]*)</g)].map(match => match[1])
  assert.equal(new Set(ids).size, 3)
  const listing = await server.store.list({
    bucket: 'versioned',
    prefix: 'often',
    delimiter: '',
    after: '',
    maxKeys: 10,
    what: 'versions',
  })
  assert.equal(listing.entries.length, 3)
  const current = await server.send({ method: 'HEAD', path: '/versioned/often' })
  assert.equal(current.headers['x-amz-version-id'], ids[2])
})

test('delete-objects/replicated: markers wait for their sites', async () => {
  await put('replicated', 'r')
  await remove('replicated', deletion(object('r')))
  const record = await server.store.version({ bucket: 'replicated', key: 'r', version: 'latest' })
  assert.equal(record?.isDeleteMarker, true)
  assert.equal(record?.metadata.replicationInfo.status, 'PENDING')
  assert.deepEqual(record?.metadata.replicationInfo.content, ['METADATA'])
})

test('delete-objects/etag: a condition that does not hold spares its key', async () => {
  await put('plain', 'e1', 'same')
  await put('plain', 'e2', 'other')
  const etag = `<ETag>&quot;${md5Hex('same')}&quot;</ETag>`
  const answer = await remove('plain', deletion(object('e1', etag) + object('e2', etag)))
  assert.match(answer.body, /<Deleted><Key>e1<\/Key><\/Deleted>/)
  assert.match(answer.body, /<Error><Key>e2<\/Key><Code>PreconditionFailed<\/Code>/)
  assert.deepEqual([await exists('plain', 'e1'), await exists('plain', 'e2')], [false, true])
})

test('delete-objects/bad-keys: each has its error, the others are deleted', async () => {
  await put('plain', 'good')
  const answer = await remove('plain', deletion(object('x'.repeat(1025)) + object('') + object('good')))
  assert.equal(answer.status, 200)
  const codes = [...answer.body.matchAll(/<Code>([^<]*)</g)].map(match => match[1])
  assert.deepEqual(codes, ['KeyTooLongError', 'UserKeyMustBeSpecified'])
  assert.equal(await exists('plain', 'good'), false)
})

test('delete-objects/thousand: as many as allowed, and one more', async () => {
  const keys = Array.from({ length: 1000 }, (_, index) => `many/${index}`)
  await put('plain', 'many/7')
  const answer = await remove('plain', deletion(keys.map(key => object(key)).join('')))
  assert.equal(answer.status, 200)
  assert.equal([...answer.body.matchAll(/<Deleted>/g)].length, 1000)
  assert.equal(await exists('plain', 'many/7'), false)
  await put('plain', 'many/7')
  const over = await remove('plain', deletion([...keys, 'more'].map(key => object(key)).join('')))
  assert.deepEqual(codeOf(over), [400, 'MalformedXML'])
  assert.equal(await exists('plain', 'many/7'), true)
})

test('delete-objects/together: the deletions of one request reach the store in one turn, to be flushed as one', async () => {
  // In this process, where its store can be listened to.
  const own = await startTestServer({ world: realWorld })
  await makeBuckets(own, own.client(), { versioned: true })
  const { store } = own
  const real = { putVersion: store.putVersion, deleteVersion: store.deleteVersion }
  let turn = 0
  const turns: number[] = []
  const note = (): void => {
    if (turns.length === 0) queueMicrotask(() => turn++)
    turns.push(turn)
  }
  store.putVersion = put => {
    note()
    return real.putVersion.call(store, put)
  }
  store.deleteVersion = removal => {
    note()
    return real.deleteVersion.call(store, removal)
  }
  try {
    const keys = Array.from({ length: 50 }, (_, index) =>
      object(`t${index}`, index % 2 ? '<VersionId>null</VersionId>' : ''),
    )
    const body = deletion(keys.join(''))
    const headers = { 'content-md5': digestOf('MD5', Buffer.from(body)).toString('base64') }
    assert.equal((await own.send({ method: 'POST', path: '/versioned?delete=', body, headers })).status, 200)
  } finally {
    await own.close()
  }
  assert.deepEqual(turns, new Array(50).fill(0))
})

test('delete-objects/digest: one is required and must be right', async () => {
  await put('plain', 'kept')
  const body = deletion(object('kept'))
  const bytes = Buffer.from(body)
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{}, 'InvalidRequest'],
    [{ 'x-amz-checksum-algorithm': 'CRC32' }, 'InvalidRequest'],
    [{ 'content-md5': 'x' }, 'InvalidDigest'],
    [{ 'content-md5': digestOf('MD5', Buffer.from('other')).toString('base64') }, 'BadDigest'],
    [{ 'x-amz-checksum-crc32': 'AAAAAA==' }, 'BadDigest'],
    [{ 'x-amz-checksum-crc32': '?' }, 'InvalidRequest'],
  ]
  for (const [headers, code] of cases) {
    assert.deepEqual(codeOf(await remove('plain', body, headers)), [400, code], JSON.stringify(headers))
  }
  assert.equal(await exists('plain', 'kept'), true)
  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    const name = `x-amz-checksum-${algorithm.toLowerCase()}`
    const answer = await remove('plain', body, { [name]: digestOf(algorithm, bytes).toString('base64') })
    assert.equal(answer.status, 200, answer.body)
  }
})

const badBodies: readonly (readonly [string, string, string])[] = [
  ['nothing', '', 'MissingRequestBodyError'],
  ['no XML', 'delete everything', 'MalformedXML'],
  ['another root', '<Remove><Object><Key>kept2</Key></Object></Remove>', 'MalformedXML'],
  ['no objects', '<Delete></Delete>', 'MalformedXML'],
  ['an object without key', '<Delete><Object></Object></Delete>', 'MalformedXML'],
  ['an object with two keys', '<Delete><Object><Key>kept2</Key><Key>b</Key></Object></Delete>', 'MalformedXML'],
  ['an unfinished document', '<Delete><Object><Key>kept2</Key></Object>', 'MalformedXML'],
  ['entities', '<!DOCTYPE d [<!ENTITY e "kept2">]><Delete><Object><Key>&e;</Key></Object></Delete>', 'MalformedXML'],
  ['depth', `${'<Delete>'.repeat(40)}${'</Delete>'.repeat(40)}`, 'MalformedXML'],
  ['elements in a key', '<Delete><Object><Key><b>kept2</b></Key></Object></Delete>', 'MalformedXML'],
  [
    'another encoding',
    '<?xml version="1.0" encoding="UTF-16"?><Delete><Object><Key>kept2</Key></Object></Delete>',
    'MalformedXML',
  ],
  ['too many bytes', `<Delete>${' '.repeat(3 * 1024 ** 2)}</Delete>`, 'MaxMessageLengthExceeded'],
]

for (const [what, body, code] of badBodies) {
  test(`delete-objects/refused: a body of ${what}`, async () => {
    await put('plain', 'kept2')
    assert.deepEqual(codeOf(await remove('plain', body)), [400, code])
    assert.equal(await exists('plain', 'kept2'), true)
  })
}

test('delete-objects/refused: MFA, other accounts, buckets that are not there', async () => {
  const plain = deletion(object('kept2'))
  const digest = digestOf('MD5', Buffer.from(plain)).toString('base64')
  const mfa = await remove('plain', plain, { 'content-md5': digest, 'x-amz-mfa': 'serial 123456' })
  assert.deepEqual(codeOf(mfa), [501, 'NotImplemented'])
  // Others are told key by key.
  assert.deepEqual(codeOf(await remove('plain', plain, undefined, 'lisa')), [200, 'AccessDenied'])
  assert.deepEqual(codeOf(await remove('plain', plain, undefined, null)), [403, 'AccessDenied'])
  assert.deepEqual(codeOf(await remove('missing', plain)), [404, 'NoSuchBucket'])
  assert.equal(await exists('plain', 'kept2'), true)
})
