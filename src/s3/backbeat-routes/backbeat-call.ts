// What the handlers of the `/_/backbeat` routes are given: the request as the S3 front end knows it, the resource its path names, and the
// destinations that cloud routes write to. Also who may use these routes at all, and whose buckets.

import type { Account } from '../../accounts/account-directory.ts'
import type { World } from '../../base/world.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { Destination } from '../../locations/multiple-backend.ts'
import { openBucket, signerOf } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'

export interface BackbeatCall extends Call {
  /** First element of the path behind `/_/backbeat/`. */
  readonly resource: string
  /** The service account or administrator that signed. */
  readonly account: Account
  /** Cloud locations by name. */
  readonly destinations: ReadonlyMap<string, Destination>
}

export type BackbeatHandler = (call: BackbeatCall) => Promise<Answer>

/** A request to `/_/backbeat/api/...`, for whoever answers the control API. */
export interface ApiCall {
  readonly method: string
  /** Behind `/_/backbeat/api`, as sent, with its query; begins with a slash. */
  readonly target: string
  readonly body: Buffer
  readonly requestId: string
  readonly signal: AbortSignal
}

export type ApiHandler = (call: ApiCall) => Promise<Answer>

export interface BackbeatRoutesOptions {
  /** By name of the location. */
  readonly destinations: ReadonlyMap<string, Destination>
  readonly world: World
  /** Answers the control API; without it these paths are not there. */
  readonly api?: ApiHandler
  /** A body in which nothing moves for between one and two of these is given up. Default 30 s. */
  readonly idleMs?: number
}

/** Service accounts and administrators may; everybody else, and whoever did not sign, gets AccessDenied. */
export function internalAccount(call: Pick<Call, 'auth'>): Account {
  const account = signerOf(call.auth)
  if (!account.admin && account.service === undefined) throw serviceError('AccessDenied')
  return account
}

/** The bucket of a `data` or `metadata` request: of its owner, or for a service account. Throws NoSuchBucket, AccessDenied. */
export async function bucketOf(call: BackbeatCall): Promise<Bucket> {
  const { bucket } = await openBucket(call)
  return bucket
}

/** The path behind `/_/`, decoded: resource, bucket and key; null when it is not a Backbeat route. */
export function readBackbeatPath(
  decoded: string | undefined,
): { readonly resource: string; readonly bucket: string; readonly key: string } | null {
  if (decoded === undefined) return null
  const [first, resource = '', bucket = '', ...rest] = decoded.split('/')
  return first === 'backbeat' ? { resource, bucket, key: rest.join('/') } : null
}
