// The `versionId` parameter: which version a request means.
import { decodeVersionId, storedVersionId, type VersionId } from '../../domain/version-id.ts'
import { invalidArgument } from '../http/answer.ts'

export type VersionAddress = VersionId | 'null' | 'latest'

/** Reads a version id as clients write it. Throws InvalidArgument. */
export function parseVersionId(shown: string, argument = 'versionId'): VersionId | 'null' {
  if (shown === 'null') return 'null'
  if (shown === '') throw invalidArgument('Version id cannot be the empty string', argument, shown)
  const id = decodeVersionId(shown)
  if (id === null) throw invalidArgument('Invalid version id specified', argument, shown)
  return id
}

/** Of the ids that this server gives: one of that length that does not read as one is malformed. */
const ownLength = 32

/** The id of no version. */
const absentVersion = storedVersionId(`${'9'.repeat(20)}absent `)

/** The same for a version that is looked for: an id such as another server gives is well-formed, and no version here has it. */
export function addressedVersion(shown: string): VersionId | 'null' {
  const isForeign =
    shown.length !== ownLength && /^[A-Za-z0-9._]{26,64}$/.test(shown) && decodeVersionId(shown) === null
  return isForeign ? absentVersion : parseVersionId(shown)
}

interface WithQuery {
  readonly query: ReadonlyMap<string, string>
}

/** The version a request is about. Throws InvalidArgument for a malformed id. */
export function requestedVersion({ query }: WithQuery): VersionAddress {
  const shown = query.get('versionId')
  return shown === undefined ? 'latest' : addressedVersion(shown)
}

/** The same where S3 takes an empty id for none: object lock. */
export function requestedLockVersion(call: WithQuery): VersionAddress {
  return call.query.get('versionId') === '' ? 'latest' : requestedVersion(call)
}
