// Goal: access control lists of buckets and objects are read, kept, shown and obeyed as S3's are, by operation and condition. Method: raw signed requests of
// two accounts and of nobody.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { codeOf } from './multipart-steps.ts'
import { accounts, type SignerName, startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.close())

type Headers = Readonly<Record<string, string>>
const send = (method: string, path: string, as: SignerName | null = 'bart', headers: Headers = {}, body?: string) =>
  server.send({ method, path, as, headers, ...(body === undefined ? undefined : { body }) })

let made = 0
async function bucket(headers: Headers = {}): Promise<string> {
  const path = `/acl-${made++}`
  const answer = await send('PUT', path, 'bart', headers)
  assert.equal(answer.status, 200, answer.body)
  return path
}

const all = 'http://acs.amazonaws.com/groups/global/AllUsers'
const authenticated = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers'
const lisa = accounts.lisa.canonicalId

/** Grants as `grantee permission`, in the order shown. */
async function grantsOf(path: string, as: SignerName = 'bart'): Promise<readonly string[]> {
  const { status, body } = await send('GET', `${path}?acl=`, as)
  assert.equal(status, 200, body)
  return [...body.matchAll(/<Grant>.*?<(?:ID|URI)>([^<]*)<.*?<Permission>([^<]*)</gs)].map(
    ([, grantee = '', permission]) => `${grantee.split('/').at(-1)} ${permission}`,
  )
}

const type = (name: string) => `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${name}"`
const grant = (grantee: string, permission: string) => `<Grant>${grantee}<Permission>${permission}</Permission></Grant>`
const user = (id: string) => `<Grantee ${type('CanonicalUser')}><ID>${id}</ID></Grantee>`
const policy = (grants: string, owner = 'canonical-bart') =>
  `<AccessControlPolicy><Owner><ID>${owner}</ID></Owner><AccessControlList>${grants}</AccessControlList></AccessControlPolicy>`

const canned: readonly (readonly [string, readonly string[]])[] = [
  ['private', ['canonical-bart FULL_CONTROL']],
  ['public-read', ['AllUsers READ', 'canonical-bart FULL_CONTROL']],
  ['public-read-write', ['AllUsers READ', 'AllUsers WRITE', 'canonical-bart FULL_CONTROL']],
  ['authenticated-read', ['AuthenticatedUsers READ', 'canonical-bart FULL_CONTROL']],
]
for (const [name, grants] of canned) {
  test(`put-acl/${name} is shown as its grants, on buckets and objects, at creation and later`, async () => {
    const path = await bucket({ 'x-amz-acl': name })
    assert.deepEqual(await grantsOf(path), grants)
    assert.equal((await send('PUT', `${path}/k`, 'bart', { 'x-amz-acl': name }, 'x')).status, 200)
    assert.deepEqual(await grantsOf(`${path}/k`), grants)
    assert.equal((await send('PUT', `${path}/k?acl=`, 'bart', { 'x-amz-acl': 'private' })).status, 200)
    assert.deepEqual(await grantsOf(`${path}/k`), ['canonical-bart FULL_CONTROL'])
    assert.equal((await send('PUT', `${path}?acl=`, 'bart', { 'x-amz-acl': 'private' })).status, 200)
    assert.deepEqual(await grantsOf(path), ['canonical-bart FULL_CONTROL'])
  })
}

test('put-acl/log-delivery-write grants the group that delivers logs', async () => {
  assert.deepEqual(await grantsOf(await bucket({ 'x-amz-acl': 'log-delivery-write' })), [
    'LogDelivery WRITE',
    'LogDelivery READ_ACP',
    'canonical-bart FULL_CONTROL',
  ])
})

test('put-acl/grants in headers: by id, e-mail address and group; nobody else has any', async () => {
  const path = await bucket()
  const headers = {
    'x-amz-grant-read': `uri="${all}", id="${lisa}"`,
    'x-amz-grant-write-acp': 'emailAddress=lisa@example.com',
    'x-amz-grant-full-control': 'id=canonical-bart',
  }
  assert.equal((await send('PUT', `${path}?acl=`, 'bart', headers)).status, 200)
  const shown = ['AllUsers READ', 'canonical-lisa READ', 'canonical-lisa WRITE_ACP', 'canonical-bart FULL_CONTROL']
  assert.deepEqual(await grantsOf(path), shown)
  assert.equal((await send('PUT', `${path}/k`, 'bart', { 'x-amz-grant-read': `id=${lisa}` }, 'x')).status, 200)
  assert.deepEqual(await grantsOf(`${path}/k`), ['canonical-lisa READ'])
  assert.equal((await send('GET', `${path}/k`, 'lisa')).body, 'x')
})

test('put-acl/a document: every kind of grantee, names shown', async () => {
  const path = await bucket()
  const byEmail = `<Grantee ${type('AmazonCustomerByEmail')}><EmailAddress>LISA@example.com</EmailAddress></Grantee>`
  const group = `<Grantee ${type('Group')}><URI>${authenticated}</URI></Grantee>`
  const grants = grant(byEmail, 'READ') + grant(group, 'READ_ACP') + grant(user('canonical-bart'), 'FULL_CONTROL')
  const put = await send('PUT', `${path}?acl=`, 'bart', {}, policy(grants))
  assert.equal(put.status, 200, put.body)
  const shown = await send('GET', `${path}?acl=`, 'lisa')
  assert.match(shown.body, /<Owner><ID>canonical-bart<\/ID><DisplayName>bart<\/DisplayName><\/Owner>/)
  assert.match(shown.body, /xsi:type="CanonicalUser"><ID>canonical-lisa<\/ID><DisplayName>lisa<\/DisplayName>/)
  assert.match(shown.body, /xsi:type="Group"><URI>[^<]*AuthenticatedUsers<\/URI><\/Grantee>/)
})

const refused: readonly (readonly [string, Headers, string, number, string])[] = [
  ['nothing', {}, '', 400, 'MissingSecurityHeader'],
  ['an unknown canned list', { 'x-amz-acl': 'everybody' }, '', 400, 'InvalidArgument'],
  ['a canned list and grants', { 'x-amz-acl': 'private', 'x-amz-grant-read': 'x' }, '', 400, 'InvalidRequest'],
  ['a header and a document', { 'x-amz-acl': 'private' }, policy(''), 400, 'UnexpectedContent'],
  ['a header without a kind of grantee', { 'x-amz-grant-read': lisa }, '', 400, 'InvalidArgument'],
  ['an account that is not there', { 'x-amz-grant-read': 'id=nobody' }, '', 400, 'InvalidArgument'],
  [
    'an address that is not there',
    { 'x-amz-grant-read': 'emailAddress=a@b.example' },
    '',
    400,
    'UnresolvableGrantByEmailAddress',
  ],
  ['a group that is not there', { 'x-amz-grant-read': 'uri="http://x"' }, '', 400, 'InvalidArgument'],
  ['a document that is not XML', {}, '<x', 400, 'MalformedACLError'],
  ['another document', {}, '<Tagging/>', 400, 'MalformedACLError'],
  ['no owner', {}, '<AccessControlPolicy><AccessControlList/></AccessControlPolicy>', 400, 'MalformedACLError'],
  ['an unknown permission', {}, policy(grant(user(lisa), 'RULE')), 400, 'MalformedACLError'],
  ['an unknown kind', {}, policy(grant(`<Grantee ${type('Cat')}/>`, 'READ')), 400, 'MalformedACLError'],
  ['no id', {}, policy(grant(`<Grantee ${type('CanonicalUser')}/>`, 'READ')), 400, 'MalformedACLError'],
  ['an unknown account', {}, policy(grant(user('nobody'), 'READ')), 400, 'InvalidArgument'],
  ['an owner that is not there', {}, policy('', 'nobody'), 400, 'InvalidArgument'],
  ['another owner', {}, policy('', lisa), 403, 'AccessDenied'],
  ['more than 100 grants', {}, policy(grant(user(lisa), 'READ').repeat(101)), 400, 'MalformedACLError'],
]
for (const [name, headers, body, status, code] of refused) {
  test(`put-acl/${name} is refused, and changes nothing`, async () => {
    const path = await bucket()
    await send('PUT', `${path}/k`, 'bart', {}, 'x')
    for (const target of [path, `${path}/k`]) {
      assert.deepEqual(codeOf(await send('PUT', `${target}?acl=`, 'bart', headers, body)), [status, code])
      assert.deepEqual(await grantsOf(target), ['canonical-bart FULL_CONTROL'])
    }
  })
}

const opened: Readonly<Record<string, readonly string[]>> = {
  READ: ['HEAD '],
  WRITE: ['PUT /new'],
  READ_ACP: ['GET ?acl='],
  WRITE_ACP: ['PUT ?acl='],
  FULL_CONTROL: ['HEAD ', 'PUT /new', 'GET ?acl=', 'PUT ?acl='],
}
for (const [permission, may] of Object.entries(opened)) {
  test(`bucket-acl/${permission} opens ${may.join(', ')} and nothing else`, async () => {
    const path = await bucket()
    const grants = grant(user('canonical-bart'), 'FULL_CONTROL') + grant(user(lisa), permission)
    assert.equal((await send('PUT', `${path}?acl=`, 'bart', {}, policy(grants))).status, 200)
    for (const what of opened['FULL_CONTROL'] ?? []) {
      const [method = '', rest = ''] = what.split(' ')
      const headers: Headers = what === 'PUT ?acl=' ? { 'x-amz-acl': 'public-read' } : {}
      const { status } = await send(method, `${path}${rest}`, 'lisa', headers, method === 'PUT' ? '' : undefined)
      assert.equal(status, may.includes(what) ? 200 : 403, what)
    }
  })
}

test('bucket-acl/without a grant its owner writes and lists no more, but reads and writes the list', async () => {
  const path = await bucket()
  await send('PUT', `${path}/k`, 'bart', {}, 'x')
  assert.equal((await send('PUT', `${path}?acl=`, 'bart', {}, policy(''))).status, 200)
  assert.deepEqual(await grantsOf(path), [])
  assert.equal((await send('GET', `${path}/k`)).status, 200)
  assert.equal((await send('PUT', `${path}/l`, 'bart', {}, 'x')).status, 403)
  assert.equal((await send('GET', path)).status, 403)
  assert.equal((await send('PUT', `${path}?acl=`, 'bart', { 'x-amz-acl': 'private' })).status, 200)
  assert.equal((await send('PUT', `${path}/l`, 'bart', {}, 'x')).status, 200)
})

test("object-acl/an object is its writer's: the bucket's owner deletes it, and reads it only when granted", async () => {
  const path = await bucket({ 'x-amz-acl': 'public-read-write' })
  assert.equal((await send('PUT', `${path}/k`, 'lisa', {}, 'x')).status, 200)
  assert.equal((await send('GET', `${path}/k`)).status, 403)
  assert.equal((await send('GET', `${path}/k?acl=`)).status, 403)
  assert.deepEqual(await grantsOf(`${path}/k`, 'lisa'), ['canonical-lisa FULL_CONTROL'])
  const listing = await send('GET', path, 'bart')
  assert.match(listing.body, /<Owner><ID>canonical-lisa<\/ID><DisplayName>lisa<\/DisplayName><\/Owner>/)
  await send('PUT', `${path}/k?acl=`, 'lisa', { 'x-amz-acl': 'bucket-owner-read' })
  assert.deepEqual(await grantsOf(`${path}/k`, 'lisa'), ['canonical-lisa FULL_CONTROL', 'canonical-bart READ'])
  assert.equal((await send('GET', `${path}/k`)).body, 'x')
  await send('PUT', `${path}/k?acl=`, 'lisa', { 'x-amz-acl': 'bucket-owner-full-control' })
  assert.deepEqual(await grantsOf(`${path}/k`), ['canonical-lisa FULL_CONTROL', 'canonical-bart FULL_CONTROL'])
  assert.equal((await send('DELETE', `${path}/k`)).status, 204)
})

test('object-acl/of a version that is named; a change of it keeps the object as it was', async () => {
  const path = await bucket()
  await send('PUT', `${path}?versioning=`, 'bart', {}, versioningEnabled)
  const first = await send('PUT', `${path}/k`, 'bart', { 'content-type': 'a/b' }, 'one')
  await send('PUT', `${path}/k`, 'bart', {}, 'two')
  const named = `${path}/k?versionId=${first.headers['x-amz-version-id']}`
  const put = await send('PUT', `${named}&acl=`, 'bart', { 'x-amz-acl': 'public-read' })
  assert.deepEqual([put.status, put.headers['x-amz-version-id']], [200, first.headers['x-amz-version-id']])
  const read = await send('GET', named, null)
  assert.deepEqual([read.status, read.body, read.headers['content-type']], [200, 'one', 'a/b'])
  assert.equal((await send('GET', `${path}/k`, null)).status, 403)
  await send('DELETE', `${path}/k`)
  assert.deepEqual(codeOf(await send('GET', `${path}/k?acl=`)), [404, 'NoSuchKey'])
})

test('object-acl/a copy has its own, and a multipart object that of its upload', async () => {
  const path = await bucket()
  await send('PUT', `${path}/k`, 'bart', { 'x-amz-acl': 'public-read' }, 'x')
  await send('PUT', `${path}/copy`, 'bart', { 'x-amz-copy-source': `${path}/k` })
  assert.deepEqual(await grantsOf(`${path}/copy`), ['canonical-bart FULL_CONTROL'])
  const upload = await send('POST', `${path}/m?uploads=`, 'bart', { 'x-amz-acl': 'public-read' })
  const id = /<UploadId>([^<]*)</.exec(upload.body)?.[1]
  const part = await send('PUT', `${path}/m?partNumber=1&uploadId=${id}`, 'bart', {}, 'x')
  const etag = part.headers['etag']?.replaceAll('"', '')
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`
  assert.equal((await send('POST', `${path}/m?uploadId=${id}`, 'bart', {}, body)).status, 200)
  assert.equal((await send('GET', `${path}/m`, null)).body, 'x')
})

test('multipart/only who began an upload and the owner of the bucket add parts to it and complete it', async () => {
  const path = await bucket({ 'x-amz-acl': 'public-read-write' })
  await send('PUT', `${path}/source`, 'bart', { 'x-amz-acl': 'public-read' }, 'x')
  const begin = async (as: SignerName) =>
    /<UploadId>([^<]*)</.exec((await send('POST', `${path}/m?uploads=`, as)).body)?.[1] ?? ''
  const etag = '9dd4e461268c8034f5c8564e155c67a6'
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`
  const source = { 'x-amz-copy-source': `${path}/source` }
  const steps = async (id: string, as: SignerName | null) => {
    const part = `${path}/m?partNumber=1&uploadId=${id}`
    const answers = [
      await send('PUT', part, as, {}, 'x'),
      await send('PUT', part, as, source),
      await send('POST', `${path}/m?uploadId=${id}`, as, {}, body),
    ]
    return answers.map(({ status }) => status)
  }
  const ofOwner = await begin('bart')
  await send('PUT', `${path}/m?partNumber=1&uploadId=${ofOwner}`, 'bart', {}, 'x')
  for (const as of ['lisa', 'admin', null] as const) assert.deepEqual(await steps(ofOwner, as), [403, 403, 403])
  assert.deepEqual(await steps(ofOwner, 'bart'), [200, 200, 200])
  assert.deepEqual(await steps(await begin('lisa'), 'lisa'), [200, 200, 200])
  assert.deepEqual(await steps(await begin('lisa'), 'bart'), [200, 200, 200])
  assert.deepEqual(await steps(await begin('bart'), 'replication'), [200, 200, 200])
})

test("anonymous/what strangers write in a public bucket is nobody's; what is not there is hidden where they may not list", async () => {
  const path = await bucket({ 'x-amz-acl': 'public-read-write' })
  assert.equal((await send('PUT', `${path}/k`, null, {}, 'x')).status, 200)
  assert.equal((await send('GET', `${path}/k`, null)).status, 403)
  assert.match((await send('GET', path)).body, /<ID>65a011a29cdf8ec533ec3d1ccaae921c<\/ID>/)
  assert.deepEqual(codeOf(await send('GET', `${path}/none`, null)), [404, 'NoSuchKey'])
  const closed = await bucket()
  assert.deepEqual(codeOf(await send('GET', `${closed}/none`, null)), [403, 'AccessDenied'])
  const head = await send('HEAD', `${closed}/none`, null)
  assert.deepEqual([head.status, head.body], [403, ''])
  assert.deepEqual(codeOf(await send('GET', '/no-such-bucket/k', null)), [404, 'NoSuchBucket'])
  assert.deepEqual(codeOf(await send('DELETE', '/no-such-bucket/k', null)), [404, 'NoSuchBucket'])
})

test('object-acl/a user by policies gives a list with its object only where a policy allows it to', async () => {
  const path = await bucket()
  const allow = async (...actions: readonly string[]): Promise<void> => {
    const Principal = { AWS: 'arn:aws:iam::123456789012:user/guest' }
    const Resource = `arn:aws:s3:::${path.slice(1)}/*`
    const statement = { Effect: 'Allow', Principal, Action: actions, Resource }
    const answer = await send('PUT', `${path}?policy`, 'bart', {}, JSON.stringify({ Statement: [statement] }))
    assert.equal(answer.status, 204, answer.body)
  }
  const list = { 'x-amz-acl': 'public-read' }
  await allow('s3:PutObject')
  assert.equal((await send('PUT', `${path}/k`, 'guest', {}, 'x')).status, 200)
  assert.deepEqual(codeOf(await send('PUT', `${path}/k`, 'guest', list, 'x')), [403, 'AccessDenied'])
  assert.deepEqual(codeOf(await send('POST', `${path}/k?uploads=`, 'guest', list)), [403, 'AccessDenied'])
  await allow('s3:PutObject', 's3:PutObjectAcl')
  assert.equal((await send('PUT', `${path}/k`, 'guest', list, 'x')).status, 200)
})
