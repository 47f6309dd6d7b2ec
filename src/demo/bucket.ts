// The demo's side as an S3 client: makes buckets, sets versioning and replication, uploads. It speaks to Crossbeat as any client does.
import { createHash } from 'node:crypto'
import type { HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { HostPort } from '../config/types.ts'
import { createS3Channel, type S3Channel } from '../locations/aws_s3/channel.ts'
import type { DemoFile } from './files.ts'

const partBytes = 16 * 1024 ** 2

export interface BucketAccess {
  readonly address: HostPort
  readonly bucket: string
  readonly accessKey: string
  readonly secretKey: string
}

export interface Uploaded {
  readonly key: string
  readonly size: number
  /** As clients see it. */
  readonly versionId: string
}

export function openBucket(access: BucketAccess, http: HttpClient, world: World): S3Channel {
  const awsEndpoint = `${access.address.host}:${access.address.port}`
  const place = { awsEndpoint, bucketName: access.bucket, region: 'us-east-1', https: false, pathStyle: true }
  return createS3Channel(place, () => ({ accessKey: access.accessKey, secretKey: access.secretKey }), http, world)
}

/** Makes the bucket with versioning; answers whether it is new. */
export async function ensureVersionedBucket(channel: S3Channel): Promise<boolean> {
  const found = await channel.send({ method: 'HEAD', key: null, accept: [404] })
  if (found.status !== 404) return false
  await channel.send({ method: 'PUT', key: null })
  const versioning =
    '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
  await channel.send({ method: 'PUT', key: null, query: 'versioning=', body: Buffer.from(versioning) })
  return true
}

/** One rule for the whole bucket, to all sites named. */
export async function replicateTo(channel: S3Channel, bucket: string, sites: readonly string[]): Promise<void> {
  const rule = `<Rule><ID>everything</ID><Prefix></Prefix><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::${bucket}</Bucket><StorageClass>${sites.join(',')}</StorageClass></Destination></Rule>`
  const body = `<ReplicationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Role>arn:aws:iam::100000000001:role/replication</Role>${rule}</ReplicationConfiguration>`
  await channel.send({ method: 'PUT', key: null, query: 'replication=', body: Buffer.from(body) })
}

export async function upload(channel: S3Channel, file: DemoFile): Promise<Uploaded> {
  const headers = { 'content-type': file.contentType, 'x-amz-meta-from': 'crossbeat-demo' }
  const answer = file.multipart
    ? await uploadInParts(channel, file, headers)
    : await uploadAtOnce(channel, file, headers)
  return { key: file.key, size: file.bytes.byteLength, versionId: answer['x-amz-version-id'] ?? 'null' }
}

async function uploadAtOnce(
  channel: S3Channel,
  file: DemoFile,
  headers: Record<string, string>,
): Promise<Readonly<Record<string, string>>> {
  const md5 = createHash('md5').update(file.bytes).digest('base64')
  const answer = await channel.send({
    method: 'PUT',
    key: file.key,
    headers: { ...headers, 'content-md5': md5 },
    body: file.bytes,
  })
  return answer.headers
}

async function uploadInParts(
  channel: S3Channel,
  file: DemoFile,
  headers: Record<string, string>,
): Promise<Readonly<Record<string, string>>> {
  const begun = await channel.send({ method: 'POST', key: file.key, query: 'uploads=', headers })
  const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(begun.body.toString())?.[1] ?? ''
  const query = `uploadId=${encodeURIComponent(uploadId)}`
  let list = ''
  for (let number = 1; (number - 1) * partBytes < file.bytes.byteLength; number++) {
    const part = file.bytes.subarray((number - 1) * partBytes, number * partBytes)
    const answer = await channel.send({
      method: 'PUT',
      key: file.key,
      query: `partNumber=${number}&${query}`,
      body: part,
    })
    list += `<Part><PartNumber>${number}</PartNumber><ETag>${answer.headers['etag'] ?? ''}</ETag></Part>`
  }
  const body = Buffer.from(`<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`)
  return (await channel.send({ method: 'POST', key: file.key, query, body })).headers
}
