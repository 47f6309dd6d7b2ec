// Goal: buckets are made, found, described and removed as in S3, for their owner only. Method: raw signed requests, table of names.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  type AccountName,
  errorCode,
  errorMessage,
  startTestServer,
  type TestServer,
  versioningEnabled,
} from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.close())

function put(path: string, body = '', as: AccountName = 'bart') {
  return server.send({ method: 'PUT', path, body, as })
}

function locationXml(name: string): string {
  return `<CreateBucketConfiguration><LocationConstraint>${name}</LocationConstraint></CreateBucketConfiguration>`
}

test('create-bucket/the answer names it, HEAD finds it, the list has it', async () => {
  const made = await put('/first')
  assert.equal(made.status, 200, made.body)
  assert.equal(made.headers['location'], '/first')
  assert.equal((await server.send({ method: 'HEAD', path: '/first' })).status, 200)
  const list = await server.send({ method: 'GET', path: '/' })
  assert.match(list.body, /<Owner><ID>canonical-bart<\/ID><DisplayName>bart<\/DisplayName><\/Owner>/)
  assert.match(list.body, /<Bucket><Name>first<\/Name><CreationDate>\d{4}-.*Z<\/CreationDate><\/Bucket>/)
  assert.doesNotMatch((await server.send({ method: 'GET', path: '/', as: 'lisa' })).body, /first/)
})

for (const name of [
  'ab',
  'A-b',
  'a_b',
  '-ab',
  'ab-',
  'a..b',
  'a.-b',
  '192.168.0.1',
  'xn--a',
  'a-s3alias',
  'x'.repeat(64),
  '%2e%2e',
  'a%20b',
]) {
  test(`create-bucket/name ${name.slice(0, 20)} is refused`, async () => {
    const answer = await put(`/${name}`)
    assert.equal(answer.status, 400)
    assert.equal(errorCode(answer), 'InvalidBucketName')
  })
}

test('create-bucket/one that exists, mine or not', async () => {
  await put('/twice')
  const mine = await put('/twice')
  assert.equal(mine.status, 409)
  assert.equal(errorCode(mine), 'BucketAlreadyOwnedByYou')
  assert.equal(errorCode(await put('/twice', '', 'lisa')), 'BucketAlreadyExists')
  await put('/legacy', locationXml('legacy-1'))
  assert.equal((await put('/legacy', locationXml('legacy-1'))).status, 200)
})

test('create-bucket/my own again where the oldest behaviour holds: only with the list that it has', async () => {
  const again = (acl?: string) =>
    server.send({
      method: 'PUT',
      path: '/legacy-list',
      body: locationXml('legacy-1'),
      headers: acl === undefined ? {} : { 'x-amz-acl': acl },
    })
  assert.equal((await again('public-read')).status, 200)
  assert.equal((await again('public-read')).status, 200)
  for (const acl of [undefined, 'private', 'public-read-write']) {
    const answer = await again(acl)
    assert.deepEqual([answer.status, errorCode(answer)], [409, 'BucketAlreadyExists'], acl)
  }
  const { body } = await server.send({ method: 'GET', path: '/legacy-list?acl=' })
  assert.match(body, /AllUsers<\/URI><\/Grantee><Permission>READ</)
})

test('create-bucket/location: none, empty, known, a cloud, unknown', async () => {
  const location = async (bucket: string) => (await server.send({ method: 'GET', path: `/${bucket}?location=` })).body
  assert.equal((await put('/l-empty', locationXml(''))).status, 200)
  assert.match(await location('l-empty'), /<LocationConstraint xmlns="[^"]*"\/>$/)
  assert.equal((await put('/l-other', locationXml('us-east-2'))).status, 200)
  assert.match(await location('l-other'), />us-east-2<\/LocationConstraint>$/)
  const cloud = await put('/l-cloud', locationXml('awsbackend'))
  assert.equal(errorCode(cloud), 'InvalidLocationConstraint')
  assert.match(errorMessage(cloud), /aws_s3 location/)
  assert.equal(errorCode(await put('/l-none', locationXml('mars'))), 'InvalidLocationConstraint')
  assert.equal(errorCode(await put('/l-bad', '<Foo/>')), 'MalformedXML')
  assert.equal((await server.send({ method: 'HEAD', path: '/l-bad' })).status, 404)
})

test('delete-bucket/only when it is empty, versions and markers included', async () => {
  await put('/full')
  await put('/full?versioning=', versioningEnabled)
  const { headers } = await put('/full/o', 'x')
  const marker = await server.send({ method: 'DELETE', path: '/full/o' })
  const remove = () => server.send({ method: 'DELETE', path: '/full' })
  assert.equal(errorCode(await remove()), 'BucketNotEmpty')
  await server.send({ method: 'DELETE', path: `/full/o?versionId=${headers['x-amz-version-id']}` })
  assert.equal((await remove()).status, 409)
  await server.send({ method: 'DELETE', path: `/full/o?versionId=${marker.headers['x-amz-version-id']}` })
  assert.equal((await remove()).status, 204)
  assert.equal((await remove()).status, 404)
})

test('delete-bucket/uploads under way end with it', async () => {
  await put('/half')
  assert.equal((await server.send({ method: 'POST', path: '/half/o?uploads=' })).status, 200)
  assert.equal((await server.send({ method: 'DELETE', path: '/half' })).status, 204)
  await put('/half')
  assert.doesNotMatch((await server.send({ method: 'GET', path: '/half?uploads=' })).body, /<Upload>/)
})

test('bucket-versioning/states and refusals', async () => {
  await put('/states')
  const state = async () => (await server.send({ method: 'GET', path: '/states?versioning=' })).body
  assert.match(await state(), /<VersioningConfiguration xmlns="[^"]*"\/>$/)
  const config = (content: string) => `<VersioningConfiguration>${content}</VersioningConfiguration>`
  assert.equal(errorCode(await put('/states?versioning=', config(''))), 'IllegalVersioningConfigurationException')
  assert.equal(errorCode(await put('/states?versioning=', config('<Status>On</Status>'))), 'MalformedXML')
  const mfa = await put('/states?versioning=', config('<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>'))
  assert.equal(errorCode(mfa), 'NotImplemented')
  for (const status of ['Enabled', 'Suspended']) {
    assert.equal((await put('/states?versioning=', config(`<Status>${status}</Status>`))).status, 200)
    assert.match(await state(), new RegExp(`<Status>${status}</Status>`))
  }
  const suspended = await put('/states/o', 'x')
  assert.equal(suspended.headers['x-amz-version-id'], undefined, 'only a bucket that gives ids answers one')
  const read = await server.send({ method: 'GET', path: '/states/o' })
  assert.equal(read.headers['x-amz-version-id'], 'null')
})

test('access/a bucket is closed to other accounts, administrators and strangers, and open to service accounts', async () => {
  await put('/closed')
  await put('/closed/o', 'secret')
  const requests = [
    ['GET', '/closed'],
    ['HEAD', '/closed'],
    ['GET', '/closed/o'],
    ['PUT', '/closed/p'],
    ['DELETE', '/closed/o'],
    ['DELETE', '/closed'],
    ['GET', '/closed?versions='],
    ['GET', '/closed?location='],
  ] as const
  for (const [method, path] of requests) {
    for (const as of ['lisa', 'admin', null] as const) {
      const answer = await server.send({ method, path, as })
      assert.equal(answer.status, 403, `${method} ${path} as ${as}`)
      if (method !== 'HEAD') assert.equal(errorCode(answer), 'AccessDenied')
    }
  }
  assert.equal((await server.send({ method: 'GET', path: '/', as: null })).status, 403)
  assert.equal((await server.send({ method: 'GET', path: '/closed/o', as: 'replication' })).body, 'secret')
})

test('access/the expected bucket owner must be the owner', async () => {
  await put('/owned')
  const ask = (id: string) =>
    server.send({ method: 'GET', path: '/owned', headers: { 'x-amz-expected-bucket-owner': id } })
  for (const id of ['123456789012', 'canonical-bart']) assert.equal((await ask(id)).status, 200, id)
  for (const id of ['123456789013', 'canonical-lisa', 'canonical-bart1', ''])
    assert.equal((await ask(id)).status, 403, id)
})

test('route/what S3 has and this server has not is 501, a wrong method 405', async () => {
  await put('/routed')
  for (const name of ['analytics', 'inventory', 'metrics', 'intelligent-tiering']) {
    const answer = await server.send({ method: 'GET', path: `/routed?${name}=` })
    assert.equal(answer.status, 501, name)
    assert.equal(errorCode(answer), 'NotImplemented')
  }
  for (const [method, path] of [
    ['POST', '/routed?versioning='],
    ['PUT', '/routed?location='],
    ['PATCH', '/routed/o'],
    ['DELETE', '/'],
    ['POST', '/routed/o'],
  ] as const) {
    const answer = await server.send({ method, path })
    assert.equal(answer.status, 405, `${method} ${path}`)
    assert.equal(errorCode(answer), 'MethodNotAllowed')
  }
  assert.equal((await server.send({ method: 'POST', path: '/routed' })).status, 412)
})

test('route/internal paths that nobody serves are no buckets', async () => {
  const answer = await server.send({ method: 'GET', path: '/_/healthcheck' })
  assert.equal(answer.status, 400)
  assert.equal(errorCode(answer), 'InvalidURI')
  const json = await server.send({ method: 'GET', path: '/_/backbeat/metadata/b/k', as: null })
  assert.equal(json.headers['content-type'], 'application/json')
})

test('route/what stands where S3 has no place for it is named in the refusal', async () => {
  const upload = await server.send({ method: 'PUT', path: '/b/k?uploadId=u' })
  assert.match(upload.body, /<Method>PUT<\/Method><ResourceType>UPLOAD</)
  const part = await server.send({ method: 'PUT', path: '/b/k?partNumber=1' })
  assert.match(part.body, /<ArgumentName>partNumber<\/ArgumentName><ArgumentValue>partNumber</)
  const uploads = await server.send({ method: 'GET', path: '/b/k?uploads' })
  assert.equal(errorMessage(uploads), 'Key is not expected for the GET method ?uploads subresource')
  const versions = await server.send({ method: 'GET', path: '/b/k?versions' })
  assert.equal(errorMessage(versions), 'There is no such thing as the ?versions sub-resource for a key')
})

test('list-buckets/pages and prefix', async () => {
  for (const name of ['page-c', 'page-a', 'page-b']) await put(`/${name}`)
  const names = (body: string) => [...body.matchAll(/<Name>([^<]*)<\/Name>/g)].map(([, name]) => name)
  const first = await server.send({ method: 'GET', path: '/?max-buckets=2&prefix=page-' })
  assert.deepEqual(names(first.body), ['page-a', 'page-b'])
  const token = /<ContinuationToken>([^<]*)</.exec(first.body)?.[1] ?? ''
  const second = await server.send({ method: 'GET', path: `/?continuation-token=${token}&max-buckets=2&prefix=page-` })
  assert.deepEqual(names(second.body), ['page-c'])
  assert.doesNotMatch(second.body, /ContinuationToken/)
  assert.equal(errorCode(await server.send({ method: 'GET', path: '/?max-buckets=0' })), 'InvalidArgument')
})

for (const [method, path, headers, status, code] of [
  ['GET', '/b/k?uploads', {}, 400, 'InvalidRequest'],
  ['GET', '/b/k?versions', {}, 400, 'InvalidRequest'],
  ['PUT', '/b/k?uploadId=u', {}, 405, 'MethodNotAllowed'],
  ['PUT', '/b/k?partNumber=1', {}, 400, 'InvalidArgument'],
  ['GET', '/b', { 'x-amz-copy-source': 'b/k' }, 400, 'InvalidArgument'],
  ['DELETE', '/b/k', { 'x-amz-copy-source': 'b/k' }, 400, 'InvalidArgument'],
  ['POST', '/b/k?uploadId=u', { 'x-amz-copy-source': 'b/k' }, 400, 'InvalidArgument'],
] as const) {
  test(`route/${method} ${path} ${Object.keys(headers).join('')} is ${code}`, async () => {
    const answer = await server.send({ method, path, headers })
    assert.equal(answer.status, status)
    assert.equal(errorCode(answer), code)
  })
}
