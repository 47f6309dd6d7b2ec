// Who began a multipart upload: the object may come to be somebody else's.
import type { Upload } from '../metadata/metadata-store.ts'

export interface Initiator {
  readonly canonicalId: string
  readonly displayName: string
}

/** Uploads that began before it was kept are their owner's. */
export function initiatorOfUpload(upload: Upload): Initiator {
  const { initiator }: { initiator?: Initiator } = JSON.parse(upload.settings)
  return initiator ?? { canonicalId: upload.ownerId, displayName: upload.ownerDisplayName }
}
