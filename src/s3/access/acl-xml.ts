// The AccessControlPolicy document that GetBucketAcl and GetObjectAcl answer with.

import type { AccountDirectory } from '../../accounts/account-directory.ts'
import type { AccessControlList } from '../../domain/object-metadata.ts'
import { type XmlContent, xmlDocument } from '../xml/writer.ts'
import { type AclOwners, type Grant, grantsOf, groups } from './acl.ts'

const instanceNamespace = 'http://www.w3.org/2001/XMLSchema-instance'

/** A grantee as documents show it; `nameOf` finds the name of an account that is known. */
export function granteeContent(
  { grantee }: Pick<Grant, 'grantee'>,
  nameOf: (id: string) => string | undefined,
): XmlContent {
  const attributes = { '@xmlns:xsi': instanceNamespace }
  if (groups.includes(grantee)) return { ...attributes, '@xsi:type': 'Group', URI: grantee }
  return { ...attributes, '@xsi:type': 'CanonicalUser', ID: grantee, DisplayName: nameOf(grantee) }
}

/** `ownerName` is what is remembered of the owner, whose account may be gone. */
export function aclDocument(
  acl: AccessControlList,
  owners: AclOwners,
  ownerName: string,
  accounts: AccountDirectory,
): string {
  const nameOf = (id: string) =>
    id === owners.owner ? ownerName : (accounts.findByCanonicalId(id)?.displayName ?? undefined)
  const grants = grantsOf(acl, owners).map(grant => ({
    Grantee: granteeContent(grant, nameOf),
    Permission: grant.permission,
  }))
  const content = { Owner: { ID: owners.owner, DisplayName: ownerName }, AccessControlList: { Grant: grants } }
  return xmlDocument('AccessControlPolicy', content, 'http://s3.amazonaws.com/doc/2006-03-01/')
}
