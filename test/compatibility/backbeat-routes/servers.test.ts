// Goal: another server of the family as destination, and two that replicate to each other, version ids kept and without loops. Method: two whole
// servers in this process, each the other's `peer`; both ways of the source gateway.
import assert from 'node:assert/strict'
import test from 'node:test'
import { circuitEvents } from '../../../src/base/channels.ts'
import { until } from '../../until.ts'
import { replicationXml, type TestServer, versioningEnabled } from '../s3/test-server.ts'
import { type ReplicatingServer, startReplicatingServer, whenReplicated } from './replicating-server.ts'

const bucket = 'shared-bucket'
const peerRule = { storageClass: 'peer', prefix: '' }

async function makeReplicatedBucket(server: TestServer, rules = [peerRule], target = bucket): Promise<void> {
  await server.send({ method: 'PUT', path: `/${bucket}` })
  await server.send({ method: 'PUT', path: `/${bucket}?versioning`, body: versioningEnabled })
  if (rules.length === 0) return
  const roles = 'arn:aws:iam::123456789012:role/source,arn:aws:iam::123456789012:role/target'
  const body = replicationXml(rules, roles).replaceAll('arn:aws:s3:::target', `arn:aws:s3:::${target}`)
  const answer = await server.send({ method: 'PUT', path: `/${bucket}?replication`, body })
  assert.equal(answer.status, 200, answer.body)
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
  await right.startReplication([left])
  return { left, right }
}

async function put(server: TestServer, key: string, body: string | Uint8Array, headers = {}): Promise<string> {
  const answer = await server.send({ method: 'PUT', path: `/${bucket}/${key}`, body: Buffer.from(body), headers })
  assert.equal(answer.status, 200, answer.body)
  return answer.headers['x-amz-version-id'] ?? ''
}

async function head(server: TestServer, key: string, versionId?: string): Promise<Readonly<Record<string, string>>> {
  const query = versionId === undefined ? '' : `?versionId=${versionId}`
  const answer = await server.send({ method: 'HEAD', path: `/${bucket}/${key}${query}` })
  return { ...answer.headers, status: String(answer.status) }
}

/** Versions and delete markers of the bucket as S3 lists them: key, id, whether it is a marker. */
async function versionsOf(server: TestServer): Promise<readonly string[]> {
  const { body } = await server.send({ method: 'GET', path: `/${bucket}?versions` })
  const found = body.matchAll(/<(Version|DeleteMarker)><Key>([^<]*)<\/Key><VersionId>([^<]*)<\/VersionId>/g)
  return [...found].map(([, kind, key, id]) => `${kind} ${key} ${id}`)
}

for (const gateway of ['direct', 'http'] as const) {
  test(`${gateway}: objects arrive at a peer with their version ids, bytes, metadata and tags`, async t => {
    const { left, right } = await startPair(t, gateway)
    await makeReplicatedBucket(left)
    await makeReplicatedBucket(right, [])
    const large = Buffer.alloc(3_000_000, 'x')
    const id = await put(left, 'small', 'hello', {
      'x-amz-meta-colour': 'blue',
      'x-amz-tagging': 'a=1',
      'content-type': 'text/plain',
    })
    await put(left, 'large', large)
    await put(left, 'empty', '')
    await put(left, 'small', 'second')
    await whenReplicated(left)
    assert.deepEqual(await versionsOf(right), await versionsOf(left))
    const old = await right.send({ method: 'GET', path: `/${bucket}/small?versionId=${id}` })
    assert.equal(old.body, 'hello')
    assert.equal(old.headers['x-amz-meta-colour'], 'blue')
    assert.equal(old.headers['x-amz-tagging-count'], '1')
    assert.equal(old.headers['x-amz-replication-status'], 'REPLICA')
    assert.equal((await right.send({ method: 'GET', path: `/${bucket}/large` })).body, large.toString())
    assert.equal((await head(right, 'empty'))['content-length'], '0')
    assert.equal((await head(left, 'small'))['x-amz-replication-status'], 'COMPLETED')
  })

  test(`${gateway}: deletes and changed tags follow, and bytes are not sent again for tags`, async t => {
    const { left, right } = await startPair(t, gateway)
    await makeReplicatedBucket(left)
    await makeReplicatedBucket(right, [])
    await put(left, 'tagged', Buffer.alloc(100_000, 'y'))
    await put(left, 'deleted', 'x')
    await whenReplicated(left)
    const data = [...right.disk.keys()]
    const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>ü</Value></Tag></TagSet></Tagging>'
    await left.send({ method: 'PUT', path: `/${bucket}/tagged?tagging`, body: Buffer.from(tagging) })
    await left.send({ method: 'DELETE', path: `/${bucket}/deleted` })
    await whenReplicated(left)
    assert.deepEqual(await versionsOf(right), await versionsOf(left))
    assert.equal((await head(right, 'deleted'))['status'], '404')
    assert.match((await right.send({ method: 'GET', path: `/${bucket}/tagged?tagging` })).body, /<Value>ü</)
    assert.deepEqual([...right.disk.keys()], data)
    assert.equal((await head(right, 'tagged'))['content-length'], '100000')
  })
}

for (const gateway of ['direct', 'http'] as const) {
  test(`${gateway}: what keeps a version and its list go to a peer, with it and after it, without its bytes`, async t => {
    const { left, right } = await startPair(t, gateway)
    for (const server of [left, right]) {
      const headers = { 'x-amz-bucket-object-lock-enabled': 'true', 'x-amz-object-ownership': 'ObjectWriter' }
      assert.equal((await server.send({ method: 'PUT', path: `/${bucket}`, headers })).status, 200)
    }
    await makeReplicatedBucket(left)
    const lock = {
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-object-lock-retain-until-date': '2990-01-01T00:00:00Z',
    }
    await put(left, 'kept', Buffer.alloc(100_000, 'y'), lock)
    await whenReplicated(left)
    const data = [...right.disk.keys()]
    const there = async () => {
      const { headers } = await right.send({ method: 'HEAD', path: `/${bucket}/kept` })
      const names = ['mode', 'retain-until-date', 'legal-hold']
      return names.map(name => headers[`x-amz-object-lock-${name}`])
    }
    assert.deepEqual(await there(), ['GOVERNANCE', '2990-01-01T00:00:00.000Z', undefined])
    const later =
      '<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2991-01-01T00:00:00Z</RetainUntilDate></Retention>'
    for (const [query, body, headers] of [
      ['retention', later, {}],
      ['legal-hold', '<LegalHold><Status>ON</Status></LegalHold>', {}],
      ['acl', '', { 'x-amz-acl': 'public-read' }],
    ] as const) {
      const answer = await left.send({
        method: 'PUT',
        path: `/${bucket}/kept?${query}`,
        body: Buffer.from(body),
        headers,
      })
      assert.equal(answer.status, 200, answer.body)
    }
    await whenReplicated(left)
    assert.deepEqual(await there(), ['GOVERNANCE', '2991-01-01T00:00:00.000Z', 'ON'])
    assert.match((await right.send({ method: 'GET', path: `/${bucket}/kept?acl` })).body, /AllUsers/)
    assert.deepEqual([...right.disk.keys()], data)
    assert.equal((await head(left, 'kept'))['x-amz-replication-status'], 'COMPLETED')
  })
}

test('two servers that replicate to each other end with the same versions and send nothing in circles', async t => {
  const { left, right } = await startPair(t, 'http')
  await makeReplicatedBucket(left)
  await makeReplicatedBucket(right)
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([put(left, `key-${round}`, `left ${round}`), put(right, `key-${round}`, `right ${round}`)])
  }
  await left.send({ method: 'DELETE', path: `/${bucket}/key-0` })
  await Promise.all([whenReplicated(left), whenReplicated(right)])
  const versions = await versionsOf(left)
  assert.equal(versions.length, 11)
  assert.deepEqual(await versionsOf(right), versions)
  for (const server of [left, right]) {
    const { entries } = await server.store.list({
      bucket,
      prefix: '',
      delimiter: '',
      after: '',
      maxKeys: 100,
      what: 'versions',
    })
    const stored = entries.flatMap(entry => (entry.kind === 'version' ? [entry.version] : []))
    const rows = await Promise.all(
      stored.map(({ key, versionId }) => server.store.ledger.rowsOf({ bucket, key, versionId })),
    )
    const own = new Set(rows.flat().map(row => row.versionId))
    // Only what was written here has ledger rows here: replicas are never sent on.
    assert.equal(own.size, server === left ? 6 : 5)
  }
})

test('tags changed on a replica go back to where it came from, once', async t => {
  const { left, right } = await startPair(t, 'http')
  await makeReplicatedBucket(left)
  await makeReplicatedBucket(right)
  const id = await put(left, 'key', 'bytes')
  await whenReplicated(left)
  const tagging = '<Tagging><TagSet><Tag><Key>from</Key><Value>right</Value></Tag></TagSet></Tagging>'
  const answer = await right.send({ method: 'PUT', path: `/${bucket}/key?tagging`, body: tagging })
  assert.equal(answer.status, 200, answer.body)
  await whenReplicated(right)
  assert.match((await left.send({ method: 'GET', path: `/${bucket}/key?tagging` })).body, /<Value>right</)
  await whenReplicated(left)
  assert.equal((await head(right, 'key', id))['x-amz-replication-status'], 'COMPLETED')
  assert.equal((await head(left, 'key', id))['x-amz-replication-status'], 'REPLICA')
  assert.equal((await left.send({ method: 'GET', path: `/${bucket}/key` })).body, 'bytes')
})

test('a version that vanished at the peer is copied whole when only its tags have changed', async t => {
  const { left, right } = await startPair(t, 'direct')
  await makeReplicatedBucket(left)
  await makeReplicatedBucket(right, [])
  const id = await put(left, 'key', 'bytes')
  await whenReplicated(left)
  await right.send({ method: 'DELETE', path: `/${bucket}/key?versionId=${id}` })
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'
  await left.send({ method: 'PUT', path: `/${bucket}/key?tagging`, body: tagging })
  await whenReplicated(left)
  assert.equal((await right.send({ method: 'GET', path: `/${bucket}/key?versionId=${id}` })).body, 'bytes')
})

test('objects go to a bucket of another name, owned by its owner, and wait until it exists', async t => {
  const { left, right } = await startPair(t, 'direct')
  await makeReplicatedBucket(left, [peerRule], 'other-bucket')
  await put(left, 'key', 'bytes')
  await until(
    'it has failed once',
    async () => (await left.store.ledger.due('peer', 1)).length >= 0 && hasFailedOnce(left),
  )
  assert.equal((await head(left, 'key'))['x-amz-replication-status'], 'PENDING')
  await right.send({ method: 'PUT', path: '/other-bucket', as: 'lisa' })
  await right.send({ method: 'PUT', path: '/other-bucket?versioning', body: versioningEnabled, as: 'lisa' })
  await whenReplicated(left)
  assert.equal((await right.send({ method: 'GET', path: '/other-bucket/key', as: 'lisa' })).body, 'bytes')
  const record = await right.store.version({ bucket: 'other-bucket', key: 'key', version: 'latest' })
  assert.equal(record?.metadata['owner-id'], 'canonical-lisa')
})

async function hasFailedOnce(server: TestServer): Promise<boolean> {
  const record = await server.store.version({ bucket, key: 'key', version: 'latest' })
  if (record === null) return false
  const [row] = await server.store.ledger.rowsOf(record)
  return row?.reason?.code === 'NoSuchBucket'
}

test('a server of the site that cannot be reached is passed over', async t => {
  const left = await startReplicatingServer({ gateway: 'direct', group: 'LEFT' })
  t.after(() => left.close())
  const right = await startReplicatingServer({ gateway: 'direct', group: 'RIGHT' })
  t.after(() => right.close())
  // Port 9 refuses.
  await left.startReplication([{ host: '127.0.0.1', port: 9 }, right])
  await makeReplicatedBucket(left)
  await makeReplicatedBucket(right, [])
  for (let index = 0; index < 4; index += 1) await put(left, `key-${index}`, 'x')
  await whenReplicated(left)
  assert.equal((await versionsOf(right)).length, 4)
})

test('a peer that does not let us in opens the circuit, and nothing is FAILED', async t => {
  const left = await startReplicatingServer({ gateway: 'direct', group: 'LEFT', peerAccount: 'lisa' })
  t.after(() => left.close())
  const right = await startReplicatingServer({ gateway: 'direct', group: 'RIGHT' })
  t.after(() => right.close())
  const opened = new Promise<string | undefined>(resolve => {
    t.after(circuitEvents.subscribe(event => event.state === 'open' && resolve(event.cause?.code)))
  })
  await left.startReplication([right])
  await makeReplicatedBucket(left)
  await makeReplicatedBucket(right, [])
  await put(left, 'key', 'x')
  assert.equal(await opened, 'AccessDenied')
  assert.equal((await head(left, 'key'))['x-amz-replication-status'], 'PENDING')
  assert.deepEqual(await versionsOf(right), [])
})

test('an object that came in parts keeps its parts at the peer', async t => {
  const { left, right } = await startPair(t, 'http')
  await makeReplicatedBucket(left)
  await makeReplicatedBucket(right, [])
  const begun = await left.send({ method: 'POST', path: `/${bucket}/parts?uploads` })
  const uploadId = /<UploadId>([^<]+)</.exec(begun.body)?.[1] ?? ''
  const parts = [Buffer.alloc(5 * 1024 * 1024, '1'), Buffer.from('second')]
  const etags: string[] = []
  for (const [index, body] of parts.entries()) {
    const path = `/${bucket}/parts?partNumber=${index + 1}&uploadId=${uploadId}`
    etags.push((await left.send({ method: 'PUT', path, body })).headers['etag'] ?? '')
  }
  const list = etags.map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
  const body = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`
  const completed = await left.send({ method: 'POST', path: `/${bucket}/parts?uploadId=${uploadId}`, body })
  assert.equal(completed.status, 200, completed.body)
  await whenReplicated(left)
  const [there, here] = [await head(right, 'parts'), await head(left, 'parts')]
  assert.deepEqual([there['etag'], there['x-amz-version-id']], [here['etag'], here['x-amz-version-id']])
  assert.match(there['etag'] ?? '', /-2"$/)
  const second = await right.send({ method: 'GET', path: `/${bucket}/parts?partNumber=2` })
  assert.deepEqual([second.body, second.headers['x-amz-mp-parts-count']], ['second', '2'])
})
