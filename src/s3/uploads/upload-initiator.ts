// Who began a multipart upload: the object may come to be somebody else's. Nobody but that account, or the bucket's owner, goes on with it.
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { Upload } from '../../metadata/metadata-store.ts'
import type { AuthResult } from '../auth/auth-result.ts'

export interface Initiator {
  readonly canonicalId: string
  readonly displayName: string
}

/** Uploads that began before it was kept are their owner's. */
export function initiatorOfUpload(upload: Upload): Initiator {
  const { initiator }: { initiator?: Initiator } = JSON.parse(upload.settings)
  return initiator ?? { canonicalId: upload.ownerId, displayName: upload.ownerDisplayName }
}

/**
 * Throws AccessDenied unless the requester began the upload or owns the bucket (Amazon S3 User Guide, "Multipart upload API and permissions"). The
 * services of the cluster work for everybody.
 */
export function requireInitiator(auth: AuthResult, { ownerId }: Bucket, upload: Upload): void {
  if (auth.kind === 'anonymous') throw serviceError('AccessDenied')
  const { canonicalId, service } = auth.account
  if (canonicalId === ownerId || service !== undefined) return
  if (canonicalId !== initiatorOfUpload(upload).canonicalId) throw serviceError('AccessDenied')
}
