// Which version a request means: the `versionId` parameter, and the version found for it with S3's way of refusing what cannot be read.
import { serviceError } from '../domain/errors.ts'
import type { VersionRecord } from '../domain/object-metadata.ts'
import { decodeVersionId, storedVersionId, type VersionId } from '../domain/version-id.ts'
import { noSuchKey, type OpenBucket } from './access/open-bucket.ts'
import { invalidArgument } from './answer.ts'
import type { Call } from './call.ts'

export type VersionAddress = VersionId | 'null' | 'latest'

/** Reads a version id as clients write it. Throws InvalidArgument. */
export function parseVersionId(shown: string, argument = 'versionId'): VersionId | 'null' {
  if (shown === 'null') return 'null'
  if (shown === '') throw invalidArgument('Version id cannot be the empty string', argument, shown)
  const id = decodeVersionId(shown)
  if (id === null) throw invalidArgument('Invalid version id specified', argument, shown)
  return id
}

/** The id of no version. */
const absentVersion = storedVersionId(`${'9'.repeat(20)}absent `)

/** The same for a version that is looked for: an id such as another server gives is well-formed, and no version here has it. */
export function addressedVersion(shown: string): VersionId | 'null' {
  const isForeign = /^[A-Za-z0-9._]{26,64}$/.test(shown) && decodeVersionId(shown) === null
  return isForeign ? absentVersion : parseVersionId(shown)
}

/** The version a request is about. Throws InvalidArgument for a malformed id. */
export function requestedVersion(call: Call): VersionAddress {
  const shown = call.query.get('versionId')
  return shown === undefined ? 'latest' : addressedVersion(shown)
}

/** The same where S3 takes an empty id for none: object lock. */
export function requestedLockVersion(call: Call): VersionAddress {
  return call.query.get('versionId') === '' ? 'latest' : requestedVersion(call)
}

/** Loads a version of the request's key, delete markers included. Throws NoSuchKey, NoSuchVersion. */
export async function findVersion(call: Call, { bucket }: OpenBucket, version: VersionAddress): Promise<VersionRecord> {
  const { key } = call
  const record = await call.services.store.version({ bucket: bucket.name, key, version })
  if (record !== null) return record
  if (version === 'latest') throw noSuchKey(key)
  const shown = call.query.get('versionId') ?? version
  throw serviceError('NoSuchVersion', { details: { Key: key, VersionId: shown } })
}
