// The aws-chunked decoder on the published examples, cut at every place, and on hostile input.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { fc } from '../../../test/properties.ts'
import { initHashes } from '../../base/hash.ts'
import { signingKeyOf } from '../../base/signature-v4.ts'
import { ServiceError } from '../../domain/errors.ts'
import { type ChunkedBodyOptions, createChunkedBody } from './chunked-body.ts'
import type { ChunkSigning } from './payload-declaration.ts'

before(() => initHashes())

const signingKey = signingKeyOf('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', '20130524', 'us-east-1', 's3')
const scope = '20130524/us-east-1/s3/aws4_request'
const amzDate = '20130524T000000Z'
const seed: ChunkSigning = {
  seedSignature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  signingKey,
  amzDate,
  scope,
}
const trailerSeed: ChunkSigning = {
  ...seed,
  seedSignature: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
}
const first = 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648'
const second = '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497'
const third = 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'
const published =
  `10000;chunk-signature=${first}\r\n${'a'.repeat(65536)}\r\n` +
  `400;chunk-signature=${second}\r\n${'a'.repeat(1024)}\r\n0;chunk-signature=${third}\r\n\r\n`
const publishedTrailer =
  `10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n${'a'.repeat(65536)}\r\n` +
  `400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n${'a'.repeat(1024)}\r\n` +
  '0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n' +
  'x-amz-checksum-crc32c:sOO8/Q==\r\n' +
  'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n'
const unsignedTrailer = 'b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n'

function decode(
  body: string,
  options: ChunkedBodyOptions,
  cuts: readonly number[] = [],
): { data: string; trailer: ReadonlyMap<string, string> } {
  const decoder = createChunkedBody(options)
  const bytes = Buffer.from(body, 'latin1')
  const pieces: Buffer[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    pieces.push(...decoder.push(bytes.subarray(from, cut)))
    from = cut
  }
  const trailer = decoder.end()
  return { data: Buffer.concat(pieces).toString('latin1'), trailer }
}

function refusal(body: string, options: ChunkedBodyOptions, cuts: readonly number[] = []): string {
  try {
    decode(body, options, cuts)
    return 'none'
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error)
  }
}

const signed: ChunkedBodyOptions = { signing: seed, trailer: false, decodedLength: 66560 }
const signedTrailer: ChunkedBodyOptions = {
  signing: trailerSeed,
  trailer: true,
  trailerName: 'x-amz-checksum-crc32c',
  decodedLength: 66560,
}
const unsigned: ChunkedBodyOptions = { trailer: true, trailerName: 'x-amz-checksum-crc32', decodedLength: 11 }

test('the published example of signed chunks is decoded', () => {
  assert.equal(decode(published, signed).data, 'a'.repeat(66560))
})

test('the published example with a signed trailer is decoded, whatever its line ends', () => {
  const { data, trailer } = decode(publishedTrailer, signedTrailer)
  assert.equal(data.length, 66560)
  assert.deepEqual([...trailer], [['x-amz-checksum-crc32c', 'sOO8/Q==']])
  for (const separator of ['\n', '\n\r\n', '\r\n\r\n']) {
    const variant = publishedTrailer.replace('sOO8/Q==\r\n', `sOO8/Q==${separator}`)
    assert.deepEqual([...decode(variant, signedTrailer).trailer], [...trailer], JSON.stringify(separator))
  }
})

test('unsigned chunks with a trailer are decoded', () => {
  const { data, trailer } = decode(unsignedTrailer, unsigned)
  assert.equal(data, 'hello world')
  assert.equal(trailer.get('x-amz-checksum-crc32'), 'DUoRhQ==')
  assert.equal(decode('0\r\n\r\n', { trailer: true, decodedLength: 0 }).data, '')
})

test('the pieces in which a body arrives make no difference', () => {
  for (let cut = 0; cut <= unsignedTrailer.length; cut++) {
    assert.equal(decode(unsignedTrailer, unsigned, [cut]).data, 'hello world', `cut at ${cut}`)
  }
  const single = Array.from({ length: unsignedTrailer.length }, (_, index) => index)
  assert.equal(decode(unsignedTrailer, unsigned, single).data, 'hello world')
  const cuts = fc.array(fc.nat(publishedTrailer.length), { maxLength: 8 }).map(list => list.sort((a, b) => a - b))
  fc.assert(
    fc.property(cuts, list => {
      assert.equal(decode(publishedTrailer, signedTrailer, list).data.length, 66560)
    }),
    { numRuns: 30, verbose: 1 },
  )
})

test('data is handed on as views of the input', () => {
  const decoder = createChunkedBody({ trailer: true, decodedLength: 5 })
  const input = Buffer.from('5\r\nhello\r\n')
  const [piece] = decoder.push(input)
  assert.equal(piece?.buffer, input.buffer)
})

test('a changed byte, signature or order of signed chunks is SignatureDoesNotMatch', () => {
  const wrong = 'SignatureDoesNotMatch'
  assert.equal(refusal(published.replace('aaaa', 'aaab'), signed), wrong)
  assert.equal(refusal(published.replace(second, first), signed), wrong)
  assert.equal(refusal(published.replace(third, first), signed), wrong)
  assert.equal(refusal(published, { ...signed, signing: trailerSeed }), wrong)
  assert.equal(refusal(publishedTrailer.replace('sOO8/Q', 'tOO8/Q'), signedTrailer), wrong)
  assert.equal(refusal(publishedTrailer.replace('d81f82fc', 'd81f82fd'), signedTrailer), wrong)
})

test('every truncation is refused', () => {
  for (let length = 0; length < unsignedTrailer.length; length++) {
    const body = unsignedTrailer.slice(0, length)
    assert.equal(refusal(body, unsigned), 'IncompleteBody', JSON.stringify(body))
  }
  for (const length of [0, 10, 90, 65626, published.length - 100, published.length - 4]) {
    assert.equal(refusal(published.slice(0, length), signed), 'IncompleteBody')
  }
  const noTrailerSignature = publishedTrailer.replace(/x-amz-trailer-signature:.*\r\n/, '')
  assert.equal(refusal(noTrailerSignature, signedTrailer), 'IncompleteBody')
  assert.equal(refusal(publishedTrailer.replace('d81f82fc', 'd81f82f'), signedTrailer), 'IncompleteBody')
})

test('the trailer has the one name that was announced', () => {
  assert.equal(refusal(unsignedTrailer, { trailer: true, decodedLength: 11 }), 'MalformedTrailerError')
  assert.equal(refusal(unsignedTrailer, { ...unsigned, trailerName: 'x-amz-checksum-sha1' }), 'MalformedTrailerError')
  assert.equal(refusal('b\r\nhello world\r\n0\r\n\r\n', unsigned), 'MalformedTrailerError')
  assert.equal(refusal(publishedTrailer, { ...signedTrailer, trailerName: 'x-amz-trailer' }), 'MalformedTrailerError')
})

test('an empty line too many at the end does no harm', () => {
  assert.equal(decode(`${unsignedTrailer}\r\n`, unsigned).data, 'hello world')
})

test('only the last chunk may be small', () => {
  const big = `2000\r\n${'a'.repeat(8192)}\r\n`
  const small = `1fff\r\n${'a'.repeat(8191)}\r\n`
  const end = '0\r\n\r\n'
  assert.equal(
    decode(big + big + small + end, { trailer: true, decodedLength: 3 * 8192 - 1 }).data.length,
    3 * 8192 - 1,
  )
  assert.equal(
    refusal(big + small + big + end, { trailer: true, decodedLength: 3 * 8192 - 1 }),
    'InvalidChunkSizeError',
  )
})

test('the sum of the chunks must be the decoded length', () => {
  assert.equal(refusal(unsignedTrailer, { ...unsigned, decodedLength: 10 }), 'IncompleteBody')
  assert.equal(refusal(unsignedTrailer, { ...unsigned, decodedLength: 12 }), 'IncompleteBody')
})

test('hostile framing is refused', () => {
  const hostile: readonly (readonly [string, string])[] = [
    ['x\r\nhello', 'IncompleteBody'],
    ['-5\r\nhello', 'IncompleteBody'],
    ['5\nhello', 'IncompleteBody'],
    ['5;a=b\r\nhello', 'IncompleteBody'],
    [`5;chunk-signature=${first}\r\nhello`, 'IncompleteBody'],
    ['5\r\nhelloXX0\r\n\r\n', 'IncompleteBody'],
    [`${'0'.repeat(2000)}`, 'IncompleteBody'],
    ['ffffffffffffff\r\n', 'IncompleteBody'],
    ['fffffffffffff\r\n', 'IncompleteBody'],
    ['0\r\n\r\nmore', 'InvalidRequest'],
    ['0\r\nno colon\r\n\r\n', 'MalformedTrailerError'],
    ['0\r\na b:c\r\n\r\n', 'MalformedTrailerError'],
    ['0\r\na:1\r\nA:2\r\n\r\n', 'MalformedTrailerError'],
    [`0\r\na:${'b'.repeat(5000)}`, 'IncompleteBody'],
    [`0\r\n${Array.from({ length: 17 }, (_, index) => `a${index}:b\r\n`).join('')}\r\n`, 'MalformedTrailerError'],
    [`0\r\nx-amz-trailer-signature:${first}\r\n\r\n`, 'MalformedTrailerError'],
  ]
  for (const [body, code] of hostile) {
    assert.equal(refusal(body, { trailer: true, decodedLength: 5 }), code, JSON.stringify(body.slice(0, 40)))
  }
  assert.equal(refusal('5\r\nhello\r\n0\r\n\r\n', { ...signed, decodedLength: 5 }), 'IncompleteBody')
})

test('random bytes are refused with an error of the catalogue', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      const body = Buffer.from(bytes).toString('latin1')
      assert.match(
        refusal(body, { trailer: true, decodedLength: 5 }),
        /^(IncompleteBody|InvalidRequest|MalformedTrailerError)$/,
      )
    }),
    { verbose: 1 },
  )
})
