// Signs a request as it stands after its mutation and writes it out as bytes, in all the ways a body can come.
import { crc32 } from 'node:zlib'
import { hmacSha256Hex, md5Hex, sha256Hex } from '../../src/base/hash.ts'
import { amzDateOf, presignV4Query, signingKeyOf, signV4Headers } from '../../src/base/signature-v4.ts'
import { accounts } from '../compatibility/s3/test-server.ts'
import type { FuzzRequest, Pair, Payload } from './grammar.ts'

export interface Framing {
  /** host:port */
  readonly host: string
  readonly now: number
  /** Changes the framed body of a chunked upload; leave out to keep it. */
  readonly changeChunks?: (framed: Buffer) => Buffer
}

const emptyHash = sha256Hex('')
const region = 'us-east-1'
const service = 's3'

const payloadHashes: Readonly<Record<Exclude<Payload, 'signed'>, string>> = {
  unsigned: 'UNSIGNED-PAYLOAD',
  chunks: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'chunks-with-trailer': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'unsigned-chunks': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
}

interface Signer {
  readonly secretKey: string
  readonly amzDate: string
  readonly seed: string
}

function chunkPieces(body: Buffer): readonly Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < body.length; at += 16_384) pieces.push(body.subarray(at, at + 16_384))
  return [...pieces, Buffer.alloc(0)]
}

function checksumLine(body: Buffer): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return `x-amz-checksum-crc32:${sum.toString('base64')}`
}

function unsignedChunks(body: Buffer): Buffer {
  const out: Buffer[] = []
  for (const piece of chunkPieces(body)) {
    out.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece)
    if (piece.length > 0) out.push(Buffer.from('\r\n'))
  }
  return Buffer.concat([...out, Buffer.from(`${checksumLine(body)}\r\n\r\n`)])
}

function signedChunks(body: Buffer, { secretKey, amzDate, seed }: Signer, trailer: boolean): Buffer {
  const date = amzDate.slice(0, 8)
  const key = signingKeyOf(secretKey, date, region, service)
  const scope = `${date}/${region}/${service}/aws4_request`
  let previous = seed
  const out: Buffer[] = []
  for (const piece of chunkPieces(body)) {
    const text = `AWS4-HMAC-SHA256-PAYLOAD\n${amzDate}\n${scope}\n${previous}\n${emptyHash}\n${sha256Hex(piece)}`
    previous = hmacSha256Hex(key, text)
    out.push(Buffer.from(`${piece.length.toString(16)};chunk-signature=${previous}\r\n`), piece)
    if (piece.length > 0) out.push(Buffer.from('\r\n'))
  }
  if (!trailer) return Buffer.concat([...out, Buffer.from('\r\n')])
  const line = checksumLine(body)
  const hash = sha256Hex(`${line}\n`)
  const signature = hmacSha256Hex(key, `AWS4-HMAC-SHA256-TRAILER\n${amzDate}\n${scope}\n${previous}\n${hash}`)
  return Buffer.concat([...out, Buffer.from(`${line}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`)])
}

function payloadHeaders({ payload, body }: FuzzRequest): readonly Pair[] {
  if (payload === 'signed' || payload === 'unsigned') return []
  const headers: Pair[] = [['x-amz-decoded-content-length', String(body.length)]]
  if (payload !== 'chunks') headers.push(['x-amz-trailer', 'x-amz-checksum-crc32'])
  return headers
}

/** Query and headers, with the seed of chunk signatures. */
function signed(
  request: FuzzRequest,
  { host, now }: Framing,
): { query: string; headers: readonly Pair[]; signer: Signer } {
  const { method, path, payload, body, signing, account } = request
  const query = request.query.map(([name, value]) => (value === '' ? name : `${name}=${value}`)).join('&')
  const [key] = accounts[account].keys
  const [accessKey, secretKey] = [key?.access ?? '', key?.secret ?? '']
  const amzDate = amzDateOf(now)
  const headers = [...request.headers, ...payloadHeaders(request)]
  const wantsDigest = payload === 'signed' && body.length > 0 && !headers.some(([name]) => name === 'content-md5')
  if (wantsDigest && body.length % 8 !== 0)
    headers.push(['content-md5', Buffer.from(md5Hex(body), 'hex').toString('base64')])
  const base = { method, host, path, query, region, service, accessKey, secretKey, amzDate }
  const signer = { secretKey, amzDate, seed: '' }
  if (signing === 'none') return { query, headers: [['host', host], ...headers], signer }
  if (signing === 'query')
    return { query: presignV4Query({ ...base, expiresSeconds: 600 }), headers: [['host', host], ...headers], signer }
  const payloadHash = payload === 'signed' ? sha256Hex(body) : payloadHashes[payload]
  const withSignature = signV4Headers({ ...base, headers: Object.fromEntries(headers), payloadHash })
  const names = new Set(headers.map(([name]) => name))
  const own = Object.entries(withSignature).filter(([name]) => !names.has(name))
  const seed = /Signature=([0-9a-f]+)/.exec(withSignature['authorization'] ?? '')?.[1] ?? ''
  return { query, headers: [...own, ...headers], signer: { ...signer, seed } }
}

function framedBody(request: FuzzRequest, signer: Signer, framing: Framing): Buffer {
  const { payload, body, signing } = request
  if (payload === 'signed' || payload === 'unsigned' || signing !== 'headers') return body
  const framed =
    payload === 'unsigned-chunks' ? unsignedChunks(body) : signedChunks(body, signer, payload === 'chunks-with-trailer')
  return framing.changeChunks?.(framed) ?? framed
}

/** The bytes of a request whose length is declared as it is. */
export function framed(request: FuzzRequest, framing: Framing): Buffer {
  const { query, headers, signer } = signed(request, framing)
  const body = framedBody(request, signer, framing)
  const needsLength = body.length > 0 || request.method === 'PUT' || request.method === 'POST'
  const length: readonly Pair[] = needsLength ? [['content-length', String(body.length)]] : []
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`)
  const target = query === '' ? request.path : `${request.path}?${query}`
  const head = `${request.method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}
