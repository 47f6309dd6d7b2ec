// Goal: the notification configuration of a bucket is accepted, refused and returned as S3 does. Method: a table of documents with their outcomes,
// sent to the real server, which knows two targets.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { errorCode, errorMessage, type RawAnswer, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
const path = '/noted?notification='

before(async () => {
  server = await startTestServer({ notificationTargets: new Set(['audit', 'index']) })
  assert.equal((await server.send({ method: 'PUT', path: '/noted' })).status, 200)
})

after(() => server.close())

function put(content: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const body = `<NotificationConfiguration>${content}</NotificationConfiguration>`
  return server.send({ method: 'PUT', path, body, headers })
}

async function got(): Promise<string> {
  const answer = await server.send({ method: 'GET', path })
  assert.equal(answer.status, 200, answer.body)
  return /<NotificationConfiguration[^>]*?(?:\/>|>(.*)<\/NotificationConfiguration>)/.exec(answer.body)?.[1] ?? ''
}

const created = '<Event>s3:ObjectCreated:*</Event>'
const queueArn = 'arn:aws:sqs:us-east-1:123456789012:audit'

function filter(...rules: readonly (readonly [name: string, value: string])[]): string {
  const elements = rules.map(([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`)
  return `<Filter><S3Key>${elements.join('')}</S3Key></Filter>`
}

function queue(rest = '', { id = 'one', arn = queueArn, events = created } = {}): string {
  return `<QueueConfiguration><Id>${id}</Id><Queue>${arn}</Queue>${events}${rest}</QueueConfiguration>`
}

const topic =
  '<TopicConfiguration><Id>two</Id><Topic>arn:aws:sns:eu-west-1:123456789012:index</Topic>' +
  '<Event>s3:ObjectRemoved:Delete</Event><Event>s3:ObjectTagging:*</Event></TopicConfiguration>'
const lambda = 'arn:aws:lambda:us-east-1:123456789012:function:index'
const cloudFunction =
  `<CloudFunctionConfiguration><Id>three</Id><CloudFunction>${lambda}</CloudFunction>` +
  '<Event>s3:Replication:OperationFailedReplication</Event></CloudFunctionConfiguration>'

const accepted: Readonly<Record<string, string>> = {
  'a queue': queue(),
  'a topic, a queue and a function': topic + queue() + cloudFunction,
  'a prefix and a suffix': queue(filter(['prefix', 'logs/'], ['Suffix', '.gz'])),
  'the same event for other prefixes': queue(filter(['prefix', 'a'])) + queue(filter(['prefix', 'b']), { id: 'b' }),
  'the same event for other suffixes': queue(filter(['suffix', 'a'])) + queue(filter(['suffix', 'b']), { id: 'b' }),
}

for (const [name, content] of Object.entries(accepted)) {
  test(`put-bucket-notification/${name}: accepted and returned as it was given`, async () => {
    const answer = await put(content)
    assert.equal(answer.status, 200, answer.body)
    assert.equal(await got(), content)
  })
}

const overlap = /^Configuration is ambiguously defined/
const refused: Readonly<Record<string, readonly [content: string, code: string, message?: RegExp]>> = {
  'an unknown event': [
    queue('', { events: '<Event>s3:ObjectEaten</Event>' }),
    'InvalidArgument',
    /^A specified event is not supported for notifications/,
  ],
  'no event': [queue('', { events: '' }), 'MalformedXML'],
  'no destination': [`<QueueConfiguration>${created}</QueueConfiguration>`, 'MalformedXML'],
  'what is no ARN': [queue('', { arn: 'audit' }), 'InvalidArgument', /^The ARN could not be parsed/],
  'a topic as a queue': [queue('', { arn: queueArn.replace('sqs', 'sns') }), 'InvalidArgument', /could not be parsed/],
  'a target that is not there': [
    queue('', { arn: queueArn.replace('audit', 'nobody') }),
    'InvalidArgument',
    /^Unable to validate the following destination configurations/,
  ],
  'EventBridge without a target of that name': [
    '<EventBridgeConfiguration/>',
    'InvalidArgument',
    /^Unable to validate the following destination configurations/,
  ],
  'another filter than prefix and suffix': [
    queue(filter(['infix', 'x'])),
    'InvalidArgument',
    /^filter rule name must be either prefix or suffix/,
  ],
  'two prefixes': [
    queue(filter(['prefix', 'x'], ['Prefix', 'y'])),
    'InvalidArgument',
    /^Cannot specify more than one prefix rule in a filter/,
  ],
  'a prefix of 1025 bytes': [
    queue(filter(['prefix', 'x'.repeat(1025)])),
    'InvalidArgument',
    /^Size of filter rule value cannot exceed 1024 bytes/,
  ],
  'the same id twice': [queue(filter(['prefix', 'a'])) + queue(filter(['prefix', 'b'])), 'InvalidArgument'],
  'the same event twice': [queue() + queue('', { id: 'b' }), 'InvalidArgument', overlap],
  'the same event by its family': [
    queue() + queue(filter(['prefix', 'a']), { id: 'b', events: '<Event>s3:ObjectCreated:Put</Event>' }),
    'InvalidArgument',
    overlap,
  ],
  'suffixes of which one ends the other': [
    queue(filter(['suffix', '.tar.gz'])) + queue(filter(['suffix', '.gz']), { id: 'b' }),
    'InvalidArgument',
    overlap,
  ],
  'an unknown element': ['<MailConfiguration/>', 'MalformedXML'],
}

for (const [name, [content, code, message]] of Object.entries(refused)) {
  test(`put-bucket-notification/${name}: ${code}`, async () => {
    await put(topic)
    const answer = await put(content)
    assert.equal(answer.status, 400, answer.body)
    assert.equal(errorCode(answer), code)
    if (message !== undefined) assert.match(errorMessage(answer), message)
    assert.equal(await got(), topic)
  })
}

test('put-bucket-notification/a missing id is made', async () => {
  await put(queue().replace('<Id>one</Id>', ''))
  assert.match(await got(), /^<QueueConfiguration><Id>[0-9a-f-]{36}<\/Id>/)
})

test('put-bucket-notification/destinations are not looked for when that is asked for', async () => {
  const content = queue('', { arn: queueArn.replace('audit', 'nobody') })
  assert.equal((await put(content, { 'x-amz-skip-destination-validation': 'true' })).status, 200)
  assert.equal(await got(), content)
})

test('put-bucket-notification/an empty document turns notifications off', async () => {
  await put(queue())
  assert.equal((await put('')).status, 200)
  assert.equal(await got(), '')
  assert.equal((await server.store.bucket('noted'))?.settings.notification, undefined)
})

test('put-bucket-notification/others and strangers are refused', async () => {
  for (const as of ['lisa', null] as const)
    for (const method of ['PUT', 'GET'])
      assert.equal(errorCode(await server.send({ method, path, as })), 'AccessDenied', `${method} as ${as}`)
})
