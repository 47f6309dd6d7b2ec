// The keys that conditions of bucket policies may ask for (AWS Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon S3"; IAM user guide, "AWS global condition context keys"): which actions each goes with, and its values in a request. Keys about what does not exist
// here (networks, organizations, access points, sessions) are known and never have a value.
import { limits } from '../../domain/limits.ts'
import { decodeComponent, parseQuery } from '../http/request-target.ts'
import type { RequestFacts } from './request-facts.ts'

export interface ConditionKey {
  /** By action; undefined: any. */
  readonly actions?: ReadonlySet<string>
  /** Its values must be addresses, whatever the operator. */
  readonly isAddress?: boolean
  /** Undefined: the request has no such thing. */
  readonly read: (facts: RequestFacts) => readonly string[] | undefined
}

type Read = ConditionKey['read']

const set = (...actions: string[]): ReadonlySet<string> => new Set(actions.map(action => `s3:${action}`))
const lists = set('ListBucket', 'ListBucketVersions')
const acls = set('PutObject', 'PutObjectAcl', 'PutObjectVersionAcl', 'PutBucketAcl', 'CreateBucket')
const puts = set('PutObject', 'ReplicateObject')
const versions = set(
  'GetObjectVersion',
  'GetObjectVersionAcl',
  'GetObjectVersionAttributes',
  'GetObjectVersionTagging',
  'GetObjectVersionTorrent',
  'PutObjectVersionAcl',
  'PutObjectVersionTagging',
  'DeleteObjectVersion',
  'DeleteObjectVersionTagging',
)
const existingTags = set(
  ...['GetObject', 'GetObjectVersion', 'GetObjectAcl', 'GetObjectVersionAcl', 'PutObjectAcl', 'PutObjectVersionAcl'],
  ...['GetObjectAttributes', 'GetObjectVersionAttributes', 'GetObjectTagging', 'GetObjectVersionTagging'],
  ...['PutObjectTagging', 'PutObjectVersionTagging', 'DeleteObjectTagging', 'DeleteObjectVersionTagging'],
)
const requestTags = set('PutObject', 'PutObjectTagging', 'PutObjectVersionTagging', 'ReplicateTags')
const locks = set(
  'PutObject',
  'PutObjectRetention',
  'PutObjectLegalHold',
  'BypassGovernanceRetention',
  'ReplicateObject',
)
const ownerships = set('PutBucketOwnershipControls', 'CreateBucket')
const conditionals = set('PutObject', 'DeleteObject', 'DeleteObjectVersion')

const one = (value: string | undefined): readonly string[] | undefined => (value === undefined ? undefined : [value])
const header =
  (name: string): Read =>
  facts =>
    one(facts.header(name))
const query =
  (name: string): Read =>
  facts =>
    one(facts.query(name))
const never: Read = () => undefined
const lock =
  (name: string): Read =>
  facts =>
    one(facts.lock?.get(name) ?? facts.header(name))

const dayMs = 86_400_000
const retainUntil = lock('x-amz-object-lock-retain-until-date')

function remainingDays(facts: RequestFacts): readonly string[] | undefined {
  const until = Date.parse(retainUntil(facts)?.[0] ?? '')
  return Number.isNaN(until) ? undefined : [String(Math.ceil((until - facts.now) / dayMs))]
}

/** What takes more than a look is worked out once for each request, however often its policy asks. */
function once<Value>(work: (facts: RequestFacts) => Value): (facts: RequestFacts) => Value {
  const known = new WeakMap<RequestFacts, { readonly value: Value }>()
  return facts => {
    const found = known.get(facts) ?? { value: work(facts) }
    known.set(facts, found)
    return found.value
  }
}

/** With and without its first slash: clients write both, and policies, too. */
const copySource = once(facts => {
  const source = facts.header('x-amz-copy-source')
  if (source === undefined) return undefined
  const plain = decoded(source).replace(/^\//, '')
  return [plain, `/${plain}`]
})

/** As the operation reads it. */
function decoded(text: string): string {
  try {
    return decodeComponent(text)
  } catch {
    // Refused later on.
    return text
  }
}

/** An IPv4 address may be shown as a part of IPv6. */
export function plainAddress(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.')
    ? address.slice('::ffff:'.length)
    : address
}

/** More than an object may have, and what is no list of tags, is refused as a whole later on. */
const requestTagsOf = once((facts): Readonly<Record<string, string>> | undefined => {
  if (facts.requestTags !== undefined) return facts.requestTags
  const tagging = facts.header('x-amz-tagging')
  if (tagging === undefined) return undefined
  try {
    const tags = parseQuery(tagging)
    return tags.length > limits.tagsPerObject
      ? undefined
      : Object.fromEntries(tags.map(({ name, value }) => [name, value ?? '']))
  } catch {
    return undefined
  }
})

function valueOfTag(tags: Readonly<Record<string, string>> | undefined, name: string): readonly string[] | undefined {
  return tags !== undefined && Object.hasOwn(tags, name) ? one(tags[name]) : undefined
}

function signatureAge(facts: RequestFacts): readonly string[] | undefined {
  const stamp = facts.query('X-Amz-Date') ?? facts.header('x-amz-date') ?? ''
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp)
  if (match === null || facts.scheme === undefined) return undefined
  const [, year, month, day, hour, minute, second] = match
  return [String(facts.now - Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`))]
}

function principalType({ arn }: RequestFacts): readonly string[] {
  return [arn === undefined ? 'Anonymous' : arn.includes(':user/') ? 'User' : 'Account']
}

function authType({ scheme }: RequestFacts): readonly string[] | undefined {
  if (scheme === undefined) return undefined
  if (scheme.endsWith('post')) return ['POST']
  return [scheme.endsWith('presigned') ? 'REST-QUERY-STRING' : 'REST-HEADER']
}

function signatureVersion({ scheme }: RequestFacts): readonly string[] | undefined {
  return scheme === undefined ? undefined : [scheme.startsWith('v4') ? 'AWS4-HMAC-SHA256' : 'AWS']
}

/** By name in lower case: names count in any case. */
const keys: ReadonlyMap<string, ConditionKey> = new Map<string, ConditionKey>([
  ['aws:sourceip', { isAddress: true, read: facts => [plainAddress(facts.address)] }],
  ['aws:currenttime', { read: facts => [new Date(facts.now).toISOString()] }],
  ['aws:epochtime', { read: facts => [String(Math.floor(facts.now / 1000))] }],
  ['aws:securetransport', { read: facts => [String(facts.secure)] }],
  ['aws:useragent', { read: header('user-agent') }],
  ['aws:referer', { read: header('referer') }],
  ['aws:principalarn', { read: facts => one(facts.arn) }],
  ['aws:principalaccount', { read: facts => one(facts.requester?.shortId) }],
  ['aws:principaltype', { read: principalType }],
  ['aws:userid', { read: facts => one(facts.requester?.shortId) }],
  ['aws:username', { read: facts => one(facts.arn?.split(':user/')[1]?.split('/').at(-1)) }],
  ['aws:resourceaccount', { read: facts => one(facts.resourceAccount) }],
  ['s3:resourceaccount', { read: facts => one(facts.resourceAccount) }],
  ['s3:prefix', { actions: lists, read: query('prefix') }],
  ['s3:delimiter', { actions: lists, read: query('delimiter') }],
  ['s3:max-keys', { actions: lists, read: query('max-keys') }],
  ['s3:versionid', { actions: versions, read: query('versionId') }],
  ...['acl', 'grant-read', 'grant-write', 'grant-read-acp', 'grant-write-acp', 'grant-full-control'].map(
    name => [`s3:x-amz-${name}`, { actions: acls, read: header(`x-amz-${name}`) }] as const,
  ),
  ...[
    'server-side-encryption',
    'server-side-encryption-aws-kms-key-id',
    'server-side-encryption-customer-algorithm',
    'storage-class',
    'website-redirect-location',
    'metadata-directive',
  ].map(name => [`s3:x-amz-${name}`, { actions: puts, read: header(`x-amz-${name}`) }] as const),
  ['s3:x-amz-copy-source', { actions: puts, read: copySource }],
  ['s3:x-amz-content-sha256', { read: header('x-amz-content-sha256') }],
  ['s3:x-amz-object-ownership', { actions: ownerships, read: header('x-amz-object-ownership') }],
  ['s3:if-match', { actions: conditionals, read: header('if-match') }],
  ['s3:if-none-match', { actions: conditionals, read: header('if-none-match') }],
  ['s3:requestobjecttagkeys', { actions: requestTags, read: facts => keysOf(requestTagsOf(facts)) }],
  ['s3:object-lock-mode', { actions: locks, read: lock('x-amz-object-lock-mode') }],
  ['s3:object-lock-retain-until-date', { actions: locks, read: retainUntil }],
  ['s3:object-lock-remaining-retention-days', { actions: locks, read: remainingDays }],
  ['s3:object-lock-legal-hold', { actions: locks, read: lock('x-amz-object-lock-legal-hold') }],
  ['s3:authtype', { read: authType }],
  ['s3:signatureversion', { read: signatureVersion }],
  ['s3:signatureage', { read: signatureAge }],
])

function keysOf(tags: Readonly<Record<string, string>> | undefined): readonly string[] | undefined {
  return tags === undefined ? undefined : Object.keys(tags)
}

/** Known and without a value here. */
const absentKeys: ReadonlySet<string> = new Set(
  [
    ...['multifactorauthage', 'multifactorauthpresent', 'sourcearn', 'sourceaccount', 'sourceowner', 'sourceorgid'],
    ...['sourceorgpaths', 'sourcevpc', 'sourcevpce', 'sourcevpcarn', 'vpcsourceip', 'viaawsservice', 'calledvia'],
    ...['calledviafirst', 'calledvialast', 'requestedregion', 'tokenissuetime', 'principalisawsservice'],
    ...['principalservicename', 'principalservicenameslist', 'principalorgid', 'principalorgpaths', 'tagkeys'],
    ...['federatedprovider', 'resourceorgid', 'resourceorgpaths', 'sourceidentity'],
  ]
    .map(name => `aws:${name}`)
    .concat(
      [
        'tlsversion',
        'dataaccesspointarn',
        'dataaccesspointaccount',
        'accesspointnetworkorigin',
        'locationconstraint',
      ].map(name => `s3:${name}`),
    ),
)
const absentPrefixes = ['aws:principaltag/', 'aws:requesttag/', 'aws:resourcetag/', 's3:buckettag/']

/** The key of that name; undefined for one that S3 does not have. */
export function conditionKey(name: string): ConditionKey | undefined {
  const lower = name.toLowerCase()
  const known = keys.get(lower)
  if (known !== undefined) return known
  // The names of tags count as they are written.
  const tag = name.slice(name.indexOf('/') + 1)
  if (lower.startsWith('s3:existingobjecttag/')) {
    return { actions: existingTags, read: facts => valueOfTag(facts.existingTags, tag) }
  }
  if (lower.startsWith('s3:requestobjecttag/')) {
    return { actions: requestTags, read: facts => valueOfTag(requestTagsOf(facts), tag) }
  }
  const absent = absentKeys.has(lower) || absentPrefixes.some(prefix => lower.startsWith(prefix))
  return absent ? { read: never } : undefined
}
