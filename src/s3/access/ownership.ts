// Object ownership: the words for it, and what it needs of the bucket's list.
import type { BucketAcl, ObjectOwnership } from '../../domain/bucket-access.ts'
import { serviceError } from '../../domain/errors.ts'
import { grantsOf } from './acl.ts'

const ownerships: ReadonlySet<string> = new Set(['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter'])

export function isOwnership(text: string): text is ObjectOwnership {
  return ownerships.has(text)
}

/** Lists are only switched off where nobody would lose what the list grants. Throws InvalidBucketAclWithObjectOwnership. */
export function refuseEnforced(
  ownership: ObjectOwnership | undefined,
  acl: BucketAcl | undefined,
  owner: string,
): void {
  if (ownership !== 'BucketOwnerEnforced' || acl === undefined) return
  if (grantsOf(acl, { owner, bucketOwner: owner }).every(({ grantee }) => grantee === owner)) return
  throw serviceError('InvalidBucketAclWithObjectOwnership')
}
