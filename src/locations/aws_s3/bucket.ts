// The destination bucket as the operations of this adapter share it, and what they all have to say of versions and conditions.
import type { HttpAnswer } from '../../base/http-client.ts'
import type { Secret } from '../../base/secret.ts'
import { failureOf } from '../cloud-failure.ts'
import type { Precondition } from '../location.ts'
import type { S3Address, S3Channel } from './channel.ts'
import type { S3Reader } from './reader.ts'

export interface S3Details extends S3Address {
  readonly serverSideEncryption: boolean
  readonly supportsVersioning: boolean
  readonly supportsObjectLock: boolean
  readonly credentials: {
    readonly accessKey: string
    readonly secretKey: Secret
    readonly sessionToken?: Secret | undefined
  }
}

/** What the operations of this adapter share. */
export interface S3Bucket {
  readonly channel: S3Channel
  readonly details: S3Details
  readonly reader: S3Reader
  readonly conditionalWrites: boolean
  /** Epoch ms. */
  readonly now: () => number
}

/** Headers of a conditional write; none where the server does not know them. */
export function preconditionHeaders(bucket: S3Bucket, precondition: Precondition | undefined): Record<string, string> {
  if (!bucket.conditionalWrites || precondition === undefined) return {}
  return precondition.kind === 'absent' ? { 'if-none-match': '*' } : { 'if-match': `"${precondition.etag}"` }
}

/** '' where the bucket keeps no versions; a bucket with suspended versioning says `null`, which is no version to rely on. */
export function versionOf(answer: HttpAnswer): string {
  const versionId = answer.headers['x-amz-version-id'] ?? ''
  return versionId === 'null' ? '' : versionId
}

/** The bucket keeps no versions although the location says so. */
export function versioningOff(bucket: S3Bucket): Error {
  return failureOf(
    'location',
    'VersioningNotEnabled',
    `Bucket ${bucket.details.bucketName} does not keep versions: enable versioning on it, or set supportsVersioning: false`,
  )
}
