// Goal: the lifecycle configuration of a bucket is accepted, refused and returned as S3 does, and answers tell when objects will expire.
// Method: a table of rules with their outcomes, sent to the real server over a clock that stands still; then the headers.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { realWorld } from '../../../src/base/world.ts'
import {
  errorCode,
  errorMessage,
  type RawAnswer,
  startTestServer,
  type TestServer,
  versioningEnabled,
} from './test-server.ts'

let server: TestServer
/** Only the difference between wall clock and this counts: requests are signed with the real time. */
const now = Date.now()

before(async () => {
  const world = { ...realWorld, clock: { ...realWorld.clock, now: () => now } }
  server = await startTestServer({ world })
  assert.equal((await server.send({ method: 'PUT', path: '/rules' })).status, 200)
})

after(() => server.close())

const path = '/rules?lifecycle='

function put(rules: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  return server.send({
    method: 'PUT',
    path,
    body: `<LifecycleConfiguration>${rules}</LifecycleConfiguration>`,
    headers,
  })
}

const days = '<Expiration><Days>1</Days></Expiration>'
const marker = '<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>'
const abort =
  '<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>'
const tag = '<Tag><Key>a</Key><Value>b</Value></Tag>'

function rule(content: string, selector = '<Filter><Prefix>logs/</Prefix></Filter>', id = 'one'): string {
  return `<Rule><ID>${id}</ID>${selector}<Status>Enabled</Status>${content}</Rule>`
}

function noncurrent(text: string, newer = ''): string {
  return `<NoncurrentVersionExpiration><NoncurrentDays>${text}</NoncurrentDays>${newer}</NoncurrentVersionExpiration>`
}

const accepted: Readonly<Record<string, string>> = {
  'a prefix of the older form': rule(days, '<Prefix>logs/</Prefix>'),
  'an empty prefix of the older form': rule(days, '<Prefix></Prefix>'),
  'a filter with a prefix': rule(days),
  'an empty filter': rule(marker, '<Filter/>'),
  'a filter with a tag': rule(days, `<Filter>${tag}</Filter>`),
  'a filter with a size': rule(days, '<Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter>'),
  'an empty prefix beside one condition': rule(days, `<Filter><Prefix></Prefix>${tag}</Filter>`),
  'conditions under And': rule(
    days,
    `<Filter><And><Prefix>x</Prefix>${tag}<Tag><Key>c</Key><Value></Value></Tag>` +
      '<ObjectSizeGreaterThan>500</ObjectSizeGreaterThan><ObjectSizeLessThan>64000</ObjectSizeLessThan></And></Filter>',
  ),
  'an expired delete marker': rule(marker),
  'noncurrent versions with newer ones kept': rule(
    noncurrent('2', '<NewerNoncurrentVersions>5</NewerNoncurrentVersions>'),
  ),
  'incomplete uploads': rule(abort),
  'a disabled rule': rule(days).replace('Enabled', 'Disabled'),
  'several actions': rule(`${days}${noncurrent('30')}${abort}`),
}

for (const [name, rules] of Object.entries(accepted)) {
  test(`put-bucket-lifecycle/${name} is accepted and returned as it was given`, async () => {
    const answer = await put(rules)
    assert.equal(answer.status, 200, answer.body)
    const got = await server.send({ method: 'GET', path })
    assert.equal(got.status, 200)
    const inner = /<LifecycleConfiguration[^>]*>(.*)<\/LifecycleConfiguration>/.exec(got.body)?.[1]
    assert.equal(inner, rules)
  })
}

const invalidDays = (name: string, action: string): string =>
  `'${name}' for ${action} action must be a positive integer`
const base = 'Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.'

const refused: Readonly<Record<string, readonly [rules: string, code: string, message?: string]>> = {
  'no rule': ['', 'MalformedXML'],
  'an id of 256 characters': [
    rule(days, undefined, 'a'.repeat(256)),
    'InvalidArgument',
    'ID length should not exceed allowed limit of 255',
  ],
  'the same id twice': [
    rule(days) + rule(days),
    'InvalidArgument',
    'Rule ID must be unique. Found same ID for more than one rule',
  ],
  'a status in lower case': [rule(days).replace('Enabled', 'enabled'), 'MalformedXML'],
  'no status': [rule(days).replace('<Status>Enabled</Status>', ''), 'MalformedXML'],
  'neither prefix nor filter': [rule(days, ''), 'MalformedXML'],
  'prefix and filter': [rule(days, '<Prefix>a</Prefix><Filter/>'), 'MalformedXML'],
  'rules of both forms': [rule(days) + rule(days, '<Prefix>b</Prefix>', 'two'), 'InvalidRequest', base],
  'newer versions with the older form': [
    rule(noncurrent('1', '<NewerNoncurrentVersions>5</NewerNoncurrentVersions>'), '<Prefix/>'),
    'InvalidRequest',
    base,
  ],
  'two conditions without And': [rule(days, `<Filter><Prefix>a</Prefix>${tag}</Filter>`), 'MalformedXML'],
  'one condition under And': [rule(days, `<Filter><And>${tag}</And></Filter>`), 'MalformedXML'],
  'an unknown condition': [rule(days, '<Filter><Owner>me</Owner></Filter>'), 'MalformedXML'],
  'the same tag twice': [
    rule(days, `<Filter><And>${tag}${tag}</And></Filter>`),
    'InvalidRequest',
    'Duplicate Tag Keys are not allowed.',
  ],
  'a prefix of 1025 bytes': [
    rule(days, `<Prefix>${'p'.repeat(1025)}</Prefix>`),
    'InvalidRequest',
    'The maximum size of a prefix is 1024.',
  ],
  'sizes that no object has': [
    rule(
      days,
      '<Filter><And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>',
    ),
    'InvalidRequest',
    "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
  ],
  'no action': [rule(''), 'InvalidRequest', 'At least one action needs to be specified in a rule'],
  'an expiration without content': [rule('<Expiration/>'), 'MalformedXML'],
  'days and a marker together': [
    rule('<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>'),
    'MalformedXML',
  ],
  'no days': [rule('<Expiration><Days>0</Days></Expiration>'), 'InvalidArgument', invalidDays('Days', 'Expiration')],
  'days that are no number': [rule('<Expiration><Days>soon</Days></Expiration>'), 'MalformedXML'],
  'a date that is none': [rule('<Expiration><Date>20200101</Date></Expiration>'), 'MalformedXML'],
  'a date that is not midnight': [
    rule('<Expiration><Date>1970-08-22T19:08:21Z</Date></Expiration>'),
    'InvalidArgument',
    "'Date' must be at midnight GMT",
  ],
  'no noncurrent days': [
    rule(noncurrent('0')),
    'InvalidArgument',
    invalidDays('NoncurrentDays', 'NoncurrentVersionExpiration'),
  ],
  'more than 100 newer versions': [
    rule(noncurrent('1', '<NewerNoncurrentVersions>101</NewerNoncurrentVersions>')),
    'InvalidArgument',
  ],
  'no days after initiation': [
    rule(abort.replace('3', '0')),
    'InvalidArgument',
    invalidDays('DaysAfterInitiation', 'AbortIncompleteMultipartUpload'),
  ],
  'uploads by tag': [
    rule(abort, `<Filter>${tag}</Filter>`),
    'InvalidRequest',
    'AbortIncompleteMultipartUpload cannot be specified with Tags',
  ],
  'markers by tag': [
    rule(marker, `<Filter>${tag}</Filter>`),
    'InvalidRequest',
    'ExpiredObjectDeleteMarker cannot be specified with Tags',
  ],
  'a transition': [
    rule('<Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>'),
    'NotImplemented',
  ],
  'a transition beside what is there': [
    rule(`${days}<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>`),
    'NotImplemented',
  ],
  'a transition at a time of day': [
    rule('<Transition><Date>2022-09-27T01:00:00Z</Date><StorageClass>GLACIER</StorageClass></Transition>'),
    'InvalidArgument',
  ],
  'a transition to an unknown class': [
    rule('<Transition><Days>30</Days><StorageClass>SHELF</StorageClass></Transition>'),
    'MalformedXML',
  ],
}

for (const [name, [rules, code, message]] of Object.entries(refused)) {
  test(`put-bucket-lifecycle/${name}: ${code}`, async () => {
    await put(rule(days, undefined, 'before'))
    const answer = await put(rules)
    assert.equal(errorCode(answer), code, answer.body)
    assert.equal(answer.status, code === 'NotImplemented' ? 501 : 400)
    if (message !== undefined) assert.equal(errorMessage(answer), message)
    assert.match((await server.send({ method: 'GET', path })).body, /<ID>before<\/ID>/)
  })
}

test('put-bucket-lifecycle/1000 rules are accepted, 1001 refused', async () => {
  const rules = Array.from({ length: 1001 }, (_, index) => rule(days, undefined, `r${index}`))
  assert.equal((await put(rules.slice(0, 1000).join(''))).status, 200)
  assert.equal(errorCode(await put(rules.join(''))), 'MalformedXML')
})

test('put-bucket-lifecycle/a missing id is made', async () => {
  assert.equal((await put(rule(days).replace('<ID>one</ID>', ''))).status, 200)
  assert.match((await server.send({ method: 'GET', path })).body, /<Rule><ID>[0-9a-f-]{36}<\/ID>/)
})

test('put-bucket-lifecycle/a date is returned as a moment', async () => {
  assert.equal((await put(rule('<Expiration><Date>2017-09-27</Date></Expiration>'))).status, 200)
  assert.match((await server.send({ method: 'GET', path })).body, /<Date>2017-09-27T00:00:00.000Z<\/Date>/)
})

test('put-bucket-lifecycle/the minimum size for transitions is kept and returned', async () => {
  const header = 'x-amz-transition-default-minimum-object-size'
  assert.equal((await put(rule(days))).headers[header], 'all_storage_classes_128K')
  assert.equal((await put(rule(days), { [header]: 'varies_by_storage_class' })).status, 200)
  assert.equal((await server.send({ method: 'GET', path })).headers[header], 'varies_by_storage_class')
  assert.equal(errorCode(await put(rule(days), { [header]: 'none' })), 'InvalidRequest')
})

test('delete-bucket-lifecycle/204 also when there is none; then GET is 404', async () => {
  for (let time = 0; time < 2; time++) assert.equal((await server.send({ method: 'DELETE', path })).status, 204)
  const got = await server.send({ method: 'GET', path })
  assert.equal(got.status, 404)
  assert.equal(errorCode(got), 'NoSuchLifecycleConfiguration')
})

test('put-bucket-lifecycle/others and strangers are refused', async () => {
  for (const as of ['lisa', null] as const)
    for (const method of ['PUT', 'GET', 'DELETE'])
      assert.equal(errorCode(await server.send({ method, path, as })), 'AccessDenied', `${method} as ${as}`)
})

test('x-amz-expiration/tells the midnight after the days, and the rule', async () => {
  assert.equal((await put(rule(days, '<Filter><Prefix>logs/</Prefix></Filter>', 'a rule'))).status, 200)
  const midnight = Math.ceil((now + 86_400_000) / 86_400_000) * 86_400_000
  const expected = `expiry-date="${new Date(midnight).toUTCString()}", rule-id="a%20rule"`
  const stored = await server.send({ method: 'PUT', path: '/rules/logs/a', body: 'x' })
  assert.equal(stored.headers['x-amz-expiration'], expected)
  for (const method of ['GET', 'HEAD']) {
    const answer = await server.send({ method, path: '/rules/logs/a' })
    assert.equal(answer.headers['x-amz-expiration'], expected)
  }
  const other = await server.send({ method: 'PUT', path: '/rules/data/a', body: 'x' })
  assert.equal(other.headers['x-amz-expiration'], undefined)
})

test('x-amz-expiration/the soonest of the rules that take the object by its tags counts', async () => {
  const later = '<Expiration><Days>5</Days></Expiration>'
  const other = `<Filter><And>${tag}<Tag><Key>c</Key><Value>d</Value></Tag></And></Filter>`
  await put(
    rule(later, '<Filter/>', 'later') + rule(days, `<Filter>${tag}</Filter>`, 'tagged') + rule(days, other, 'both'),
  )
  await server.send({ method: 'PUT', path: '/rules/tagged', body: 'x', headers: { 'x-amz-tagging': 'a=b&c=e' } })
  const tagged = await server.send({ method: 'HEAD', path: '/rules/tagged' })
  assert.match(tagged.headers['x-amz-expiration'] ?? '', /rule-id="tagged"$/)
  const plain = await server.send({ method: 'PUT', path: '/rules/plain', body: 'x' })
  assert.match(plain.headers['x-amz-expiration'] ?? '', /rule-id="later"$/)
})

test('x-amz-expiration/copies and completed uploads tell it, too; noncurrent versions and markers do not', async () => {
  await put(rule(days, '<Filter/>', 'all'))
  await server.send({ method: 'PUT', path: '/rules/source', body: 'x' })
  const headers = { 'x-amz-copy-source': '/rules/source' }
  const copied = await server.send({ method: 'PUT', path: '/rules/copy', headers })
  assert.match(copied.headers['x-amz-expiration'] ?? '', /rule-id="all"$/)
  const created = await server.send({ method: 'POST', path: '/rules/joined?uploads=' })
  const uploadId = /<UploadId>([^<]*)</.exec(created.body)?.[1]
  const part = await server.send({ method: 'PUT', path: `/rules/joined?partNumber=1&uploadId=${uploadId}`, body: 'x' })
  const body =
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>' +
    `<ETag>${part.headers['etag']}</ETag></Part></CompleteMultipartUpload>`
  const joined = await server.send({ method: 'POST', path: `/rules/joined?uploadId=${uploadId}`, body })
  assert.match(joined.headers['x-amz-expiration'] ?? '', /rule-id="all"$/)
  await server.send({ method: 'PUT', path: '/rules?versioning=', body: versioningEnabled })
  const first = await server.send({ method: 'PUT', path: '/rules/twice', body: 'x' })
  await server.send({ method: 'PUT', path: '/rules/twice', body: 'y' })
  const older = `/rules/twice?versionId=${first.headers['x-amz-version-id']}`
  assert.equal((await server.send({ method: 'HEAD', path: older })).headers['x-amz-expiration'], undefined)
})

test('x-amz-abort-date/tells when an upload will be aborted', async () => {
  await put(rule(abort))
  const midnight = Math.ceil((now + 3 * 86_400_000) / 86_400_000) * 86_400_000
  const created = await server.send({ method: 'POST', path: '/rules/logs/big?uploads=' })
  assert.equal(created.headers['x-amz-abort-date'], new Date(midnight).toUTCString())
  assert.equal(created.headers['x-amz-abort-rule-id'], 'one')
  const uploadId = /<UploadId>([^<]*)</.exec(created.body)?.[1]
  const listed = await server.send({ method: 'GET', path: `/rules/logs/big?uploadId=${uploadId}` })
  assert.equal(listed.headers['x-amz-abort-rule-id'], 'one')
})
