// Access control lists as clients write them: a canned one by name, grants in headers, or an AccessControlPolicy document (S3 API Reference,
// PutBucketAcl and PutObjectAcl). Accounts must be known here, by canonical id or e-mail address; groups by their URI.

import type { AccountDirectory } from '../../accounts/account-directory.ts'
import { serviceError } from '../../domain/errors.ts'
import type { AccessControlList } from '../../domain/object-metadata.ts'
import { invalidArgument } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { cannedAcls, type Grant, type GrantedPermission, groups, permissions, privateAcl } from './acl.ts'

const grantHeaders: ReadonlyMap<string, GrantedPermission> = new Map([
  ['x-amz-grant-read', 'READ'],
  ['x-amz-grant-write', 'WRITE'],
  ['x-amz-grant-read-acp', 'READ_ACP'],
  ['x-amz-grant-write-acp', 'WRITE_ACP'],
  ['x-amz-grant-full-control', 'FULL_CONTROL'],
])
/** S3 user guide, "Access control list (ACL) overview": a list can have up to 100 grants. */
const grantsMax = 100

export type StoredAcl = AccessControlList & { readonly WRITE: readonly string[] }

/** The stored form of grants. */
function storedGrants(grants: readonly Grant[]): StoredAcl {
  const of = (wanted: GrantedPermission) => [
    ...new Set(grants.filter(({ permission }) => permission === wanted).map(({ grantee }) => grantee)),
  ]
  return {
    Canned: '',
    FULL_CONTROL: of('FULL_CONTROL'),
    WRITE: of('WRITE'),
    WRITE_ACP: of('WRITE_ACP'),
    READ: of('READ'),
    READ_ACP: of('READ_ACP'),
  }
}

/** Whether a request says anything about an ACL in its headers. */
export function namesAcl(headers: HeaderMap): boolean {
  return headers.has('x-amz-acl') || [...grantHeaders.keys()].some(name => headers.has(name))
}

/**
 * The list that the headers ask for; null when they say nothing. Throws InvalidArgument (an unknown canned list or account),
 * UnresolvableGrantByEmailAddress, AmbiguousGrantByEmailAddress, InvalidRequest (both a canned list and grants).
 */
export function aclOfHeaders(headers: HeaderMap, accounts: AccountDirectory): StoredAcl | null {
  const canned = headers.get('x-amz-acl')
  const named = [...grantHeaders].filter(([name]) => headers.has(name))
  if (canned === undefined) {
    if (named.length === 0) return null
    const grants = named.flatMap(([name, permission]) =>
      granteesOf(name, headers.get(name) ?? '', accounts).map(grantee => ({ grantee, permission })),
    )
    return storedGrants(limited(grants))
  }
  if (named.length > 0) {
    throw serviceError('InvalidRequest', { message: 'Specifying both Canned ACLs and Header Grants is not allowed.' })
  }
  if (!cannedAcls.has(canned)) throw invalidArgument('Invalid canned ACL', 'x-amz-acl', canned)
  return { ...privateAcl, WRITE: [], Canned: canned }
}

function limited(grants: readonly Grant[]): readonly Grant[] {
  if (grants.length > grantsMax) throw malformed()
  return grants
}

/** `id="...", emailAddress="...", uri="..."`, quoted or not. */
function granteesOf(header: string, value: string, accounts: AccountDirectory): string[] {
  return value.split(',').map(item => {
    const equals = item.indexOf('=')
    const kind = item.slice(0, Math.max(equals, 0)).trim().toLowerCase()
    const text = unquoted(item.slice(equals + 1).trim())
    if (kind === 'id') return knownAccount(text, accounts)
    if (kind === 'emailaddress') return accountOfEmail(text, accounts)
    if (kind === 'uri') return knownGroup(text)
    throw invalidArgument('Argument format not recognized', header, value)
  })
}

function unquoted(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}

function knownAccount(id: string, accounts: AccountDirectory): string {
  if (accounts.findByCanonicalId(id) !== undefined) return id
  throw invalidArgument('Invalid id', 'CanonicalUser/ID', id)
}

function accountOfEmail(email: string, accounts: AccountDirectory): string {
  const found = accounts.accounts.filter(account => account.email.toLowerCase() === email.toLowerCase())
  if (found.length > 1) throw serviceError('AmbiguousGrantByEmailAddress')
  const [only] = found
  if (only === undefined) throw serviceError('UnresolvableGrantByEmailAddress')
  return only.canonicalId
}

function knownGroup(uri: string): string {
  if (groups.includes(uri)) return uri
  throw invalidArgument('Invalid group uri', 'Group/URI', uri)
}

function malformed() {
  return serviceError('MalformedACLError')
}

/**
 * Reads an AccessControlPolicy document, whose owner must be that of the resource. Throws MalformedACLError, InvalidArgument,
 * AccessDenied (another owner), UnresolvableGrantByEmailAddress, AmbiguousGrantByEmailAddress.
 */
export function aclOfDocument(body: Uint8Array, owner: string, accounts: AccountDirectory): StoredAcl {
  let root: XmlElement
  try {
    root = parseXml(body, defaultXmlLimits, 'AccessControlPolicy')
  } catch (cause) {
    throw serviceError('MalformedACLError', { cause })
  }
  const named = root.child('Owner')?.child('ID')?.text().trim() ?? ''
  if (named === '') throw malformed()
  const list = root.child('AccessControlList')
  const grants = limitedElements(list).map(element => readGrant(element, accounts))
  if (named === owner) return storedGrants(grants)
  if (accounts.findByCanonicalId(named) === undefined) throw invalidArgument('Invalid id', 'Owner/ID', named)
  throw serviceError('AccessDenied')
}

function limitedElements(list: XmlElement | undefined): readonly XmlElement[] {
  if (list === undefined) throw malformed()
  const grants = list.children('Grant')
  if (grants.length !== list.elements.length || grants.length > grantsMax) throw malformed()
  return grants
}

function readGrant(element: XmlElement, accounts: AccountDirectory): Grant {
  const permission = permissions.find(known => known === textOf(element, 'Permission'))
  const grantee = element.child('Grantee')
  if (permission === undefined || grantee === undefined) throw malformed()
  return { grantee: readGrantee(grantee, accounts), permission }
}

/**
 * Who a Grantee element means: a canonical id, or the URI of a group. The kind of grantee is said by xsi:type; what it does not need is
 * overlooked. Throws MalformedACLError, InvalidArgument, UnresolvableGrantByEmailAddress, AmbiguousGrantByEmailAddress.
 */
export function readGrantee(grantee: XmlElement, accounts: AccountDirectory): string {
  const value = (name: string) => {
    const text = textOf(grantee, name)
    if (text === '') throw malformed()
    return text
  }
  switch (grantee.attributes.get('type')) {
    case 'CanonicalUser':
      return knownAccount(value('ID'), accounts)
    case 'AmazonCustomerByEmail':
      return accountOfEmail(value('EmailAddress'), accounts)
    case 'Group':
      return knownGroup(value('URI'))
    default:
      throw malformed()
  }
}

function textOf(element: XmlElement, name: string): string {
  const child = element.child(name)
  if (child === undefined || child.elements.length > 0) return ''
  return child.text().trim()
}
