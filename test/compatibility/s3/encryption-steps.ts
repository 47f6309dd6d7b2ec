// What the tests of encryption share: customer keys in the forms of the SDK and of raw headers, and a look at what lies behind the server's back.
import { createHash, randomBytes } from 'node:crypto'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { RawAnswer, TestServer } from './test-server.ts'

export const Bucket = 'boxes'
/** At the beginning of all bytes: where it is found, something lies there plain. */
export const marker = Buffer.from('what must not be seen on any disk')

export interface SseC {
  readonly SSECustomerAlgorithm: string
  readonly SSECustomerKey: string
  readonly SSECustomerKeyMD5: string
}

export function sseC(seed: number): SseC {
  const key = Buffer.alloc(32, seed)
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  }
}

export const [keyA, keyB] = [sseC(1), sseC(2)]
export const copySource = (of: SseC) => ({
  CopySourceSSECustomerAlgorithm: of.SSECustomerAlgorithm,
  CopySourceSSECustomerKey: of.SSECustomerKey,
  CopySourceSSECustomerKeyMD5: of.SSECustomerKeyMD5,
})
export const managed = { ServerSideEncryption: 'AES256' } as const

/** The same as raw headers. */
export function keyHeaders(of: SseC): Record<string, string> {
  return {
    'x-amz-server-side-encryption-customer-algorithm': of.SSECustomerAlgorithm,
    'x-amz-server-side-encryption-customer-key': of.SSECustomerKey,
    'x-amz-server-side-encryption-customer-key-md5': of.SSECustomerKeyMD5,
  }
}

/** Bytes that say `marker` at their beginning. */
export function bytesOf(size: number): Buffer {
  const bytes = randomBytes(size)
  marker.copy(bytes)
  return bytes
}

export type EncryptionSteps = ReturnType<typeof encryptionSteps>

export function encryptionSteps(server: TestServer, client: S3Client) {
  return {
    /** The bytes of an object, by the SDK. */
    async bodyOf(
      Key: string,
      more: Partial<SseC> & { Range?: string; PartNumber?: number; Bucket?: string } = {},
    ): Promise<Buffer> {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }))
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
    /** Everything that is stored of the object, as it lies there. */
    async storedBytes(key: string, bucket = Bucket): Promise<Buffer> {
      const record = await server.store.version({ bucket, key, version: 'latest' })
      const pieces = record?.metadata.location ?? []
      const found = await Promise.all(
        pieces.map(
          async piece => server.disk.get(piece.key) ?? (await server.store.inlineData(piece.key)) ?? Buffer.alloc(0),
        ),
      )
      return Buffer.concat([...found, Buffer.from(JSON.stringify(record))])
    },
    send: (method: string, path: string, headers: Record<string, string> = {}, body?: Buffer): Promise<RawAnswer> =>
      server.send({ method, path, headers, ...(body === undefined ? {} : { body }) }),
  }
}
