// The version a request means, found with S3's way of refusing what cannot be read.
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { noSuchKey, type OpenBucket, versionFor } from '../access/open-bucket.ts'
import type { Call } from '../call.ts'
import type { VersionAddress } from './version-parameter.ts'

export {
  addressedVersion,
  parseVersionId,
  requestedLockVersion,
  requestedVersion,
  type VersionAddress,
} from './version-parameter.ts'

/**
 * Loads a version of the request's key, delete markers included, for whoever may do `call.action` with it. Throws NoSuchKey, NoSuchVersion,
 * AccessDenied.
 */
export async function findVersion(call: Call, open: OpenBucket, version: VersionAddress): Promise<VersionRecord> {
  const { key } = call
  const record = await versionFor(call, open, version)
  if (record !== null) return record
  if (version === 'latest') throw noSuchKey(key)
  const shown = call.query.get('versionId') ?? version
  throw serviceError('NoSuchVersion', { details: { Key: key, VersionId: shown } })
}
