// The one decision about access: facts about a request in, allowed or not and why out. Nothing is read and nothing waits here, so that every combination
// can be tried. What nobody allows is refused; a denial by the bucket's policy wins over everything but its owner's way back.
import type { Bucket } from '../../domain/bucket.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { aclAllows, privateBucketAcl } from './acl.ts'
import { type Action, type ActionFacts, actions } from './actions.ts'
import { allowsByTags, isPublicPolicy, policyOf, policyVerdict } from './policy.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Requester } from './requester.ts'

export interface AccessQuestion {
  readonly facts: RequestFacts
  readonly bucket: Bucket
  /** '' for what is done to the bucket. */
  readonly key: string
  /** The version that the action is about; null when there is none, or when the action is about no stored version. */
  readonly version: Pick<VersionRecord, 'metadata'> | null
  /** Who began the multipart upload that the action is about. */
  readonly initiator?: string | undefined
}

export type Decision =
  | { readonly allowed: true; readonly by: 'service' | 'owner' | 'policy' | 'acl' | 'initiator' }
  | { readonly allowed: false; readonly because: 'denied by policy' | 'nobody allows it' }

const refused: Decision = { allowed: false, because: 'nobody allows it' }

/** The account that owns a bucket, not each of its users, can always get at its policy, whatever that says (S3 API Reference, PutBucketPolicy). */
const wayBack: ReadonlySet<Action> = new Set(['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy'])

/** Those who began an upload may look at it and end it (S3 user guide, "Multipart upload API and permissions"). */
const ofInitiator: ReadonlySet<Action> = new Set(['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'])

export function decide(question: AccessQuestion): Decision {
  const { facts, bucket, initiator } = question
  const { requester, action } = facts
  if (requester?.service !== undefined) return { allowed: true, by: 'service' }
  const isOwner = requester?.canonicalId === bucket.ownerId
  const verdict = policyAnswer(question)
  const isOwnerItself = isOwner && facts.arn === requester?.arn
  if (verdict === 'deny' && !(isOwnerItself && wayBack.has(action)))
    return { allowed: false, because: 'denied by policy' }
  if (verdict === 'allow' && policyCounts(question, isOwner)) return { allowed: true, by: 'policy' }
  if (requester?.byPoliciesOnly === true) return listAllows(question, null) ? { allowed: true, by: 'acl' } : refused
  if (isOwner && ownerMay(question)) return { allowed: true, by: 'owner' }
  if (listAllows(question, requester)) return { allowed: true, by: 'acl' }
  if (ofInitiator.has(action) && requester !== null && initiator === requester.canonicalId) {
    return { allowed: true, by: 'initiator' }
  }
  return refused
}

function resourceOf({ bucket, key, facts }: AccessQuestion): string {
  return actions[facts.action].on === 'object' ? `${bucket.name}/${key}` : bucket.name
}

function policyAnswer(question: AccessQuestion): 'allow' | 'deny' | 'silent' {
  const { policy } = question.bucket.settings
  return policy === undefined ? 'silent' : policyVerdict(policyOf(policy), question.facts, resourceOf(question))
}

/**
 * A bucket's policy allows nothing about objects of other owners (S3 user guide, "Bucket policies"), and to others than the owner's account nothing at all
 * while it is public and public buckets are restricted.
 */
function policyCounts({ bucket, version, facts }: AccessQuestion, isOwner: boolean): boolean {
  const { policy = '', publicAccessBlock } = bucket.settings
  if (publicAccessBlock?.restrictPublicBuckets === true && !isOwner && isPublicPolicy(policyOf(policy))) return false
  return version === null || !isOfVersion(facts.action) || ownedByBucketOwner(bucket, version)
}

/** Whose object it is: under BucketOwnerEnforced everything is the bucket owner's. */
function ownedByBucketOwner(bucket: Bucket, version: Pick<VersionRecord, 'metadata'>): boolean {
  return bucket.settings.ownership === 'BucketOwnerEnforced' || version.metadata['owner-id'] === bucket.ownerId
}

/** Whether the action is about a stored version, whose owner, list or tags count. */
export function isOfVersion(action: Action): boolean {
  return ofVersion.has(action)
}

const aboutVersions: readonly Action[] = [
  ...(['s3:GetObjectTagging', 's3:PutObjectTagging', 's3:DeleteObjectTagging'] as const),
  ...(['s3:GetObjectVersionTagging', 's3:PutObjectVersionTagging', 's3:DeleteObjectVersionTagging'] as const),
]
const ofVersion: ReadonlySet<string> = new Set([
  ...aboutVersions,
  ...Object.entries(actions).flatMap(([name, facts]: [string, ActionFacts]) =>
    facts.objectAcl === undefined ? [] : [name],
  ),
])

/**
 * The bucket's owner may do everything, but not read objects of other writers, and what the bucket's own list is about only as that list says once it
 * names its grantees (S3 user guide, "Access control list (ACL) overview"): reading and writing the list always stays.
 */
function ownerMay({ facts, bucket, version }: AccessQuestion): boolean {
  const known: ActionFacts = actions[facts.action]
  if (known.objectAcl !== undefined) return version === null || ownedByBucketOwner(bucket, version)
  return !namesGrantees(bucket) || (known.bucketAcl !== 'READ' && known.bucketAcl !== 'WRITE')
}

function namesGrantees({ settings: { acl, ownership } }: Bucket): boolean {
  return acl !== undefined && acl.Canned === '' && ownership !== 'BucketOwnerEnforced'
}

/** Whether nothing but the bucket's owner, who asks, has to be looked at. */
export function isPlain(bucket: Bucket, requester: Requester): boolean {
  if (requester === null || requester.byPoliciesOnly === true || requester.canonicalId !== bucket.ownerId) return false
  return bucket.settings.policy === undefined && !namesGrantees(bucket)
}

/** What access control lists allow: that of the bucket, or of the object, whose owner may do with it what lists are about. */
function listAllows({ facts, bucket, version }: AccessQuestion, requester: Requester): boolean {
  const known: ActionFacts = actions[facts.action]
  const { acl = privateBucketAcl, ownership, publicAccessBlock } = bucket.settings
  if (ownership === 'BucketOwnerEnforced') return false
  const ignorePublic = publicAccessBlock?.ignorePublicAcls ?? false
  const owners = { owner: bucket.ownerId, bucketOwner: bucket.ownerId }
  if (known.bucketAcl !== undefined) {
    return aclAllows({ acl, owners, requester, permission: known.bucketAcl, ignorePublic })
  }
  if (known.objectAcl === undefined || version === null) return false
  const { metadata } = version
  const owner = metadata['owner-id']
  if (requester !== null && owner === requester.canonicalId) return true
  return aclAllows({
    acl: metadata.acl,
    owners: { owner, bucketOwner: bucket.ownerId },
    requester,
    permission: known.objectAcl,
    ignorePublic,
  })
}

/** Whether tags may be set together with the object, by whom its write is allowed to: they are what the policy looked at. */
export function tagsVouchedFor(question: AccessQuestion): boolean {
  const { policy } = question.bucket.settings
  if (policy === undefined || !policyCounts(question, false)) return false
  return allowsByTags(policyOf(policy), question.facts, resourceOf(question))
}
