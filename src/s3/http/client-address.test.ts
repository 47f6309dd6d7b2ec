// The address of a connection: kept from the first look, and a connection without one is closed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { test } from 'node:test'
import { checkConnection, clientAddressOf } from './client-address.ts'

test('an address is known after its connection is gone', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const client = connect(address.port, '127.0.0.1')
  const [socket]: Socket[] = await once(server, 'connection')
  assert.ok(socket)
  checkConnection(socket)
  assert.equal(socket.destroyed, false)
  socket.destroy()
  client.destroy()
  assert.equal(clientAddressOf(socket), '127.0.0.1')
  server.close()
})

test('a connection whose address is gone is closed', () => {
  const socket = new Socket()
  assert.equal(clientAddressOf(socket), undefined)
  checkConnection(socket)
  assert.equal(socket.destroyed, true)
})
