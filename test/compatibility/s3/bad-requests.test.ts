// Goal: every operation refuses what is wrong with a request by S3's code and status, and changes nothing. Method: a table by operation, each row
// one thing wrong with a request that would do otherwise; signed, over the real server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import { operations } from '../../../src/s3/operation-table.ts'
import { errorCode, type RawRequest, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer
let uploadId = ''

/** `{upload}` in a path is the id of an upload of `/bad/up` with one part of five bytes. */
type Row = readonly [what: string, request: RowRequest, status: number, code: string]
type RowRequest = readonly [method: string, path: string, headers?: Readonly<Record<string, string>>, body?: string]

const none: Readonly<Record<string, string>> = {}
const long = 'x'.repeat(1_025)
const notHere = '00000000000000000000000000000000000000ff'

function tagging(...tags: readonly (readonly [string, string])[]): string {
  const elements = tags.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`)
  return `<Tagging><TagSet>${elements.join('')}</TagSet></Tagging>`
}

const copy = (source: string, more: Readonly<Record<string, string>> = none) => ({
  'x-amz-copy-source': source,
  ...more,
})

const refused: Readonly<Record<string, readonly Row[]>> = {
  ListBuckets: [
    ['max-buckets that is text', ['GET', '/?max-buckets=x'], 400, 'InvalidArgument'],
    ['max-buckets of none', ['GET', '/?max-buckets=0'], 400, 'InvalidArgument'],
    ['max-buckets beyond ten thousand', ['GET', '/?max-buckets=10001'], 400, 'InvalidArgument'],
    ['another method', ['PUT', '/'], 405, 'MethodNotAllowed'],
    ['deletion of the service', ['DELETE', '/'], 405, 'MethodNotAllowed'],
  ],
  CreateBucket: [
    ['a name of two characters', ['PUT', '/ab'], 400, 'InvalidBucketName'],
    ['a name of 64 characters', ['PUT', `/${'b'.repeat(64)}`], 400, 'InvalidBucketName'],
    ['a name in capitals', ['PUT', '/Capital'], 400, 'InvalidBucketName'],
    ['a name that is an address', ['PUT', '/192.168.1.1'], 400, 'InvalidBucketName'],
    ['a name with an underscore', ['PUT', '/under_score'], 400, 'InvalidBucketName'],
    ['a name that is a folder', ['PUT', '/..'], 400, 'InvalidBucketName'],
    ['a document that is none', ['PUT', '/new-one', none, '<Create'], 400, 'MalformedXML'],
    ['a document of another kind', ['PUT', '/new-one', none, '<Other/>'], 400, 'MalformedXML'],
    [
      'an unknown location',
      [
        'PUT',
        '/new-one',
        none,
        '<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint></CreateBucketConfiguration>',
      ],
      400,
      'InvalidLocationConstraint',
    ],
    ['an unknown canned ACL', ['PUT', '/new-one', { 'x-amz-acl': 'everybody' }], 400, 'InvalidArgument'],
    ['one that is there', ['PUT', '/bad'], 409, 'BucketAlreadyOwnedByYou'],
  ],
  HeadBucket: [['one that is not there', ['HEAD', '/missing-one'], 404, '']],
  DeleteBucket: [
    ['one that is not there', ['DELETE', '/missing-one'], 404, 'NoSuchBucket'],
    ['one that holds objects', ['DELETE', '/bad'], 409, 'BucketNotEmpty'],
  ],
  ListObjects: [
    ['max-keys that is text', ['GET', '/bad?max-keys=x'], 400, 'InvalidArgument'],
    ['max-keys below zero', ['GET', '/bad?max-keys=-1'], 400, 'InvalidArgument'],
    ['an unknown encoding', ['GET', '/bad?encoding-type=x'], 400, 'InvalidArgument'],
    ['a bucket that is not there', ['GET', '/missing-one'], 404, 'NoSuchBucket'],
    ['a prefix that is no UTF-8', ['GET', '/bad?prefix=%ff'], 400, 'InvalidURI'],
  ],
  ListObjectsV2: [
    ['another version', ['GET', '/bad?list-type=3'], 400, 'InvalidArgument'],
    ['max-keys that is text', ['GET', '/bad?list-type=2&max-keys=x'], 400, 'InvalidArgument'],
    ['a made-up token', ['GET', '/bad?list-type=2&continuation-token=x'], 400, 'InvalidArgument'],
    ['a bucket that is not there', ['GET', '/missing-one?list-type=2'], 404, 'NoSuchBucket'],
  ],
  ListObjectVersions: [
    ['max-keys below zero', ['GET', '/bad?versions&max-keys=-1'], 400, 'InvalidArgument'],
    ['a version marker without a key', ['GET', '/bad?versions&version-id-marker=null'], 400, 'InvalidArgument'],
    [
      'a version marker that is none',
      ['GET', '/bad?versions&key-marker=a&version-id-marker=x'],
      400,
      'InvalidArgument',
    ],
    ['a bucket that is not there', ['GET', '/missing-one?versions'], 404, 'NoSuchBucket'],
  ],
  ListMultipartUploads: [
    ['max-uploads below zero', ['GET', '/bad?uploads&max-uploads=-3'], 400, 'InvalidArgument'],
    ['max-uploads that is text', ['GET', '/bad?uploads&max-uploads=x'], 400, 'InvalidArgument'],
    ['an unknown encoding', ['GET', '/bad?uploads&encoding-type=x'], 400, 'InvalidArgument'],
    ['a bucket that is not there', ['GET', '/missing-one?uploads'], 404, 'NoSuchBucket'],
  ],
  DeleteObjects: [
    ['no digest', ['POST', '/bad?delete'], 400, 'InvalidRequest'],
    ['no body', ['POST', '/bad?delete', none, ''], 400, 'MissingRequestBodyError'],
    ['a document that is none', ['POST', '/bad?delete', none, '<Delete>'], 400, 'MalformedXML'],
    ['a document of another kind', ['POST', '/bad?delete', none, '<Other/>'], 400, 'MalformedXML'],
    ['no objects', ['POST', '/bad?delete', none, '<Delete></Delete>'], 400, 'MalformedXML'],
    ['an object without a key', ['POST', '/bad?delete', none, '<Delete><Object/></Delete>'], 400, 'MalformedXML'],
    [
      'more than a thousand',
      ['POST', '/bad?delete', none, `<Delete>${'<Object><Key>x</Key></Object>'.repeat(1_001)}</Delete>`],
      400,
      'MalformedXML',
    ],
    [
      'a bucket that is not there',
      ['POST', '/missing-one?delete', none, '<Delete><Object><Key>x</Key></Object></Delete>'],
      404,
      'NoSuchBucket',
    ],
  ],
  GetBucketLocation: [['a bucket that is not there', ['GET', '/missing-one?location'], 404, 'NoSuchBucket']],
  GetBucketVersioning: [['a bucket that is not there', ['GET', '/missing-one?versioning'], 404, 'NoSuchBucket']],
  PutBucketVersioning: [
    ['no document', ['PUT', '/bad?versioning'], 400, 'MalformedXML'],
    [
      'no status',
      ['PUT', '/bad?versioning', none, '<VersioningConfiguration/>'],
      400,
      'IllegalVersioningConfigurationException',
    ],
    [
      'an unknown status',
      ['PUT', '/bad?versioning', none, '<VersioningConfiguration><Status>On</Status></VersioningConfiguration>'],
      400,
      'MalformedXML',
    ],
    ['a bucket that is not there', ['PUT', '/missing-one?versioning', none, versioningEnabled], 404, 'NoSuchBucket'],
  ],
  GetBucketReplication: [['none there', ['GET', '/bad?replication'], 404, 'ReplicationConfigurationNotFoundError']],
  PutBucketReplication: [
    ['a document of another kind', ['PUT', '/bad?replication', none, '<Other/>'], 400, 'MalformedXML'],
    ['no rules', ['PUT', '/bad?replication', none, '<ReplicationConfiguration/>'], 400, 'MalformedXML'],
  ],
  GetObject: [
    ['a key that is not there', ['GET', '/bad/missing'], 404, 'NoSuchKey'],
    ['a bucket that is not there', ['GET', '/missing-one/o'], 404, 'NoSuchBucket'],
    ['a version that is none', ['GET', '/bad/o?versionId=x'], 400, 'InvalidArgument'],
    ['a range behind the end', ['GET', '/bad/o', { range: 'bytes=99-' }], 416, 'InvalidRange'],
    ['a part number that is text', ['GET', '/bad/o?partNumber=x'], 400, 'InvalidArgument'],
    ['a part number of none', ['GET', '/bad/o?partNumber=0'], 400, 'InvalidArgument'],
    ['a part that it has not', ['GET', '/bad/o?partNumber=2'], 416, 'InvalidPartNumber'],
    ['a range and a part', ['GET', '/bad/o?partNumber=1', { range: 'bytes=0-1' }], 400, 'InvalidRequest'],
    ['an ETag that it has not', ['GET', '/bad/o', { 'if-match': '"x"' }], 412, 'PreconditionFailed'],
    [
      'a change since then',
      ['GET', '/bad/o', { 'if-unmodified-since': 'Thu, 01 Dec 1994 16:00:00 GMT' }],
      412,
      'PreconditionFailed',
    ],
    ['a key of 1025 bytes', ['GET', `/bad/${long}`], 400, 'KeyTooLongError'],
    ['a key that is no UTF-8', ['GET', '/bad/%ff'], 400, 'InvalidURI'],
    [
      'an owner who is another',
      ['GET', '/bad/o', { 'x-amz-expected-bucket-owner': '000000000000' }],
      403,
      'AccessDenied',
    ],
  ],
  HeadObject: [
    ['a key that is not there', ['HEAD', '/bad/missing'], 404, ''],
    ['a range behind the end', ['HEAD', '/bad/o', { range: 'bytes=99-' }], 416, ''],
    ['an ETag that it has not', ['HEAD', '/bad/o', { 'if-match': '"x"' }], 412, ''],
  ],
  PutObject: [
    ['a bucket that is not there', ['PUT', '/missing-one/o', none, 'x'], 404, 'NoSuchBucket'],
    [
      'a digest with bits too many, of other bytes',
      ['PUT', '/bad/new', { 'content-md5': 'uU0nuZNNPgilLlLX2n2r+s==' }, 'x'],
      400,
      'BadDigest',
    ],
    ['a digest that is none', ['PUT', '/bad/new', { 'content-md5': 'x' }, 'x'], 400, 'InvalidDigest'],
    [
      'the digest of something else',
      ['PUT', '/bad/new', { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }, 'x'],
      400,
      'BadDigest',
    ],
    ['a checksum that is none', ['PUT', '/bad/new', { 'x-amz-checksum-crc32': 'x' }, 'x'], 400, 'InvalidRequest'],
    [
      'the checksum of something else',
      ['PUT', '/bad/new', { 'x-amz-checksum-crc32': 'AAAAAA==' }, 'x'],
      400,
      'BadDigest',
    ],
    [
      'two checksums',
      ['PUT', '/bad/new', { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }, 'x'],
      400,
      'InvalidRequest',
    ],
    [
      'an unknown checksum algorithm',
      ['PUT', '/bad/new', { 'x-amz-sdk-checksum-algorithm': 'x' }, 'x'],
      400,
      'InvalidRequest',
    ],
    ['an unknown storage class', ['PUT', '/bad/new', { 'x-amz-storage-class': 'x' }, 'x'], 400, 'InvalidStorageClass'],
    ['tags that are none', ['PUT', '/bad/new', { 'x-amz-tagging': 'a=1&a=2' }, 'x'], 400, 'InvalidArgument'],
    ['an unknown canned ACL', ['PUT', '/bad/new', { 'x-amz-acl': 'everybody' }, 'x'], 400, 'InvalidArgument'],
    [
      'metadata beyond two KiB',
      ['PUT', '/bad/new', { 'x-amz-meta-a': 'x'.repeat(2_100) }, 'x'],
      400,
      'MetadataTooLarge',
    ],
    ['one that must not be there', ['PUT', '/bad/o', { 'if-none-match': '*' }, 'x'], 412, 'PreconditionFailed'],
    ['one that must be there', ['PUT', '/bad/new', { 'if-match': '"x"' }, 'x'], 404, 'NoSuchKey'],
    [
      'an unknown encryption',
      ['PUT', '/bad/new', { 'x-amz-server-side-encryption': 'x' }, 'x'],
      400,
      'InvalidArgument',
    ],
    [
      'retention in a bucket without lock',
      [
        'PUT',
        '/bad/new',
        { 'x-amz-object-lock-mode': 'GOVERNANCE', 'x-amz-object-lock-retain-until-date': '2099-01-01T00:00:00Z' },
        'x',
      ],
      400,
      'InvalidRequest',
    ],
    [
      'a mode without a date',
      ['PUT', '/bad/new', { 'x-amz-object-lock-mode': 'GOVERNANCE' }, 'x'],
      400,
      'InvalidArgument',
    ],
  ],
  CopyObject: [
    ['a source without a key', ['PUT', '/bad/new', copy('/bad')], 400, 'InvalidArgument'],
    ['a source that is not there', ['PUT', '/bad/new', copy('/bad/missing')], 404, 'NoSuchKey'],
    ['a source in no bucket', ['PUT', '/bad/new', copy('/missing-one/o')], 404, 'NoSuchBucket'],
    ['a version that is none', ['PUT', '/bad/new', copy('/bad/o?versionId=x')], 400, 'InvalidArgument'],
    ['onto itself, unchanged', ['PUT', '/bad/o', copy('/bad/o')], 400, 'InvalidRequest'],
    [
      'an unknown directive',
      ['PUT', '/bad/new', copy('/bad/o', { 'x-amz-metadata-directive': 'x' })],
      400,
      'InvalidArgument',
    ],
    [
      'an ETag that it has not',
      ['PUT', '/bad/new', copy('/bad/o', { 'x-amz-copy-source-if-match': 'x' })],
      412,
      'PreconditionFailed',
    ],
    ['a source that is no UTF-8', ['PUT', '/bad/new', copy('/bad/%ff')], 400, 'InvalidArgument'],
  ],
  DeleteObject: [
    ['a version that is none', ['DELETE', '/bad/o?versionId=x'], 400, 'InvalidArgument'],
    ['a bucket that is not there', ['DELETE', '/missing-one/o'], 404, 'NoSuchBucket'],
    ['an ETag that it has not', ['DELETE', '/bad/o', { 'if-match': '"x"' }], 412, 'PreconditionFailed'],
  ],
  PutObjectTagging: [
    ['a key that is not there', ['PUT', '/bad/missing?tagging', none, tagging(['a', '1'])], 404, 'NoSuchKey'],
    ['a document of another kind', ['PUT', '/bad/o?tagging', none, '<Other/>'], 400, 'MalformedXML'],
    ['a key twice', ['PUT', '/bad/o?tagging', none, tagging(['a', '1'], ['a', '2'])], 400, 'InvalidTag'],
    ['a key of 129 characters', ['PUT', '/bad/o?tagging', none, tagging(['k'.repeat(129), '1'])], 400, 'InvalidTag'],
    ['a value of 257 characters', ['PUT', '/bad/o?tagging', none, tagging(['a', 'v'.repeat(257)])], 400, 'InvalidTag'],
    ['an empty key', ['PUT', '/bad/o?tagging', none, tagging(['', '1'])], 400, 'InvalidTag'],
    [
      'eleven tags',
      ['PUT', '/bad/o?tagging', none, tagging(...Array.from({ length: 11 }, (_, at) => [`k${at}`, 'v'] as const))],
      400,
      'BadRequest',
    ],
  ],
  GetObjectTagging: [['a key that is not there', ['GET', '/bad/missing?tagging'], 404, 'NoSuchKey']],
  CreateMultipartUpload: [
    ['a bucket that is not there', ['POST', '/missing-one/o?uploads'], 404, 'NoSuchBucket'],
    ['an unknown algorithm', ['POST', '/bad/new?uploads', { 'x-amz-checksum-algorithm': 'x' }], 400, 'InvalidRequest'],
    [
      'a type without algorithm',
      ['POST', '/bad/new?uploads', { 'x-amz-checksum-type': 'COMPOSITE' }],
      400,
      'InvalidRequest',
    ],
    [
      'a type that the algorithm has not',
      ['POST', '/bad/new?uploads', { 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-type': 'FULL_OBJECT' }],
      400,
      'InvalidRequest',
    ],
    [
      'an unknown storage class',
      ['POST', '/bad/new?uploads', { 'x-amz-storage-class': 'x' }],
      400,
      'InvalidStorageClass',
    ],
  ],
  UploadPart: [
    [
      'an upload that is not there',
      ['PUT', `/bad/up?partNumber=1&uploadId=${notHere}`, none, 'x'],
      404,
      'NoSuchUpload',
    ],
    [
      'a part number that is text',
      ['PUT', '/bad/up?partNumber=x&uploadId={upload}', none, 'x'],
      400,
      'InvalidArgument',
    ],
    ['part number 0', ['PUT', '/bad/up?partNumber=0&uploadId={upload}', none, 'x'], 400, 'InvalidArgument'],
    ['part number 10001', ['PUT', '/bad/up?partNumber=10001&uploadId={upload}', none, 'x'], 400, 'InvalidArgument'],
    ['the upload of another key', ['PUT', '/bad/other?partNumber=1&uploadId={upload}', none, 'x'], 404, 'NoSuchUpload'],
    [
      'the digest of something else',
      ['PUT', '/bad/up?partNumber=2&uploadId={upload}', { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }, 'x'],
      400,
      'BadDigest',
    ],
  ],
  UploadPartCopy: [
    [
      'a source that is not there',
      ['PUT', '/bad/up?partNumber=1&uploadId={upload}', copy('/bad/missing')],
      404,
      'NoSuchKey',
    ],
    [
      'a range behind the end',
      ['PUT', '/bad/up?partNumber=1&uploadId={upload}', copy('/bad/o', { 'x-amz-copy-source-range': 'bytes=0-99' })],
      400,
      'InvalidArgument',
    ],
    [
      'a range that is none',
      ['PUT', '/bad/up?partNumber=1&uploadId={upload}', copy('/bad/o', { 'x-amz-copy-source-range': 'bytes=x' })],
      400,
      'InvalidArgument',
    ],
  ],
  ListParts: [
    ['an upload that is not there', ['GET', `/bad/up?uploadId=${notHere}`], 404, 'NoSuchUpload'],
    ['max-parts that is text', ['GET', '/bad/up?max-parts=x&uploadId={upload}'], 400, 'InvalidArgument'],
    ['max-parts below zero', ['GET', '/bad/up?max-parts=-1&uploadId={upload}'], 400, 'InvalidArgument'],
    ['a marker that is text', ['GET', '/bad/up?part-number-marker=x&uploadId={upload}'], 400, 'InvalidArgument'],
  ],
  CompleteMultipartUpload: [
    [
      'an upload that is not there',
      [
        'POST',
        `/bad/up?uploadId=${notHere}`,
        none,
        '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
      ],
      404,
      'NoSuchUpload',
    ],
    ['no parts', ['POST', '/bad/up?uploadId={upload}', none, '<CompleteMultipartUpload/>'], 400, 'MalformedXML'],
    [
      'a part that is not there',
      [
        'POST',
        '/bad/up?uploadId={upload}',
        none,
        '<CompleteMultipartUpload><Part><PartNumber>9</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
      ],
      400,
      'InvalidPart',
    ],
    [
      'parts out of order',
      [
        'POST',
        '/bad/up?uploadId={upload}',
        none,
        '<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>x</ETag></Part><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>',
      ],
      400,
      'InvalidPartOrder',
    ],
    ['a document of another kind', ['POST', '/bad/up?uploadId={upload}', none, '<Other/>'], 400, 'MalformedXML'],
  ],
  AbortMultipartUpload: [
    ['an upload that is not there', ['DELETE', `/bad/up?uploadId=${notHere}`], 404, 'NoSuchUpload'],
    ['the upload of another key', ['DELETE', '/bad/other?uploadId={upload}'], 404, 'NoSuchUpload'],
  ],
}

before(async () => {
  server = await startTestServer()
  const send = async (method: string, path: string, body = ''): Promise<string> => {
    const answer = await server.send({ method, path, ...(body !== '' && { body }) })
    assert.equal(answer.status, 200, answer.body)
    return answer.body
  }
  await send('PUT', '/bad')
  await send('PUT', '/bad/o', 'hello')
  uploadId = /<UploadId>(\w+)</.exec(await send('POST', '/bad/up?uploads'))?.[1] ?? ''
  await send('PUT', `/bad/up?partNumber=1&uploadId=${uploadId}`, 'hello')
})

after(() => server.close())

function requestOf([method, path, headers, body]: RowRequest): RawRequest {
  // Some operations want a digest of their document before they look at it.
  const digest =
    path.includes('?delete') && body !== undefined
      ? { 'content-md5': Buffer.from(md5Hex(body), 'hex').toString('base64') }
      : undefined
  return {
    method,
    path: path.replace('{upload}', uploadId),
    headers: { ...headers, ...digest },
    ...(body !== undefined && { body }),
  }
}

for (const [operation, rows] of Object.entries(refused)) {
  for (const [what, request, status, code] of rows) {
    test(`bad-requests/${operation}: ${what}`, async () => {
      const answer = await server.send(requestOf(request))
      assert.deepEqual([answer.status, errorCode(answer)], [status, code], answer.body)
      if (code !== '') assert.match(answer.body, /<Message>[^<]+<\/Message>.*<RequestId>\w+<\/RequestId>/s)
    })
  }
}

/** Each operation on a bucket, of each kind, looks for the bucket before anything else that could be wrong with it. */
for (const { name, method, resource, header, run } of operations) {
  if (run === null || resource === 'service' || name === 'CreateBucket') continue
  const [level, parameter] = resource.split('?')
  test(`bad-requests/${name}: of a stranger`, async () => {
    const path = `/bad${level === 'object' ? '/o' : ''}${parameter === undefined ? '' : `?${parameter}`}`
    const headers = header === undefined ? none : { [header]: '/bad/o' }
    const answer = await server.send({ method, path, headers, as: null })
    assert.ok([400, 401, 403, 404, 405, 412].includes(answer.status), `${answer.status} ${answer.body}`)
  })
}

test('bad-requests/nothing has changed', async () => {
  const { body } = await server.send({ method: 'GET', path: '/bad?versions' })
  assert.deepEqual(
    [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(found => found[1]),
    ['o'],
  )
  const { body: buckets } = await server.send({ method: 'GET', path: '/' })
  assert.deepEqual(
    [...buckets.matchAll(/<Name>([^<]*)<\/Name>/g)].map(found => found[1]),
    ['bad'],
  )
})
