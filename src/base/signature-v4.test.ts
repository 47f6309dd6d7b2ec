// Signature V4 against the examples AWS publishes for S3 and against the signer of the AWS SDK on random requests.

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { SignatureV4 } from '@smithy/signature-v4'
import { fc } from '../../test/properties.ts'
import { headersOf } from '../s3/http/request-head.ts'
import {
  amzDateOf,
  canonicalQuery,
  normalizeEncoding,
  parseAmzDate,
  presignV4Query,
  signingKeyOf,
  signV4Headers,
  uriEncode,
  verifyV4,
} from './signature-v4.ts'

const accessKey = 'AKIAIOSFODNN7EXAMPLE'
const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const example = {
  host: 'examplebucket.s3.amazonaws.com',
  region: 'us-east-1',
  service: 's3',
  accessKey,
  secretKey,
  amzDate: '20130524T000000Z',
  payloadHash: emptyHash,
  headers: {},
  query: '',
  method: 'GET',
  path: '/',
}

function signatureOf(authorization: string | undefined): string | undefined {
  return authorization?.split('Signature=')[1]
}

test('a GET of a range has the signature of the published example', () => {
  const signed = signV4Headers({ ...example, path: '/test.txt', headers: { range: 'bytes=0-9' } })
  assert.equal(
    signed['authorization'],
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, ' +
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  )
  assert.equal(signed['range'], 'bytes=0-9')
  assert.equal(signed['x-amz-date'], '20130524T000000Z')
})

test('a PUT has the signature of the published example', () => {
  const signed = signV4Headers({
    ...example,
    method: 'PUT',
    path: '/test%24file.text',
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    payloadHash: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
  })
  const expected = '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'
  assert.equal(signatureOf(signed['authorization']), expected)
})

test('queries with and without values have the signatures of the published examples', () => {
  const lifecycle = signV4Headers({ ...example, query: 'lifecycle' })
  const list = signV4Headers({ ...example, query: 'prefix=J&max-keys=2' })
  assert.equal(
    signatureOf(lifecycle['authorization']),
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  )
  assert.equal(signatureOf(list['authorization']), '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7')
})

test('a presigned GET has the signature of the published example', () => {
  const query = presignV4Query({ ...example, path: '/test.txt', expiresSeconds: 86_400 })
  assert.equal(
    query,
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
      '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  )
})

class NodeSha256 {
  readonly #hash
  constructor(secret?: unknown) {
    const key = typeof secret === 'string' || secret instanceof Uint8Array ? secret : undefined
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key)
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()))
  }
  reset(): void {}
}

const oracle = new SignatureV4({
  credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  region: 'eu-west-3',
  service: 's3',
  sha256: NodeSha256,
  uriEscapePath: false,
  applyChecksum: false,
})

const headerValue = fc.string({ unit: fc.constantFrom(...'abcXYZ019 ;=,/"-_'), maxLength: 24 }).map(text => `v${text}v`)
const randomRequest = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD'),
  key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 24 }),
  query: fc.dictionary(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.array(fc.string({ maxLength: 4 }), { minLength: 2, maxLength: 3 }),
    ),
    { maxKeys: 4, noNullPrototype: true },
  ),
  headers: fc.dictionary(fc.stringMatching(/^x-amz-meta-[a-z0-9]{1,6}$/), headerValue, {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  at: fc.date({ min: new Date('2001-01-01'), max: new Date('2037-01-01'), noInvalidDate: true }),
})

test('random requests are signed as the AWS SDK signs them, and both signatures pass our own check', async () => {
  await fc.assert(
    fc.asyncProperty(randomRequest, async ({ method, key, query, headers, at }) => {
      const path = `/bucket/${uriEncode(key, true)}`
      const host = 'localhost:8000'
      const sent = { ...headers, host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
      const theirs = await oracle.sign(
        { method, protocol: 'http:', hostname: 'localhost', port: 8000, path, query, headers: sent },
        { signingDate: at },
      )
      const pairs: string[] = []
      for (const [name, value] of Object.entries(query)) {
        for (const item of typeof value === 'string' ? [value] : value)
          pairs.push(`${uriEncode(name)}=${uriEncode(item)}`)
      }
      const amzDate = amzDateOf(at.getTime())
      const ours = signV4Headers({
        ...example,
        method,
        host,
        path,
        query: pairs.join('&'),
        headers,
        payloadHash: 'UNSIGNED-PAYLOAD',
        region: 'eu-west-3',
        amzDate,
      })
      assert.equal(ours['authorization'], theirs.headers['authorization'])
      const verdict = verifyV4({
        method,
        rawPath: path,
        rawQuery: pairs.reverse().join('&'),
        headers: headersOf(ours),
        signedHeaders: Object.keys(ours)
          .filter(name => name !== 'authorization')
          .sort(),
        payloadHash: 'UNSIGNED-PAYLOAD',
        amzDate,
        scope: `${amzDate.slice(0, 8)}/eu-west-3/s3/aws4_request`,
        signingKey: signingKeyOf(secretKey, amzDate.slice(0, 8), 'eu-west-3', 's3'),
        signature: signatureOf(ours['authorization']) ?? '',
      })
      assert.deepEqual(verdict, { ok: true })
    }),
    { numRuns: 200, verbose: 1 },
  )
})

test('the canonical query sorts by name before value and writes valueless parameters with an equals sign', () => {
  assert.equal(canonicalQuery('b=2&a-b=1&a=2&a=1&acl'), 'a=1&a=2&a-b=1&acl=&b=2')
  assert.equal(canonicalQuery('X-Amz-Signature=1&a=b', 'X-Amz-Signature'), 'a=b')
  assert.equal(canonicalQuery(''), '')
})

test('encoding is brought into its one canonical form byte by byte', () => {
  assert.equal(normalizeEncoding('/a(b)/%7e%c3%bc+%zz', true), '/a%28b%29/~%C3%BC%20%25zz')
  assert.equal(normalizeEncoding('a/b'), 'a%2Fb')
  assert.equal(normalizeEncoding('a%2Fb', true), 'a%2Fb')
})

test('dates are read strictly', () => {
  assert.equal(parseAmzDate('20130524T000000Z'), Date.UTC(2013, 4, 24))
  for (const wrong of ['20130230T000000Z', '20131324T000000Z', '20130524T250000Z', '2013-05-24T00:00:00Z', '']) {
    assert.equal(parseAmzDate(wrong), undefined, wrong)
  }
})
