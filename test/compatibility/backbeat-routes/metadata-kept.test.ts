// Goal: metadata that is put over a stored version takes nothing away that this server answers for: what object lock keeps, what its data are and how
// they are encrypted, and the checks of them. Method: what a version's metadata says is changed and put back by the replication account.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { md5Hex } from '../../../src/base/hash.ts'
import type { DataLocation } from '../../../src/domain/object-metadata.ts'
import { keyA, keyHeaders } from '../s3/encryption-steps.ts'
import { errorCode, type RawAnswer } from '../s3/test-server.ts'
import { type BackbeatServer, jsonOf, refusalOf, startBackbeatServer } from './backbeat-server.ts'

const bucket = 'kept-bucket'
const plainBucket = 'plain-bucket'
const body = 'what is kept'
let server: BackbeatServer

before(async () => {
  server = await startBackbeatServer()
  const headers = { 'x-amz-bucket-object-lock-enabled': 'true' }
  assert.equal((await server.send({ method: 'PUT', path: `/${bucket}`, headers })).status, 200)
  assert.equal((await server.send({ method: 'PUT', path: `/${plainBucket}` })).status, 200)
})
after(() => server.close())

type Metadata = Readonly<Record<string, unknown>> & { readonly location: readonly DataLocation[] }

interface Stored {
  readonly metadata: Metadata
  readonly integrity: string
  /** Puts other metadata over the version. */
  replace(metadata: object, headers?: Readonly<Record<string, string>>): Promise<RawAnswer>
  read(headers?: Readonly<Record<string, string>>): Promise<RawAnswer>
  remove(headers?: Readonly<Record<string, string>>): Promise<RawAnswer>
  /** Asks for, or puts, what keeps the version. */
  lock(
    sub: 'retention' | 'legal-hold',
    document?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<RawAnswer>
}

async function put(key: string, headers: Readonly<Record<string, string>>, inBucket = bucket): Promise<Stored> {
  const written = await server.send({ method: 'PUT', path: `/${inBucket}/${key}`, body, headers })
  assert.equal(written.status, 200, written.body)
  const version = `${key}?versionId=${written.headers['x-amz-version-id'] ?? 'null'}`
  const path = `/_/backbeat/metadata/${inBucket}/${version}`
  const answer = await server.send({ method: 'GET', path, as: 'replication' })
  const metadata: Metadata = JSON.parse(String(jsonOf(answer)['Body']))
  const replicationInfo = { status: 'REPLICA' }
  return {
    metadata,
    integrity: answer.headers['x-crossbeat-integrity'] ?? '',
    replace(changed, more = {}) {
      const text = JSON.stringify({ ...metadata, replicationInfo, ...changed })
      return server.send({ method: 'PUT', path, body: text, headers: more, as: 'replication' })
    },
    read: more => server.send({ method: 'GET', path: `/${inBucket}/${version}`, ...(more && { headers: more }) }),
    remove: (more = {}) => server.send({ method: 'DELETE', path: `/${inBucket}/${version}`, headers: more }),
    lock(sub, document, more = {}) {
      const request = { path: `/${inBucket}/${version}&${sub}=`, headers: more }
      return server.send(
        document === undefined ? { ...request, method: 'GET' } : { ...request, method: 'PUT', body: document },
      )
    },
  }
}

const until = '2040-01-01T00:00:00.000Z'
const lock = { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': until }

test('metadata without a retention or a hold does not free a version that is locked', async () => {
  const stored = await put('locked', { ...lock, 'x-amz-object-lock-legal-hold': 'ON' })
  const free = { retentionMode: null, retentionDate: null, legalHold: null, tags: { a: 'b' } }
  const metadataOnly = { 'x-scal-replication-content': 'METADATA' }
  for (const headers of [{}, metadataOnly]) {
    const answer = await stored.replace(free, headers)
    assert.equal(answer.status, 200, answer.body)
    const read = await stored.read()
    assert.deepEqual([read.body, read.headers['x-amz-tagging-count']], [body, '1'])
    assert.equal(read.headers['x-amz-object-lock-mode'], 'COMPLIANCE')
    assert.equal(read.headers['x-amz-object-lock-retain-until-date'], until)
    assert.equal(read.headers['x-amz-object-lock-legal-hold'], 'ON')
    assert.equal((await stored.remove()).status, 403)
  }
})

test('a locked version becomes no delete marker, and gets no other data', async () => {
  const stored = await put('held', { 'x-amz-object-lock-legal-hold': 'ON' })
  const marker = { isDeleteMarker: true, location: null, 'content-length': 0 }
  const none = { location: null, 'content-length': 0, 'content-md5': md5Hex('') }
  for (const changed of [marker, none]) {
    assert.deepEqual(refusalOf(await stored.replace(changed)).slice(0, 2), [403, 'AccessDenied'])
    assert.equal((await stored.read()).body, body)
  }
})

test('a retention that is given in another form of ISO 8601 is kept as all are', async () => {
  const stored = await put('dated', {})
  const given = { retentionMode: 'GOVERNANCE', retentionDate: '2040-01-01T02:00:00+02:00' }
  assert.equal((await stored.replace(given)).status, 200)
  assert.equal((await stored.read()).headers['x-amz-object-lock-retain-until-date'], until)
  assert.equal((await stored.remove()).status, 403)
})

const codeOf = (answer: RawAnswer) => [answer.status, errorCode(answer)]
const release = '<LegalHold><Status>OFF</Status></LegalHold>'

test('a hold that came with a replica to a bucket without object lock keeps the version until it is lifted', async () => {
  const stored = await put('guest', {}, plainBucket)
  assert.deepEqual(codeOf(await stored.lock('legal-hold', release)), [400, 'InvalidRequest'])
  assert.equal((await stored.replace({ legalHold: true })).status, 200)
  assert.match((await stored.lock('legal-hold')).body, /<Status>ON</)
  const over = { method: 'PUT', path: `/${plainBucket}/guest`, body: 'other' }
  for (const answer of [await stored.remove(), await server.send(over)]) {
    assert.deepEqual(codeOf(answer), [403, 'AccessDenied'])
  }
  assert.equal((await stored.read()).body, body)
  assert.equal((await stored.lock('legal-hold', release)).status, 200)
  assert.match((await stored.lock('legal-hold')).body, /<Status>OFF</)
  assert.equal((await server.send(over)).status, 200)
})

test('a retention that came with a replica to a bucket without object lock is shown, and lifted as any other', async () => {
  const stored = await put('kept-guest', {}, plainBucket)
  assert.equal((await stored.replace({ retentionMode: 'GOVERNANCE', retentionDate: until })).status, 200)
  assert.match((await stored.lock('retention')).body, /<Mode>GOVERNANCE</)
  const none = '<Retention></Retention>'
  assert.deepEqual(codeOf(await stored.lock('retention', none)), [403, 'AccessDenied'])
  assert.equal((await stored.remove()).status, 403)
  const bypass = { 'x-amz-bypass-governance-retention': 'true' }
  assert.equal((await stored.lock('retention', none, bypass)).status, 200)
  assert.deepEqual(codeOf(await stored.lock('retention')), [400, 'InvalidRequest'])
  assert.equal((await stored.remove()).status, 204)
})

test('what is said of data that the version has already changes neither its size nor its encryption', async () => {
  const stored = await put('sealed', { 'x-amz-server-side-encryption': 'AES256' })
  const [piece] = stored.metadata.location
  assert.ok(piece?.masterKeyId !== undefined)
  const { key, dataStoreName, size, start, dataStoreETag } = piece
  const bare = { key, dataStoreName, size, start, dataStoreETag }
  for (const changed of [bare, { ...piece, masterKeyId: undefined }, { ...piece, cipheredDataKey: 'AAAA' }]) {
    const answer = await stored.replace({ location: [changed], 'x-amz-server-side-encryption': '' })
    assert.equal(answer.status, 200, answer.body)
    const read = await stored.read()
    assert.deepEqual([read.body, read.headers['x-amz-server-side-encryption']], [body, 'AES256'])
  }
  const shorter = { location: [{ ...piece, size: 3 }], 'content-length': 3 }
  assert.deepEqual(refusalOf(await stored.replace(shorter)).slice(0, 2), [400, 'MalformedPOSTRequest'])
  assert.equal((await stored.read()).body, body)
})

test('metadata of another size or ETag is refused unless other data comes with it', async () => {
  const stored = await put('told', {})
  const metadataOnly = { 'x-scal-replication-content': 'METADATA' }
  const changes = [{ 'content-length': 3 }, { 'content-md5': md5Hex('other') }, { isDeleteMarker: true }]
  for (const changed of changes) {
    assert.deepEqual(refusalOf(await stored.replace(changed, metadataOnly)).slice(0, 2), [404, 'ObjNotFound'])
    assert.deepEqual(refusalOf(await stored.replace(changed)).slice(0, 2), [400, 'MalformedPOSTRequest'])
    const read = await stored.read()
    assert.deepEqual([read.body, read.headers['etag']], [body, `"${md5Hex(body)}"`])
  }
})

test("a version under its writer's key is readable by it whatever checks are sent with its metadata", async () => {
  const stored = await put('customer', keyHeaders(keyA))
  const { customerKeyCheck: _, ...sent } = JSON.parse(stored.integrity)
  const answer = await stored.replace({ tags: { a: 'b' } }, { 'x-crossbeat-integrity': JSON.stringify(sent) })
  assert.equal(answer.status, 200, answer.body)
  const read = await stored.read(keyHeaders(keyA))
  assert.deepEqual([read.status, read.body], [200, body])
})
