// Goal: bucket policies, the public access block and ownership controls are checked, kept and obeyed as S3's are. Method: raw signed requests of two accounts
// and of nobody.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { createAccountDirectory } from '../../../src/accounts/account-directory.ts'
import { codeOf } from './multipart-steps.ts'
import { crc32, document, type Json, lisa, policySteps, statementOf } from './policy-steps.ts'
import {
  type AccountName,
  accounts,
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

const { send, bucket, put, putText } = policySteps(() => server, 'policy')

test('bucket-policy/it is given back as it was put, and taken away', async () => {
  const name = await bucket()
  assert.deepEqual(codeOf(await send('GET', `/${name}?policy=`)), [404, 'NoSuchBucketPolicy'])
  const text = document(statementOf(name, {})).replace('{', '{ ')
  assert.equal((await putText(name, text)).status, 204)
  const got = await send('GET', `/${name}?policy=`)
  assert.deepEqual([got.status, got.headers['content-type'], got.body], [200, 'application/json', text])
  assert.equal((await send('DELETE', `/${name}?policy=`)).status, 204)
  assert.equal((await send('DELETE', `/${name}?policy=`)).status, 204)
  assert.equal((await send('GET', `/${name}?policy=`)).status, 404)
  assert.deepEqual(codeOf(await send('PUT', `/${name}?policy=`, 'bart', {}, '')), [400, 'MissingRequestBodyError'])
})

const allow = (more: Json) => (name: string) => document(statementOf(name, more))
const malformed: readonly (readonly [string, (name: string) => string, string])[] = [
  ['not JSON', () => '{true}', 'This policy contains invalid Json'],
  ['not an object', () => '[]', "Policies must be valid JSON and the first byte must be '{'"],
  ['no statement', () => '{}', 'Missing required field Statement'],
  ['an empty statement', () => '{"Statement":[]}', 'Could not parse the policy: Statement is empty!'],
  [
    'an unknown version',
    () => '{"Version":"2020-01-01","Statement":[]}',
    'The policy must contain a valid version string',
  ],
  ['an unknown field', () => '{"Statment":[]}', 'Unknown field Statment'],
  ['an unknown effect', allow({ Effect: 'Permit' }), 'Invalid effect: Permit'],
  ['no principal', allow({ Principal: undefined }), 'Missing required field Principal'],
  ['an empty principal', allow({ Principal: { AWS: [] } }), 'Invalid principal in policy'],
  ['a star among principals', allow({ Principal: { AWS: ['*', '123456789012'] } }), 'Invalid principal in policy'],
  ['a principal that is none', allow({ Principal: { AWS: 'lisa' } }), 'Invalid principal in policy'],
  ['an unknown canonical user', allow({ Principal: { CanonicalUser: 'x' } }), 'Invalid principal in policy'],
  [
    'NotPrincipal that allows',
    allow({ Principal: undefined, NotPrincipal: lisa }),
    'Allow with NotPrincipal is not allowed.',
  ],
  ['an unknown action', allow({ Action: 's3:Levitate' }), 'Policy has invalid action'],
  ['an action of another service', allow({ Action: 'iam:*' }), 'Policy has invalid action'],
  ['another bucket', allow({ Resource: 'arn:aws:s3:::other/*' }), 'Policy has invalid resource'],
  ['a resource that is none', allow({ Resource: 'other' }), 'Policy has invalid resource'],
  [
    'an action that its resource has not',
    allow({ Action: 's3:ListBucket' }),
    'Action does not apply to any resource(s) in statement',
  ],
  [
    'a condition that its action has not',
    allow({ Condition: { StringEquals: { 's3:prefix': 'x' } } }),
    'Conditions do not apply to combination of actions and resources in statement',
  ],
  ['an unknown operator', allow({ Condition: { Is: { 'aws:Referer': 'x' } } }), 'Invalid Condition type : Is'],
  ['an unknown key', allow({ Condition: { Bool: { 'aws:Nice': 'x' } } }), 'Policy has an invalid condition key'],
  [
    'a condition without values',
    allow({ Condition: { NotIpAddress: { 'aws:SourceIp': [] } } }),
    'Invalid value in Conditions: ',
  ],
  [
    'a truth that is neither true nor false',
    allow({ Condition: { Bool: { 'aws:SecureTransport': ['true', 'no'] } } }),
    'Invalid value in Conditions: true, no',
  ],
  [
    'a presence that is neither true nor false',
    allow({ Condition: { 'ForAnyValue:Null': { 'aws:Referer': 'absent' } } }),
    'Invalid value in Conditions: absent',
  ],
  [
    'a condition that is there twice',
    name =>
      document(statementOf(name, { Condition: { StringEquals: { 'aws:Referer': 'x' } } })).replace(
        '"Condition":{',
        '"Condition":{"String\\u0045quals" : {"aws:UserAgent":"\\"{"},',
      ),
    'Duplicate field StringEquals',
  ],
  ['the unique id of a user', allow({ Principal: { AWS: 'AIDAEXAMPLE123456789' } }), 'Invalid principal in policy'],
  [
    'two statements of one name',
    name => document(statementOf(name, { Sid: 'a' }), statementOf(name, { Sid: 'a' })),
    'Statement IDs (SID) in a single policy must be unique',
  ],
  [
    'more than 20 KB',
    allow({ Sid: 'x'.repeat(20 * 1024) }),
    'Normalized policy document exceeds the maximum allowed size of 20480 bytes',
  ],
]
for (const [what, text, message] of malformed) {
  test(`bucket-policy/${what} is MalformedPolicy, and changes nothing`, async () => {
    const name = await bucket()
    const answer = await putText(name, text(name))
    assert.deepEqual(codeOf(answer), [400, 'MalformedPolicy'], answer.body)
    assert.equal(errorMessage(answer), message)
    assert.equal((await send('GET', `/${name}?policy=`)).status, 404)
  })
}

const principals: readonly (readonly [unknown, boolean, boolean])[] = [
  ['*', true, true],
  [{ AWS: '*' }, true, true],
  [['*'], true, true],
  [lisa, true, false],
  [{ AWS: '123456789013' }, true, false],
  [{ AWS: ['arn:aws:iam::999999999999:root', '123456789013'] }, true, false],
  [{ CanonicalUser: accounts.lisa.canonicalId }, true, false],
  [{ AWS: 'arn:aws:iam::123456789013:user/somebody' }, false, false],
  [{ AWS: '123456789012' }, false, false],
  [{ Service: 'logging.s3.amazonaws.com' }, false, false],
]
for (const [Principal, forLisa, forAll] of principals) {
  test(`bucket-policy/${JSON.stringify(Principal)} means ${forAll ? 'everybody' : forLisa ? 'an account' : 'somebody else'}`, async () => {
    const name = await bucket()
    await put(name, { Principal })
    assert.equal((await send('GET', `/${name}/k`, 'lisa')).status, forLisa ? 200 : 403)
    assert.equal((await send('GET', `/${name}/k`, null)).status, forAll ? 200 : 403)
  })
}

test('bucket-policy/a denial wins, also over the owner, and says so; its owner always gets the policy back', async () => {
  const name = await bucket()
  await put(name, {}, { Effect: 'Deny', Action: 's3:*', Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`] })
  const refused = await send('GET', `/${name}/k`)
  assert.deepEqual(codeOf(refused), [403, 'AccessDenied'])
  assert.match(
    errorMessage(refused),
    /^User: arn:aws:iam::123456789012:root is not authorized to perform: s3:GetObject on/,
  )
  assert.equal((await send('GET', `/${name}?policy=`)).status, 200)
  assert.equal((await send('DELETE', `/${name}?policy=`)).status, 204)
  assert.equal((await send('GET', `/${name}/k`)).status, 200)
})

test('bucket-policy/NotAction, NotResource and NotPrincipal mean all others', async () => {
  const name = await bucket()
  await put(name, { Principal: lisa, Action: undefined, NotAction: 's3:GetObject' })
  assert.equal((await send('GET', `/${name}/k`, 'lisa')).status, 403)
  assert.equal((await send('PUT', `/${name}/l`, 'lisa', {}, 'x')).status, 200)
  await put(name, { Principal: lisa, Resource: undefined, NotResource: `arn:aws:s3:::${name}/l*` })
  assert.equal((await send('GET', `/${name}/k`, 'lisa')).status, 200)
  await put(name, {}, { Effect: 'Deny', Principal: undefined, NotPrincipal: lisa })
  assert.equal((await send('GET', `/${name}/k`, 'lisa')).status, 200)
  assert.equal((await send('GET', `/${name}/k`)).status, 403)
})

test('bucket-policy/prefixes, tags of objects and of requests, lists and copy sources as conditions', async () => {
  const name = await bucket()
  await send('PUT', `/${name}/public/t`, 'bart', { 'x-amz-tagging': 'security=public' }, 'x')
  const equals = (key: string, value: string) => ({ Condition: { StringEquals: { [key]: value } } })
  await put(
    name,
    { Action: 's3:ListBucket', Resource: `arn:aws:s3:::${name}`, ...equals('s3:prefix', 'public/') },
    { ...equals('s3:ExistingObjectTag/security', 'public') },
    { Action: 's3:PutObject', ...equals('s3:RequestObjectTag/security', 'public') },
    { Action: 's3:PutObjectTagging', ...equals('s3:RequestObjectTag/security', 'public') },
    { Action: 's3:PutObject', Effect: 'Deny', Condition: { StringLike: { 's3:x-amz-acl': 'public*' } } },
  )
  assert.equal((await send('GET', `/${name}?prefix=public/`, 'lisa')).status, 200)
  assert.equal((await send('GET', `/${name}?prefix=`, 'lisa')).status, 403)
  assert.equal((await send('GET', `/${name}/public/t`, 'lisa')).status, 200)
  assert.equal((await send('GET', `/${name}/k`, 'lisa')).status, 403)
  const tagged = { 'x-amz-tagging': 'security=public' }
  assert.equal((await send('PUT', `/${name}/n`, 'lisa', {}, 'x')).status, 403)
  assert.equal((await send('PUT', `/${name}/n`, 'lisa', tagged, 'x')).status, 200)
  assert.equal((await send('PUT', `/${name}/n`, 'lisa', { ...tagged, 'x-amz-acl': 'public-read' }, 'x')).status, 403)
  const tagging = (value: string) =>
    `<Tagging><TagSet><Tag><Key>security</Key><Value>${value}</Value></Tag></TagSet></Tagging>`
  assert.equal((await send('PUT', `/${name}/k?tagging=`, 'lisa', {}, tagging('secret'))).status, 403)
  assert.equal((await send('PUT', `/${name}/k?tagging=`, 'lisa', {}, tagging('public'))).status, 200)
})

test('bucket-policy/tags with an object, and those of the source of a copy, need actions of their own', async () => {
  const name = await bucket()
  await put(name, { Principal: lisa, Action: ['s3:PutObject', 's3:GetObject'] })
  assert.equal((await send('PUT', `/${name}/l`, 'lisa', { 'x-amz-tagging': 'a=1' }, 'x')).status, 403)
  assert.equal((await send('PUT', `/${name}/l`, 'lisa', { 'x-amz-copy-source': `/${name}/k` })).status, 200)
  await send('PUT', `/${name}/k`, 'bart', { 'x-amz-tagging': 'a=1' }, 'x')
  assert.equal((await send('PUT', `/${name}/m`, 'lisa', { 'x-amz-copy-source': `/${name}/k` })).status, 403)
  const dropped = { 'x-amz-copy-source': `/${name}/k`, 'x-amz-tagging-directive': 'REPLACE' }
  assert.equal((await send('PUT', `/${name}/m`, 'lisa', dropped)).status, 200)
  const closed = await bucket()
  assert.equal((await send('PUT', `/${name}/m`, 'lisa', { 'x-amz-copy-source': `/${closed}/k` })).status, 403)
})

test('bucket-policy/what is not there is told only to those who may list', async () => {
  const name = await bucket()
  await put(name, {})
  assert.equal((await send('GET', `/${name}/none`, 'lisa')).status, 403)
  await put(name, {}, { Action: 's3:ListBucket', Resource: `arn:aws:s3:::${name}` })
  assert.equal((await send('GET', `/${name}/none`, 'lisa')).status, 404)
})

test('bucket-policy/it allows nothing about objects of other owners', async () => {
  const name = await bucket({ 'x-amz-acl': 'public-read-write' })
  await send('PUT', `/${name}/hers`, 'lisa', {}, 'x')
  await put(name, {})
  assert.equal((await send('GET', `/${name}/hers`, null)).status, 403)
  assert.equal((await send('GET', `/${name}/k`, null)).status, 200)
})

test('delete-objects/each key is decided by itself', async () => {
  const name = await bucket()
  await send('PUT', `/${name}/tmp/1`, 'bart', {}, 'x')
  await put(name, { Principal: lisa, Action: 's3:DeleteObject', Resource: `arn:aws:s3:::${name}/tmp/*` })
  const body = '<Delete><Object><Key>tmp/1</Key></Object><Object><Key>k</Key></Object></Delete>'
  const answer = await send('POST', `/${name}?delete=`, 'lisa', { 'x-amz-checksum-crc32': crc32(body) }, body)
  assert.equal(answer.status, 200, answer.body)
  assert.match(answer.body, /<Deleted><Key>tmp\/1<\/Key><\/Deleted><Error><Key>k<\/Key><Code>AccessDenied</)
})

const block = (on: readonly string[]) =>
  `<PublicAccessBlockConfiguration>${on.map(name => `<${name}>true</${name}>`).join('')}</PublicAccessBlockConfiguration>`
const putBlock = (name: string, ...on: readonly string[]) =>
  send('PUT', `/${name}?publicAccessBlock=`, 'bart', {}, block(on))

test('delete-objects/under a policy as many keys as one request may name are deleted or refused in their order', async () => {
  const name = await bucket()
  await put(name, { Principal: lisa, Action: 's3:DeleteObject', Resource: `arn:aws:s3:::${name}/*-0*5` })
  const keys = Array.from({ length: 1000 }, (_, index) => `k-${String(index).padStart(4, '0')}`)
  const body = `<Delete>${keys.map(key => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`
  const answer = await send('POST', `/${name}?delete=`, 'lisa', { 'x-amz-checksum-crc32': crc32(body) }, body)
  assert.equal(answer.status, 200, answer.body)
  const shown = (what: string) =>
    [...answer.body.matchAll(new RegExp(`<${what}><Key>([^<]*)<`, 'g'))].map(found => found[1])
  assert.deepEqual(
    shown('Deleted'),
    keys.filter(key => key.endsWith('5')),
  )
  assert.deepEqual(
    shown('Error'),
    keys.filter(key => !key.endsWith('5')),
  )
})

test('public-access-block/it is put, shown and taken away', async () => {
  const name = await bucket()
  const get = () => send('GET', `/${name}?publicAccessBlock=`)
  assert.deepEqual(codeOf(await get()), [404, 'NoSuchPublicAccessBlockConfiguration'])
  assert.equal((await putBlock(name, 'BlockPublicAcls', 'RestrictPublicBuckets')).status, 200)
  assert.match((await get()).body, /<BlockPublicAcls>true<.*<IgnorePublicAcls>false<.*<RestrictPublicBuckets>true</)
  assert.equal((await send('DELETE', `/${name}?publicAccessBlock=`)).status, 204)
  assert.equal((await get()).status, 404)
  assert.deepEqual(codeOf(await putBlock(name, 'BlockEverything')), [400, 'MalformedXML'])
})

test('public-access-block/each of its switches', async () => {
  const name = await bucket({ 'x-amz-acl': 'public-read' })
  await send('PUT', `/${name}/k?acl=`, 'bart', { 'x-amz-acl': 'public-read' })
  await putBlock(name, 'BlockPublicAcls')
  for (const acl of ['public-read', 'public-read-write', 'authenticated-read']) {
    const headers = { 'x-amz-acl': acl }
    for (const path of [`/${name}?acl=`, `/${name}/k?acl=`, `/${name}/new`]) {
      assert.deepEqual(codeOf(await send('PUT', path, 'bart', headers)), [403, 'AccessDenied'], path)
    }
  }
  assert.equal((await send('GET', `/${name}/k`, null)).status, 200)
  await putBlock(name, 'IgnorePublicAcls')
  assert.equal((await send('GET', `/${name}/k`, 'lisa')).status, 403)
  assert.equal((await send('GET', `/${name}`, null)).status, 403)
  await putBlock(name, 'BlockPublicPolicy')
  assert.deepEqual(codeOf(await putText(name, document(statementOf(name, {})))), [403, 'AccessDenied'])
  await put(name, { Principal: lisa })
  await send('DELETE', `/${name}?publicAccessBlock=`)
  await send('PUT', `/${name}/k?acl=`, 'bart', { 'x-amz-acl': 'private' })
  await put(name, {})
  assert.equal((await send('GET', `/${name}/k`, null)).status, 200)
  await putBlock(name, 'RestrictPublicBuckets')
  assert.equal((await send('GET', `/${name}/k`, null)).status, 403)
  assert.equal((await send('GET', `/${name}/k`)).status, 200)
})

test('bucket-policy-status/public by policy or by list, not by a range of addresses or an account', async () => {
  const name = await bucket()
  const isPublic = async () => /<IsPublic>([^<]*)</.exec((await send('GET', `/${name}?policyStatus=`)).body)?.[1]
  assert.equal(await isPublic(), 'false')
  await put(name, {})
  assert.equal(await isPublic(), 'true')
  await put(name, { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/24' } } })
  assert.equal(await isPublic(), 'false')
  await put(name, { Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/1' } } })
  assert.equal(await isPublic(), 'true')
  for (const range of ['::ffff:0:0/96', '0:0:0:0:0:ffff:1.2.3.4/103', '::/33', '2000::/3']) {
    await put(name, { Condition: { IpAddress: { 'aws:SourceIp': range } } })
    assert.equal(await isPublic(), 'true', range)
  }
  for (const range of ['::ffff:10.0.0.0/104', '::ffff:10.0.0.1', '2001:db8::/32', '::1/128']) {
    await put(name, { Condition: { IpAddress: { 'aws:SourceIp': range } } })
    assert.equal(await isPublic(), 'false', range)
  }
  await put(name, { Principal: lisa })
  assert.equal(await isPublic(), 'false')
  await send('PUT', `/${name}?acl=`, 'bart', { 'x-amz-acl': 'authenticated-read' })
  assert.equal(await isPublic(), 'true')
})

const controls = (ownership: string) =>
  `<OwnershipControls><Rule><ObjectOwnership>${ownership}</ObjectOwnership></Rule></OwnershipControls>`
const ownerOf = async (path: string) =>
  /<Owner><ID>([^<]*)</.exec((await send('GET', `${path}?acl=`, 'lisa')).body)?.[1]

test('ownership-controls/they are put, shown and taken away; without them there is none', async () => {
  const name = await bucket()
  const path = `/${name}?ownershipControls=`
  assert.deepEqual(codeOf(await send('GET', path)), [404, 'OwnershipControlsNotFoundError'])
  assert.equal((await send('PUT', path, 'bart', {}, controls('BucketOwnerPreferred'))).status, 200)
  assert.match((await send('GET', path)).body, /<Rule><ObjectOwnership>BucketOwnerPreferred</)
  for (const body of [controls('Nobody'), '<OwnershipControls/>', controls('ObjectWriter').replaceAll('Rule', 'R')]) {
    assert.deepEqual(codeOf(await send('PUT', path, 'bart', {}, body)), [400, 'MalformedXML'])
  }
  assert.equal((await send('DELETE', path)).status, 204)
  assert.equal((await send('GET', path)).status, 404)
})

const owned: readonly (readonly [string | undefined, string, string])[] = [
  [undefined, 'canonical-lisa', 'canonical-lisa'],
  ['ObjectWriter', 'canonical-lisa', 'canonical-lisa'],
  ['BucketOwnerPreferred', 'canonical-lisa', 'canonical-bart'],
  ['BucketOwnerEnforced', 'canonical-bart', 'canonical-bart'],
]
for (const [ownership, plainly, withControl] of owned) {
  test(`ownership-controls/${ownership ?? 'none'}: who owns what another account writes`, async () => {
    const name = await bucket(ownership === undefined ? {} : { 'x-amz-object-ownership': ownership })
    await put(name, { Principal: lisa, Action: 's3:*', Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`] })
    await send('PUT', `/${name}/plain`, 'lisa', {}, 'x')
    assert.equal(await ownerOf(`/${name}/plain`), plainly)
    await send('PUT', `/${name}/given`, 'lisa', { 'x-amz-acl': 'bucket-owner-full-control' }, 'x')
    const given = await send('GET', `/${name}/given?acl=`)
    assert.match(given.body, new RegExp(`<Owner><ID>${withControl}<`))
    const upload = await send('POST', `/${name}/m?uploads=`, 'lisa')
    const id = /<UploadId>([^<]*)</.exec(upload.body)?.[1]
    const parts = await send('GET', `/${name}/m?uploadId=${id}`, 'lisa')
    assert.match(parts.body, new RegExp(`<Initiator><ID>canonical-lisa<.*<Owner><ID>${plainly}<`))
    const refused = ownership === 'BucketOwnerEnforced'
    for (const acl of ['private', 'public-read']) {
      const answer = await send('PUT', `/${name}/l`, 'lisa', { 'x-amz-acl': acl }, 'x')
      assert.deepEqual(codeOf(answer), refused ? [400, 'AccessControlListNotSupported'] : [200, ''])
    }
  })
}

test('ownership-controls/lists are switched off only where they grant nobody anything', async () => {
  const name = await bucket({ 'x-amz-acl': 'public-read' })
  const enforce = () => send('PUT', `/${name}?ownershipControls=`, 'bart', {}, controls('BucketOwnerEnforced'))
  assert.deepEqual(codeOf(await enforce()), [400, 'InvalidBucketAclWithObjectOwnership'])
  await send('PUT', `/${name}?acl=`, 'bart', { 'x-amz-acl': 'private' })
  assert.equal((await enforce()).status, 200)
  const put = await send('PUT', `/${name}?acl=`, 'bart', { 'x-amz-acl': 'public-read' })
  assert.deepEqual(codeOf(put), [400, 'AccessControlListNotSupported'])
  const headers = { 'x-amz-object-ownership': 'BucketOwnerEnforced', 'x-amz-acl': 'public-read' }
  assert.deepEqual(codeOf(await send('PUT', '/never', 'bart', headers)), [400, 'InvalidBucketAclWithObjectOwnership'])
  const wrong = await send('PUT', '/never', 'bart', { 'x-amz-object-ownership': 'Mine' })
  assert.deepEqual(codeOf(wrong), [400, 'InvalidArgument'])
})

test('bucket-policy/attributes are shown to those only who may read the object', async () => {
  const name = await bucket()
  await send('PUT', `/${name}?versioning=`, 'bart', {}, versioningEnabled)
  const versionId = (await send('PUT', `/${name}/k`, 'bart', {}, 'x')).headers['x-amz-version-id']
  const asked = { 'x-amz-object-attributes': 'ETag' }
  const ask = async (as: AccountName, more = '') =>
    (await send('GET', `/${name}/k?attributes=${more}`, as, asked)).status
  const version = `&versionId=${versionId}`
  const both = { Principal: lisa, Action: ['s3:GetObjectAttributes', 's3:GetObjectVersionAttributes'] }
  await put(name, both)
  assert.deepEqual([await ask('lisa'), await ask('lisa', version)], [403, 403])
  await put(name, both, { Principal: lisa })
  assert.deepEqual([await ask('lisa'), await ask('lisa', version)], [200, 403])
  await put(name, both, { Principal: lisa, Action: 's3:GetObjectVersion' })
  assert.deepEqual([await ask('lisa'), await ask('lisa', version)], [403, 200])
  await put(name, { Effect: 'Deny' })
  assert.deepEqual([await ask('bart'), await ask('bart', version)], [403, 200])
  await put(name, { Effect: 'Deny', Action: 's3:GetObjectVersion' })
  assert.deepEqual([await ask('bart'), await ask('bart', version)], [200, 403])
})

test('bucket-policy/a user whose key is taken away while a request runs stays that user to its end', async () => {
  const { keys } = accounts.bart
  const clerk = { name: 'clerk', arn: 'arn:aws:iam::123456789012:user/clerk', rights: 'account', keys } as const
  const directory = createAccountDirectory([{ ...accounts.bart, keys: [], users: [clerk] }])
  let looks = Number.POSITIVE_INFINITY
  const shortLived = {
    ...directory,
    findByAccessKey: (access: string) => (looks-- > 0 ? directory.findByAccessKey(access) : undefined),
  }
  const other = await startTestServer({ accounts: shortLived })
  try {
    await other.send({ method: 'PUT', path: '/users' })
    await other.send({ method: 'PUT', path: '/users/o', body: 'x' })
    const body = document(statementOf('users', { Effect: 'Deny', Principal: { AWS: clerk.arn } }))
    assert.equal((await other.send({ method: 'PUT', path: '/users?policy', body })).status, 204)
    looks = 1
    assert.deepEqual(codeOf(await other.send({ method: 'GET', path: '/users/o' })), [403, 'AccessDenied'])
    assert.deepEqual(codeOf(await other.send({ method: 'GET', path: '/users/o' })), [403, 'InvalidAccessKeyId'])
  } finally {
    await other.close()
  }
})
