// Goal: what is encrypted at rest is replicated as what it is: a version under our master key arrives plain at clouds and as its bytes at a peer, which
// encrypts it in its own way; a version under its writer's key goes nowhere and says why. Method: two whole servers in this process, both ways of the
// source gateway.
import assert from 'node:assert/strict'
import test from 'node:test'
import { keyA, keyHeaders } from '../s3/encryption-steps.ts'
import { replicationXml, type TestServer, versioningEnabled } from '../s3/test-server.ts'
import { type ReplicatingServer, startReplicatingServer, whenReplicated } from './replicating-server.ts'

const bucket = 'sealed-bucket'
const managed = { 'x-amz-server-side-encryption': 'AES256' }
const encrypts =
  '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>' +
  '</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>'

async function put(server: TestServer, path: string, body: string | Uint8Array, headers = {}): Promise<string> {
  const answer = await server.send({ method: 'PUT', path: `/${bucket}${path}`, body, headers })
  assert.equal(answer.status, 200, answer.body)
  return answer.headers['x-amz-version-id'] ?? ''
}

interface Pair {
  readonly left: ReplicatingServer
  readonly right: ReplicatingServer
}

async function startPair(t: { after(end: () => Promise<void>): void }, gateway: 'direct' | 'http'): Promise<Pair> {
  const left = await startReplicatingServer({ gateway, group: 'LEFT' })
  t.after(() => left.close())
  const right = await startReplicatingServer({ gateway, group: 'RIGHT' })
  t.after(() => right.close())
  await left.startReplication([right])
  for (const server of [left, right]) {
    await put(server, '', '')
    await put(server, '?versioning', versioningEnabled)
  }
  const roles = 'arn:aws:iam::123456789012:role/source,arn:aws:iam::123456789012:role/target'
  const rules = replicationXml([{ storageClass: 'awsbackend,peer', prefix: '' }], roles)
  await put(left, '?replication', rules.replaceAll('arn:aws:s3:::target', `arn:aws:s3:::${bucket}`))
  return { left, right }
}

/** An upload of two parts. */
async function putInParts(server: TestServer, key: string, parts: readonly Uint8Array[]): Promise<void> {
  const { body } = await server.send({ method: 'POST', path: `/${bucket}/${key}?uploads=`, headers: managed })
  const uploadId = /<UploadId>([^<]*)</.exec(body)?.[1] ?? ''
  const named: string[] = []
  for (const [index, part] of parts.entries()) {
    const path = `/${bucket}/${key}?partNumber=${index + 1}&uploadId=${uploadId}`
    const { headers } = await server.send({ method: 'PUT', path, body: part })
    named.push(`<Part><PartNumber>${index + 1}</PartNumber><ETag>${headers['etag']}</ETag></Part>`)
  }
  const document = `<CompleteMultipartUpload>${named.join('')}</CompleteMultipartUpload>`
  const done = await server.send({ method: 'POST', path: `/${bucket}/${key}?uploadId=${uploadId}`, body: document })
  assert.equal(done.status, 200, done.body)
}

async function keyIdsOf(server: TestServer, key: string): Promise<readonly (string | undefined)[]> {
  const record = await server.store.version({ bucket, key, version: 'latest' })
  return (record?.metadata.location ?? []).map(piece => piece.masterKeyId)
}

for (const gateway of ['direct', 'http'] as const) {
  test(`${gateway}: versions under our master key arrive as what they are`, async t => {
    const { left, right } = await startPair(t, gateway)
    const objects = {
      small: Buffer.from('hello'),
      large: Buffer.alloc(300_000, 'l'),
      huge: Buffer.alloc(3_000_001, 'h'),
    }
    for (const [key, body] of Object.entries(objects)) await put(left, `/${key}`, body, managed)
    const parts = [Buffer.alloc(5 * 1024 ** 2 + 3, 'p'), Buffer.alloc(99_999, 'q')]
    await putInParts(left, 'parts', parts)
    await whenReplicated(left)
    for (const [key, body] of [...Object.entries(objects), ['parts', Buffer.concat(parts)] as const]) {
      assert.ok(
        (await keyIdsOf(left, key)).every(id => id === 'test'),
        key,
      )
      const [copy] = left.aws.versionsOf(`${bucket}/${key}`)
      assert.ok(copy !== undefined && Buffer.from(copy.bytes).equals(body), key)
      const there = await right.send({ method: 'GET', path: `/${bucket}/${key}` })
      assert.ok(there.body === body.toString(), key)
      assert.equal(there.headers['x-amz-server-side-encryption'], undefined)
      const here = await left.send({ method: 'HEAD', path: `/${bucket}/${key}` })
      assert.equal(here.headers['x-amz-replication-status'], 'COMPLETED')
    }
  })

  test(`${gateway}: a peer whose bucket encrypts does so, and says so`, async t => {
    const { left, right } = await startPair(t, gateway)
    await put(right, '?encryption', encrypts)
    const body = Buffer.alloc(100_000, 'x')
    await put(left, '/plain', body)
    await put(left, '/sealed', body, managed)
    await put(left, '/empty', '', managed)
    await whenReplicated(left)
    for (const key of ['plain', 'sealed']) {
      const there = await right.send({ method: 'GET', path: `/${bucket}/${key}` })
      assert.equal(there.body, body.toString())
      assert.equal(there.headers['x-amz-server-side-encryption'], 'AES256')
      assert.deepEqual(await keyIdsOf(right, key), ['test'])
    }
    assert.ok([...right.disk.values()].every(bytes => !Buffer.from(bytes).includes('xxxx')))
  })

  test(`${gateway}: a version under its writer's key is skipped, and the reason says why`, async t => {
    const { left, right } = await startPair(t, gateway)
    await put(left, '/secret', Buffer.alloc(100_000, 's'), keyHeaders(keyA))
    await put(left, '/secret-small', 'x', keyHeaders(keyA))
    await put(left, '/open', 'x')
    await whenReplicated(left)
    for (const key of ['secret', 'secret-small']) {
      const record = await left.store.version({ bucket, key, version: 'latest' })
      const { status, backends } = record?.metadata.replicationInfo ?? { status: 'none', backends: [] }
      assert.deepEqual([status, ...backends.map(backend => backend.status)], ['', 'SKIPPED', 'SKIPPED'])
      for (const site of ['awsbackend', 'peer']) {
        const versionId = record?.versionId
        assert.ok(versionId !== undefined)
        const row = await left.store.ledger.row({ bucket, key, versionId, site })
        assert.equal(row?.state, 'skipped')
        assert.equal(row?.reason?.class, 'customer-key')
        assert.match(row?.reason?.message ?? '', /customer key \(SSE-C\)/)
      }
      assert.deepEqual(left.aws.versionsOf(`${bucket}/${key}`), [])
      assert.equal((await right.send({ method: 'HEAD', path: `/${bucket}/${key}` })).status, 404)
    }
    assert.equal(left.aws.versionsOf(`${bucket}/open`).length, 1)
  })
}
