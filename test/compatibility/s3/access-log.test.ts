// Goal: a bucket's access log is delivered into the bucket that its configuration names, in S3's format, soon and at the latest when the server
// closes; it never logs itself, and nothing that a client sends breaks a line. Method: raw signed requests, with a short wait for lines.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test, { after, before } from 'node:test'
import { pipelineNotices } from '../../../src/base/channels.ts'
import { realWorld, type World } from '../../../src/base/world.ts'
import { journalStart } from '../../../src/domain/entry.ts'
import { limits } from '../../../src/domain/limits.ts'
import { errorCode, type RawRequest, startTestServer, type TestServer } from './test-server.ts'

const soon: World = {
  ...realWorld,
  timers: {
    after: (ms, run, options) => realWorld.timers.after(ms === limits.accessLogMs ? 50 : ms, run, options),
    immediate: run => realWorld.timers.immediate(run),
  },
}

let server: TestServer

before(async () => {
  server = await startTestServer({ world: soon })
})

after(() => server.close())

async function ask(request: RawRequest, on: TestServer = server): Promise<void> {
  const answer = await on.send(request)
  assert.ok(answer.status < 300, answer.body)
}

/** Makes a bucket and another that takes its log. */
async function loggedBucket(name: string, more = '', on: TestServer = server): Promise<void> {
  for (const bucket of [name, `${name}-log`]) await ask({ method: 'PUT', path: `/${bucket}` }, on)
  const enabled = `<TargetBucket>${name}-log</TargetBucket><TargetPrefix>log/</TargetPrefix>${more}`
  const body = `<BucketLoggingStatus><LoggingEnabled>${enabled}</LoggingEnabled></BucketLoggingStatus>`
  await ask({ method: 'PUT', path: `/${name}?logging`, body }, on)
}

async function logKeys(bucket: string): Promise<readonly string[]> {
  const { body } = await server.send({ method: 'GET', path: `/${bucket}?list-type=2` })
  return [...body.matchAll(/<Key>([^<]*)</g)].map(([, key = '']) => key)
}

const fieldsOf = (line: string) => line.match(/"[^"]*"|\[[^\]]*\]|[^ ]+/g) ?? []

/** The fields of the first lines of a log, once so many are there, by the ids of their requests. */
async function linesOf(bucket: string, count: number): Promise<readonly (readonly string[])[]> {
  const lines: string[] = []
  const seen = new Set<string>()
  const last = Date.now() + 60_000
  while (lines.length < count) {
    assert.ok(Date.now() < last, `${lines.length} of ${count} lines`)
    for (const key of await logKeys(bucket)) {
      if (seen.has(key)) continue
      seen.add(key)
      const { body } = await server.send({ method: 'GET', path: `/${bucket}/${key}` })
      lines.push(...body.split('\n').filter(line => line !== ''))
    }
  }
  return lines.map(fieldsOf).sort(([, , , , , one = ''], [, , , , , other = '']) => (one < other ? -1 : 1))
}

test('access-log/each request is a line of 26 fields, with its operation, key, status and requester', async () => {
  await loggedBucket('told')
  const requests: readonly (readonly [RawRequest, operation: string, status: string, code: string])[] = [
    [{ method: 'PUT', path: '/told/a%20b', body: 'hello' }, 'REST.PUT.OBJECT', '200', '-'],
    [{ method: 'GET', path: '/told/a%20b' }, 'REST.GET.OBJECT', '200', '-'],
    [{ method: 'HEAD', path: '/told/a%20b' }, 'REST.HEAD.OBJECT', '200', '-'],
    [{ method: 'GET', path: '/told/none' }, 'REST.GET.OBJECT', '404', 'NoSuchKey'],
    [{ method: 'GET', path: '/told/a%20b', as: null }, 'REST.GET.OBJECT', '403', 'AccessDenied'],
    [{ method: 'GET', path: '/told' }, 'REST.GET.BUCKET', '200', '-'],
    [{ method: 'GET', path: '/told?acl' }, 'REST.GET.ACL', '200', '-'],
    [{ method: 'GET', path: '/told?versions' }, 'REST.GET.BUCKETVERSIONS', '200', '-'],
    [{ method: 'GET', path: '/told/a%20b?tagging' }, 'REST.GET.OBJECT_TAGGING', '200', '-'],
    [{ method: 'POST', path: '/told/up?uploads' }, 'REST.POST.UPLOADS', '200', '-'],
    [{ method: 'PUT', path: '/told/up?partNumber=1&uploadId=x', body: 'x' }, 'REST.PUT.PART', '404', 'NoSuchUpload'],
    [{ method: 'DELETE', path: '/told/a%20b' }, 'REST.DELETE.OBJECT', '204', '-'],
  ]
  for (const [request] of requests) await server.send(request)
  const lines = await linesOf('told-log', requests.length)
  for (const line of lines) assert.equal(line.length, 26, line.join(' '))
  assert.deepEqual(
    lines.map(line => [line[6], line[9], line[10]]),
    requests.map(([, ...told]) => told),
  )
  const [put = [], get = [], , , anonymous = []] = lines
  assert.deepEqual([put[0], put[1], put[3], put[4]], ['canonical-bart', 'told', '127.0.0.1', 'canonical-bart'])
  assert.match(put[2] ?? '', /^\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\]$/)
  assert.deepEqual([put[7], put[8], put[12]], ['a%20b', '"PUT /told/a%20b HTTP/1.1"', '5'])
  assert.deepEqual([get[11], get[19], get[21]], ['5', 'SigV4', 'AuthHeader'])
  assert.deepEqual([anonymous[4], anonymous[19], anonymous[21]], ['-', '-', '-'])
})

test('access-log/a form is logged with its key and whoever signed its policy', async () => {
  await loggedBucket('formed')
  const expiration = new Date(Date.now() + 60_000).toISOString()
  const conditions = [{ bucket: 'formed' }, ['starts-with', '$key', '']]
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64')
  const signature = createHmac('sha1', 'bart-secret').update(policy).digest('base64')
  const fields = Object.entries({ key: 'by-form', AWSAccessKeyId: 'bart-key', policy, signature })
  const part = (head: string, content: string) =>
    `--b\r\nContent-Disposition: form-data; name=${head}\r\n\r\n${content}\r\n`
  const body = `${fields.map(([name, value]) => part(`"${name}"`, value)).join('')}${part('"file"; filename="f"', 'x')}--b--\r\n`
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  await ask({ method: 'POST', path: '/formed', headers, body, as: null })
  const [line = []] = await linesOf('formed-log', 1)
  assert.deepEqual([line[4], line[7], line[9]], ['canonical-bart', 'by-form', '204'])
})

test('access-log/what is refused before it comes to its bucket is logged as nobody’s', async () => {
  await loggedBucket('refusing')
  const authorization = 'AWS bart-key:AAAAAAAAAAAAAAAAAAAAAAAAAAA='
  const headers = { authorization, 'x-amz-date': new Date().toUTCString() }
  await server.send({ method: 'GET', path: '/refusing/o', headers, as: null })
  await server.send({ method: 'GET', path: '/refusing/o?uploads' })
  const lines = await linesOf('refusing-log', 2)
  assert.deepEqual(
    lines.map(line => [line[4], line[7], line[9], line[10]]),
    [
      ['-', 'o', '403', 'SignatureDoesNotMatch'],
      ['-', 'o', '400', 'InvalidRequest'],
    ],
  )
})

test('access-log/keys are prefix and time, with folders where they were asked for', async () => {
  await loggedBucket('plain-keys')
  const partitioned = '<PartitionedPrefix><PartitionDateSource>DeliveryTime</PartitionDateSource></PartitionedPrefix>'
  await loggedBucket('parted-keys', `<TargetObjectKeyFormat>${partitioned}</TargetObjectKeyFormat>`)
  for (const bucket of ['plain-keys', 'parted-keys']) {
    await ask({ method: 'GET', path: `/${bucket}` })
    await linesOf(`${bucket}-log`, 1)
  }
  const time = '\\d{4}-\\d\\d-\\d\\d-\\d\\d-\\d\\d-\\d\\d-[0-9A-F]{16}'
  assert.match((await logKeys('plain-keys-log'))[0] ?? '', new RegExp(`^log/${time}$`))
  const folders = 'log/123456789012/us-east-1/parted-keys/\\d{4}/\\d\\d/\\d\\d'
  assert.match((await logKeys('parted-keys-log'))[0] ?? '', new RegExp(`^${folders}/${time}$`))
})

test('access-log/log objects have the grants of the configuration', async () => {
  const lisa =
    '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>canonical-lisa</ID></Grantee>'
  const grants = `<TargetGrants><Grant>${lisa}<Permission>READ</Permission></Grant></TargetGrants>`
  await loggedBucket('granted', grants)
  await ask({ method: 'GET', path: '/granted' })
  await linesOf('granted-log', 1)
  const [key] = await logKeys('granted-log')
  for (const as of ['bart', 'lisa'] as const) await ask({ method: 'GET', path: `/granted-log/${key}`, as })
  const { body } = await server.send({ method: 'GET', path: `/granted-log/${key}?acl` })
  assert.equal(body.match(/<Grant>/g)?.length, 2)
})

test('access-log/a bucket may take its own log, which does not log itself', async () => {
  await ask({ method: 'PUT', path: '/own' })
  const target = '<LoggingEnabled><TargetBucket>own</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled>'
  await ask({ method: 'PUT', path: '/own?logging', body: `<BucketLoggingStatus>${target}</BucketLoggingStatus>` })
  await ask({ method: 'PUT', path: '/own/o', body: 'x' })
  for (const [, , , , , , operation, key = ''] of await linesOf('own', 5)) {
    assert.ok(operation !== 'REST.PUT.OBJECT' || !key.startsWith('log/'), key)
  }
})

test('access-log/nothing that a client sends ends a field or a line', async () => {
  await loggedBucket('hostile')
  const headers = { 'user-agent': 'a "b" \\ c', referer: 'x" 200 - "' }
  await server.send({ method: 'GET', path: '/hostile/a%0Ab%20%22c?x=[1]"', headers })
  const [line = []] = await linesOf('hostile-log', 1)
  assert.equal(line.length, 26, line.join(' '))
  assert.equal(line[7], 'a%0Ab%20%22c')
  assert.equal(line[16], '"a \\x22b\\x22 \\x5c c"')
})

test('access-log/signatures of presigned URLs are kept from those who read the log', async () => {
  await loggedBucket('presigned')
  await server.send({ method: 'GET', path: '/presigned/a?X-Amz-Date=1&X-Amz-Signature=secret&x=2', as: null })
  await server.send({
    method: 'GET',
    path: '/presigned/a?AWSAccessKeyId=bart-key&Expires=1&Signature=secret',
    as: null,
  })
  await ask({ method: 'GET', path: '/presigned' })
  assert.ok(!JSON.stringify(await linesOf('presigned-log', 1)).includes('secret'))
})

test('access-log/who may change the configuration sends the log only where they may write themselves', async () => {
  for (const bucket of ['guarded', 'aim']) await ask({ method: 'PUT', path: `/${bucket}` })
  const guest = 'arn:aws:iam::123456789012:user/guest'
  const allow = async (bucket: string, action: string): Promise<void> => {
    const resources = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
    const statement = { Effect: 'Allow', Principal: { AWS: guest }, Action: action, Resource: resources }
    const body = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
    await ask({ method: 'PUT', path: `/${bucket}?policy`, body })
  }
  await allow('guarded', 's3:*')
  const target = '<LoggingEnabled><TargetBucket>aim</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled>'
  const body = `<BucketLoggingStatus>${target}</BucketLoggingStatus>`
  const put = () => server.send({ method: 'PUT', path: '/guarded?logging', body, as: 'guest' })
  assert.equal((await put()).status, 403)
  await allow('aim', 's3:PutObject')
  assert.equal((await put()).status, 200)
})

const defaultRetention = (rule: string) =>
  `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`
const compliance = '<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>'

test('access-log/a bucket whose objects are locked by default is refused as a target, and says so', async () => {
  const forLock = { 'x-amz-bucket-object-lock-enabled': 'true' }
  await ask({ method: 'PUT', path: '/audited' })
  await ask({ method: 'PUT', path: '/vault', headers: forLock })
  const target = '<LoggingEnabled><TargetBucket>vault</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled>'
  const body = `<BucketLoggingStatus>${target}</BucketLoggingStatus>`
  await ask({ method: 'PUT', path: '/vault?object-lock', body: defaultRetention(compliance) })
  for (const path of ['/audited?logging', '/vault?logging']) {
    const refused = await server.send({ method: 'PUT', path, body })
    assert.equal(`${refused.status} ${errorCode(refused)}`, '400 InvalidTargetBucketForLogging')
    assert.match(refused.body, /<Message>[^<]*default retention[^<]*<.*<TargetBucket>vault</s)
    assert.doesNotMatch((await server.send({ method: 'GET', path })).body, /LoggingEnabled/)
  }
  await ask({ method: 'PUT', path: '/vault?object-lock', body: defaultRetention('') })
  await ask({ method: 'PUT', path: '/audited?logging', body })
})

test('access-log/a target that comes to lock by default goes on taking the log, unlocked, with one warning', async () => {
  await loggedBucket('steady')
  const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
  await ask({ method: 'PUT', path: '/steady-log?versioning', body: versioning })
  await ask({ method: 'PUT', path: '/steady-log?object-lock', body: defaultRetention(compliance) })
  const warnings: string[] = []
  const stop = pipelineNotices.subscribe(notice => {
    if (notice.kind === 'warning') warnings.push(notice.what)
  })
  for (const lines of [1, 2]) {
    await ask({ method: 'GET', path: '/steady' })
    await linesOf('steady-log', lines)
  }
  stop()
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /access log of steady goes to steady-log, whose default retention is not applied/)
  for (const key of await logKeys('steady-log')) {
    const { headers } = await server.send({ method: 'HEAD', path: `/steady-log/${key}` })
    assert.equal(headers['x-amz-object-lock-mode'], undefined)
    const versionId = headers['x-amz-version-id'] ?? ''
    await ask({ method: 'DELETE', path: `/steady-log/${key}?versionId=${versionId}` })
  }
  await ask({ method: 'PUT', path: '/steady-log/own', body: 'x' })
  const own = await server.send({ method: 'HEAD', path: '/steady-log/own' })
  assert.equal(own.headers['x-amz-object-lock-mode'], 'COMPLIANCE')
})

test('access-log/closing delivers what waits; a target that is gone takes nothing', async () => {
  const closing = await startTestServer({})
  try {
    await loggedBucket('closing', '', closing)
    await loggedBucket('aimless', '', closing)
    await ask({ method: 'DELETE', path: '/aimless-log' }, closing)
    await ask({ method: 'GET', path: '/closing' }, closing)
    await ask({ method: 'GET', path: '/aimless' }, closing)
    await closing.s3.close()
    const written = (await closing.store.journal(journalStart, 100)).filter(({ bucket }) => bucket === 'closing-log')
    assert.equal(written.length, 1)
  } finally {
    await closing.close()
  }
})
