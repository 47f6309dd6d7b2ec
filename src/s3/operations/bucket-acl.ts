// PutBucketAcl and GetBucketAcl.
import { serviceError } from '../../domain/errors.ts'
import { privateBucketAcl } from '../access/acl.ts'
import { requestedAcl } from '../access/acl-body.ts'
import { aclDocument } from '../access/acl-xml.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { openBucket } from '../access/open-bucket.ts'
import { refuseBlocked } from '../access/written-object.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'

export async function putBucketAcl(call: Call): Promise<Answer> {
  refuseAnonymous(call)
  const open = await openBucket(call)
  const { bucket } = open
  if (bucket.settings.ownership === 'BucketOwnerEnforced') throw serviceError('AccessControlListNotSupported')
  const acl = await requestedAcl(call, bucket.ownerId)
  refuseBlocked(open, acl)
  await changeSettings(call, bucket, { acl })
  return { status: 200 }
}

export async function getBucketAcl(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { acl = privateBucketAcl, ownership } = bucket.settings
  const owners = { owner: bucket.ownerId, bucketOwner: bucket.ownerId }
  const shown = ownership === 'BucketOwnerEnforced' ? privateBucketAcl : acl
  const body = aclDocument(shown, owners, bucket.ownerDisplayName, call.services.accounts)
  return { status: 200, headers: ['Content-Type', 'application/xml'], body }
}
