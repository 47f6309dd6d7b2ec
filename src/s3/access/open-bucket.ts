// Opens buckets and versions for those who may: loads what the decision is about, asks it, and refuses as S3 does. The owner's plain request costs one
// comparison beside what it would have read anyway. Administrators are ordinary accounts here: administration opens no other account's data.

import type { Account } from '../../accounts/account-directory.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import type { AuthResult } from '../auth/auth-result.ts'
import type { Call } from '../call.ts'
import { requestedVersion, type VersionAddress } from '../objects/version-parameter.ts'
import { initiatorOfUpload } from '../uploads/upload-initiator.ts'
import type { Action } from './actions.ts'
import { type AccessQuestion, type Decision, decide, isOfVersion, isPlain, tagsVouchedFor } from './decide.ts'
import { looksAtBody, policyOf } from './policy.ts'
import type { LaterFacts, RequestFacts } from './request-facts.ts'
import { anonymousAccount, requesterOf } from './requester.ts'

/** The account that signed. Throws AccessDenied for anonymous requests. */
export function signerOf(auth: AuthResult): Account {
  if (auth.kind === 'anonymous') throw serviceError('AccessDenied')
  return auth.account
}

/** The account that signed, for what is no bucket's matter: no policy can open it. Throws AccessDenied for anonymous requests, and for users by policies. */
export function accountOf(auth: AuthResult, action: Action): Account {
  const account = signerOf(auth)
  if (account.byPoliciesOnly !== true || auth.kind === 'anonymous') return account
  throw serviceError('AccessDenied', {
    message: `User: ${auth.arn} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`,
  })
}

export interface OpenBucket {
  readonly bucket: Bucket
  /** Who asks: the account that signed, or that which stands for everybody unknown. */
  readonly account: Account
  /** The version that was read to decide, until somebody takes it. */
  readonly decided: { version?: { readonly address: VersionAddress; readonly record: VersionRecord | null } }
}

const nothingLater: LaterFacts = {}

/**
 * Loads the request's bucket for whoever may do `call.action` in it, and with the object that the request names. `later` is what the body says, where
 * policies may ask for it. Throws NoSuchBucket, AccessDenied, MethodNotAllowed, InvalidArgument (the version id).
 */
export async function openBucket(call: Call, later: LaterFacts = nothingLater): Promise<OpenBucket> {
  const open = await openForKeys(call)
  await authorize(call, open, later)
  return open
}

/** The same for requests whose body may matter: it is read first only where the bucket's policy looks at what stands in it. */
export async function openWithBody<T>(
  call: Call,
  read: () => Promise<T>,
  later: (body: T) => LaterFacts,
): Promise<{ readonly open: OpenBucket; readonly body: T }> {
  const open = await openForKeys(call)
  const { policy } = open.bucket.settings
  if (policy === undefined || !looksAtBody(policyOf(policy))) {
    await authorize(call, open, nothingLater)
    return { open, body: await read() }
  }
  const body = await read()
  await authorize(call, open, later(body))
  return { open, body }
}

async function authorize(call: Call, open: OpenBucket, later: LaterFacts): Promise<void> {
  const { action, key } = call
  if (!isOfVersion(action)) {
    if (isPlain(open.bucket, requesterOf(call.auth))) return
    const initiator = await initiatorOf(call)
    const asked = question(call, open.bucket, { action, key }, later)
    accept(call, open.bucket, decide({ ...asked, initiator }), { action, key })
    return
  }
  const address = requestedVersion(call)
  const record = await call.services.store.version({ bucket: open.bucket.name, key, version: address })
  requireVersion(call, open.bucket, { action, key }, record, later)
  open.decided.version = { address, record }
}

/** The same for requests that name their keys in their body: `requireAction` decides about each. Throws NoSuchBucket, AccessDenied. */
export async function openForKeys(call: Call): Promise<OpenBucket> {
  const bucket = await call.services.store.bucket(call.bucket)
  if (bucket === null) throw noSuchBucket(call.bucket)
  call.opened(bucket, call)
  checkExpectedOwner(call, bucket, 'x-amz-expected-bucket-owner')
  checkPayer(call, bucket)
  return { bucket, account: requesterOf(call.auth) ?? anonymousAccount, decided: {} }
}

/** What is to be done with what. */
interface Deed {
  readonly action: Action
  readonly key: string
  /** Of the version that is meant, as clients write it, where the parameters of the request do not tell; null: none is named. */
  readonly versionId?: string | null
}

/** Throws AccessDenied unless the requester may do this, too. Not for actions on stored versions. */
export function requireAction(call: Call, open: OpenBucket, action: Action, key = call.key): void {
  requireDeed(call, open, { action, key })
}

/** The same for what the body or the source of a copy says. */
export function requireDeed(call: Call, { bucket }: OpenBucket, deed: Deed, later: LaterFacts = nothingLater): void {
  if (isPlain(bucket, requesterOf(call.auth))) return
  accept(call, bucket, decide(question(call, bucket, deed, later)), deed)
}

/** The same with a version that was found. Throws AccessDenied. */
export function requireActionOn(call: Call, { bucket }: OpenBucket, action: Action, record: VersionRecord): void {
  requireVersion(call, bucket, { action, key: call.key }, record, nothingLater)
}

/** Whether the requester could read the key if there were an object of the bucket's owner that grants nothing. */
export function mayReadIfThere(call: Call, bucket: Bucket, key: string): boolean {
  return decide(question(call, bucket, { action: 's3:GetObject', key }, nothingLater)).allowed
}

/** Throws AccessDenied if the bucket's policy denies this. */
export function requireNoDenial(call: Call, { bucket }: OpenBucket, action: Action): void {
  if (bucket.settings.policy === undefined) return
  const deed = { action, key: call.key }
  const decision = decide(question(call, bucket, deed, nothingLater))
  if (!decision.allowed && decision.because === 'denied by policy') accept(call, bucket, decision, deed)
}

/** Throws AccessDenied unless the requester may set tags with the object that is written, or the policy allowed it because of its tags. */
export function requireTagging(call: Call, open: OpenBucket, later: LaterFacts = nothingLater): void {
  const { bucket } = open
  if (isPlain(bucket, requesterOf(call.auth))) return
  const deed = { action: 's3:PutObjectTagging', key: call.key } as const
  const decision = decide(question(call, bucket, deed, later))
  if (decision.allowed) return
  const vouched = tagsVouchedFor(question(call, bucket, { action: 's3:PutObject', key: call.key }, later))
  if (decision.because === 'denied by policy' || !vouched) accept(call, bucket, decision, deed)
}

/** A version of the request's key, for whoever may do `call.action` with it; null when there is none. Throws AccessDenied. */
export async function versionFor(call: Call, open: OpenBucket, address: VersionAddress): Promise<VersionRecord | null> {
  const { action, key } = call
  const { version } = open.decided
  if (version?.address === address) {
    // Whoever asks again wants to know what is there now.
    delete open.decided.version
    return version.record
  }
  const record = await call.services.store.version({ bucket: open.bucket.name, key, version: address })
  if (isOfVersion(action)) requireVersion(call, open.bucket, { action, key }, record, nothingLater)
  return record
}

/** An object of a bucket that may be another than the request's. */
export interface SourceObject {
  readonly bucket: string
  readonly key: string
  readonly version: VersionAddress
  /** As the client wrote it; '' for the latest. */
  readonly shownVersion: string
}

/**
 * The bucket and the version that a copy is made of, for whoever may read it; `mayReadTags` tells whether that goes for its tags. Throws NoSuchBucket,
 * AccessDenied.
 */
export async function openSource(
  call: Call,
  { bucket: name, key, version, shownVersion }: SourceObject,
): Promise<{ readonly bucket: Bucket; readonly record: VersionRecord | null; readonly mayReadTags: boolean }> {
  // Copies are made by those who have an account.
  signerOf(call.auth)
  const bucket = await call.services.store.bucket(name)
  if (bucket === null) throw noSuchBucket(name)
  checkExpectedOwner(call, bucket, 'x-amz-source-expected-bucket-owner')
  checkPayer(call, bucket)
  const record = await call.services.store.version({ bucket: name, key, version })
  const latest = version === 'latest'
  const action = latest ? 's3:GetObject' : 's3:GetObjectVersion'
  const versionId = latest ? null : shownVersion
  requireVersion(call, bucket, { action, key, versionId }, record, nothingLater)
  const tagging = latest ? 's3:GetObjectTagging' : 's3:GetObjectVersionTagging'
  const mayReadTags =
    record === null || decide(question(call, bucket, { action: tagging, key, versionId }, nothingLater, record)).allowed
  return { bucket, record, mayReadTags }
}

/** What is not there is not there only for those who could have listed it (S3 API Reference, GetObject, "Permissions"). */
function requireVersion(call: Call, bucket: Bucket, deed: Deed, record: VersionRecord | null, later: LaterFacts): void {
  const requester = requesterOf(call.auth)
  const isThere = record !== null && !record.isDeleteMarker
  if (isPlain(bucket, requester) && (!isThere || record.metadata['owner-id'] === bucket.ownerId)) return
  const decision = decide(question(call, bucket, deed, later, isThere ? record : null))
  if (isThere || (!decision.allowed && decision.because === 'denied by policy')) accept(call, bucket, decision, deed)
  else accept(call, bucket, decide(listQuestion(call, bucket, deed.key)), deed)
}

/** Whether the key could have been found in a listing. */
function listQuestion(call: Call, bucket: Bucket, key: string): AccessQuestion {
  const asked = question(call, bucket, { action: 's3:ListBucket', key: '' }, nothingLater)
  const query = (name: string) => (name === 'prefix' ? key : asked.facts.query(name))
  return { ...asked, facts: { ...asked.facts, query } }
}

function question(
  call: Call,
  bucket: Bucket,
  { action, key, versionId }: Deed,
  later: LaterFacts,
  version: VersionRecord | null = null,
): AccessQuestion {
  const { services, query, auth, clientAddress, isSecure } = call
  const facts: RequestFacts = {
    ...later,
    requester: requesterOf(auth),
    arn: arnOf(call),
    action,
    resourceAccount: services.accounts.findByCanonicalId(bucket.ownerId)?.shortId,
    header: name => usedHeader(call, name),
    query: name => (name === 'versionId' && versionId !== undefined ? (versionId ?? undefined) : query.get(name)),
    now: services.world.clock.now(),
    address: clientAddress,
    secure: isSecure,
    scheme: auth.kind === 'signed' ? auth.scheme : undefined,
    existingTags: version?.metadata.tags,
  }
  return { facts, bucket, key, version }
}

/** Their tags, their retention or their legal hold stand in the body. */
const saidInBody: ReadonlySet<Action> = new Set([
  ...(['s3:PutObjectTagging', 's3:PutObjectVersionTagging'] as const),
  ...(['s3:PutObjectRetention', 's3:PutObjectLegalHold'] as const),
])

/** A header that the request has and that says something: what the operation does not read must not speak for it. */
function usedHeader({ action, head, headers }: Call, name: string): string | undefined {
  const isTags = name === 'x-amz-tagging'
  if (saidInBody.has(action) && (isTags || name.startsWith('x-amz-object-lock-'))) return undefined
  const isCopy = action === 's3:PutObject' && head.method === 'PUT' && headers.has('x-amz-copy-source')
  if (isTags && isCopy && headers.get('x-amz-tagging-directive') !== 'REPLACE') return undefined
  return headers.get(name)
}

/** Who began the upload that a request is about, where that may matter. */
async function initiatorOf({ services, action, bucket, key, query }: Call): Promise<string | undefined> {
  if (action !== 's3:AbortMultipartUpload' && action !== 's3:ListMultipartUploadParts') return undefined
  const upload = await services.store.upload(bucket, key, query.get('uploadId') ?? '')
  return upload === null ? undefined : initiatorOfUpload(upload).canonicalId
}

const ofOwnersAccount: ReadonlySet<Action> = new Set([
  's3:GetBucketPolicy',
  's3:PutBucketPolicy',
  's3:DeleteBucketPolicy',
])

function arnOf({ auth }: Call): string | undefined {
  return auth.kind === 'anonymous' ? undefined : auth.arn
}

/** Throws AccessDenied; MethodNotAllowed where a policy opens what only the owner's account can use (S3 API Reference, GetBucketPolicy). */
function accept(call: Call, bucket: Bucket, decision: Decision, deed: Deed): void {
  const requester = requesterOf(call.auth)
  if (!decision.allowed) throw accessDenied(bucket, arnOf(call), decision.because, deed)
  if (decision.by === 'policy' && ofOwnersAccount.has(call.action) && requester?.canonicalId !== bucket.ownerId) {
    throw serviceError('MethodNotAllowed', { details: { Method: call.head.method, ResourceType: 'BUCKETPOLICY' } })
  }
}

function accessDenied(bucket: Bucket, arn: string | undefined, because: string, { action, key }: Deed): Error {
  if (because !== 'denied by policy' || arn === undefined) return serviceError('AccessDenied')
  const resource = `arn:aws:s3:::${bucket.name}${key === '' ? '' : `/${key}`}`
  return serviceError('AccessDenied', {
    message:
      `User: ${arn} is not authorized to perform: ${action} on resource: "${resource}" ` +
      'with an explicit deny in a resource-based policy',
  })
}

/** The owner is named by the account's number, as in S3, or by its canonical id, as Ceph's clients have no other. Throws AccessDenied. */
function checkExpectedOwner(call: Call, bucket: Bucket, header: string): void {
  const expected = call.headers.get(header)
  if (expected === undefined || expected === bucket.ownerId) return
  const owner = call.services.accounts.findByCanonicalId(bucket.ownerId)
  if (owner?.shortId !== expected) throw serviceError('AccessDenied')
}

const payerHeader = 'x-amz-request-payer'

/** Others than the owner must say that they would pay, and be known (Amazon S3 User Guide, "Using Requester Pays buckets"). Throws AccessDenied. */
function checkPayer({ headers, query, auth }: Call, { settings, ownerId }: Bucket): void {
  if (settings.requesterPays !== true) return
  const requester = requesterOf(auth)
  if (requester?.canonicalId === ownerId || requester?.service !== undefined) return
  const payer = headers.get(payerHeader) ?? query.get(payerHeader)
  if (requester === null || payer?.toLowerCase() !== 'requester') throw serviceError('AccessDenied')
}

export function noSuchBucket(name: string): Error {
  return serviceError('NoSuchBucket', { details: { BucketName: name } })
}

export function noSuchKey(key: string): Error {
  return serviceError('NoSuchKey', { details: { Key: key } })
}
