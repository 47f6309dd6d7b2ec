// Goal: Put, Get and DeleteObjectTagging behave as S3's, by operation and condition, and a change of tags asks for replication as the original
// does. Method: a current AWS SDK, and raw signed requests for what it would not send.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { ReplicationInfo } from '../../../src/domain/replication-info.ts'
import { codeOf, makeBuckets } from './multipart-steps.ts'
import { errorMessage, replicationXml, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
let client: S3Client

before(async () => {
  server = await startTestServer()
  client = server.client()
  await makeBuckets(server, client, { plain: false, versioned: true, replicated: true })
  const body = replicationXml([{ prefix: 'r/' }])
  const configured = await server.send({ method: 'PUT', path: '/replicated?replication=', body })
  assert.equal(configured.status, 200, configured.body)
})

after(() => server.close())

const tag = (key: string, value = '') => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`
const tagging = (tags: string) => `<Tagging><TagSet>${tags}</TagSet></Tagging>`

async function tagsOf(Bucket: string, Key: string, VersionId?: string) {
  const got = await client.send(
    new GetObjectTaggingCommand({ Bucket, Key, ...(VersionId !== undefined && { VersionId }) }),
  )
  return Object.fromEntries((got.TagSet ?? []).map(({ Key: name = '', Value = '' }) => [name, Value]))
}

test('object-tagging/round-trip: tags replace those before, and can be taken away', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'k', Body: 'x', Tagging: 'from=put' }))
  assert.deepEqual(await tagsOf('plain', 'k'), { from: 'put' })
  const TagSet = [
    { Key: 'ünï +-=._:/@', Value: 'ä b' },
    { Key: 'empty', Value: '' },
  ]
  await client.send(new PutObjectTaggingCommand({ Bucket: 'plain', Key: 'k', Tagging: { TagSet } }))
  assert.deepEqual(await tagsOf('plain', 'k'), { 'ünï +-=._:/@': 'ä b', empty: '' })
  await client.send(new DeleteObjectTaggingCommand({ Bucket: 'plain', Key: 'k' }))
  assert.deepEqual(await tagsOf('plain', 'k'), {})
  const none = await server.send({ method: 'GET', path: '/plain/k?tagging=' })
  assert.equal(
    none.body,
    '<?xml version="1.0" encoding="UTF-8"?>\n<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet/></Tagging>',
  )
  const again = await server.send({ method: 'DELETE', path: '/plain/k?tagging=' })
  assert.equal(again.status, 204)
})

test('object-tagging/order: tags of a header are answered in the order of their keys', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'order', Body: 'x', Tagging: 'foo=bar&bar' }))
  const { body } = await server.send({ method: 'GET', path: '/plain/order?tagging=' })
  assert.deepEqual(
    [...body.matchAll(/<Key>(\w+)<\/Key>/g)].map(match => match[1]),
    ['bar', 'foo'],
  )
})

test('object-tagging/empty-set: putting no tags takes all away', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'none', Body: 'x', Tagging: 'a=1' }))
  const answer = await server.send({ method: 'PUT', path: '/plain/none?tagging=', body: tagging('') })
  assert.equal(answer.status, 200, answer.body)
  assert.deepEqual(await tagsOf('plain', 'none'), {})
})

test('object-tagging/versions: each version has its tags; the id is answered', async () => {
  const first = await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'v', Body: '1' }))
  const second = await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'v', Body: '2' }))
  const put = await client.send(
    new PutObjectTaggingCommand({
      Bucket: 'versioned',
      Key: 'v',
      VersionId: first.VersionId,
      Tagging: { TagSet: [{ Key: 'a', Value: '1' }] },
    }),
  )
  assert.equal(put.VersionId, first.VersionId)
  assert.deepEqual(await tagsOf('versioned', 'v', first.VersionId), { a: '1' })
  const latest = await client.send(new GetObjectTaggingCommand({ Bucket: 'versioned', Key: 'v' }))
  assert.deepEqual([latest.VersionId, latest.TagSet], [second.VersionId, []])
  const removed = await client.send(
    new DeleteObjectTaggingCommand({ Bucket: 'versioned', Key: 'v', VersionId: first.VersionId }),
  )
  assert.equal(removed.VersionId, first.VersionId)
  assert.deepEqual(await tagsOf('versioned', 'v', first.VersionId), {})
})

test('object-tagging/delete-marker: has no tags', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'versioned', Key: 'm', Body: '1' }))
  const { VersionId } = await client.send(new DeleteObjectCommand({ Bucket: 'versioned', Key: 'm' }))
  const cases: readonly (readonly [string, string, number, string])[] = [
    ['GET', '', 404, 'NoSuchKey'],
    ['GET', `&versionId=${VersionId}`, 405, 'MethodNotAllowed'],
    ['PUT', '', 405, 'MethodNotAllowed'],
    ['PUT', `&versionId=${VersionId}`, 405, 'MethodNotAllowed'],
    ['DELETE', '', 405, 'MethodNotAllowed'],
  ]
  for (const [method, query, status, code] of cases) {
    const body = method === 'PUT' ? { body: tagging(tag('a')) } : {}
    const answer = await server.send({ method, path: `/versioned/m?tagging=${query}`, ...body })
    assert.deepEqual(codeOf(answer), [status, code], method + query)
    assert.equal(answer.headers['x-amz-delete-marker'], 'true')
    assert.equal(answer.headers['x-amz-version-id'], VersionId)
  }
})

const accepted: readonly (readonly [string, string])[] = [
  ['ten tags', Array.from({ length: 10 }, (_, index) => tag(`k${index}`)).join('')],
  ['the longest key and value', tag('k'.repeat(128), 'v'.repeat(256))],
  ['letters of every script', tag('キー', 'значение')],
]

for (const [what, tags] of accepted) {
  test(`object-tagging/accepted: ${what}`, async () => {
    await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'accepted', Body: 'x' }))
    const answer = await server.send({ method: 'PUT', path: '/plain/accepted?tagging=', body: tagging(tags) })
    assert.equal(answer.status, 200, answer.body)
  })
}

const refused: readonly (readonly [string, string, string])[] = [
  ['eleven tags', tagging(Array.from({ length: 11 }, (_, index) => tag(`k${index}`)).join('')), 'BadRequest'],
  ['a key twice', tagging(tag('a', '1') + tag('a', '2')), 'InvalidTag'],
  ['an empty key', tagging(tag('')), 'InvalidTag'],
  ['a key that is too long', tagging(tag('k'.repeat(129))), 'InvalidTag'],
  ['a value that is too long', tagging(tag('k', 'v'.repeat(257))), 'InvalidTag'],
  ['a character that is not allowed in a key', tagging(tag('a&amp;b')), 'InvalidTag'],
  ['a character that is not allowed in a value', tagging(tag('a', '&lt;')), 'InvalidTag'],
  ['a line feed', tagging(tag('a', 'b&#10;c')), 'InvalidTag'],
  ['a key of the system', tagging(tag('aws:a')), 'InvalidTag'],
  ['no set', '<Tagging></Tagging>', 'MalformedXML'],
  ['two sets', '<Tagging><TagSet/><TagSet/></Tagging>', 'MalformedXML'],
  ['a tag without value', tagging('<Tag><Key>a</Key></Tag>'), 'MalformedXML'],
  ['a tag without key', tagging('<Tag><Value>a</Value></Tag>'), 'MalformedXML'],
  ['something else in the set', tagging('<Label/>'), 'MalformedXML'],
  ['another root', '<TagSet/>', 'MalformedXML'],
  ['an unfinished document', '<Tagging><TagSet>', 'MalformedXML'],
  ['entities', `<!DOCTYPE t [<!ENTITY e "x">]>${tagging(tag('&e;'))}`, 'MalformedXML'],
  ['nothing', '', 'MalformedXML'],
]

for (const [what, body, code] of refused) {
  test(`object-tagging/refused: ${what}`, async () => {
    await client.send(new PutObjectCommand({ Bucket: 'plain', Key: 'refused', Body: 'x', Tagging: 'kept=1' }))
    const answer = await server.send({ method: 'PUT', path: '/plain/refused?tagging=', body })
    assert.deepEqual(codeOf(answer), [400, code])
    assert.deepEqual(await tagsOf('plain', 'refused'), { kept: '1' })
  })
}

test('object-tagging/refused: wrong digests, keys, versions, buckets and accounts', async () => {
  const body = tagging(tag('a'))
  const put = (path: string, as: 'bart' | 'lisa' | null = 'bart', headers: Record<string, string> = {}) =>
    server.send({ method: 'PUT', path, body, as, headers })
  const wrong = await put('/plain/refused?tagging=', 'bart', { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })
  assert.deepEqual(codeOf(wrong), [400, 'BadDigest'])
  for (const method of ['PUT', 'GET', 'DELETE']) {
    const send = (path: string, as: 'bart' | 'lisa' | null = 'bart') =>
      server.send({ method, path, as, ...(method === 'PUT' && { body }) })
    assert.deepEqual(codeOf(await send('/plain/missing?tagging=')), [404, 'NoSuchKey'])
    assert.deepEqual(codeOf(await send('/plain/refused?tagging=&versionId=x')), [400, 'InvalidArgument'])
    const version = 'aJfG35aUKYOz00000000001I4j3QKItW'
    assert.deepEqual(codeOf(await send(`/plain/refused?tagging=&versionId=${version}`)), [404, 'NoSuchVersion'])
    assert.deepEqual(codeOf(await send('/missing/k?tagging=')), [404, 'NoSuchBucket'])
    assert.deepEqual(codeOf(await send('/plain/refused?tagging=', 'lisa')), [403, 'AccessDenied'])
    assert.deepEqual(codeOf(await send('/plain/refused?tagging=', null)), [403, 'AccessDenied'])
  }
})

async function infoOf(key: string): Promise<ReplicationInfo | undefined> {
  const record = await server.store.version({ bucket: 'replicated', key, version: 'latest' })
  return record?.metadata.replicationInfo
}

test('object-tagging/replicated: the version waits for its sites again, which keep their version ids', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'replicated', Key: 'r/k', Body: 'x' }))
  const record = await server.store.version({ bucket: 'replicated', key: 'r/k', version: 'latest' })
  assert.ok(record !== null)
  const { versionId, isNull: _, ...metadata } = record.metadata
  assert.equal(versionId, record.versionId)
  const done: ReplicationInfo = {
    ...metadata.replicationInfo,
    status: 'COMPLETED',
    backends: [
      { site: 'awsbackend', status: 'COMPLETED', dataStoreVersionId: 'aws-version' },
      { site: 'azurebackend', status: 'COMPLETED', dataStoreVersionId: '' },
    ],
  }
  await server.store.putReplica({
    bucket: 'replicated',
    key: 'r/k',
    versionId: record.versionId,
    metadata: { ...metadata, replicationInfo: done },
    keepLocation: true,
    integrity: record.integrity,
  })
  const changes: readonly (readonly [string, string, ReplicationInfo['content'], string])[] = [
    ['PUT', tagging(tag('a', '1')), ['METADATA', 'PUT_TAGGING'], 's3:ObjectTagging:Put'],
    ['DELETE', '', ['METADATA', 'DELETE_TAGGING'], 's3:ObjectTagging:Delete'],
  ]
  for (const [method, body, content, originOp] of changes) {
    const answer = await server.send({ method, path: '/replicated/r/k?tagging=', ...(body !== '' && { body }) })
    assert.ok(answer.status < 300, answer.body)
    assert.deepEqual(await infoOf('r/k'), {
      ...done,
      status: 'PENDING',
      backends: [
        { site: 'awsbackend', status: 'PENDING', dataStoreVersionId: 'aws-version' },
        { site: 'azurebackend', status: 'PENDING', dataStoreVersionId: '' },
      ],
      content,
    })
    const changed = await server.store.version({ bucket: 'replicated', key: 'r/k', version: 'latest' })
    assert.equal(changed?.metadata.originOp, originOp)
    assert.equal(changed?.versionId, record.versionId)
  }
})

test('object-tagging/not-replicated: a version that no rule takes is left as it was', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'replicated', Key: 'other', Body: 'x' }))
  const before = await infoOf('other')
  await server.send({ method: 'PUT', path: '/replicated/other?tagging=', body: tagging(tag('a')) })
  assert.deepEqual(await infoOf('other'), before)
  assert.equal(before?.status, '')
  assert.deepEqual(await tagsOf('replicated', 'other'), { a: '' })
})

test('object-tagging/concurrent: many changes at once all succeed, one of them is what stays', async () => {
  await client.send(new PutObjectCommand({ Bucket: 'replicated', Key: 'r/race', Body: 'x' }))
  const numbers = Array.from({ length: 12 }, (_, index) => String(index))
  const answers = await Promise.all(
    numbers.map(number =>
      server.send({ method: 'PUT', path: '/replicated/r/race?tagging=', body: tagging(tag('n', number)) }),
    ),
  )
  for (const answer of answers) assert.equal(answer.status, 200, answer.body + errorMessage(answer))
  assert.ok(numbers.includes((await tagsOf('replicated', 'r/race'))['n'] ?? ''))
  const record = await server.store.version({ bucket: 'replicated', key: 'r/race', version: 'latest' })
  assert.equal(record?.revision, 1 + numbers.length)
})
