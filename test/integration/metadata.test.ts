// Goal: everything that an object carries arrives in both clouds in the documented form: metadata in any script, names that Azure refuses, markers
// that clients cannot forge, tags, content headers, parts, delete markers; changes of tags without the bytes. Method: real servers, read with the
// vendors' SDKs, both ways of the replication half; a proxy before Azurite that notes what is written there.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { createHttpClient } from '../../src/base/http-client.ts'
import { realWorld } from '../../src/base/world.ts'
import { openBucket } from '../../src/demo/bucket.ts'
import { type DestinationProxy, openDestinationProxy } from '../faults/destination-proxy.ts'
import { azureServer, s3Server } from '../services/available.ts'
import { type ReadBlob, readBlob } from './blob.ts'
import { fileBytes } from './tree.ts'
import {
  drained,
  openTwoClouds,
  quickRetries,
  replicatedBucket,
  type TwoClouds,
  untilStatus,
  versionsIn,
} from './two-clouds.ts'

const bucket = 'carried'
const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
let clouds: TwoClouds
let proxy: DestinationProxy

after(async () => {
  await s3.stop()
  await azure.stop()
})

for (const gateway of ['direct', 'http'] as const)
  describe(`by the gateway ${gateway}`, () => {
    before(async () => {
      if (skip) return
      clouds = await openTwoClouds(
        { s3: s3.get(), azure: azure.get() },
        {
          replication: { ...quickRetries, gateway },
          async route(there) {
            const url = new URL(there.azure.endpoint)
            proxy = await openDestinationProxy(url.host)
            return { s3: there.s3, azure: { ...there.azure, endpoint: `http://${proxy.address}${url.pathname}` } }
          },
        },
      )
      await replicatedBucket(clouds.source, bucket)
    })

    after(async () => {
      await clouds?.close()
      await proxy?.close()
    })

    async function put(key: string, input: Omit<PutObjectCommandInput, 'Bucket' | 'Key'>): Promise<string> {
      const answer = await clouds.source.send(new PutObjectCommand({ Bucket: bucket, Key: key, ...input }))
      return answer.VersionId ?? ''
    }

    /** The object as it is at S3, after it has completed. */
    async function atS3(key: string) {
      await untilStatus(clouds.source, bucket, key, 'COMPLETED')
      return clouds.far.send(new GetObjectCommand({ Bucket: clouds.s3.bucket, Key: `${bucket}/${key}` }))
    }

    async function atAzure(key: string): Promise<ReadBlob> {
      return readBlob(clouds.container, `${bucket}/${key}`)
    }

    function encodedWord(text: string): string {
      return `=?UTF-8?B?${Buffer.from(text, 'utf8').toString('base64')}?=`
    }

    /** User metadata without what the copies carry besides. */
    function withoutMarkers(metadata: Readonly<Record<string, string>> = {}): Record<string, string> {
      return Object.fromEntries(Object.entries(metadata).filter(([name]) => !name.startsWith('scal-')))
    }

    test('metadata in any script arrives as RFC 2047 words at S3 and percent-encoded at Azure', { skip }, async () => {
      const versionId = await put('scripts', {
        Body: 'x',
        Metadata: { plain: 'as it is', city: encodedWord('Zürich'), percent: '100% sure' },
      })
      const { Metadata } = await atS3('scripts')
      assert.deepEqual(withoutMarkers(Metadata), {
        plain: 'as it is',
        city: encodedWord('Zürich'),
        percent: '100% sure',
      })
      assert.equal(Metadata?.['scal-version-id'], versionId)
      assert.equal(Metadata?.['scal-replication-status'], 'REPLICA')
      const blob = await atAzure('scripts')
      assert.deepEqual(blob.user, { plain: 'as it is', city: 'Zürich', percent: '100% sure' })
      assert.equal(blob.raw['city'], 'Z%C3%BCrich')
      assert.deepEqual(blob.markers, { scal_version_id: versionId, scal_replication_status: 'REPLICA' })
    })

    test('metadata sent as raw UTF-8 arrives in the same form', { skip }, async () => {
      const [host = '', port = ''] = clouds.crossbeat.s3.split(':')
      const http = createHttpClient()
      try {
        const channel = openBucket(
          { address: { host, port: Number(port) }, bucket, ...clouds.crossbeat.keys },
          http,
          realWorld,
        )
        const value = Buffer.from('日本語 🦀', 'utf8').toString('latin1')
        const headers = { 'x-amz-meta-title': value }
        await channel.send({ method: 'PUT', key: 'raw', headers, body: Buffer.from('x') })
      } finally {
        await http.close()
      }
      const { Metadata } = await atS3('raw')
      assert.deepEqual(withoutMarkers(Metadata), { title: encodedWord('日本語 🦀') })
      assert.deepEqual((await atAzure('raw')).user, { title: '日本語 🦀' })
    })

    test('names that Azure refuses or that could not be undone are told by scal_names', { skip }, async () => {
      const metadata = {
        'with-dash': '1',
        with_underscore: '2',
        'a-b': '3',
        a_b: '4',
        '1st': '5',
        'dot.ted': '6',
        tags: 'not the tags',
      }
      await put('names', { Body: 'x', Metadata: metadata })
      assert.deepEqual(withoutMarkers((await atS3('names')).Metadata), metadata)
      const blob = await atAzure('names')
      assert.deepEqual(blob.user, metadata)
      assert.equal(blob.raw['with_dash'], '1')
      assert.match(blob.raw['scal_names'] ?? '', /^[ -~]+$/)
      assert.deepEqual(blob.tags, {})
    })

    test('a client cannot forge the markers', { skip }, async () => {
      const forged = { 'scal-version-id': 'forged', 'scal-replication-status': 'forged', 'scal-names': '{}' }
      const versionId = await put('forged', { Body: 'x', Metadata: { ...forged, 'scal-encoding': 'rot13', own: 'y' } })
      const { Metadata } = await atS3('forged')
      assert.equal(Metadata?.['scal-version-id'], versionId)
      assert.equal(Metadata?.['scal-replication-status'], 'REPLICA')
      const blob = await atAzure('forged')
      assert.deepEqual(blob.markers, { scal_version_id: versionId, scal_replication_status: 'REPLICA' })
      assert.equal(blob.user['own'], 'y')
      assert.notEqual(blob.raw['scal_encoding'], 'rot13')
    })

    test('content headers and tags in any script arrive', { skip }, async () => {
      const headers = {
        ContentType: 'text/html; charset=utf-8',
        CacheControl: 'no-cache, max-age=0',
        ContentDisposition: 'attachment; filename="report.html"',
        ContentEncoding: 'gzip',
        ContentLanguage: 'de-CH',
      }
      const tags = { colour: 'dark blue', größe: 'groß', 'a/b:c=d+e': '-._@' }
      const Tagging = Object.entries(tags).map(pair => pair.map(encodeURIComponent).join('='))
      await put('headers', {
        Body: 'x',
        ...headers,
        Expires: new Date('2030-01-01T00:00:00Z'),
        Tagging: Tagging.join('&'),
      })
      const object = await atS3('headers')
      for (const name of Object.keys(headers) as (keyof typeof headers)[])
        assert.equal(object[name], headers[name], name)
      assert.equal(object.ExpiresString, 'Tue, 01 Jan 2030 00:00:00 GMT')
      assert.deepEqual(await tagsAtS3('headers'), tags)
      const blob = await atAzure('headers')
      assert.equal(blob.contentType, headers.ContentType)
      assert.equal(blob.cacheControl, headers.CacheControl)
      assert.equal(blob.contentDisposition, headers.ContentDisposition)
      assert.equal(blob.contentEncoding, headers.ContentEncoding)
      assert.equal(blob.contentLanguage, headers.ContentLanguage)
      assert.deepEqual(blob.tags, tags)
      assert.match(blob.raw['tags'] ?? '', /^[ -~]+$/)
    })

    async function tagsAtS3(key: string, versionId?: string): Promise<Record<string, string>> {
      const version = versionId === undefined ? {} : { VersionId: versionId }
      const address = { Bucket: clouds.s3.bucket, Key: `${bucket}/${key}`, ...version }
      const { TagSet } = await clouds.far.send(new GetObjectTaggingCommand(address))
      return Object.fromEntries((TagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']))
    }

    test('zero bytes arrive as zero bytes', { skip }, async () => {
      await put('zero', { Body: '', Metadata: { empty: '' } })
      const object = await atS3('zero')
      assert.deepEqual([object.ContentLength, object.Metadata?.['scal-replication-status']], [0, 'REPLICA'])
      const blob = await atAzure('zero')
      assert.equal(blob.bytes.length, 0)
      assert.equal(blob.markers['scal_replication_status'], 'REPLICA')
    })

    test('24 MiB in one PUT become two parts of up to 16 MiB', { skip }, async () => {
      const body = fileBytes('24 MiB', 24 * 1024 ** 2)
      await put('large', { Body: body, ContentType: 'video/mp4' })
      const object = await atS3('large')
      assert.match(object.ETag ?? '', /-2"$/)
      assert.equal(object.ContentType, 'video/mp4')
      assert.ok(body.equals(Buffer.from((await object.Body?.transformToByteArray()) ?? [])))
      const blob = await atAzure('large')
      assert.equal(blob.blocks, 2)
      assert.equal(blob.contentType, 'video/mp4')
      assert.ok(body.equals(blob.bytes))
    })

    test('an upload in parts of odd sizes arrives with its metadata and tags', { skip }, async () => {
      const parts = [5 * 1024 ** 2, 5 * 1024 ** 2 + 1, 7_340_033, 17].map((size, index) =>
        fileBytes(`part ${index}`, size),
      )
      const address = { Bucket: bucket, Key: 'in parts' }
      const begin = { ...address, Metadata: { from: 'parts' }, Tagging: 'by=parts', ContentLanguage: 'fr' }
      const { UploadId } = await clouds.source.send(new CreateMultipartUploadCommand(begin))
      const done: { PartNumber: number; ETag: string | undefined }[] = []
      for (const [index, Body] of parts.entries()) {
        const part = { ...address, UploadId, PartNumber: 2 * index + 1, Body }
        const { ETag } = await clouds.source.send(new UploadPartCommand(part))
        done.push({ PartNumber: part.PartNumber, ETag })
      }
      const complete = { ...address, UploadId, MultipartUpload: { Parts: done } }
      await clouds.source.send(new CompleteMultipartUploadCommand(complete))
      const whole = Buffer.concat(parts)
      const object = await atS3('in parts')
      assert.ok(whole.equals(Buffer.from((await object.Body?.transformToByteArray()) ?? [])))
      assert.deepEqual([withoutMarkers(object.Metadata), object.ContentLanguage], [{ from: 'parts' }, 'fr'])
      assert.deepEqual(await tagsAtS3('in parts'), { by: 'parts' })
      const blob = await atAzure('in parts')
      assert.ok(whole.equals(blob.bytes))
      assert.deepEqual([blob.user, blob.tags, blob.contentLanguage], [{ from: 'parts' }, { by: 'parts' }, 'fr'])
    })

    test('tags that change later go to their version at S3, and to Azure without the bytes', { skip }, async () => {
      const metadata = { name: encodedWord('Grüße'), under_score: '1' }
      const first = await put('tagged', { Body: 'one', Metadata: metadata, Tagging: 'v=1' })
      const second = await put('tagged', { Body: 'two', Metadata: metadata, Tagging: 'v=2' })
      await drained(clouds)
      const writes = (): readonly string[] =>
        proxy.passages
          .filter(({ method, path }) => method === 'PUT' && path.includes('/tagged'))
          .map(({ path }) => path)
      const before = writes().length
      const address = { Bucket: bucket, Key: 'tagged' }
      const tagging = (value: string) => ({ Tagging: { TagSet: [{ Key: 'v', Value: value }] } })
      await clouds.source.send(new PutObjectTaggingCommand({ ...address, VersionId: second, ...tagging('zwei') }))
      await clouds.source.send(new PutObjectTaggingCommand({ ...address, VersionId: first, ...tagging('eins') }))
      await drained(clouds)
      for (const versionId of [first, second])
        await untilStatus(clouds.source, bucket, 'tagged', 'COMPLETED', versionId)
      const ids = await destinationIds('tagged')
      assert.deepEqual(await tagsAtS3('tagged', ids.get(first)), { v: 'eins' })
      assert.deepEqual(await tagsAtS3('tagged', ids.get(second)), { v: 'zwei' })
      const blob = await atAzure('tagged')
      assert.deepEqual(
        [blob.tags, blob.user, String(blob.bytes)],
        [{ v: 'zwei' }, { name: 'Grüße', under_score: '1' }, 'two'],
      )
      const added = writes().slice(before)
      assert.ok(
        added.length === 1 && added.every(path => path.includes('comp=metadata')),
        `written to Azure: ${added.join(' ')}`,
      )
      await clouds.source.send(new DeleteObjectTaggingCommand({ ...address, VersionId: second }))
      await drained(clouds)
      assert.deepEqual(await tagsAtS3('tagged', ids.get(second)), {})
      assert.deepEqual((await atAzure('tagged')).tags, {})
    })

    /** Version ids at S3 by those of the source. */
    async function destinationIds(key: string): Promise<ReadonlyMap<string, string>> {
      const ids = new Map<string, string>()
      for (const version of await versionsIn(clouds.far, clouds.s3.bucket)) {
        if (version.key !== `${bucket}/${key}` || version.isMarker) continue
        const address = { Bucket: clouds.s3.bucket, Key: version.key, VersionId: version.versionId }
        const { Metadata } = await clouds.far.send(new GetObjectCommand(address))
        const id = Metadata?.['scal-version-id'] ?? ''
        assert.ok(!ids.has(id), `${id} arrived twice`)
        ids.set(id, version.versionId)
      }
      return ids
    }

    test('a delete marker hides the key at S3 and removes the blob; a later PUT brings it back', { skip }, async () => {
      const address = { Bucket: bucket, Key: 'deleted' }
      await put('deleted', { Body: 'one' })
      await clouds.source.send(new DeleteObjectCommand(address))
      await drained(clouds)
      const there = async (): Promise<readonly boolean[]> =>
        (await versionsIn(clouds.far, clouds.s3.bucket))
          .filter(({ key }) => key === `${bucket}/deleted`)
          .map(({ isMarker, isLatest }) => isMarker && isLatest)
      assert.deepEqual(await there(), [false, true])
      assert.equal(await clouds.container.getBlobClient(`${bucket}/deleted`).exists(), false)
      await put('deleted', { Body: 'two' })
      assert.equal(String((await (await atS3('deleted')).Body?.transformToString()) ?? ''), 'two')
      assert.equal(String((await atAzure('deleted')).bytes), 'two')
    })
  })
