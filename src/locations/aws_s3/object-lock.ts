// What keeps copies at S3: retention and legal hold, as headers of a write and as requests of their own, where the location says that its bucket
// has object lock. A bucket that has none, although the location says so, is a fault of the location.
import { md5Hex } from '../../base/hash.ts'
import { Failure } from '../../domain/failure.ts'
import { hexToBase64 } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type { Location, ObjectAttributes, ObjectLock, RequestContext } from '../location.ts'
import { attributeHeaders } from './attributes.ts'
import type { S3Bucket } from './bucket.ts'
import { uriEncodeText } from './channel.ts'

/** A retention that ends so soon is not asked for: S3 refuses dates that are past when the request arrives. */
const endsSoonMs = 60_000

function lastingRetention(bucket: S3Bucket, { retention }: ObjectLock): NonNullable<ObjectLock['retention']> | null {
  return retention !== undefined && retention !== null && Date.parse(retention.until) > bucket.now() + endsSoonMs
    ? retention
    : null
}

/** Headers of a PUT or of the start of an upload. Throws Failure(object) for what no S3 server can take. */
export function writeHeaders(bucket: S3Bucket, attributes: ObjectAttributes): Record<string, string> {
  const headers = attributeHeaders(attributes, bucket.details.serverSideEncryption)
  const { lock } = attributes
  if (lock === undefined || !bucket.details.supportsObjectLock) return headers
  const retention = lastingRetention(bucket, lock)
  if (retention !== null) {
    headers['x-amz-object-lock-mode'] = retention.mode
    headers['x-amz-object-lock-retain-until-date'] = retention.until
  }
  if (lock.legalHold === true) headers['x-amz-object-lock-legal-hold'] = 'ON'
  return headers
}

function lockOff(bucket: S3Bucket): Failure {
  const { bucketName } = bucket.details
  const cure = 'enable it on the bucket, or set supportsObjectLock: false'
  return failureOf('location', 'ObjectLockNotEnabled', `Bucket ${bucketName} has no object lock: ${cure}`)
}

/** Hands on what a request came to; a refusal because the bucket has no object lock as the location's fault that it is. */
export async function toldOfLock<Answer>(bucket: S3Bucket, request: Promise<Answer>): Promise<Answer> {
  try {
    return await request
  } catch (error) {
    if (!bucket.details.supportsObjectLock || !(error instanceof Failure)) throw error
    const { code, message } = error.facts
    const isOff =
      code === 'ObjectLockConfigurationNotFoundError' ||
      (code === 'InvalidRequest' && /missing object ?lock/i.test(message))
    throw isOff ? lockOff(bucket) : error
  }
}

/** Throws Failure(location) where the bucket has no object lock; a key that may not read its configuration is believed. */
export async function requireObjectLock(bucket: S3Bucket, context: RequestContext | undefined): Promise<void> {
  const query = 'object-lock='
  const answer = await bucket.channel.send({ method: 'GET', key: null, query, context, accept: [403, 404] })
  if (answer.status === 404 && answer.body.toString('utf8').includes('ObjectLockConfiguration')) throw lockOff(bucket)
}

export function createPutLock(bucket: S3Bucket): NonNullable<Location['putLock']> {
  return async (key, versionId, lock, context) => {
    const retention = lastingRetention(bucket, lock)
    // What keeps the copy may last longer than one that was shortened; under COMPLIANCE none is.
    if (lock.retention === null || retention !== null || lock.retention?.mode === 'GOVERNANCE') {
      const content =
        retention === null ? '' : `<Mode>${retention.mode}</Mode><RetainUntilDate>${retention.until}</RetainUntilDate>`
      await put({ bucket, key, versionId, context }, 'retention', 'Retention', content)
    }
    if (lock.legalHold !== undefined) {
      const status = lock.legalHold ? 'ON' : 'OFF'
      await put({ bucket, key, versionId, context }, 'legal-hold', 'LegalHold', `<Status>${status}</Status>`)
    }
    return { versionId, etag: '' }
  }
}

interface Place {
  readonly bucket: S3Bucket
  readonly key: string
  readonly versionId: string
  readonly context: RequestContext | undefined
}

async function put(place: Place, resource: string, root: string, content: string): Promise<void> {
  const { bucket, key, versionId, context } = place
  const text = `<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`
  const body = Buffer.from(text, 'utf8')
  const headers = { 'content-type': 'application/xml', 'content-md5': hexToBase64(md5Hex(body)) }
  const query = versionId === '' ? `${resource}=` : `${resource}=&versionId=${uriEncodeText(versionId)}`
  const request = { method: 'PUT', key, query, body, context } as const
  try {
    await bucket.channel.send({ ...request, headers }).catch((error: unknown) => {
      if (resource !== 'retention' || !isDenied(error)) throw error
      // What was shortened or lifted at the source by those who may is here, too; extending needs no such right.
      return bucket.channel.send({ ...request, headers: { ...headers, 'x-amz-bypass-governance-retention': 'true' } })
    })
  } catch (error) {
    throw await refusalOfLock(bucket, error)
  }
}

function isDenied(error: unknown): error is Failure {
  return error instanceof Failure && error.facts.code === 'AccessDenied'
}

/** Who may write need not be allowed to lift what keeps a version: that concerns the one version, and the circuit stays closed. */
async function refusalOfLock(bucket: S3Bucket, error: unknown): Promise<unknown> {
  if (isDenied(error)) return new Failure({ ...error.facts, class: 'object' })
  return toldOfLock(bucket, Promise.reject(error)).catch((told: unknown) => told)
}
