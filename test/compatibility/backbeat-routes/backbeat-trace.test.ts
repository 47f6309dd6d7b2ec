// Goal: a real Backbeat can replicate from this server. Method: its requests for one object, as it sends them byte by byte: header names and their
// order, V2 signatures with the date in X-Amz-Date, lengths, and what it reads from each answer.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { hmacSha1Base64, md5Hex } from '../../../src/base/hash.ts'
import { accounts, replicationXml } from '../s3/test-server.ts'
import { type BackbeatServer, makeBucket, startBackbeatServer } from './backbeat-server.ts'

let server: BackbeatServer
const body = 'b'.repeat(1024)
const md5 = md5Hex(body)

before(async () => {
  server = await startBackbeatServer()
  await makeBucket(server, 'src-bucket')
  const rules = replicationXml([{ storageClass: 'awsbackend,azurebackend' }])
  await server.send({ method: 'PUT', path: '/src-bucket?replication', body: rules })
})
after(() => server.close())

interface Reply {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** What a Backbeat reads and changes of the metadata. */
interface Metadata {
  readonly dataStoreName: string
  originOp: string
  readonly replicationInfo: {
    status: string
    readonly storageType: string
    readonly backends: readonly { readonly site: string; readonly status: string }[]
  }
}

const [serviceKey] = accounts.replication.keys

/** Sends exactly these header lines, in their order, with the signature that the AWS SDK of a Backbeat makes. */
async function exchange(method: string, target: string, lines: readonly string[], sent = ''): Promise<Reply> {
  const date = new Date().toUTCString()
  const all = [...lines, `X-Amz-Date: ${date}`]
  const sentValue = (name: string): string =>
    all
      .find(line => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? ''
  const amz = all
    .map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const)
    .filter(([name]) => name.startsWith('x-amz-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
  const [path = '', query = ''] = target.split('?')
  const resource = query.startsWith('versionId=') ? target : path
  const text = [method, sentValue('content-md5'), sentValue('content-type'), '', amz.join('') + resource].join('\n')
  const signature = hmacSha1Base64(serviceKey?.secret ?? '', text)
  const head = [
    `${method} ${target} HTTP/1.1`,
    'User-Agent: aws-sdk-nodejs/2.1692.0 linux/v22.22.0 promise',
    ...all,
    `Authorization: AWS ${serviceKey?.access ?? ''}:${signature}`,
    `Host: ${server.host}:${server.port}`,
    'Connection: close',
  ]
  const raw = await server.raw(`${head.join('\r\n')}\r\n\r\n${sent}`)
  const [top = '', ...rest] = raw.split('\r\n\r\n')
  const [first = '', ...headerLines] = top.split('\r\n')
  const headers = headerLines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { status: Number(first.split(' ')[1]), headers: new Map(headers), body: rest.join('\r\n\r\n') }
}

test('one object of 1 KiB goes to S3 and to Azure, and its status is written', async () => {
  const put = await server.send({
    method: 'PUT',
    path: '/src-bucket/k',
    body,
    headers: { 'content-type': 'text/plain', 'x-amz-meta-a': 'b' },
  })
  const versionId = put.headers['x-amz-version-id'] ?? ''
  const rules = await server.send({ method: 'GET', path: '/src-bucket?replication', as: 'replication' })
  assert.match(rules.body, /<Role>arn:aws:iam::123456789012:role\/source<\/Role>/)

  const read = await exchange('GET', `/_/backbeat/metadata/src-bucket/k?versionId=${versionId}`, ['Content-Length: 0'])
  assert.equal(read.status, 200, read.body)
  const wrapped: { readonly Body: string } = JSON.parse(read.body)
  const metadata: Metadata = JSON.parse(wrapped.Body)
  assert.equal(metadata.replicationInfo.storageType, 'aws_s3,azure')

  const data = await exchange('GET', `/src-bucket/k?versionId=${versionId}`, [
    `x-amz-location-constraint: ${metadata.dataStoreName}`,
    'Content-Length: 0',
  ])
  assert.deepEqual([data.status, data.body], [200, body])

  for (const site of ['awsbackend', 'azurebackend']) {
    const written = await exchange(
      'PUT',
      '/_/backbeat/multiplebackenddata/src-bucket/k?operation=putobject',
      [
        'Content-Length: 1024',
        `Content-MD5: ${md5}`,
        'X-Scal-Content-Type: text/plain',
        'X-Scal-User-Metadata: {"x-amz-meta-a":"b"}',
        'X-Scal-Canonical-Id: canonical-bart',
        `X-Scal-Storage-Class: ${site}`,
        'X-Scal-Storage-Type: aws_s3,azure',
        `X-Scal-Version-Id: ${versionId}`,
        'X-Scal-Tags: {}',
        'Content-Type: binary/octet-stream',
      ],
      body,
    )
    assert.equal(written.status, 200, written.body)
    const answer: { readonly versionId: string } = JSON.parse(written.body)
    const cloud = site === 'awsbackend' ? server.aws : server.azure
    assert.equal(answer.versionId, cloud.versionsOf('src-bucket/k')[0]?.versionId)
    await writeStatus(versionId, site, answer.versionId)
  }
  const head = await server.send({ method: 'HEAD', path: '/src-bucket/k' })
  assert.equal(head.headers['x-amz-replication-status'], 'COMPLETED')
  assert.equal(head.headers['x-amz-meta-awsbackend-version-id'], server.aws.versionsOf('src-bucket/k')[0]?.versionId)
})

/** What the status processor does: the whole fresh metadata back, with one backend changed. */
async function writeStatus(versionId: string, site: string, dataStoreVersionId: string): Promise<void> {
  const target = `/_/backbeat/metadata/src-bucket/k?versionId=${versionId}`
  const read = await exchange('GET', target, ['Content-Length: 0'])
  const wrapped: { readonly Body: string } = JSON.parse(read.body)
  const metadata: Metadata = JSON.parse(wrapped.Body)
  const { backends } = metadata.replicationInfo
  for (const backend of backends) {
    if (backend.site === site) Object.assign(backend, { status: 'COMPLETED', dataStoreVersionId })
  }
  const done = backends.every(backend => backend.status === 'COMPLETED')
  metadata.replicationInfo.status = done ? 'COMPLETED' : 'PROCESSING'
  metadata.originOp = 's3:Replication:OperationCompletedReplication'
  const text = JSON.stringify(metadata)
  const lines = [`Content-Length: ${Buffer.byteLength(text)}`, 'Content-Type: application/json']
  const written = await exchange('PUT', target, lines, text)
  assert.equal(written.status, 200, written.body)
}

test('an upload, a tag change and a delete go as a Backbeat sends them', async () => {
  const place = [
    'X-Scal-Storage-Class: awsbackend',
    'X-Scal-Storage-Type: aws_s3',
    'X-Scal-Canonical-Id: canonical-bart',
  ]
  const path = '/_/backbeat/multiplebackenddata/src-bucket/big?operation='
  const begun = await exchange('POST', `${path}initiatempu`, ['Content-Length: 0', ...place, 'X-Scal-Tags: {}'])
  assert.equal(begun.status, 200, begun.body)
  const { uploadId }: { readonly uploadId: string } = JSON.parse(begun.body)
  const partLines = ['Content-Length: 1024', ...place, 'X-Scal-Part-Number: 1', `X-Scal-Upload-Id: ${uploadId}`]
  const part = await exchange('PUT', `${path}putpart`, [...partLines, 'Content-Type: binary/octet-stream'], body)
  const { ETag }: { readonly ETag: string } = JSON.parse(part.body)
  assert.equal(ETag, md5)
  const list = JSON.stringify([{ PartNumber: ['1'], ETag: [ETag] }])
  const lines = [`Content-Length: ${list.length}`, ...place, `X-Scal-Upload-Id: ${uploadId}`]
  const completed = await exchange('POST', `${path}completempu`, [...lines, 'Content-Type: binary/octet-stream'], list)
  assert.equal(completed.status, 200, completed.body)
  const { versionId }: { readonly versionId: string } = JSON.parse(completed.body)
  assert.equal(completed.headers.get('x-amz-scal-version-id'), versionId)

  const tagging = [
    'Content-Length: 0',
    ...place,
    `X-Scal-Data-Store-Version-Id: ${versionId}`,
    'X-Scal-Source-Bucket: src-bucket',
    'X-Scal-Source-Version-Id: 98204686595687999999RG001  2',
    'X-Scal-Replication-Endpoint-Site: awsbackend',
  ]
  const tagged = await exchange('POST', `${path}puttagging`, [...tagging, 'X-Scal-Tags: {"a":"b"}'])
  assert.deepEqual([tagged.status, tagged.body], [200, JSON.stringify({ versionId })])
  assert.deepEqual(server.aws.versionsOf('src-bucket/big')[0]?.attributes.tags, { a: 'b' })
  const untagged = await exchange('DELETE', `${path}deleteobjecttagging`, tagging)
  assert.equal(untagged.status, 200)

  // abortmpu is the one request without a length.
  const aborted = await exchange('DELETE', `${path}abortmpu`, [...place, 'X-Scal-Upload-Id: gone'])
  assert.deepEqual([aborted.status, aborted.body], [200, '{}'])
  const deleted = await exchange('DELETE', `${path}deleteobject`, ['Content-Length: 0', ...place])
  assert.deepEqual([deleted.status, deleted.body], [200, '{}'])
  assert.equal(server.aws.versionsOf('src-bucket/big')[0]?.isDeleteMarker, true)
})
