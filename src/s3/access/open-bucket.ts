// Who may do what: a bucket's owner may do everything with it, the service accounts may reach the data of every bucket, nobody else may do
// anything. Administrators are ordinary accounts here: administration opens no other account's data.
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { Account } from '../auth/account-directory.ts'
import type { AuthResult } from '../auth/authenticate.ts'
import type { Call } from '../call.ts'
import type { Action } from './actions.ts'

/** The account that signed. Throws AccessDenied for anonymous requests. */
export function signerOf(auth: AuthResult): Account {
  if (auth.kind === 'anonymous') throw serviceError('AccessDenied')
  return auth.account
}

export interface OpenBucket {
  readonly bucket: Bucket
  readonly account: Account
}

/** Loads the request's bucket for whoever may do `call.action` in it. Throws NoSuchBucket, AccessDenied. */
export async function openBucket(call: Call): Promise<OpenBucket> {
  const account = signerOf(call.auth)
  const bucket = await openOtherBucket(call, account, { name: call.bucket, action: call.action, key: call.key })
  return { account, bucket }
}

/** What is to be done where. */
export interface Intent {
  readonly name: string
  readonly action: Action
  /** Empty for what is done to the bucket itself. */
  readonly key: string
}

/** The same for a bucket that is not the request's own (the source of a copy). */
export async function openOtherBucket(
  call: Pick<Call, 'services' | 'headers' | 'bucket'>,
  account: Account,
  { name }: Intent,
): Promise<Bucket> {
  const bucket = await call.services.store.bucket(name)
  if (bucket === null) throw noSuchBucket(name)
  if (bucket.ownerId !== account.canonicalId && account.service === undefined) throw serviceError('AccessDenied')
  if (name === call.bucket) checkExpectedOwner(call, bucket)
  return bucket
}

function checkExpectedOwner(call: Pick<Call, 'services' | 'headers'>, bucket: Bucket): void {
  const expected = call.headers.get('x-amz-expected-bucket-owner')
  if (expected === undefined) return
  const owner = call.services.accounts.findByCanonicalId(bucket.ownerId)
  if (owner?.shortId !== expected) throw serviceError('AccessDenied')
}

export function noSuchBucket(name: string): Error {
  return serviceError('NoSuchBucket', { details: { BucketName: name } })
}

export function noSuchKey(key: string): Error {
  return serviceError('NoSuchKey', { details: { Key: key } })
}
