// Goal: PUT bucket replication accepts, refuses and returns exactly what the original does, message by message, and S3's newer form beside it.
// Method: a table of documents with their outcomes, sent to the real server; then the conditions around the document.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test, { after, before } from 'node:test'
import {
  errorCode,
  errorMessage,
  replicationXml,
  sites,
  startTestServer,
  type TestServer,
  versioningEnabled,
} from './test-server.ts'

interface Vector {
  readonly name: string
  readonly xml: string
  readonly status: number
  readonly code?: string
  readonly message?: string
  /** What GET answers afterwards. */
  readonly returned?: string
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('replication-configurations.json', import.meta.url), 'utf8'),
)

let server: TestServer

async function makeBucket(name: string, versioned = true): Promise<void> {
  assert.equal((await server.send({ method: 'PUT', path: `/${name}` })).status, 200)
  if (!versioned) return
  const enabled = await server.send({ method: 'PUT', path: `/${name}?versioning=`, body: versioningEnabled })
  assert.equal(enabled.status, 200, enabled.body)
}

before(async () => {
  server = await startTestServer()
  await makeBucket('rules')
  await makeBucket('unversioned', false)
})

after(() => server.close())

for (const vector of vectors) {
  test(`put-bucket-replication/${vector.name}`, async () => {
    const put = await server.send({ method: 'PUT', path: '/rules?replication=', body: vector.xml })
    assert.equal(put.status, vector.status, put.body)
    if (vector.code !== undefined) assert.equal(errorCode(put), vector.code)
    if (vector.message !== undefined) assert.equal(errorMessage(put), vector.message)
    if (vector.status === 200) assert.equal(put.body, '')
    if (vector.returned === undefined) return
    const got = await server.send({ method: 'GET', path: '/rules?replication=' })
    assert.equal(got.body, vector.returned)
  })
}

test('put-bucket-replication/a missing id is generated: base64 of a UUID', async () => {
  await server.send({ method: 'PUT', path: '/rules?replication=', body: replicationXml([{}]) })
  const got = await server.send({ method: 'GET', path: '/rules?replication=' })
  const id = /<ID>([^<]*)<\/ID>/.exec(got.body)?.[1] ?? ''
  assert.equal(id.length, 48)
  assert.match(Buffer.from(id, 'base64').toString(), /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('put-bucket-replication/1000 rules are accepted, 1001 refused', async () => {
  const rules = Array.from({ length: 1001 }, (_, index) => ({ prefix: `p${String(index).padStart(4, '0')}` }))
  const fits = await server.send({
    method: 'PUT',
    path: '/rules?replication=',
    body: replicationXml(rules.slice(0, 1000)),
  })
  assert.equal(fits.status, 200, fits.body)
  const tooMany = await server.send({ method: 'PUT', path: '/rules?replication=', body: replicationXml(rules) })
  assert.equal(errorCode(tooMany), 'InvalidRequest')
  assert.equal(errorMessage(tooMany), 'Number of defined replication rules cannot exceed 1000')
})

test('put-bucket-replication/content-md5 is not checked', async () => {
  const headers = { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }
  const answer = await server.send({ method: 'PUT', path: '/rules?replication=', body: replicationXml([{}]), headers })
  assert.equal(answer.status, 200, answer.body)
})

test('put-bucket-replication/the body is judged before the bucket', async () => {
  const path = '/no-such-bucket?replication='
  assert.equal(errorCode(await server.send({ method: 'PUT', path, body: '<Foo/>' })), 'MalformedXML')
  const missing = await server.send({ method: 'PUT', path, body: replicationXml([{}]) })
  assert.equal(missing.status, 404)
  assert.equal(errorCode(missing), 'NoSuchBucket')
})

test('put-bucket-replication/versioning must be enabled', async () => {
  const answer = await server.send({ method: 'PUT', path: '/unversioned?replication=', body: replicationXml([{}]) })
  assert.equal(answer.status, 400)
  assert.equal(errorCode(answer), 'InvalidRequest')
  assert.equal(errorMessage(answer), "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
})

test('put-bucket-replication/others and strangers are refused', async () => {
  for (const as of ['lisa', 'admin', null] as const) {
    for (const [method, body] of [
      ['PUT', replicationXml([{}])],
      ['GET', undefined],
      ['DELETE', undefined],
    ] as const) {
      const answer = await server.send({
        method,
        path: '/rules?replication=',
        ...(body === undefined ? {} : { body }),
        as,
      })
      assert.equal(answer.status, 403, `${method} as ${as}`)
      assert.equal(errorCode(answer), 'AccessDenied')
    }
  }
})

test('delete-bucket-replication/204 also when there is none; then GET is 404', async () => {
  for (let time = 0; time < 2; time++) {
    assert.equal((await server.send({ method: 'DELETE', path: '/rules?replication=' })).status, 204)
  }
  const got = await server.send({ method: 'GET', path: '/rules?replication=' })
  assert.equal(got.status, 404)
  assert.equal(errorCode(got), 'ReplicationConfigurationNotFoundError')
  assert.equal(errorMessage(got), 'The replication configuration was not found')
})

test('put-bucket-versioning/suspending under a replication configuration is refused, also when its rule is disabled', async () => {
  await makeBucket('suspended')
  const disabled = replicationXml([{}]).replace('Enabled', 'Disabled')
  await server.send({ method: 'PUT', path: '/suspended?replication=', body: disabled })
  const body = versioningEnabled.replace('Enabled', 'Suspended')
  const refused = await server.send({ method: 'PUT', path: '/suspended?versioning=', body })
  assert.equal(refused.status, 409)
  assert.equal(errorCode(refused), 'InvalidBucketState')
  await server.send({ method: 'DELETE', path: '/suspended?replication=' })
  assert.equal((await server.send({ method: 'PUT', path: '/suspended?versioning=', body })).status, 200)
})

test('put-bucket-replication/a bucket whose rule names no destination bucket goes on working', async () => {
  await makeBucket('cloud-only')
  const xml = replicationXml([{}]).replace('<Bucket>arn:aws:s3:::target</Bucket>', '')
  assert.equal((await server.send({ method: 'PUT', path: '/cloud-only?replication=', body: xml })).status, 200)
  assert.equal((await server.send({ method: 'PUT', path: '/cloud-only/o', body: 'x' })).status, 200)
  const head = await server.send({ method: 'HEAD', path: '/cloud-only/o' })
  assert.equal(head.headers['x-amz-replication-status'], 'PENDING')
})

test('put-bucket-replication/without endpoints a rule that names no site is refused', async () => {
  const bare = await startTestServer({ sites: [] })
  try {
    await bare.send({ method: 'PUT', path: '/rules' })
    await bare.send({ method: 'PUT', path: '/rules?versioning=', body: versioningEnabled })
    const leftOut = replicationXml([{}]).replace(/<StorageClass>.*<\/StorageClass>/, '')
    for (const xml of [leftOut, replicationXml([{ storageClass: 'STANDARD' }])]) {
      assert.equal(
        errorCode(await bare.send({ method: 'PUT', path: '/rules?replication=', body: xml })),
        'InvalidRequest',
      )
    }
    const named = await bare.send({ method: 'PUT', path: '/rules?replication=', body: replicationXml([{}]) })
    assert.equal(errorCode(named), 'MalformedXML')
  } finally {
    await bare.close()
  }
  assert.ok(sites.length > 0)
})
