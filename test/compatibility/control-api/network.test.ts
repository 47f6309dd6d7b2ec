// Goal: bytes that are no proper request are refused, store nothing and leave the server at work. Method: raw sockets against a port that
// listens.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { type ControlApi, openControlApi } from './control-api.ts'

async function listening(): Promise<{ api: ControlApi; port: number }> {
  const api = await openControlApi()
  const { port } = await api.server.listen()
  return { api, port }
}

/** Sends bytes, ends our side if asked to, and collects what comes back until the server closes. */
async function exchange(port: number, bytes: string, end = false): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk.toString('utf8')
  })
  socket.on('error', () => undefined)
  if (end) socket.end(bytes)
  else socket.write(bytes)
  await once(socket, 'close')
  return answer
}

const head = (line: string, ...headers: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n')

test('what is no request is refused in the words of this API', async () => {
  const { api, port } = await listening()
  const bad: readonly (readonly [bytes: string, status: RegExp])[] = [
    ['\u0016\u0003\u0001\u0002\u0000', /^HTTP\/1\.1 400 .*"BadRequest":true/s],
    ['FOO /_/crr/status HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 400 .*"BadRequest":true/s],
    [
      head('GET /_/crr/status', `X-Long: ${'x'.repeat(40_000)}`),
      /^HTTP\/1\.1 400 .*"RequestHeaderSectionTooLarge":true/s,
    ],
    [head('POST /_/crr/pause', 'Content-Length: 3', 'Transfer-Encoding: chunked'), /^HTTP\/1\.1 400 /],
    [head('POST /_/crr/pause', 'Content-Length: -1'), /^HTTP\/1\.1 400 /],
    [head('POST /_/crr/pause', 'Content-Length: x'), /^HTTP\/1\.1 400 /],
  ]
  for (const [bytes, expected] of bad) assert.match(await exchange(port, bytes), expected)
  assert.deepEqual((await api.json('GET', '/_/crr/status/awsbackend')).json, { awsbackend: 'enabled' })
  await api.close()
})

test('a body that ends too early changes nothing', async () => {
  const { api, port } = await listening()
  await api.json('POST', '/_/crr/pause/awsbackend')
  const request = head('POST /_/crr/resume/awsbackend/schedule', 'Content-Length: 20')
  await exchange(port, `${request}{"hours":2}`, true)
  await exchange(
    port,
    `${head('POST /_/crr/resume/awsbackend/schedule', 'Transfer-Encoding: chunked')}b\r\n{"hours"`,
    true,
  )
  assert.deepEqual((await api.json('GET', '/_/crr/resume/awsbackend')).json, { awsbackend: 'none' })
  await api.close()
})

test('a chunked body is read, and an HTTP/1.0 client without a Host is served', async () => {
  const { api, port } = await listening()
  await api.json('POST', '/_/crr/pause/awsbackend')
  const chunked = `${head('POST /_/crr/resume/awsbackend/schedule', 'Transfer-Encoding: chunked')}b\r\n{"hours":2}\r\n0\r\n\r\n`
  assert.match(await exchange(port, chunked), /^HTTP\/1\.1 200 /)
  assert.deepEqual((await api.json('GET', '/_/crr/resume/awsbackend')).json, { awsbackend: '2030-01-01T02:00:00.000Z' })
  assert.match(await exchange(port, 'GET /live HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /)
  await api.close()
})
