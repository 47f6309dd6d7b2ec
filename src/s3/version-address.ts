// Which version a request means: the `versionId` parameter, and the version found for it with S3's way of refusing what cannot be read.
import { serviceError } from '../domain/errors.ts'
import type { VersionRecord } from '../domain/object-metadata.ts'
import { decodeVersionId, type VersionId } from '../domain/version-id.ts'
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

/** The version a request is about. Throws InvalidArgument for a malformed id. */
export function requestedVersion(call: Call): VersionAddress {
  const shown = call.query.get('versionId')
  return shown === undefined ? 'latest' : parseVersionId(shown)
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
