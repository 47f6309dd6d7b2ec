// Multipart uploads to S3: parts carry the CRC32 of exactly their bytes; where a server does not echo it, parts are proved by their MD5 from
// then on. A completion counts when the ETag is that of the parts, or the stored size is right.
import type { HttpAnswer } from '../../base/http-client.ts'
import { childText, escapeXmlText, rawChildText, readAnswerXml } from '../answer-xml.ts'
import { digestSource, hexToBase64, requestBody } from '../checked-body.ts'
import type { CompletedPart, Location, RequestContext, WriteResult } from '../location.ts'
import { preconditionHeaders, type S3Bucket, versioningOff, versionOf } from './bucket.ts'
import { uriEncodeText } from './channel.ts'
import { toldOfLock, writeHeaders } from './object-lock.ts'
import { decoded, unreadable } from './reader.ts'
import { mismatch, multipartETag, plainETag, proofOfAnswer } from './verify.ts'

type Uploads = Pick<Location, 'initiateUpload' | 'putPart' | 'completeUpload' | 'abortUpload' | 'listUploads'>

export function createUploads(bucket: S3Bucket): Uploads {
  const { channel } = bucket
  // Learnt from the first answer without a checksum; from then on MD5s are computed before a part is sent.
  let echoesChecksums = true
  return {
    async initiateUpload(key, attributes, context) {
      const headers = { ...writeHeaders(bucket, attributes), 'x-amz-checksum-algorithm': 'CRC32' }
      const sent = channel.send({ method: 'POST', key, query: 'uploads=', headers, context })
      const answer = await toldOfLock(bucket, sent)
      const root = readAnswerXml(answer.body)
      const uploadId = root === undefined ? '' : childText(root, 'UploadId')
      if (uploadId === '') throw unreadable('start of an upload')
      return uploadId
    },
    async putPart(key, uploadId, partNumber, body, checksums, context) {
      const signal = context?.signal
      const needed = { md5: checksums.md5 === undefined && !echoesChecksums }
      const computed = checksums.crc32 === undefined || needed.md5 ? await digestSource(body, needed, signal) : {}
      const known = { ...computed, ...checksums }
      const headers: Record<string, string> = {}
      if (known.crc32 !== undefined) headers['x-amz-checksum-crc32'] = hexToBase64(known.crc32)
      if (known.md5 !== undefined) headers['content-md5'] = hexToBase64(known.md5)
      const query = `partNumber=${partNumber}&uploadId=${uriEncodeText(uploadId)}`
      const answer = await channel.send({
        method: 'PUT',
        key,
        query,
        headers,
        // The checksum was computed over this range a moment ago, and the server checks it: hashing a third time would prove nothing more.
        body: requestBody(body, {}, signal),
        contentLength: body.size,
        context,
      })
      const etag = plainETag(answer.headers['etag'])
      const proof = proofOfAnswer(answer, known)
      if (proof === 'refuted') throw mismatch(`part ${partNumber}`)
      if (proof === 'proved') return { etag }
      echoesChecksums = false
      const { md5 } = known.md5 === undefined ? await digestSource(body, { md5: true }, signal) : known
      // Without an echo, an ETag that is an MD5 has to be the right one; one that is none leaves the Content-MD5 that the server checked.
      const isMd5 = /^[0-9a-f]{32}$/.test(etag)
      if (isMd5 ? etag !== md5 : known.md5 === undefined) throw mismatch(`part ${partNumber}`)
      return { etag }
    },
    completeUpload: (key, uploadId, parts, _attributes, context) =>
      completeUpload(bucket, key, uploadId, parts, context),
    async abortUpload(key, uploadId, context) {
      const query = `uploadId=${uriEncodeText(uploadId)}`
      await channel.send({ method: 'DELETE', key, query, context, accept: [404] })
    },
    listUploads: (key, context) => listUploads(bucket, key, context),
  }
}

async function completeUpload(
  bucket: S3Bucket,
  key: string,
  uploadId: string,
  parts: readonly CompletedPart[],
  context: Parameters<Location['completeUpload']>[4],
): Promise<WriteResult> {
  const list = parts.map(part => {
    const crc32 = part.crc32 === undefined ? '' : `<ChecksumCRC32>${hexToBase64(part.crc32)}</ChecksumCRC32>`
    return `<Part><PartNumber>${part.partNumber}</PartNumber><ETag>"${escapeXmlText(part.etag)}"</ETag>${crc32}</Part>`
  })
  const body = Buffer.from(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join('')}</CompleteMultipartUpload>`,
  )
  const answer = await bucket.channel.send({
    method: 'POST',
    key,
    query: `uploadId=${uriEncodeText(uploadId)}`,
    headers: { 'content-type': 'application/xml', ...preconditionHeaders(bucket, context?.precondition) },
    body,
    context,
  })
  const etag = completedETag(answer)
  const versionId = versionOf(answer)
  const expected = multipartETag(parts)
  const proved = expected !== undefined && etag === expected
  if (proved && (versionId !== '' || !bucket.details.supportsVersioning)) return { versionId, etag }
  const stored = await bucket.reader.head(
    key,
    versionId,
    context?.signal === undefined ? {} : { signal: context.signal },
  )
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (stored === null || (size > 0 && stored.size !== size) || stored.etag !== etag) throw mismatch('completed upload')
  if (bucket.details.supportsVersioning && stored.versionId === '') throw versioningOff(bucket)
  return { versionId: stored.versionId, etag }
}

function completedETag(answer: HttpAnswer): string {
  const root = readAnswerXml(answer.body)
  const etag = root?.name === 'CompleteMultipartUploadResult' ? plainETag(childText(root, 'ETag')) : ''
  // Without its document the answer proves nothing, whatever its status.
  if (etag === '') throw mismatch('the completion was not confirmed')
  return etag
}

async function listUploads(
  bucket: S3Bucket,
  key: string,
  context: RequestContext | undefined,
): Promise<readonly string[]> {
  const found: string[] = []
  for (let after = ''; ; ) {
    const query = `encoding-type=url&max-uploads=1000&prefix=${uriEncodeText(key)}&uploads=${after}`
    const answer = await bucket.channel.send({ method: 'GET', key: null, query, context })
    const page = readAnswerXml(answer.body)
    if (page?.name !== 'ListMultipartUploadsResult') throw unreadable('list of uploads')
    const encoded = childText(page, 'EncodingType') === 'url'
    const entries = page.children.filter(element => element.name === 'Upload')
    const own = entries.filter(element => decoded(rawChildText(element, 'Key'), encoded) === key)
    found.push(...own.map(element => childText(element, 'UploadId')))
    if (childText(page, 'IsTruncated') !== 'true' || own.length < entries.length) return found
    const keyMarker = decoded(rawChildText(page, 'NextKeyMarker'), encoded)
    const uploadMarker = childText(page, 'NextUploadIdMarker')
    if (keyMarker !== key || uploadMarker === '') return found
    after = `&key-marker=${uriEncodeText(keyMarker)}&upload-id-marker=${uriEncodeText(uploadMarker)}`
  }
}
