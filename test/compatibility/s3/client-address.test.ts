// Goal: what a policy denies to an address stays denied when the connection is reset before the request is read. Method: requests on connections that
// are reset at once, and honest ones before and after them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import test, { after, before } from 'node:test'
import { codeOf } from './multipart-steps.ts'
import { startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.close())

async function sendAndReset(text: string): Promise<void> {
  const socket = connect(server.port, server.host)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(text)
  const closed = once(socket, 'close')
  socket.resetAndDestroy()
  await closed
}

test('client-address/a reset connection does not hide an address from a policy that denies it', async () => {
  await server.send({ method: 'PUT', path: '/by-address' })
  await server.send({ method: 'PUT', path: '/by-address/o', body: 'x' })
  const deed = { Principal: '*', Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::by-address/*' }
  const Condition = { IpAddress: { 'aws:SourceIp': ['127.0.0.0/8', '::1'] } }
  const Statement = [
    { ...deed, Effect: 'Allow' },
    { ...deed, Effect: 'Deny', Condition },
  ]
  const body = JSON.stringify({ Version: '2012-10-17', Statement })
  assert.equal((await server.send({ method: 'PUT', path: '/by-address?policy', body })).status, 204)
  const honest = await server.send({ method: 'DELETE', path: '/by-address/o', as: null })
  assert.deepEqual(codeOf(honest), [403, 'AccessDenied'])
  for (let round = 0; round < 20; round++) {
    await sendAndReset('DELETE /by-address/o HTTP/1.1\r\nHost: s3\r\n\r\n')
    assert.equal((await server.send({ method: 'HEAD', path: '/by-address/o' })).status, 200, `round ${round}`)
  }
})
