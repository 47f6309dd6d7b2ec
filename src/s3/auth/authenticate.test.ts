// Every way to sign a request, and every way to get it wrong, with the error S3 gives.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../../test/properties.ts'
import { type AccountDirectory, createAccountDirectory } from '../../accounts/account-directory.ts'
import { presignV4Query, signV4Headers, uriEncode } from '../../base/signature-v4.ts'
import { ServiceError } from '../../domain/errors.ts'
import { headersOf, type RequestHead } from '../http/request-head.ts'
import { operations } from '../operation-table.ts'
import type { AuthResult } from './auth-result.ts'
import { authenticate, type RequestPlace } from './authenticate.ts'
import { signatureV2, signV2Authorization } from './signature-v2.ts'

const accessKey = 'AKIAIOSFODNN7EXAMPLE'
const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const accounts: AccountDirectory = createAccountDirectory([
  {
    name: 'Bart',
    email: 'b@example.org',
    arn: 'arn:aws:iam::123456789012:root',
    canonicalId: 'abc',
    shortId: '123456789012',
    displayName: 'Bart',
    keys: [{ access: accessKey, secret: secretKey }],
    admin: false,
  },
])
const now = Date.UTC(2013, 4, 24)
const minute = 60_000
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

interface Change {
  readonly method?: string
  readonly path?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly payloadHash?: string
}

function signedHead(change: Change = {}): { head: RequestHead; headers: Record<string, string> } {
  const base = { method: 'GET', path: '/bucket/key', query: '', headers: {}, payloadHash: emptyHash, ...change }
  const headers = signV4Headers({
    ...base,
    host: 'localhost',
    region: 'us-east-1',
    service: 's3',
    accessKey,
    secretKey,
    amzDate: '20130524T000000Z',
  })
  const rawTarget = base.query === '' ? base.path : `${base.path}?${base.query}`
  return { head: { method: base.method, rawTarget, headers: headersOf(headers) }, headers }
}

function presignedHead(
  query = '',
  headers: Record<string, string> = { host: 'localhost' },
  amend = (text: string) => text,
): RequestHead {
  const signed = presignV4Query({
    method: 'GET',
    host: 'localhost',
    path: '/bucket/key',
    query,
    region: 'us-east-1',
    service: 's3',
    accessKey,
    secretKey,
    amzDate: '20130524T000000Z',
    expiresSeconds: 3600,
  })
  return { method: 'GET', rawTarget: `/bucket/key?${amend(signed)}`, headers: headersOf(headers) }
}

function refusal(head: RequestHead, at = now, place: RequestPlace = {}): ServiceError {
  try {
    authenticate(head, accounts, at, place)
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
  return assert.fail('was not refused')
}

function withHeader(name: string, value: string | undefined): RequestHead {
  const { headers } = signedHead()
  const { [name]: _, ...rest } = headers
  return {
    method: 'GET',
    rawTarget: '/bucket/key',
    headers: headersOf(value === undefined ? rest : { ...rest, [name]: value }),
  }
}

function accepted(head: RequestHead, at = now): Extract<AuthResult, { kind: 'signed' }> {
  const result = authenticate(head, accounts, at)
  assert.equal(result.kind, 'signed')
  return result.kind === 'signed' ? result : assert.fail('anonymous')
}

test('a request without a signature is anonymous', () => {
  const head = { method: 'GET', rawTarget: '/bucket/key?Expires=1', headers: headersOf({ host: 'localhost' }) }
  assert.deepEqual(authenticate(head, accounts, now), { kind: 'anonymous', payload: { kind: 'unsigned' } })
})

test('a V4 header is accepted and says how the body is covered', () => {
  const result = accepted(signedHead().head)
  assert.equal(result.scheme, 'v4')
  assert.equal(result.account.name, 'Bart')
  assert.deepEqual(result.payload, { kind: 'sha256', hex: emptyHash })
  assert.deepEqual(accepted(signedHead({ payloadHash: 'UNSIGNED-PAYLOAD' }).head).payload, { kind: 'unsigned' })
  const chunked = accepted(signedHead({ payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER' }).head).payload
  assert.ok(chunked.kind === 'chunked-signed' && chunked.trailer)
  assert.equal(chunked.signing.scope, '20130524/us-east-1/s3/aws4_request')
  const unsigned = accepted(signedHead({ payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' }).head).payload
  assert.deepEqual(unsigned, { kind: 'chunked-unsigned' })
})

test("the published example's seed of signed chunks is accepted", () => {
  const head: RequestHead = {
    method: 'PUT',
    rawTarget: '/examplebucket/chunkObject.txt',
    headers: headersOf({
      host: 's3.amazonaws.com',
      'x-amz-date': '20130524T000000Z',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '66560',
      'content-length': '66824',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
        'SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;' +
        'x-amz-decoded-content-length;x-amz-storage-class,' +
        'Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    }),
  }
  const { payload } = accepted(head)
  assert.ok(payload.kind === 'chunked-signed' && !payload.trailer)
  assert.equal(payload.signing.seedSignature, '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9')
})

test('clients that send another encoding than they sign are accepted', () => {
  const { head } = signedHead({ path: '/bucket/a%28b%29', query: 'prefix=a%2Fb%20c&versions=' })
  accepted({ ...head, rawTarget: '/bucket/a(b)?versions&prefix=a/b+c' })
  accepted({ ...head, rawTarget: '/bucket/a%28b%29?versions&prefix=a/b+c' })
  accepted({ ...head, rawTarget: '/bucket/a(b)?versions=&prefix=a%2Fb%20c' })
})

test('header values beyond ASCII are checked as the bytes that were sent', () => {
  const bytes = Buffer.from('gr\u00fc\u00df').toString('latin1')
  accepted(signedHead({ headers: { 'x-amz-meta-a': bytes } }).head)
})

test('any change to what is signed is SignatureDoesNotMatch', () => {
  const { head, headers } = signedHead({ query: 'versionId=1', headers: { 'x-amz-meta-a': 'b' } })
  const changes: readonly Partial<RequestHead>[] = [
    { method: 'PUT' },
    { rawTarget: '/bucket/kez?versionId=1' },
    { rawTarget: '/bucket/key?versionId=2' },
    { rawTarget: '/bucket/key?versionId=1&acl' },
    { rawTarget: '/bucket/key' },
    { headers: headersOf({ ...headers, host: 'other' }) },
    { headers: headersOf({ ...headers, 'x-amz-meta-a': 'c' }) },
    { headers: headersOf({ ...headers, 'x-amz-content-sha256': emptyHash.replace('e', 'f') }) },
  ]
  for (const change of changes) assert.equal(refusal({ ...head, ...change }).code, 'SignatureDoesNotMatch')
  const error = refusal({ ...head, method: 'PUT' })
  assert.equal(error.status, 403)
  assert.match(error.details['CanonicalRequest'] ?? '', /^PUT\n\/bucket\/key\nversionId=1\n/)
})

test('an unknown key is InvalidAccessKeyId', () => {
  const authorization = (signedHead().headers['authorization'] ?? '').replace(accessKey, 'NOBODY')
  const error = refusal(withHeader('authorization', authorization))
  assert.equal(error.code, 'InvalidAccessKeyId')
  assert.equal(error.details['AWSAccessKeyId'], 'NOBODY')
})

test('a time more than 15 minutes away is RequestTimeTooSkewed', () => {
  accepted(signedHead().head, now + 15 * minute)
  accepted(signedHead().head, now - 15 * minute)
  assert.equal(refusal(signedHead().head, now + 15 * minute + 1).code, 'RequestTimeTooSkewed')
  assert.equal(refusal(signedHead().head, now - 15 * minute - 1).code, 'RequestTimeTooSkewed')
})

test('a malformed Authorization header is explained', () => {
  const good = signedHead().headers['authorization'] ?? ''
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['AWS4-HMAC-SHA256', 'InvalidArgument', /one and only one ' '/],
    [good.replace('Credential=', 'Credentials='), 'AuthorizationHeaderMalformed', /; missing Credential\.$/],
    [good.replace('Signature=', 'Sign='), 'AuthorizationHeaderMalformed', /; missing Signature\.$/],
    [good.replace('SignedHeaders=', 'Headers='), 'AuthorizationHeaderMalformed', /; missing SignedHeaders\.$/],
    [
      good.replace('SignedHeaders=', 'SignedHeaders-'),
      'AuthorizationHeaderMalformed',
      /the authorization component "Signed/,
    ],
    [good.replace(/, Signature.*/, ''), 'AuthorizationHeaderMalformed', /three components/],
    [`${good}, Signature=${'0'.repeat(64)}`, 'AuthorizationHeaderMalformed', /three components/],
    [`${good},${good}`, 'AuthorizationHeaderMalformed', /three components/],
    [good.replace('/20130524/', '/2013052/'), 'AuthorizationHeaderMalformed', /incorrect date format/],
    [good.replace('/20130524/', '/20130525/'), 'AuthorizationHeaderMalformed', /not the same as X-Amz-Date/],
    [good.replace('/s3/', '/ec2/'), 'AuthorizationHeaderMalformed', /incorrect service "ec2"/],
    [good.replace('aws4_request', 'aws5_request'), 'AuthorizationHeaderMalformed', /incorrect terminal/],
    [good.replace(`${accessKey}/`, ''), 'AuthorizationHeaderMalformed', /mal-formed/],
    [good.replace('us-east-1', 'us east'), 'AuthorizationHeaderMalformed', /region/],
    ['AWS4-ECDSA-P256-SHA256 Credential=x', 'InvalidRequest', /not supported/],
    ['Basic dXNlcjpwYXNz', 'InvalidArgument', /Unsupported Authorization Type/],
    ['AWS4 nothing', 'InvalidArgument', /Unsupported Authorization Type/],
    ['nothing', 'InvalidArgument', /one and only one ' '/],
    ['AWS nothing', 'InvalidArgument', /AwsAccessKeyId:signature/],
  ]
  for (const [value, code, message] of cases) {
    const error = refusal(withHeader('authorization', value))
    assert.equal(error.code, code, value)
    assert.match(error.message, message, value)
  }
})

test('missing and wrong headers have their own errors', () => {
  assert.match(refusal(withHeader('x-amz-date', undefined)).message, /valid Date or x-amz-date/)
  assert.equal(refusal(withHeader('x-amz-date', 'yesterday')).code, 'AccessDenied')
  assert.match(refusal(withHeader('x-amz-content-sha256', undefined)).message, /x-amz-content-sha256/)
  assert.equal(refusal(withHeader('x-amz-content-sha256', 'abc')).code, 'InvalidArgument')
  assert.equal(refusal(withHeader('x-amz-security-token', 'token')).code, 'InvalidToken')
  const streaming = 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD'
  assert.equal(refusal(withHeader('x-amz-content-sha256', streaming)).code, 'InvalidRequest')
})

test('headers that must be signed cannot be added unsigned', () => {
  const error = refusal(withHeader('x-amz-acl', 'public-read'))
  assert.equal(error.code, 'AccessDenied')
  assert.equal(error.details['HeadersNotSigned'], 'x-amz-acl')
  const authorization = (signedHead().headers['authorization'] ?? '').replace('host;', '')
  assert.equal(refusal(withHeader('authorization', authorization)).details['HeadersNotSigned'], 'host')
})

test('an empty Authorization header is none', () => {
  assert.equal(authenticate(withHeader('authorization', ' '), accounts, now).kind, 'anonymous')
})

test('a region that is not ours is refused, in the header and in the query', () => {
  const regions = { home: 'eu-west-1', accepts: (region: string) => region === 'eu-west-1' }
  for (const head of [signedHead().head, presignedHead()]) {
    const error = refusal(head, now, { regions })
    assert.match(error.code, /^Authorization/)
    assert.match(error.message, /the region "us-east-1" is wrong; expecting "eu-west-1"$/)
    assert.equal(error.details['Region'], 'eu-west-1')
  }
})

test('any region of a valid form is accepted where none is configured', () => {
  const headers = signV4Headers({
    method: 'GET',
    host: 'localhost',
    path: '/b',
    query: '',
    headers: {},
    payloadHash: emptyHash,
    region: 'mars-north-1',
    service: 's3',
    accessKey,
    secretKey,
    amzDate: '20130524T000000Z',
  })
  accepted({ method: 'GET', rawTarget: '/b', headers: headersOf(headers) })
})

test('a presigned request is accepted until it expires', () => {
  const result = accepted(presignedHead('versionId=a%2Fb'), now + 3600_000)
  assert.equal(result.scheme, 'v4-presigned')
  assert.deepEqual(result.payload, { kind: 'unsigned' })
  const expired = refusal(presignedHead(), now + 3600_001)
  assert.equal(expired.code, 'AccessDenied')
  assert.equal(expired.message, 'Request has expired.')
  assert.equal(refusal(presignedHead(), now - 16 * minute).code, 'AccessDenied')
})

test('presigned parameters are checked', () => {
  const code = 'AuthorizationQueryParametersError'
  const amend = (pattern: RegExp | string, replacement: string) =>
    refusal(presignedHead('', { host: 'localhost' }, text => text.replace(pattern, replacement)))
  assert.match(amend('Expires=3600', 'Expires=-1').message, /non-negative/)
  assert.match(amend('Expires=3600', 'Expires=604801').message, /604800/)
  assert.match(amend('Expires=3600', 'Expires=x').message, /number/)
  assert.match(amend(/&X-Amz-Signature=.*/, '').message, /requires the X-Amz-Algorithm/)
  assert.match(amend(/X-Amz-Algorithm=[^&]*&/, '').message, /requires the X-Amz-Algorithm/)
  assert.match(amend('Date=20130524T000000Z', 'Date=2013').message, /ISO8601/)
  assert.equal(amend('%2Fs3%2F', '%2Fec2%2F').code, code)
  assert.equal(amend('HMAC-SHA256', 'HMAC-SHA1').code, code)
  assert.equal(amend('Expires=3600', 'Expires=3600&X-Amz-Expires=9').code, code)
  assert.equal(amend('Expires=3600', 'Expires=7200').code, 'SignatureDoesNotMatch')
  assert.equal(amend('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256').code, code)
  assert.equal(amend('&X-Amz-Date', '&x=%ff&X-Amz-Date').code, 'InvalidURI')
  assert.equal(refusal(presignedHead('', { host: 'localhost', 'x-amz-acl': 'private' })).code, 'AccessDenied')
})

test('two signatures at once are refused', () => {
  const authorization = signedHead().headers['authorization'] ?? ''
  assert.equal(refusal(presignedHead('', { host: 'localhost', authorization })).code, 'InvalidArgument')
  assert.equal(refusal(presignedHead('AWSAccessKeyId=a')).code, 'InvalidArgument')
})

function v2Head(method: string, rawTarget: string, headers: Record<string, string>, signature: string): RequestHead {
  return { method, rawTarget, headers: headersOf({ ...headers, authorization: `AWS ${accessKey}:${signature}` }) }
}

test('the published V2 examples are accepted', () => {
  const examples: readonly (readonly [string, string, Record<string, string>, string])[] = [
    [
      'GET',
      '/awsexamplebucket1/photos/puppy.jpg',
      { date: 'Tue, 27 Mar 2007 19:36:42 +0000' },
      'qgk2+6Sv9/oM7G3qLEjTH1a1l1g=',
    ],
    [
      'PUT',
      '/awsexamplebucket1/photos/puppy.jpg',
      { date: 'Tue, 27 Mar 2007 21:15:45 +0000', 'content-type': 'image/jpeg', 'content-length': '94328' },
      'iqRzw+ileNPu1fhspnRs8nOjjIA=',
    ],
    [
      'GET',
      '/awsexamplebucket1/?prefix=photos&max-keys=50&marker=puppy',
      { date: 'Tue, 27 Mar 2007 19:42:41 +0000' },
      'm0WP8eCtspQl5Ahe6L1SozdX9YA=',
    ],
    ['GET', '/awsexamplebucket1/?acl', { date: 'Tue, 27 Mar 2007 19:44:46 +0000' }, '82ZHiFIjc+WbcwFKGUVEQspPn+0='],
    ['GET', '/', { date: 'Wed, 28 Mar 2007 01:29:59 +0000' }, 'qGdzdERIC03wnaRNKh6OqZehG9s='],
    [
      'GET',
      '/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re',
      { date: 'Wed, 28 Mar 2007 01:49:49 +0000' },
      'DNEZGsoieTZ92F3bUfSPQcbGmlM=',
    ],
    [
      'PUT',
      '/static.johnsmith.net/db-backup.dat.gz',
      {
        date: 'Tue, 27 Mar 2007 21:06:08 +0000',
        'x-amz-acl': 'public-read',
        'content-type': 'application/x-download',
        'content-md5': '4gJE4saaMU4BqNR0kLY+lw==',
        'x-amz-meta-reviewedby': 'joe@johnsmith.net,jane@johnsmith.net',
        'x-amz-meta-filechecksum': '0x02661779',
        'x-amz-meta-checksumalgorithm': 'crc32',
      },
      'ilyl83RwaSoYIEdixDQcA4OnAnc=',
    ],
  ]
  for (const [method, target, headers, signature] of examples) {
    const result = accepted(v2Head(method, target, headers, signature), Date.parse(headers['date'] ?? ''))
    assert.equal(result.scheme, 'v2')
    assert.deepEqual(result.payload, { kind: 'unsigned' })
  }
})

test('the published presigned V2 example is accepted until it expires', () => {
  const rawTarget =
    '/awsexamplebucket1/photos/puppy.jpg?' +
    `AWSAccessKeyId=${accessKey}&Signature=${uriEncode('1No4mq5ETf02z8aet9voy6gui6E=')}&Expires=1175139620`
  const head = { method: 'GET', rawTarget, headers: headersOf({ host: 'x' }) }
  assert.equal(accepted(head, 1_175_139_620_000).scheme, 'v2-presigned')
  assert.equal(refusal(head, 1_175_139_620_001).message, 'Request has expired.')
  assert.equal(refusal({ ...head, rawTarget: rawTarget.replace('puppy', 'poppy') }, 0).code, 'SignatureDoesNotMatch')
  assert.equal(refusal({ ...head, rawTarget: rawTarget.replace(/&Expires.*/, '') }, 0).code, 'AccessDenied')
  assert.equal(refusal({ ...head, rawTarget: rawTarget.replace(/\d+$/, 'soon') }, 0).code, 'AccessDenied')
})

test('V2 signs x-amz-date, the version id and the content type, and not other parameters, as Backbeat does', () => {
  const headers = { 'x-amz-date': 'Fri, 24 May 2013 00:00:00 GMT', 'content-type': 'binary/octet-stream' }
  const target = '/_/backbeat/metadata/bucket/a%20b?versionId=39383230'
  const authorization = signV2Authorization({ method: 'PUT', target, headers, accessKey, secretKey })
  const head = { method: 'PUT', rawTarget: `${target}&v2=true`, headers: headersOf({ ...headers, authorization }) }
  accepted(head)
  assert.equal(refusal({ ...head, rawTarget: target.replace('39383230', '1') }).code, 'SignatureDoesNotMatch')
  assert.equal(refusal(head, now + 16 * minute).code, 'RequestTimeTooSkewed')
  const undated = { ...head, headers: headersOf({ authorization }) }
  assert.match(refusal(undated).message, /valid Date or x-amz-date/)
  const streaming = headersOf({
    ...headers,
    authorization,
    'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  })
  assert.equal(refusal({ ...head, headers: streaming }).code, 'InvalidRequest')
})

test('a header full of blanks costs a V2 signature no time worth mentioning', () => {
  const headers = { 'x-amz-date': new Date(now).toUTCString(), 'x-amz-meta-a': `a${' '.repeat(60_000)}a` }
  const authorization = signV2Authorization({ method: 'GET', target: '/b/k', headers, accessKey, secretKey })
  const before = process.cpuUsage().user
  accepted({ method: 'GET', rawTarget: '/b/k', headers: headersOf({ ...headers, authorization }) })
  assert.ok(process.cpuUsage().user - before < 1_000_000)
})

test('a sub-resource cannot be added to a V2 signature by percent-encoding its name', () => {
  const headers = { 'x-amz-date': new Date(now).toUTCString() }
  const authorization = signV2Authorization({ method: 'GET', target: '/b/k', headers, accessKey, secretKey })
  for (const added of ['%74agging', '%76ersionId=x', '%75ploadId=1', 'tagging', '%72eplication']) {
    const head = { method: 'GET', rawTarget: `/b/k?${added}`, headers: headersOf({ ...headers, authorization }) }
    assert.equal(refusal(head).code, 'SignatureDoesNotMatch', added)
  }
})

test('every parameter that names an operation is signed in V2, but that of the second way to list', () => {
  const headers = { 'x-amz-date': new Date(now).toUTCString() }
  const named = new Set(operations.flatMap(({ resource }) => resource.split('?')[1] ?? []))
  assert.ok(named.delete('list-type'))
  for (const name of named) {
    const sign = (target: string) =>
      headersOf({
        ...headers,
        authorization: signV2Authorization({ method: 'PUT', target, headers, accessKey, secretKey }),
      })
    const rawTarget = `/b/k?${name}`
    assert.equal(refusal({ method: 'PUT', rawTarget, headers: sign('/b/k') }).code, 'SignatureDoesNotMatch', name)
    accepted({ method: 'PUT', rawTarget, headers: sign(rawTarget) })
  }
})

test('values of a V2 query cannot be moved into each other', () => {
  const date = new Date(now).toUTCString()
  const read = (query: string, resource: string) => {
    const text = `GET\n\n\n\nx-amz-date:${date}\n/b/k?${resource}`
    const authorization = `AWS ${accessKey}:${signatureV2(secretKey, text)}`
    return { method: 'GET', rawTarget: `/b/k?${query}`, headers: headersOf({ 'x-amz-date': date, authorization }) }
  }
  const type = 'response-content-type'
  const name = 'response-content-disposition'
  accepted(read(`${name}=R%26D%3D1&versionId=1`, `${name}=R&D=1&versionId=1`))
  accepted(read(`${name}=a%26policy.pdf&${type}=b&partNumber=1`, `partNumber=1&${name}=a&policy.pdf&${type}=b`))
  for (const [query, resource] of [
    [`${name}=a%26versionId%3D1`, `${name}=a&versionId=1`],
    [`${name}=a%26versionId`, `${name}=a&versionId`],
    [`${name}=a%26${type}%3Db`, `${name}=a&${type}=b`],
    ['uploadId=a%26versionId%3D1', 'uploadId=a&versionId=1'],
    [`${name}=a&tagging`, `${name}=a&tagging`],
    [`${name}=a&uploadId=1`, `${name}=a&uploadId=1`],
  ] as const) {
    assert.equal(refusal(read(query, resource)).code, 'SignatureDoesNotMatch', query)
  }
})

test('whatever is sent, the answer is a result or a refusal of the catalogue', () => {
  const good = signedHead().headers['authorization'] ?? ''
  const piece = fc.constantFrom(
    'AWS',
    'AWS4-HMAC-SHA256',
    ' ',
    ',',
    '=',
    '/',
    ':',
    ';',
    'Credential=',
    'Signature=',
    good,
    '%',
    '\xff',
    accessKey,
  )
  const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 8 }).map(list => list.join(''))
  const name = fc.constantFrom('authorization', 'x-amz-date', 'date', 'host', 'x-amz-content-sha256', 'content-md5')
  const query = fc.constantFrom(
    'X-Amz-Algorithm=',
    'X-Amz-Credential=',
    'X-Amz-Expires=',
    'Signature=',
    'AWSAccessKeyId=',
    'Expires=',
    'acl',
  )
  const pairs = fc.array(fc.tuple(query, text), { maxLength: 4 })
  fc.assert(
    fc.property(fc.dictionary(name, text, { noNullPrototype: true }), pairs, text, (headers, queries, path) => {
      const rawTarget = `/${path}?${queries.map(pair => pair.join('')).join('&')}`
      try {
        authenticate({ method: 'GET', rawTarget, headers: headersOf(headers) }, accounts, now)
      } catch (error) {
        assert.ok(error instanceof ServiceError, String(error))
        assert.ok(error.status >= 400 && error.status < 500)
      }
    }),
    { numRuns: 500, verbose: 1 },
  )
})
