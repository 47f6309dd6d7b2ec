// Goal: the HTTP gateway also works against a real CloudServer, which knows none of Crossbeat's additions: it sends what the original's client sends,
// asks for nothing twice, and patches a status as closely as two requests allow. Method: a network that answers as the original does.
import assert from 'node:assert/strict'
import test from 'node:test'
import { md5Hex } from '../base/hash.ts'
import type { HttpAnswer, HttpClient, HttpRequest } from '../base/http-client.ts'
import { Secret } from '../base/secret.ts'
import { realWorld } from '../base/world.ts'
import type { StatusMessage } from '../domain/entry.ts'
import { Failure } from '../domain/failure.ts'
import { makeVersionId } from '../domain/version-id.ts'
import { createHttpGateway } from './gateway-http.ts'
import type { SourceGateway, Target } from './source-gateway.ts'

const versionId = makeVersionId({ epochMs: 1_700_000_000_000, sequence: 0 }, 'RG001')
const shown = 'aJfG35aUKYOz00000000001I4j3QKItW'
const target: Target = { bucket: 'src', key: 'a b/ü+x?y', versionId, site: 'awsbackend' }
const context = { signal: new AbortController().signal }
const body = 'hello'

const capabilities = {
  versions: true,
  tags: true,
  conditionalWrites: false,
  objectBytesMax: 1e12,
  partBytesMin: 1,
  partBytesMax: 1e9,
  partsMax: 10_000,
  keyBytesMax: 1024,
  objectLock: false,
  clientMadeUploadIds: false,
}

function stored(status: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    'owner-id': 'owner',
    'content-length': 5,
    'content-md5': md5Hex(body),
    'content-type': 'text/plain',
    'x-amz-meta-grün': 'größe',
    key: target.key,
    tags: { a: 'ü' },
    dataStoreName: 'us-east-1',
    location: [],
    replicationInfo: {
      status,
      backends: [{ site: 'awsbackend', status, dataStoreVersionId: '' }],
      content: ['DATA', 'METADATA'],
      storageType: 'aws_s3,azure',
    },
    ...more,
  }
}

type Reply = (request: HttpRequest) => {
  readonly status?: number
  readonly body: unknown
  readonly headers?: Record<string, string>
}

interface Network {
  readonly gateway: SourceGateway
  readonly seen: HttpRequest[]
}

function networkOf(reply: Reply): Network {
  const seen: HttpRequest[] = []
  const answerTo = (request: HttpRequest): HttpAnswer => {
    seen.push(request)
    const { status = 200, body: sent, headers = {} } = reply(request)
    return { status, headers, body: Buffer.from(typeof sent === 'string' ? sent : JSON.stringify(sent)) }
  }
  const http: HttpClient = {
    request: async request => answerTo(request),
    async stream(request) {
      const answer = answerTo(request)
      return {
        ...answer,
        body: (async function* () {
          yield answer.body
        })(),
      }
    },
    close: async () => {},
  }
  const gateway = createHttpGateway({
    source: { host: 'cloudserver.example', port: 8000, https: false },
    credentials: { accessKey: 'key', secretKey: new Secret('secret'), sessionToken: undefined },
    sites: new Map([['awsbackend', { type: 'aws_s3', bucketMatch: false, capabilities }]]),
    http,
    readHttp: http,
    world: realWorld,
  })
  return { gateway, seen }
}

const methodNotAllowed = { status: 405, body: { code: 'MethodNotAllowed', message: 'no', resource: null } }

/** Answers metadata, data and putobject; refuses everything that the original does not know. */
const original: Reply = request => {
  if (request.path.includes('/metadata/')) return { body: { Body: JSON.stringify(stored('PENDING')) } }
  if (request.path.includes('operation=putobject')) {
    const location = [{ key: 'k', dataStoreName: 'awsbackend', dataStoreETag: `1:${md5Hex(body)}` }]
    return { body: { versionId: 'dest', location } }
  }
  if (request.path.startsWith('/src/')) return { status: 206, body }
  return methodNotAllowed
}

test('one object goes with the requests and headers of the original', async () => {
  const { gateway, seen } = networkOf(original)
  const version = await gateway.readVersion(target)
  assert.ok(version !== null)
  assert.equal(version.revision, undefined)
  assert.deepEqual(await gateway.putObject(target, version, context), { versionId: 'dest', etag: md5Hex(body) })
  const [metadata, data, put] = seen
  assert.equal(
    `${metadata?.method} ${metadata?.path}`,
    `GET /_/backbeat/metadata/src/a%20b/%C3%BC%2Bx%3Fy?versionId=${shown}`,
  )
  assert.equal(`${data?.method} ${data?.path}`, `GET /src/a%20b/%C3%BC%2Bx%3Fy?versionId=${shown}`)
  assert.equal(data?.headers['x-amz-location-constraint'], 'us-east-1')
  assert.equal(put?.path, '/_/backbeat/multiplebackenddata/src/a%20b/%C3%BC%2Bx%3Fy?operation=putobject')
  const { headers = {} } = put ?? {}
  assert.equal(headers['content-md5'], md5Hex(body))
  assert.equal(headers['x-scal-storage-type'], 'aws_s3,azure')
  assert.equal(headers['x-scal-storage-class'], 'awsbackend')
  assert.equal(headers['x-scal-canonical-id'], 'owner')
  assert.equal(headers['x-scal-version-id'], shown)
  assert.equal(headers['x-scal-tags'], '{"a":"\\u00fc"}')
  assert.equal(headers['x-scal-user-metadata'], '{"x-amz-meta-gr\\u00fcn":"gr\\u00f6\\u00dfe"}')
  const signed = /SignedHeaders=([^,]+)/.exec(headers['authorization'] ?? '')?.[1]?.split(';') ?? []
  for (const name of Object.keys(headers)) if (name !== 'authorization') assert.ok(signed.includes(name), name)
})

test('a source that does not say that what keeps a version went with its copy may know nothing of it', async () => {
  const until = '2999-01-01T00:00:00.000Z'
  const confirming: Reply = request => ({ ...original(request), headers: { 'x-crossbeat-object-lock': 'held' } })
  for (const [lock, reply, isUntold] of [
    [{}, original, undefined],
    [{ retentionMode: 'COMPLIANCE', retentionDate: until }, original, true],
    [{ retentionMode: 'COMPLIANCE', retentionDate: until }, confirming, undefined],
  ] as const) {
    const { gateway } = networkOf(reply)
    const version = await gateway.readVersion(target)
    assert.ok(version !== null)
    const metadata = { ...version.metadata, ...lock }
    const written = await gateway.putObject(target, { ...version, metadata }, context)
    assert.deepEqual([written.versionId, written.lockIsUntold], ['dest', isUntold])
  }
})

test('what only our own servers know is done without', async () => {
  const { gateway } = networkOf(original)
  assert.equal(await gateway.destinationHistory(target, context), null)
  assert.equal(await gateway.listUploads(target, context), null)
  await gateway.probe('awsbackend', context.signal)
})

test('a 503 of the original may stand for a write that took effect', async () => {
  const unavailable = { status: 503, body: { code: 'ServiceUnavailable', message: 'Reduce your request rate.' } }
  const { gateway } = networkOf(request => (request.method === 'PUT' ? unavailable : original(request)))
  const version = await gateway.readVersion(target)
  assert.ok(version !== null)
  const failure = await gateway.putObject(target, version, context).catch((error: unknown) => error)
  assert.ok(failure instanceof Failure)
  assert.deepEqual([failure.facts.class, failure.facts.outcomeUnknown], ['transient', true])
})

test('bytes that the source has lost, or gives in another length, are no object', async () => {
  for (const [status, sent, failureClass] of [
    [404, '<Error><Code>NoSuchVersion</Code></Error>', 'source-gone'],
    [206, 'hell', 'transient'],
    [206, 'jello', 'transient'],
    [503, '<Error><Code>SlowDown</Code></Error>', 'throttled'],
  ] as const) {
    const { gateway, seen } = networkOf(request =>
      request.path.startsWith('/src/') ? { status, body: sent } : original(request),
    )
    const version = await gateway.readVersion(target)
    assert.ok(version !== null)
    const failure = await gateway.putObject(target, version, context).catch((error: unknown) => error)
    assert.ok(failure instanceof Failure, sent)
    assert.equal(failure.facts.class, failureClass)
    assert.ok(seen.every(request => request.method === 'GET'))
  }
})

function message(of: Record<string, unknown>, more: Partial<StatusMessage> = {}): StatusMessage {
  const metadataJson = JSON.stringify(of)
  return { ...target, status: 'COMPLETED', dataStoreVersionId: 'dest', revision: 1, metadataJson, ...more }
}

test('a status is the fresh metadata written back whole, if nothing has changed that would have to be copied', async () => {
  const written: Record<string, unknown>[] = []
  const answering = (fresh: Record<string, unknown>): Network =>
    networkOf(request => {
      if (request.method !== 'PUT') return { body: { Body: JSON.stringify(fresh) } }
      assert.ok(request.body instanceof Uint8Array)
      written.push(JSON.parse(Buffer.from(request.body).toString('utf8')))
      return { body: {} }
    })
  const fresh = stored('PENDING', { 'x-amz-scal-added-later': 1 })
  assert.deepEqual(await answering(fresh).gateway.patchStatus([message(stored('PENDING'))]), ['folded'])
  const backends = [{ site: 'awsbackend', status: 'COMPLETED', dataStoreVersionId: 'dest' }]
  const originOp = 's3:Replication:OperationCompletedReplication'
  assert.partialDeepStrictEqual(written[0], {
    'x-amz-scal-added-later': 1,
    originOp,
    replicationInfo: { status: 'COMPLETED', backends },
  })
  const changed = stored('PENDING', { tags: { other: 'tags' } })
  assert.deepEqual(await answering(changed).gateway.patchStatus([message(stored('PENDING'))]), ['newer-revision'])
  assert.deepEqual(await answering(stored('COMPLETED')).gateway.patchStatus([message(stored('PENDING'))]), ['already'])
  assert.equal(written.length, 1)
})

test('a version that is gone over there is never brought back', async () => {
  const { gateway, seen } = networkOf(() => ({ status: 404, body: { code: 'ObjNotFound', message: 'gone' } }))
  assert.equal(await gateway.readVersion(target), null)
  assert.deepEqual(await gateway.patchStatus([message(stored('PENDING'))]), ['no-such-version'])
  assert.ok(seen.every(request => request.method === 'GET'))
})
