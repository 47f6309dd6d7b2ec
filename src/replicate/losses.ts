// What of a version its destination can not hold: kept with the row as a warning, and no reason to fail. Access control lists name accounts of
// this server, which mean nothing to a cloud; another server of this family gets all of it with the metadata.
import type { ObjectMetadata } from '../domain/object-metadata.ts'
import type { Capabilities } from '../locations/location.ts'

/** A sentence; null: the destination holds all of it. `now` is epoch ms: a retention that has ended is none. */
export function lossesOf(metadata: ObjectMetadata, capabilities: Capabilities, now: number): string | null {
  if (metadata.isDeleteMarker === true) return null
  const isListed = !isPrivate(metadata)
  const isKept = metadata.retentionMode !== undefined || metadata.legalHold === true
  if (!isListed && (!isKept || capabilities.objectLock)) return null
  const lock = capabilities.objectLock ? [] : lockWords(metadata, new Date(now).toISOString())
  const lost = isListed ? [...lock, 'access control list'] : lock
  return lost.length === 0 ? null : `The destination does not hold the version's ${lost.join(' and ')}`
}

function lockWords({ retentionMode, retentionDate, legalHold }: ObjectMetadata, now: string): readonly string[] {
  const isKept = retentionMode !== undefined && retentionDate !== undefined && retentionDate > now
  const retention = isKept ? [`retention (${retentionMode} until ${retentionDate})`] : []
  return legalHold === true ? [...retention, 'legal hold'] : retention
}

/** Nobody but the owner is granted anything. Other servers of this family may leave the list out. */
function isPrivate(metadata: ObjectMetadata): boolean {
  const acl: Partial<ObjectMetadata['acl']> | undefined = metadata.acl
  if (acl === undefined) return true
  if (acl.Canned !== undefined && acl.Canned !== '') return acl.Canned === 'private'
  const grantees = [acl.FULL_CONTROL, acl.READ, acl.READ_ACP, acl.WRITE, acl.WRITE_ACP].flatMap(list => list ?? [])
  return grantees.every(grantee => grantee === metadata['owner-id'])
}
