// Goal: a peer is reached through whichever of its servers answers, a request that may have arrived goes to no second one, and its owners are asked for
// once. Method: a network of servers that answer, refuse or break off.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type HttpAnswer, type HttpClient, HttpError, type HttpRequest } from '../base/http-client.ts'
import { Secret } from '../base/secret.ts'
import { realWorld, type World } from '../base/world.ts'
import { Failure } from '../domain/failure.ts'
import { createPeer, type Peer } from './peer.ts'

const { signal } = new AbortController()
const servers = ['one', 'two', 'three'].map(host => ({ host, port: 8000 }))
const data = { size: 5, md5: '0'.repeat(32), open: () => Buffer.from('hello'), ownerId: 'owner' }

type Reply = (request: HttpRequest, host: string) => Partial<HttpAnswer> | HttpError

function peerOver(reply: Reply, world: World = realWorld): { readonly peer: Peer; readonly hosts: string[] } {
  const hosts: string[] = []
  const http: HttpClient = {
    async request(request) {
      const { hostname } = new URL(request.origin)
      hosts.push(hostname)
      const answer = reply(request, hostname)
      if (answer instanceof HttpError) throw answer
      return { status: 200, headers: {}, body: Buffer.from('[{"key":"k","dataStoreName":"d"}]'), ...answer }
    },
    stream: () => Promise.reject(new Error('nothing is streamed back')),
    close: async () => {},
  }
  const credentials = { accessKey: 'key', secretKey: new Secret('secret'), sessionToken: undefined }
  const site = { kind: 'servers', site: 'peer', isDefault: true, servers, https: false, credentials } as const
  return { peer: createPeer({ site, http, world }), hosts }
}

const refused = new HttpError('connect', 'ECONNREFUSED', 'refused', false)

test('requests go round the servers', async () => {
  const { peer, hosts } = peerOver(() => ({}))
  for (let index = 0; index < 4; index += 1) await peer.putData({ bucket: 'b', key: 'k' }, data, signal)
  assert.deepEqual(hosts, ['one', 'two', 'three', 'one'])
})

test('a server that cannot be reached is passed over, and asked again after a while', async () => {
  let now = 0
  const world = { ...realWorld, clock: { now: () => now, monotonic: () => now } }
  const { peer, hosts } = peerOver((_, host) => (host === 'one' ? refused : {}), world)
  for (let index = 0; index < 4; index += 1) await peer.putData({ bucket: 'b', key: 'k' }, data, signal)
  assert.deepEqual(hosts, ['one', 'two', 'two', 'three', 'two'])
  now = 60_000
  hosts.length = 0
  for (let index = 0; index < 3; index += 1) await peer.putData({ bucket: 'b', key: 'k' }, data, signal)
  assert.ok(hosts.includes('one'))
})

test('with no server left the last refusal is the failure', async () => {
  const { peer, hosts } = peerOver(() => refused)
  const failure = await peer.putData({ bucket: 'b', key: 'k' }, data, signal).catch((error: unknown) => error)
  assert.ok(failure instanceof Failure)
  assert.deepEqual([failure.facts.class, failure.facts.code], ['transient', 'ECONNREFUSED'])
  assert.deepEqual(hosts, ['one', 'two', 'three'])
})

test('a request that may have arrived goes to no other server', async () => {
  const reset = new HttpError('reset', 'ECONNRESET', 'broke', true)
  const { peer, hosts } = peerOver(() => reset)
  const failure = await peer.putData({ bucket: 'b', key: 'k' }, data, signal).catch((error: unknown) => error)
  assert.ok(failure instanceof Failure)
  assert.deepEqual([failure.facts.class, failure.facts.outcomeUnknown], ['transient', true])
  assert.deepEqual(hosts, ['one'])
})

test('a missing bucket holds up its own objects only, a missing version is told', async () => {
  const json = (code: string) => ({ status: 404, body: Buffer.from(JSON.stringify({ code, message: 'words' })) })
  const { peer } = peerOver(() => json('NoSuchBucket'))
  const failure = await peer.putData({ bucket: 'b', key: 'k' }, data, signal).catch((error: unknown) => error)
  assert.ok(failure instanceof Failure && failure.facts.class === 'transient')
  const metadata = { query: 'versionId=null', json: '{}', headers: {} }
  const other = peerOver(() => json('ObjNotFound'))
  assert.equal(await other.peer.putMetadata({ bucket: 'b', key: 'k' }, metadata, signal), 'missing')
})

test('the owner of a bucket is asked for once, also where the peer does not say', async () => {
  const acl =
    '<AccessControlPolicy><Owner><ID>id&amp;1</ID><DisplayName>Lisa</DisplayName></Owner><AccessControlList/></AccessControlPolicy>'
  const telling = peerOver(() => ({ body: Buffer.from(acl) }))
  for (let index = 0; index < 3; index += 1) {
    assert.deepEqual(await telling.peer.ownerOf('b', signal), { id: 'id&1', displayName: 'Lisa' })
  }
  assert.equal(telling.hosts.length, 1)
  const silent = peerOver(() => ({ status: 501, body: Buffer.from('<Error><Code>NotImplemented</Code></Error>') }))
  for (let index = 0; index < 3; index += 1) assert.equal(await silent.peer.ownerOf('b', signal), null)
  assert.equal(silent.hosts.length, 1)
})

test('a probe is answered by being told that there is no such bucket', async () => {
  const { peer } = peerOver(() => ({ status: 404, body: Buffer.from('{"code":"NoSuchBucket","message":"m"}') }))
  await peer.probe(signal)
  const denied = peerOver(() => ({ status: 403, body: Buffer.from('{"code":"AccessDenied","message":"m"}') }))
  const failure = await denied.peer.probe(signal).catch((error: unknown) => error)
  assert.ok(failure instanceof Failure && failure.facts.class === 'location')
})
