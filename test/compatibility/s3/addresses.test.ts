// Goal: buckets are found by host names as by paths, whatever signs the request, and the S3 port speaks HTTPS with a certificate that changes
// under way. Method: raw requests with their own Host headers, signed with V4 and V2.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { s3Requests } from '../../../src/base/channels.ts'
import type { S3Certificate } from '../../../src/s3/http/listeners.ts'
import { runCommand } from '../../../src/services/command.ts'
import { errorCode, type RawAnswer, startTestServer, type TestServer } from './test-server.ts'

async function withServer(t: TestContext, options: Parameters<typeof startTestServer>[0] = {}): Promise<TestServer> {
  const server = await startTestServer(options)
  t.after(() => server.close())
  return server
}

/** Sends a request that is signed for `host`. */
function sendTo(server: TestServer, host: string, method: string, path: string, body = ''): Promise<RawAnswer> {
  return server.send({ method, path, host, body })
}

test('virtual-host/the host names the bucket, the whole path is the key', async t => {
  const server = await withServer(t, { endpoints: ['s3.example.com', 'example.com'] })
  const host = 'photos.eu.s3.example.com:8000'
  assert.equal((await sendTo(server, host, 'PUT', '/')).status, 200)
  assert.equal((await sendTo(server, host, 'PUT', '/a/b%20c', 'x')).status, 200)
  assert.equal((await server.send({ method: 'GET', path: '/photos.eu/a/b%20c' })).body, 'x')
  assert.match((await sendTo(server, 'Photos.EU.s3.example.com', 'GET', '/?list-type=2')).body, /<Key>a\/b c<\/Key>/)
  assert.equal(errorCode(await sendTo(server, 'none.s3.example.com', 'GET', '/a')), 'NoSuchBucket')
})

test('virtual-host/endpoints themselves, other hosts and addresses leave the bucket to the path', async t => {
  const server = await withServer(t, { endpoints: ['s3.example.com'] })
  await server.send({ method: 'PUT', path: '/photos' })
  for (const host of [
    's3.example.com',
    'S3.example.com:80',
    'other.example.org',
    '127.0.0.1:9',
    '[::1]:9',
    'localhost',
  ]) {
    assert.equal((await sendTo(server, host, 'HEAD', '/photos')).status, 200, host)
    assert.match((await sendTo(server, host, 'GET', '/')).body, /ListAllMyBucketsResult/, host)
  }
})

test('virtual-host/bucket.localhost needs no configuration; `_` is no bucket', async t => {
  const server = await withServer(t)
  assert.equal((await sendTo(server, 'mine.localhost:8000', 'PUT', '/')).status, 200)
  assert.equal((await server.send({ method: 'HEAD', path: '/mine' })).status, 200)
  assert.match((await sendTo(server, '_.localhost', 'GET', '/')).body, /ListAllMyBucketsResult/)
  assert.equal((await sendTo(server, 'mine.localhost', 'PUT', '/_/healthcheck', 'x')).status, 200)
  assert.equal((await server.send({ method: 'GET', path: '/mine/_/healthcheck' })).body, 'x')
})

test('virtual-host/signature V2 covers the bucket of the host as part of the path', async t => {
  const server = await withServer(t)
  await server.send({ method: 'PUT', path: '/mine' })
  const date = new Date().toUTCString()
  const signed = (resource: string) => {
    const signature = createHmac('sha1', 'bart-secret').update(`GET\n\n\n${date}\n${resource}`).digest('base64')
    const headers = { host: 'mine.localhost', date, authorization: `AWS bart-key:${signature}` }
    return server.send({ method: 'GET', path: '/?location', headers, as: null })
  }
  assert.equal((await signed('/mine/?location')).status, 200)
  assert.equal(errorCode(await signed('/?location')), 'SignatureDoesNotMatch')
})

test('regions/signatures for another region are refused and told the right one', async t => {
  const server = await withServer(t, { regions: { home: 'eu-west-1', accepts: region => region === 'eu-west-1' } })
  const answer = await server.send({ method: 'GET', path: '/' })
  assert.equal(answer.status, 400)
  assert.equal(errorCode(answer), 'AuthorizationHeaderMalformed')
  assert.match(answer.body, /<Region>eu-west-1<\/Region>/)
})

async function certificate(t: TestContext, name: string): Promise<S3Certificate> {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-certificate-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await runCommand('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`])
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

function overTls(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      { host: '127.0.0.1', port, path: '/', rejectUnauthorized: false, agent: false },
      answer => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode))
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

function greeted(port: number): Promise<{ socket: TLSSocket; name: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve({ socket, name: String(socket.getPeerCertificate().subject.CN) })
    })
    socket.once('error', reject)
  })
}

test('tls/another certificate is used from then on, open connections go on, an unusable one changes nothing', async t => {
  const server = await withServer(t, { tls: await certificate(t, 'first') })
  const { port, s3 } = server
  assert.equal(await overTls(port), 403)
  const old = await greeted(port)
  assert.equal(old.name, 'first')
  s3.changeCertificate(await certificate(t, 'second'))
  const next = await greeted(port)
  assert.equal(next.name, 'second')
  assert.throws(() => s3.changeCertificate({ cert: 'none', key: 'none' }))
  assert.equal((await greeted(port).then(({ socket, name }) => socket.destroy() && name)).toString(), 'second')
  const answer = new Promise<string>(resolve => old.socket.once('data', bytes => resolve(bytes.toString('latin1'))))
  old.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(await answer, /^HTTP\/1\.1 403 /)
  for (const { socket } of [old, next]) socket.destroy()
})

test('tls/a client of a logged bucket that leaves before its answer, or in the middle of it, ends nothing', async t => {
  const own = { listen: { host: '127.0.0.1', port: 0 }, ...(await certificate(t, 'own')) }
  const server = await withServer(t, { tls: own })
  const target = '<LoggingEnabled><TargetBucket>left</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled>'
  await server.send({ method: 'PUT', path: '/left' })
  await server.send({
    method: 'PUT',
    path: '/left?logging',
    body: `<BucketLoggingStatus>${target}</BucketLoggingStatus>`,
  })
  await server.send({
    method: 'PUT',
    path: '/left/large',
    body: 'x'.repeat(4 << 20),
    headers: { 'x-amz-acl': 'public-read' },
  })
  const served = servedNext(t)
  const port = server.s3.tlsAddress?.port ?? 0
  const before = await greeted(port)
  before.socket.write('GET /left/large HTTP/1.1\r\nHost: x\r\n\r\n', () => before.socket.destroy())
  await served()
  const amid = await greeted(port)
  amid.socket.once('data', () => amid.socket.destroy())
  amid.socket.write('GET /left/large HTTP/1.1\r\nHost: x\r\n\r\n')
  await served()
  assert.equal(await overTls(port), 403)
})

/** Resolves when the next request has been served, or given up. */
function servedNext(t: TestContext): () => Promise<void> {
  let ended = (): void => {}
  const listen = (): void => ended()
  t.after(s3Requests.subscribe(listen))
  return () =>
    new Promise(resolve => {
      ended = resolve
    })
}

test('tls/on an address of its own, beside HTTP', async t => {
  const own = { listen: { host: '127.0.0.1', port: 0 }, ...(await certificate(t, 'own')) }
  const server = await withServer(t, { tls: own })
  assert.equal((await server.send({ method: 'GET', path: '/' })).status, 200)
  assert.equal(await overTls(server.s3.tlsAddress?.port ?? 0), 403)
})
