// Access control lists: what a stored one (CloudServer's form) grants to whom, and whether it lets a requester do what a permission stands for.
// A canned list is kept by its name and spelled out here.
import type { BucketAcl } from '../../domain/bucket-access.ts'
import type { AccessControlList } from '../../domain/object-metadata.ts'
import type { Permission } from './actions.ts'
import type { Requester } from './requester.ts'

export const allUsers = 'http://acs.amazonaws.com/groups/global/AllUsers'
export const authenticatedUsers = 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers'
export const logDelivery = 'http://acs.amazonaws.com/groups/s3/LogDelivery'
export const groups: readonly string[] = [allUsers, authenticatedUsers, logDelivery]

export type GrantedPermission = Permission | 'FULL_CONTROL'

/** In the order in which they are shown. */
export const permissions = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'] as const

/** A grantee is a canonical id or the URI of a group. */
export interface Grant {
  readonly grantee: string
  readonly permission: GrantedPermission
}

/** Whose list it is: a canned one is spelled out with them. */
export interface AclOwners {
  readonly owner: string
  readonly bucketOwner: string
}

const byGroup: Readonly<Record<string, readonly Grant[]>> = {
  'public-read': [{ grantee: allUsers, permission: 'READ' }],
  'public-read-write': [
    { grantee: allUsers, permission: 'READ' },
    { grantee: allUsers, permission: 'WRITE' },
  ],
  'authenticated-read': [{ grantee: authenticatedUsers, permission: 'READ' }],
  'log-delivery-write': [
    { grantee: logDelivery, permission: 'WRITE' },
    { grantee: logDelivery, permission: 'READ_ACP' },
  ],
}

/** Lists by name (S3 user guide, "Canned ACL"); aws-exec-read grants somebody who does not exist here. */
export const cannedAcls: ReadonlySet<string> = new Set([
  'private',
  'bucket-owner-read',
  'bucket-owner-full-control',
  'aws-exec-read',
  ...Object.keys(byGroup),
])

const nobody: readonly string[] = []

export const privateAcl = { Canned: 'private', FULL_CONTROL: nobody, WRITE_ACP: nobody, READ: nobody, READ_ACP: nobody }

/** What the list of a bucket without one of its own is. */
export const privateBucketAcl: BucketAcl = { ...privateAcl, WRITE: nobody }

/** All grants of a list: groups first, then the owner, in a canned one. */
export function grantsOf(acl: AccessControlList, { owner, bucketOwner }: AclOwners): readonly Grant[] {
  if (acl.Canned === '') {
    return permissions.flatMap(permission => (acl[permission] ?? []).map(grantee => ({ grantee, permission })))
  }
  const grants: Grant[] = [...(byGroup[acl.Canned] ?? []), { grantee: owner, permission: 'FULL_CONTROL' }]
  if (owner === bucketOwner) return grants
  if (acl.Canned === 'bucket-owner-read') grants.push({ grantee: bucketOwner, permission: 'READ' })
  if (acl.Canned === 'bucket-owner-full-control') grants.push({ grantee: bucketOwner, permission: 'FULL_CONTROL' })
  return grants
}

/** Whether two lists grant the same, however they are written. */
export function grantTheSame(one: AccessControlList, other: AccessControlList, owners: AclOwners): boolean {
  const granted = (acl: AccessControlList) =>
    new Set(grantsOf(acl, owners).map(({ grantee, permission }) => `${permission} ${grantee}`))
  return granted(one).symmetricDifference(granted(other)).size === 0
}

export interface AclQuestion {
  readonly acl: AccessControlList
  readonly owners: AclOwners
  readonly requester: Requester
  readonly permission: Permission
  /** Grants to everybody, and to everybody who has an account, do not count. */
  readonly ignorePublic: boolean
}

export function aclAllows(question: AclQuestion): boolean {
  const { acl, owners, requester, permission, ignorePublic } = question
  return grantsOf(acl, owners).some(
    grant =>
      (grant.permission === permission || grant.permission === 'FULL_CONTROL') &&
      (isPublicGroup(grant.grantee)
        ? !ignorePublic && (grant.grantee === allUsers || requester !== null)
        : grant.grantee === requester?.canonicalId),
  )
}

function isPublicGroup(grantee: string): boolean {
  return grantee === allUsers || grantee === authenticatedUsers
}

/** Whether it grants anything to everybody, or to everybody who has an account (S3 user guide, "The meaning of public"). */
export function isPublicAcl(acl: AccessControlList): boolean {
  return grantsOf(acl, { owner: '', bucketOwner: '' }).some(({ grantee }) => isPublicGroup(grantee))
}
