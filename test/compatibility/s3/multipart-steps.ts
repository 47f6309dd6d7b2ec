// The multipart operations as tests use them: a few steps on a test server, over a current AWS SDK or as raw requests.
import assert from 'node:assert/strict'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  type S3Client,
  UploadPartCommand,
  type UploadPartCommandInput,
} from '@aws-sdk/client-s3'
import { md5Hex } from '../../../src/base/hash.ts'
import { errorCode, type RawAnswer, type TestServer, versioningEnabled } from './test-server.ts'

export interface Started {
  readonly Bucket: string
  readonly Key: string
  readonly UploadId: string
}

export function uploadPath({ Bucket, Key, UploadId }: Started, more = ''): string {
  return `/${Bucket}/${Key}?${more}uploadId=${UploadId}`
}

function partsXml(parts: readonly CompletedPart[]): string {
  const elements = parts.map(
    ({ PartNumber, ETag = '' }) =>
      `<Part><PartNumber>${PartNumber}</PartNumber><ETag>${ETag.replaceAll('"', '&quot;')}</ETag></Part>`,
  )
  return `<CompleteMultipartUpload>${elements.join('')}</CompleteMultipartUpload>`
}

/** Status and code of an error document. */
export function codeOf(answer: RawAnswer): readonly [number, string] {
  return [answer.status, errorCode(answer)]
}

export async function makeBuckets(server: TestServer, client: S3Client, names: Readonly<Record<string, boolean>>) {
  for (const [Bucket, versioned] of Object.entries(names)) {
    await client.send(new CreateBucketCommand({ Bucket }))
    if (!versioned) continue
    const enabled = await server.send({ method: 'PUT', path: `/${Bucket}?versioning=`, body: versioningEnabled })
    assert.equal(enabled.status, 200, enabled.body)
  }
}

export type MultipartSteps = ReturnType<typeof multipartSteps>

export function multipartSteps(server: TestServer, client: S3Client) {
  return {
    async create(Bucket: string, Key: string, more: Partial<CreateMultipartUploadCommandInput> = {}): Promise<Started> {
      const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))
      assert.match(UploadId, /^[0-9a-f]{40}$/)
      return { Bucket, Key, UploadId }
    },
    async upload(
      started: Started,
      PartNumber: number,
      Body: Uint8Array,
      more: Partial<UploadPartCommandInput> = {},
    ): Promise<CompletedPart> {
      const { ETag } = await client.send(new UploadPartCommand({ ...started, PartNumber, Body, ...more }))
      assert.equal(ETag, `"${md5Hex(Body)}"`)
      return { PartNumber, ETag }
    },
    complete: (started: Started, Parts: CompletedPart[]) =>
      client.send(new CompleteMultipartUploadCommand({ ...started, MultipartUpload: { Parts } })),
    rawComplete: (started: Started, parts: readonly CompletedPart[], headers: Readonly<Record<string, string>> = {}) =>
      server.send({ method: 'POST', path: uploadPath(started), body: partsXml(parts), headers }),
    async bytesOf(Bucket: string, Key: string): Promise<Buffer> {
      const got = await client.send(new GetObjectCommand({ Bucket, Key }))
      return Buffer.from((await got.Body?.transformToByteArray()) ?? [])
    },
  }
}
