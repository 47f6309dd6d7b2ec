// What a write says about who may use the object: its owner, its access control list, and the actions that the write is made of beside the write itself
// (S3 API Reference, PutObject, "Permissions"). Judged before a byte of the object is read.

import type { Account } from '../../accounts/account-directory.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { AccessControlList } from '../../domain/object-metadata.ts'
import type { Call } from '../call.ts'
import { isPublicAcl, privateAcl } from './acl.ts'
import { aclOfHeaders, type StoredAcl } from './acl-request.ts'
import { type OpenBucket, requireAction, requireNoDenial, requireTagging } from './open-bucket.ts'

export interface WrittenAccess {
  readonly owner: Pick<Account, 'canonicalId' | 'displayName'>
  readonly acl: AccessControlList
}

/**
 * Throws AccessDenied (an action of its own is not allowed, or the list is public and such lists are blocked), AccessControlListNotSupported, and what is
 * wrong with the headers of the list.
 */
export function accessOfWrite(call: Call, open: OpenBucket): WrittenAccess {
  const { headers, services } = call
  const { bucket, account } = open
  const { ownership } = bucket.settings
  const acl = aclOfHeaders(headers, services.accounts)
  // What an account may do with its own object, its users by policies may only where a policy allows it.
  if (acl !== null && account.byPoliciesOnly === true) requireAction(call, open, 's3:PutObjectAcl')
  else if (acl !== null) requireNoDenial(call, open, 's3:PutObjectAcl')
  if ((headers.get('x-amz-tagging') ?? '') !== '') requireTagging(call, open)
  const bucketOwner = { canonicalId: bucket.ownerId, displayName: bucket.ownerDisplayName }
  const isForBucketOwner = acl !== null && grantsBucketOwner(acl, bucket.ownerId)
  if (ownership === 'BucketOwnerEnforced') {
    if (acl !== null && !isForBucketOwner) throw serviceError('AccessControlListNotSupported')
    return { owner: bucketOwner, acl: privateAcl }
  }
  if (acl === null) return { owner: account, acl: privateAcl }
  refuseBlocked(open, acl)
  const owner = ownership === 'BucketOwnerPreferred' && isForBucketOwner ? bucketOwner : account
  return { owner, acl: objectAcl(acl) }
}

/** bucket-owner-full-control, or the same in grants. */
function grantsBucketOwner(acl: StoredAcl, ownerId: string): boolean {
  if (acl.Canned !== '') return acl.Canned === 'bucket-owner-full-control'
  const others = [acl.WRITE, acl.READ, acl.READ_ACP, acl.WRITE_ACP]
  return acl.FULL_CONTROL.length === 1 && acl.FULL_CONTROL[0] === ownerId && others.every(list => list.length === 0)
}

/** Throws AccessDenied for a public list where the bucket's public access block keeps such lists out. */
export function refuseBlocked({ bucket }: Pick<OpenBucket, 'bucket'>, acl: AccessControlList): void {
  if (bucket.settings.publicAccessBlock?.blockPublicAcls === true && isPublicAcl(acl)) throw blocked()
}

export function blocked(): ServiceError {
  return serviceError('AccessDenied')
}

/** The list as objects have it: WRITE means nothing for them, and is there only where it was given. */
export function objectAcl({ WRITE, ...acl }: StoredAcl): AccessControlList {
  return WRITE.length === 0 ? acl : { ...acl, WRITE }
}
