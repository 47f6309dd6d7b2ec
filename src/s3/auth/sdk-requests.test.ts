// Requests of the real AWS SDK for JavaScript, sent over HTTP to a bare server made of this kit: what it signs by default, every checksum
// it can send, awkward keys and queries.

import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import {
  ChecksumAlgorithm,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { createAccountDirectory } from '../../accounts/account-directory.ts'
import { initHashes } from '../../base/hash.ts'
import { ServiceError } from '../../domain/errors.ts'
import { headerMap } from '../http/request-head.ts'
import { parseRequestTarget, type RequestTarget } from '../http/request-target.ts'
import { authenticate } from './authenticate.ts'
import { openPayload, type PayloadFacts } from './payload-check.ts'
import type { PayloadDeclaration } from './payload-declaration.ts'

interface Seen {
  readonly target: RequestTarget
  readonly declaration: PayloadDeclaration
  readonly facts: PayloadFacts
  readonly body: string
}

const accounts = createAccountDirectory([
  {
    name: 'Bart',
    email: 'b@example.org',
    arn: 'arn:aws:iam::123456789012:root',
    canonicalId: 'abc',
    shortId: '123456789012',
    displayName: 'Bart',
    keys: [{ access: 'accessKey1', secret: 'verySecretKey1' }],
    admin: false,
  },
])
const seen: Seen[] = []

function answer(request: IncomingMessage, response: ServerResponse): void {
  const refuse = (error: unknown): void => {
    const known = error instanceof ServiceError ? error : undefined
    response
      .writeHead(known?.status ?? 500)
      .end(`<Error><Code>${known?.code ?? 'Defect'}</Code><Message>${error}</Message></Error>`)
  }
  try {
    const head = { method: request.method ?? '', rawTarget: request.url ?? '', headers: headerMap(request.rawHeaders) }
    const target = parseRequestTarget(head.rawTarget)
    const result = authenticate(head, accounts, Date.now())
    assert.equal(result.kind, 'signed')
    const payload = openPayload(result.payload, head.headers)
    const pieces: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      try {
        pieces.push(...payload.push(chunk))
      } catch (error) {
        refuse(error)
      }
    })
    request.on('end', () => {
      try {
        seen.push({ target, declaration: result.payload, facts: payload.end(), body: Buffer.concat(pieces).toString() })
        response
          .writeHead(200, { etag: '"x"', 'content-type': 'application/xml' })
          .end(request.method === 'GET' ? '<R/>' : '')
      } catch (error) {
        refuse(error)
      }
    })
  } catch (error) {
    refuse(error)
  }
}

const server = createServer(answer)
let client: S3Client

before(async () => {
  await initHashes()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'accessKey1', secretAccessKey: 'verySecretKey1' },
  })
})

after(() => {
  client.destroy()
  server.closeAllConnections()
  server.close()
})

function last(): Seen {
  return seen.at(-1) ?? assert.fail('no request arrived')
}

test('a PUT with the defaults of the SDK carries a checksum that is checked', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'hello world', Metadata: { color: 'blue' } }))
  assert.equal(last().body, 'hello world')
  assert.deepEqual(last().facts.checksum, { algorithm: 'CRC32', value: 'DUoRhQ==', type: 'FULL_OBJECT' })
})

test('every checksum algorithm, from memory and from a stream, is understood', async () => {
  for (const algorithm of [
    ChecksumAlgorithm.CRC32,
    ChecksumAlgorithm.CRC32C,
    ChecksumAlgorithm.SHA1,
    ChecksumAlgorithm.SHA256,
  ]) {
    await client.send(
      new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'x'.repeat(70_000), ChecksumAlgorithm: algorithm }),
    )
    assert.equal(last().facts.checksum?.algorithm, algorithm)
    const Body = Readable.from([Buffer.alloc(40_000, 'x'), Buffer.alloc(30_000, 'x')])
    const input = { Bucket: 'b', Key: 'k', Body, ContentLength: 70_000, ChecksumAlgorithm: algorithm }
    await client.send(new PutObjectCommand(input))
    assert.equal(last().declaration.kind, 'chunked-unsigned')
    assert.equal(last().facts.checksum?.algorithm, algorithm)
    assert.equal(last().facts.size, 70_000)
  }
})

test('awkward keys arrive as they are', async () => {
  const keys = [
    'a b+c',
    'gr\u00fc\u00df/\u{1f600}',
    "!'()*~-_.",
    '%2F',
    'a//b',
    'x/',
    'q?a=b&c#d',
    '\u0001\n',
    '..x/..',
    '@:$,;=',
  ]
  for (const key of keys) {
    await client.send(new PutObjectCommand({ Bucket: 'b', Key: key, Body: 'x' }))
    assert.equal(last().target.key, key)
    assert.equal(last().target.bucket, 'b')
  }
})

test('awkward queries arrive as they are', async () => {
  const prefix = "a b+c/gr\u00fc\u00df!'()*&=%2F"
  await client.send(new ListObjectsV2Command({ Bucket: 'b', Prefix: prefix, Delimiter: '/', MaxKeys: 3 }))
  assert.equal(last().target.query.get('prefix'), prefix)
  assert.equal(last().target.query.get('list-type'), '2')
  await client.send(
    new GetObjectCommand({ Bucket: 'b', Key: 'k', VersionId: 'v/1', ResponseContentType: 'text/plain' }),
  )
  assert.equal(last().target.query.get('response-content-type'), 'text/plain')
})
