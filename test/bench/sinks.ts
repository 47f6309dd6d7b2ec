// Destinations that store nothing: an S3 and an Azure endpoint that hash what arrives, check it against the declared checksum and count the
// bytes. For the memory benchmark, where the objects are too large to keep twice, and as a destination that is far away.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { serveCommands } from './worker-process.ts'

/** `open`: an S3 PUT is answered `delayMs` later, and noted then. `arrivals`: what has come since the last question. */
type Command =
  | { readonly kind: 'open'; readonly delayMs?: number }
  | { readonly kind: 'totals' }
  | { readonly kind: 'arrivals' }

/** One object that was put to the S3 sink: its path, and the time of the answer by Date.now(). */
export type Arrival = readonly [path: string, at: number]

let arrivals: Arrival[] = []
let delayMs = 0

const totals = { s3Bytes: 0, azureBytes: 0, wrong: 0, s3Objects: 0, azureObjects: 0 }
let uploads = 0
/** Bytes received per Azure blob, in blocks that are not committed and in the committed blob. */
const blobs = new Map<string, number>()

interface Received {
  readonly size: number
  readonly md5: string
  readonly crc32: string
  readonly text: string
}

async function receive(request: IncomingMessage): Promise<Received> {
  const md5 = createHash('md5')
  const wantsMd5 = request.headers['content-md5'] !== undefined
  let checksum = 0
  let size = 0
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (wantsMd5) md5.update(chunk)
    checksum = crc32(chunk, checksum)
    if (size < 100_000) text += chunk.toString('latin1')
  }
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(checksum)
  return { size, md5: wantsMd5 ? md5.digest('base64') : '', crc32: crc.toString('base64'), text }
}

function verify(request: IncomingMessage, received: Received): void {
  const declared = request.headers['x-amz-checksum-crc32']
  if (declared !== undefined && declared !== received.crc32) totals.wrong += 1
  const md5 = request.headers['content-md5']
  if (md5 !== undefined && md5 !== received.md5) totals.wrong += 1
  if (Number(request.headers['content-length'] ?? received.size) !== received.size) totals.wrong += 1
}

function xml(response: ServerResponse, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/xml', ...headers })
  response.end(`<?xml version="1.0" encoding="UTF-8"?>${body}`)
}

async function s3(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const received = await receive(request)
  const url = new URL(request.url ?? '/', 'http://sink')
  verify(request, received)
  if (url.searchParams.has('versioning'))
    return xml(response, '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>')
  if (url.searchParams.has('uploads') && request.method === 'POST') {
    uploads += 1
    return xml(
      response,
      `<InitiateMultipartUploadResult><UploadId>u${uploads}</UploadId></InitiateMultipartUploadResult>`,
    )
  }
  if (url.searchParams.has('uploads')) return xml(response, '<ListMultipartUploadsResult></ListMultipartUploadsResult>')
  if (url.searchParams.has('versions')) return xml(response, '<ListVersionsResult></ListVersionsResult>')
  if (request.method === 'POST' && url.searchParams.has('uploadId')) {
    totals.s3Objects += 1
    const etag = `&quot;${completedETag(received.text)}&quot;`
    const headers = { 'x-amz-version-id': `v${totals.s3Objects}` }
    return xml(response, `<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`, headers)
  }
  if (request.method === 'PUT') {
    totals.s3Bytes += received.size
    if (delayMs > 0) await new Promise(resolve => setTimeout(resolve, delayMs))
    if (delayMs > 0) arrivals.push([url.pathname, Date.now()])
  }
  const etag = received.md5 === '' ? '0'.repeat(32) : Buffer.from(received.md5, 'base64').toString('hex')
  response.writeHead(200, { etag: `"${etag}"`, 'x-amz-checksum-crc32': received.crc32, 'x-amz-version-id': 'v0' })
  response.end()
}

/** As S3 makes it: the MD5 of the parts' MD5s (here: whatever was given out as their ETags), and their number. */
function completedETag(list: string): string {
  const etags = Array.from(list.matchAll(/<ETag>"?([0-9a-f]{32})"?<\/ETag>/g), found => found[1] ?? '')
  const md5 = createHash('md5')
    .update(Buffer.from(etags.join(''), 'hex'))
    .digest('hex')
  return `${md5}-${etags.length}`
}

async function azure(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const received = await receive(request)
  const url = new URL(request.url ?? '/', 'http://sink')
  verify(request, received)
  const headers: Record<string, string> = { 'x-ms-request-id': 'sink', 'x-ms-version': '2021-12-02' }
  if (received.md5 !== '') headers['content-md5'] = received.md5
  if (request.method === 'HEAD') return headBlob(url.pathname, response, headers)
  if (request.method === 'PUT') {
    const isList = url.searchParams.get('comp') === 'blocklist'
    if (isList) totals.azureObjects += 1
    else totals.azureBytes += received.size
    if (!isList) blobs.set(url.pathname, (blobs.get(url.pathname) ?? 0) + received.size)
  }
  const answered = { ...headers, etag: '"0x1"', 'last-modified': new Date().toUTCString() }
  response.writeHead(request.method === 'PUT' ? 201 : 200, answered)
  response.end()
}

function headBlob(path: string, response: ServerResponse, headers: Record<string, string>): void {
  const size = blobs.get(path)
  if (size === undefined) response.writeHead(404, { ...headers, 'x-ms-error-code': 'BlobNotFound' })
  else
    response.writeHead(200, {
      ...headers,
      etag: '"0x1"',
      'content-length': String(size),
      'last-modified': new Date().toUTCString(),
    })
  response.end()
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<number> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

serveCommands<Command>(async command => {
  switch (command.kind) {
    case 'open':
      delayMs = command.delayMs ?? 0
      return { s3Port: await listen(s3), azurePort: await listen(azure) }
    case 'totals':
      return totals
    case 'arrivals': {
      const found = arrivals
      arrivals = []
      return { found }
    }
    default:
      return command satisfies never
  }
})
