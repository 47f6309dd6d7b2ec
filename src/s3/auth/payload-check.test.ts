// Bodies against what was declared about them: digests, checksums in headers and trailers, lengths.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { fc } from '../../../test/properties.ts'
import { type ChecksumAlgorithm, digestOf, initHashes, sha256Hex } from '../../base/hash.ts'
import { ServiceError } from '../../domain/errors.ts'
import { headersOf } from '../http/request-head.ts'
import { checksumHeaders, openPayload, type PayloadFacts, type PayloadOptions } from './payload-check.ts'
import type { PayloadDeclaration } from './payload-declaration.ts'

before(() => initHashes())

const algorithms: readonly ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']
const plain: PayloadDeclaration = { kind: 'unsigned' }
const chunked: PayloadDeclaration = { kind: 'chunked-unsigned' }
const hello = Buffer.from('hello world')
const md5 = digestOf('MD5', hello)

function read(
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
  declaration: PayloadDeclaration = plain,
  options: PayloadOptions = {},
): PayloadFacts {
  const check = openPayload(declaration, headersOf(headers), options)
  check.push(Buffer.from(body))
  return check.end()
}

function refusal(...given: Parameters<typeof read>): string {
  try {
    read(...given)
    return 'none'
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error)
  }
}

test('MD5, CRC32 and size are always known', () => {
  assert.deepEqual(read(hello), { size: 11, md5Hex: '5eb63bbbe01eeed093cb22bb8f5acdc3', crc32: 'DUoRhQ==' })
  assert.deepEqual(read(''), { size: 0, md5Hex: 'd41d8cd98f00b204e9800998ecf8427e', crc32: 'AAAAAA==' })
})

test('Content-MD5 is compared', () => {
  assert.equal(refusal(hello, { 'content-md5': md5.toString('base64') }), 'none')
  assert.equal(refusal('hello wordl', { 'content-md5': md5.toString('base64') }), 'BadDigest')
  // Bits that stand for no byte are not looked at.
  assert.equal(refusal(hello, { 'content-md5': 'XrY7u+Ae7tCTyyK7j1rNwx==' }), 'none')
  for (const wrong of ['', 'abc', 'XrY7u+Ae7tCTyyK7j1rNww=', `${md5.toString('base64')}\n`, '!'.repeat(24)]) {
    assert.equal(refusal(hello, { 'content-md5': wrong }), 'InvalidDigest', wrong)
  }
})

test('Content-MD5 in hex is for the Backbeat routes only', () => {
  const headers = { 'content-md5': md5.toString('hex') }
  assert.equal(refusal(hello, headers), 'InvalidDigest')
  assert.equal(refusal(hello, headers, plain, { contentMd5: 'hex' }), 'none')
  assert.equal(refusal('x', headers, plain, { contentMd5: 'hex' }), 'BadDigest')
  assert.equal(refusal('x', headers, plain, { contentMd5: 'ignore' }), 'none')
})

test('a declared SHA-256 is compared', () => {
  assert.equal(refusal(hello, {}, { kind: 'sha256', hex: sha256Hex(hello) }), 'none')
  assert.equal(refusal('other', {}, { kind: 'sha256', hex: sha256Hex(hello) }), 'XAmzContentSHA256Mismatch')
})

test('every checksum in a header is compared and returned', () => {
  for (const algorithm of algorithms) {
    const value = digestOf(algorithm, hello).toString('base64')
    const headers = { [checksumHeaders[algorithm]]: value, 'x-amz-sdk-checksum-algorithm': algorithm }
    assert.deepEqual(read(hello, headers).checksum, { algorithm, value, type: 'FULL_OBJECT' })
    assert.equal(refusal('hello wordl', headers), 'BadDigest', algorithm)
    assert.equal(refusal(hello, { [checksumHeaders[algorithm]]: 'AAAA' }), 'InvalidRequest', algorithm)
    assert.equal(
      refusal(hello, { [checksumHeaders[algorithm]]: `${value.slice(0, -1)}!` }),
      'InvalidRequest',
      algorithm,
    )
  }
})

test('every checksum in a trailer is compared and returned', () => {
  for (const algorithm of algorithms) {
    const name = checksumHeaders[algorithm]
    const value = digestOf(algorithm, hello).toString('base64')
    const headers = { 'x-amz-trailer': name, 'x-amz-decoded-content-length': '11', 'content-length': '999' }
    const facts = read(`b\r\nhello world\r\n0\r\n${name}:${value}\r\n\r\n`, headers, chunked)
    assert.deepEqual(facts.checksum, { algorithm, value, type: 'FULL_OBJECT' })
    assert.equal(facts.size, 11)
    assert.equal(refusal(`b\r\nhello wordl\r\n0\r\n${name}:${value}\r\n\r\n`, headers, chunked), 'BadDigest')
    assert.equal(refusal('b\r\nhello world\r\n0\r\n\r\n', headers, chunked), 'MalformedTrailerError')
    assert.equal(refusal(`b\r\nhello world\r\n0\r\n${name}:AA\r\n\r\n`, headers, chunked), 'InvalidRequest')
    const unannounced = { 'x-amz-decoded-content-length': '11' }
    assert.equal(
      refusal(`b\r\nhello world\r\n0\r\n${name}:${value}\r\n\r\n`, unannounced, chunked),
      'MalformedTrailerError',
    )
  }
})

test('checksums that contradict each other are InvalidRequest', () => {
  const crc32 = { 'x-amz-checksum-crc32': 'DUoRhQ==' }
  const sha1 = { 'x-amz-checksum-sha1': digestOf('SHA1', hello).toString('base64') }
  assert.equal(refusal(hello, { ...crc32, ...sha1 }), 'InvalidRequest')
  assert.equal(refusal(hello, { ...crc32, 'x-amz-sdk-checksum-algorithm': 'SHA1' }), 'InvalidRequest')
  assert.equal(refusal(hello, { ...crc32, 'x-amz-sdk-checksum-algorithm': 'MD4' }), 'InvalidRequest')
  assert.equal(refusal(hello, { 'x-amz-sdk-checksum-algorithm': 'SHA1' }), 'InvalidRequest')
  assert.equal(refusal(hello, { 'x-amz-checksum-md4': 'AAAA' }), 'InvalidRequest')
  assert.equal(refusal(hello, { 'x-amz-trailer': 'x-amz-checksum-crc32' }), 'InvalidRequest')
  const both = { ...crc32, 'x-amz-trailer': 'x-amz-checksum-crc32', 'x-amz-decoded-content-length': '0' }
  assert.equal(refusal('0\r\n\r\n', both, chunked), 'InvalidRequest')
  const unknown = { 'x-amz-trailer': 'x-amz-meta-late', 'x-amz-decoded-content-length': '0' }
  assert.equal(refusal('0\r\n\r\n', unknown, chunked), 'InvalidRequest')
})

test('a checksum of the object, not of the body, can be left to the caller', () => {
  const headers = { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' }
  assert.equal(refusal(hello, headers), 'BadDigest')
  assert.equal(refusal(hello, headers, plain, { checksums: 'ignore' }), 'none')
})

test('a checksum that is only asked for is computed', () => {
  const { checksum } = read(hello, { 'x-amz-checksum-algorithm': 'crc32c' })
  assert.equal(checksum?.value, digestOf('CRC32C', hello).toString('base64'))
})

test('a body of another length than declared is IncompleteBody', () => {
  assert.equal(refusal(hello, { 'content-length': '12' }), 'IncompleteBody')
  assert.equal(refusal(hello, { 'content-length': '10' }), 'IncompleteBody')
  assert.equal(refusal(hello, { 'content-length': '1x' }), 'InvalidArgument')
  assert.equal(refusal(hello, { 'content-length': '-1' }), 'InvalidArgument')
  assert.equal(refusal('', {}, chunked), 'MissingContentLength')
})

test('the pieces in which a body arrives make no difference', () => {
  const headers = headersOf({ 'x-amz-checksum-crc64nvme': digestOf('CRC64NVME', hello).toString('base64') })
  fc.assert(
    fc.property(fc.array(fc.nat(11), { maxLength: 6 }), cuts => {
      const check = openPayload(plain, headers)
      let from = 0
      for (const cut of [...cuts.sort((a, b) => a - b), 11]) {
        check.push(hello.subarray(from, cut))
        from = cut
      }
      assert.equal(check.end().md5Hex, md5.toString('hex'))
    }),
    { verbose: 1 },
  )
})
