// Goal: ListObjects, ListObjectsV2 and ListObjectVersions behave as S3's, by operation and condition. Method: a current AWS SDK for what it can
// say, raw signed requests for the documents as they stand on the wire and for everything malformed.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { errorCode, errorMessage, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer
let client: S3Client

const keys = [
  'a',
  'asdf',
  'boo/bar',
  'boo/baz/xyzzy',
  'cquux/thud',
  'cquux/bla',
  'ü/1',
  'z z',
  'z&<z>"',
  'z\u{1f600}',
  'z\uffee',
]
/** In the order of their UTF-8 bytes, which is not that of UTF-16. */
const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

before(async () => {
  server = await startTestServer()
  client = server.client()
  for (const Bucket of ['empty', 'tree', 'control', 'history']) await client.send(new CreateBucketCommand({ Bucket }))
  await Promise.all(keys.map(Key => client.send(new PutObjectCommand({ Bucket: 'tree', Key, Body: Key }))))
  await client.send(new PutObjectCommand({ Bucket: 'control', Key: 'a\u0001b\rc\nd', Body: '' }))
})

after(() => server.close())

async function listV2(input: Omit<ListObjectsV2CommandInput, 'Bucket'> = {}) {
  const page = await client.send(new ListObjectsV2Command({ Bucket: 'tree', ...input }))
  return {
    page,
    keys: (page.Contents ?? []).map(item => item.Key ?? ''),
    prefixes: (page.CommonPrefixes ?? []).map(item => item.Prefix ?? ''),
  }
}

async function pagesOf(input: Omit<ListObjectsV2CommandInput, 'Bucket'>): Promise<string[][]> {
  const pages: string[][] = []
  let token: string | undefined
  do {
    const { page, keys: found, prefixes } = await listV2({ ...input, ...(token && { ContinuationToken: token }) })
    pages.push([...found, ...prefixes])
    assert.equal(page.KeyCount, found.length + prefixes.length)
    assert.equal(page.IsTruncated, page.NextContinuationToken !== undefined)
    token = page.NextContinuationToken
    assert.ok(pages.length < 50)
  } while (token !== undefined)
  return pages
}

test('list-objects-v2/all: every key comes in the order of its bytes', async () => {
  const { page, keys: found } = await listV2()
  assert.deepEqual(found, sorted)
  assert.equal(page.MaxKeys, 1000)
  assert.equal(page.KeyCount, sorted.length)
  assert.equal(page.IsTruncated, false)
  assert.equal(page.Contents?.[0]?.Owner, undefined)
})

test('list-objects-v2/empty-bucket: nothing, and no contents element', async () => {
  const answer = await server.send({ method: 'GET', path: '/empty?list-type=2' })
  assert.equal(
    answer.body,
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>empty</Name>' +
      '<Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>',
  )
})

for (const MaxKeys of [1, 2, 3, 5]) {
  test(`list-objects-v2/pages: pages of ${MaxKeys} give everything once`, async () => {
    const pages = await pagesOf({ MaxKeys })
    assert.deepEqual(pages.flat(), sorted)
    assert.ok(pages.slice(0, -1).every(page => page.length === MaxKeys))
  })

  test(`list-objects-v2/pages-with-delimiter: pages of ${MaxKeys} give every key and common prefix once`, async () => {
    const pages = await pagesOf({ MaxKeys, Delimiter: '/' })
    const expected = ['a', 'asdf', 'boo/', 'cquux/', 'ü/', 'z z', 'z&<z>"', 'z\uffee', 'z\u{1f600}']
    assert.deepEqual(pages.flat().toSorted(), expected.toSorted())
  })
}

const folded: readonly {
  readonly what: string
  readonly input: Omit<ListObjectsV2CommandInput, 'Bucket'>
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
}[] = [
  { what: 'prefix', input: { Prefix: 'boo' }, keys: ['boo/bar', 'boo/baz/xyzzy'], prefixes: [] },
  {
    what: 'prefix and delimiter',
    input: { Prefix: 'boo/', Delimiter: '/' },
    keys: ['boo/bar'],
    prefixes: ['boo/baz/'],
  },
  {
    what: 'delimiter of several characters',
    input: { Delimiter: 'oo/b' },
    keys: sorted.filter(key => !key.startsWith('boo/b')),
    prefixes: ['boo/b'],
  },
  { what: 'delimiter that is in no key', input: { Delimiter: '#' }, keys: sorted, prefixes: [] },
  {
    what: 'delimiter beyond ASCII',
    input: { Delimiter: 'ü' },
    keys: sorted.filter(key => key !== 'ü/1'),
    prefixes: ['ü'],
  },
  { what: 'prefix of no key', input: { Prefix: 'none' }, keys: [], prefixes: [] },
  {
    what: 'start-after',
    input: { StartAfter: 'cquux/bla' },
    keys: sorted.slice(sorted.indexOf('cquux/thud')),
    prefixes: [],
  },
  { what: 'start-after that is no key', input: { StartAfter: 'boo' }, keys: sorted.slice(2), prefixes: [] },
  { what: 'start-after behind everything', input: { StartAfter: '\u{10ffff}' }, keys: [], prefixes: [] },
  { what: 'prefix with markup', input: { Prefix: 'z&<' }, keys: ['z&<z>"'], prefixes: [] },
]

for (const { what, input, keys: expected, prefixes } of folded) {
  test(`list-objects-v2/${what}`, async () => {
    const found = await listV2(input)
    assert.deepEqual(found.keys, expected)
    assert.deepEqual(found.prefixes, prefixes)
    assert.equal(found.page.Prefix ?? '', input.Prefix ?? '')
    assert.equal(found.page.Delimiter, input.Delimiter)
    assert.equal(found.page.StartAfter, input.StartAfter)
  })
}

test('list-objects-v2/fetch-owner: owners come when asked for', async () => {
  const { page } = await listV2({ FetchOwner: true, MaxKeys: 1 })
  assert.deepEqual(page.Contents?.[0]?.Owner, { ID: 'canonical-bart', DisplayName: 'bart' })
})

test('list-objects-v2/checksum: algorithm and type of each object are shown', async () => {
  const { page } = await listV2({ MaxKeys: 1 })
  assert.deepEqual(page.Contents?.[0]?.ChecksumAlgorithm, ['CRC32'])
  assert.equal(page.Contents?.[0]?.ChecksumType, 'FULL_OBJECT')
})

test('list-objects-v2/max-keys-0: an empty page that is not truncated', async () => {
  const { page, keys: found } = await listV2({ MaxKeys: 0 })
  assert.deepEqual(found, [])
  assert.equal(page.IsTruncated, false)
})

test('list-objects-v2/max-keys-over-1000: a thousand is what is used', async () => {
  const { page } = await listV2({ MaxKeys: 100_000 })
  assert.equal(page.MaxKeys, 1000)
})

test('list-objects-v2/document: elements in the order of S3', async () => {
  const path = '/tree?delimiter=%2F&encoding-type=url&list-type=2&max-keys=3&start-after=0'
  const { body } = await server.send({ method: 'GET', path })
  const names = [...body.matchAll(/<([A-Za-z0-9]+)[ >]/g)].map(match => match[1])
  const contents = [
    'Contents',
    'Key',
    'LastModified',
    'ETag',
    'ChecksumAlgorithm',
    'ChecksumType',
    'Size',
    'StorageClass',
  ]
  assert.deepEqual(names, [
    'ListBucketResult',
    'Name',
    'Prefix',
    'StartAfter',
    'NextContinuationToken',
    'KeyCount',
    'MaxKeys',
    'Delimiter',
    'EncodingType',
    'IsTruncated',
    ...contents,
    ...contents,
    'CommonPrefixes',
    'Prefix',
  ])
  assert.match(body, /<StorageClass>STANDARD<\/StorageClass>/)
  assert.match(body, /<LastModified>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z<\/LastModified>/)
  assert.match(body, /<ETag>&quot;[0-9a-f]{32}&quot;<\/ETag>/)
})

test('list-objects-v2/encoding-type-url: names are percent-encoded, slashes stay', async () => {
  const { body } = await server.send({ method: 'GET', path: '/tree?encoding-type=url&list-type=2&prefix=z' })
  for (const text of ['z%20z', 'z%26%3Cz%3E%22', 'z%F0%9F%98%80']) assert.ok(body.includes(`<Key>${text}</Key>`), text)
  const slashes = await server.send({ method: 'GET', path: '/tree?encoding-type=url&list-type=2&prefix=boo%2F' })
  assert.ok(slashes.body.includes('<Key>boo/bar</Key>'))
  assert.ok(slashes.body.includes('<Prefix>boo/</Prefix>'))
})

test('list-objects-v1/encoding-type-url: the prefix comes back as it was given, unless XML cannot carry it', async () => {
  const { body } = await server.send({ method: 'GET', path: '/tree?encoding-type=url&prefix=z%20&marker=a%20b' })
  assert.ok(body.includes('<Prefix>z </Prefix><Marker>a%20b</Marker>'), body)
  assert.ok(body.includes('<Key>z%20z</Key>'), body)
  const control = await server.send({ method: 'GET', path: '/tree?encoding-type=url&prefix=%01' })
  assert.ok(control.body.includes('<Prefix>%01</Prefix>'), control.body)
})

test('list-objects/control-characters: a key that XML cannot carry comes back by url encoding', async () => {
  const page = await client.send(new ListObjectsV2Command({ Bucket: 'control', EncodingType: 'url' }))
  assert.equal(decodeURIComponent(page.Contents?.[0]?.Key ?? ''), 'a\u0001b\rc\nd')
  const { body } = await server.send({ method: 'GET', path: '/control?list-type=2' })
  assert.ok(body.includes('<Key>a&#x1;b&#xd;c&#xa;d</Key>'), body)
})

test('list-objects-v2/an empty continuation token is none, and is given back', async () => {
  const { page, keys: found } = await listV2({ ContinuationToken: '' })
  assert.deepEqual(found, sorted)
  assert.equal(page.ContinuationToken, '')
  assert.equal(page.IsTruncated, false)
})

const refused: readonly (readonly [string, string, string])[] = [
  ['max-keys that is text', 'list-type=2&max-keys=ten', 'Provided ten not an integer or within integer range'],
  [
    'max-keys beyond 32 bits',
    'list-type=2&max-keys=99999999999',
    'Provided 99999999999 not an integer or within integer range',
  ],
  ['max-keys below zero', 'list-type=2&max-keys=-1', 'Argument -1 must be an integer between 0 and 2147483647'],
  ['max-keys below zero in version 1', 'max-keys=-1', 'Argument -1 must be an integer between 0 and 2147483647'],
  ['max-keys below zero in the list of versions', 'max-keys=-1&versions=', 'max-keys cannot be negative'],
  ['unknown encoding', 'encoding-type=base64&list-type=2', 'Invalid Encoding Method specified in Request'],
  ['an unknown list type', 'list-type=3', 'Invalid List Type specified in Request'],
  ['any order with a delimiter', 'allow-unordered=true&delimiter=/', 'A list in any order cannot have a delimiter'],
  ['a made-up token', 'continuation-token=abcdef&list-type=2', 'The continuation token provided is incorrect'],
  ['a token that is a key', 'continuation-token=boo%2Fbar&list-type=2', 'The continuation token provided is incorrect'],
  [
    'a version marker without key',
    'version-id-marker=null&versions=',
    'A version-id marker cannot be specified without a key marker.',
  ],
  ['an empty version marker', 'key-marker=a&version-id-marker=&versions=', 'A version-id marker cannot be empty.'],
  ['a version marker that is none', 'key-marker=a&version-id-marker=abc&versions=', 'Invalid version id specified'],
]

for (const [what, query, message] of refused) {
  test(`list-objects/refused: ${what}`, async () => {
    const answer = await server.send({ method: 'GET', path: `/tree?${query}` })
    assert.equal(answer.status, 400)
    assert.equal(errorCode(answer), 'InvalidArgument')
    assert.equal(errorMessage(answer), message)
  })
}

test('list-objects/a list in any order is given in the usual one', async () => {
  for (const version of ['', '&list-type=2']) {
    const { status, body } = await server.send({
      method: 'GET',
      path: `/tree?allow-unordered=true&max-keys=2${version}`,
    })
    assert.equal(status, 200)
    assert.match(body, /<Key>a<\/Key>.*<Key>asdf<\/Key>/s)
  }
})

test('list-objects/no-such-bucket and access-denied', async () => {
  for (const query of ['list-type=2', '', 'versions=']) {
    const missing = await server.send({ method: 'GET', path: `/missing?${query}` })
    assert.deepEqual([missing.status, errorCode(missing)], [404, 'NoSuchBucket'])
    const foreign = await server.send({ method: 'GET', path: `/tree?${query}`, as: 'lisa' })
    assert.deepEqual([foreign.status, errorCode(foreign)], [403, 'AccessDenied'])
    const anonymous = await server.send({ method: 'GET', path: `/tree?${query}`, as: null })
    assert.deepEqual([anonymous.status, errorCode(anonymous)], [403, 'AccessDenied'])
  }
})

test('list-objects-v1/pages: the last key is the next marker, NextMarker comes with a delimiter only', async () => {
  const found: string[] = []
  let Marker = ''
  for (;;) {
    const page = await client.send(new ListObjectsCommand({ Bucket: 'tree', MaxKeys: 2, Marker }))
    assert.equal(page.NextMarker, undefined)
    assert.equal(page.Marker ?? '', Marker)
    found.push(...(page.Contents ?? []).map(item => item.Key ?? ''))
    if (page.IsTruncated !== true) break
    Marker = found.at(-1) ?? ''
  }
  assert.deepEqual(found, sorted)
})

test('list-objects-v1/delimiter: NextMarker may be a common prefix, and what is behind it follows', async () => {
  const seen: string[] = []
  let Marker: string | undefined
  do {
    const page = await client.send(
      new ListObjectsCommand({ Bucket: 'tree', MaxKeys: 1, Delimiter: '/', ...(Marker !== undefined && { Marker }) }),
    )
    seen.push(...(page.Contents ?? []).map(item => item.Key ?? ''))
    seen.push(...(page.CommonPrefixes ?? []).map(item => item.Prefix ?? ''))
    Marker = page.NextMarker
  } while (Marker !== undefined)
  assert.deepEqual(
    seen,
    ['a', 'asdf', 'boo/', 'cquux/', 'z z', 'z&<z>"', 'z\uffee', 'z\u{1f600}', 'ü/'].toSorted((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    ),
  )
})

test('list-objects-v1/document: owners always, elements in the order of S3', async () => {
  const { body } = await server.send({ method: 'GET', path: '/tree?delimiter=oo&marker=&max-keys=3' })
  const names = [...body.matchAll(/<([A-Za-z0-9]+)[ >]/g)].map(match => match[1])
  assert.deepEqual(names.slice(0, 19), [
    'ListBucketResult',
    'Name',
    'Prefix',
    'Marker',
    'NextMarker',
    'MaxKeys',
    'Delimiter',
    'IsTruncated',
    'Contents',
    'Key',
    'LastModified',
    'ETag',
    'ChecksumAlgorithm',
    'ChecksumType',
    'Size',
    'Owner',
    'ID',
    'DisplayName',
    'StorageClass',
  ])
})

test('list-object-versions/history: versions newest first, markers among them, pages by both markers', async () => {
  const enabled = await server.send({ method: 'PUT', path: '/history?versioning=', body: versioningEnabled })
  assert.equal(enabled.status, 200)
  const expected: string[] = []
  for (const Key of ['k1', 'k2', 'k3/x']) {
    const ofKey: string[] = []
    for (let round = 0; round < 3; round++) {
      const put = await client.send(new PutObjectCommand({ Bucket: 'history', Key, Body: `${round}` }))
      ofKey.unshift(`${Key} ${put.VersionId} object`)
    }
    const removed = await client.send(new DeleteObjectCommand({ Bucket: 'history', Key }))
    ofKey.unshift(`${Key} ${removed.VersionId} marker`)
    expected.push(...ofKey)
  }
  for (const MaxKeys of [1, 2, 3, 7, 1000]) {
    const found: string[] = []
    let markers: { KeyMarker?: string; VersionIdMarker?: string } = {}
    for (;;) {
      const page = await client.send(new ListObjectVersionsCommand({ Bucket: 'history', MaxKeys, ...markers }))
      const items = [
        ...(page.Versions ?? []).map(item => ({ ...item, kind: 'object' })),
        ...(page.DeleteMarkers ?? []).map(item => ({ ...item, kind: 'marker' })),
      ].map(({ Key, VersionId, kind, IsLatest }) => {
        assert.equal(IsLatest, kind === 'marker', 'only the markers are the latest here')
        return `${Key} ${VersionId} ${kind}`
      })
      found.push(...items)
      if (page.IsTruncated !== true) break
      markers = {
        ...(page.NextKeyMarker !== undefined && { KeyMarker: page.NextKeyMarker }),
        ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
      }
    }
    assert.deepEqual(found.toSorted(), expected.toSorted())
  }
  const folder = await client.send(
    new ListObjectVersionsCommand({ Bucket: 'history', Delimiter: '/', KeyMarker: 'k2' }),
  )
  assert.deepEqual(folder.CommonPrefixes, [{ Prefix: 'k3/' }])
  assert.equal(folder.Versions, undefined)
  const { body } = await server.send({ method: 'GET', path: '/history?max-keys=2&prefix=k1&versions=' })
  const names = [...body.matchAll(/<([A-Za-z0-9]+)[ >]/g)].map(match => match[1])
  const head = [
    'Name',
    'Prefix',
    'KeyMarker',
    'VersionIdMarker',
    'NextKeyMarker',
    'NextVersionIdMarker',
    'MaxKeys',
    'IsTruncated',
  ]
  const marker = ['DeleteMarker', 'Key', 'VersionId', 'IsLatest', 'LastModified', 'Owner', 'ID', 'DisplayName']
  const object = ['ETag', 'ChecksumAlgorithm', 'ChecksumType', 'Size', 'StorageClass', 'Owner', 'ID', 'DisplayName']
  assert.deepEqual(names, [
    'ListVersionsResult',
    ...head,
    ...marker,
    'Version',
    'Key',
    'VersionId',
    'IsLatest',
    'LastModified',
    ...object,
  ])
  // What is deleted is no current object.
  const current = await client.send(new ListObjectsV2Command({ Bucket: 'history' }))
  assert.equal(current.KeyCount, 0)
})

test('list-object-versions/unversioned: one null version of each key', async () => {
  const page = await client.send(new ListObjectVersionsCommand({ Bucket: 'tree', Prefix: 'boo/bar' }))
  assert.deepEqual(
    page.Versions?.map(({ Key, VersionId, IsLatest, Size }) => ({ Key, VersionId, IsLatest, Size })),
    [{ Key: 'boo/bar', VersionId: 'null', IsLatest: true, Size: 7 }],
  )
  const behind = await client.send(
    new ListObjectVersionsCommand({ Bucket: 'tree', KeyMarker: 'boo/bar', VersionIdMarker: 'null', MaxKeys: 1 }),
  )
  assert.equal(behind.Versions?.[0]?.Key, 'boo/baz/xyzzy')
})
