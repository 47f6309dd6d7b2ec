// CreateBucket: a name nobody has, in a location that keeps objects on this server.
import type { LocationConfig } from '../../config/types.ts'
import type { AccessSettings } from '../../domain/bucket-access.ts'
import { serviceError } from '../../domain/errors.ts'
import { grantTheSame, privateBucketAcl } from '../access/acl.ts'
import { aclOfHeaders } from '../access/acl-request.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { accountOf } from '../access/open-bucket.ts'
import { isOwnership, refuseEnforced } from '../access/ownership.ts'
import { isBucketName } from '../bucket-name.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { invalidArgument } from '../http/answer.ts'
import { refuseUnsupported } from '../objects/object-settings.ts'
import { noTags, type TagSet, tagsOfSet } from '../objects/tag-set.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'

export const defaultLocation = 'us-east-1'

/** What the body asks for. Throws MalformedXML, InvalidLocationConstraint, InvalidTag, BadRequest (too many tags). */
async function requestedConfiguration(call: Call): Promise<{ location: LocationConfig; tags: TagSet }> {
  const body = await readDocument(call)
  const document = body.length === 0 ? undefined : parseXml(body, defaultXmlLimits, 'CreateBucketConfiguration')
  const tags = document?.optionalChild('Tags')
  return { location: requestedLocation(call, document), tags: tags === undefined ? noTags : tagsOfSet(tags, 'bucket') }
}

/** The location asked for; the default one for none or an empty one. */
function requestedLocation(call: Call, document: XmlElement | undefined): LocationConfig {
  const asked = document?.optionalText('LocationConstraint') ?? ''
  const name = asked === '' ? defaultLocation : asked
  const location = call.services.locations.find(candidate => candidate.name === name)
  if (location !== undefined && call.services.dataStores.has(name)) return location
  const message =
    location === undefined
      ? 'The specified location-constraint is not valid'
      : `The location ${name} is a ${location.type} location that takes copies: it cannot hold a bucket's objects.`
  throw serviceError('InvalidLocationConstraint', { message, details: { LocationConstraint: name.slice(0, 255) } })
}

/** Its list and who will own objects in it. Throws InvalidArgument, InvalidBucketAclWithObjectOwnership, and what is wrong with the list. */
function requestedAccess({ headers, services }: Call, owner: string): AccessSettings {
  const ownership = headers.get('x-amz-object-ownership')
  if (ownership !== undefined && !isOwnership(ownership)) {
    const message = `Invalid x-amz-object-ownership header: ${ownership.slice(0, 255)}`
    throw invalidArgument(message, 'x-amz-object-ownership', ownership)
  }
  const acl = aclOfHeaders(headers, services.accounts) ?? undefined
  refuseEnforced(ownership, acl, owner)
  return { ...(acl && { acl }), ...(ownership && { ownership }) }
}

export async function createBucket(call: Call): Promise<Answer> {
  refuseAnonymous(call)
  const account = accountOf(call.auth, call.action)
  if (!isBucketName(call.bucket)) {
    throw serviceError('InvalidBucketName', { details: { BucketName: call.bucket.slice(0, 255) } })
  }
  refuseUnsupported(call.headers)
  const objectLock = call.headers.get('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true'
  const access = requestedAccess(call, account.canonicalId)
  const { location, tags } = await requestedConfiguration(call)
  const created = await call.services.store.createBucket({
    name: call.bucket,
    ownerId: account.canonicalId,
    ownerDisplayName: account.displayName,
    creationDate: new Date(call.services.world.clock.now()).toISOString(),
    locationConstraint: location.name,
    // Object lock keeps versions: it needs them.
    ...(objectLock && { versioning: 'Enabled' }),
    settings: { ...access, ...(objectLock && { objectLock: {} }), ...(tags !== noTags && { tags }) },
  })
  if (created === 'exists') await refuseExisting(call, account.canonicalId, access)
  return { status: 200, headers: ['Location', `/${call.bucket}`, 'x-amz-bucket-arn', bucketArn(call.bucket)] }
}

/** How policies and answers name a bucket. */
export function bucketArn(name: string): string {
  return `arn:aws:s3:::${name}`
}

/**
 * Making one's own bucket again is harmless where its location says that the oldest AWS behaviour holds, and it has the list that is asked
 * for. AWS sets the list anew; here a bucket in use is neither opened nor closed by this, and no success hides a list that is not there.
 */
async function refuseExisting(call: Call, owner: string, asked: AccessSettings): Promise<void> {
  const bucket = await call.services.store.bucket(call.bucket)
  const details = { BucketName: call.bucket }
  if (bucket?.ownerId !== owner) throw serviceError('BucketAlreadyExists', { details })
  const location = call.services.locations.find(({ name }) => name === bucket.locationConstraint)
  if (location?.legacyAwsBehavior !== true) throw serviceError('BucketAlreadyOwnedByYou', { details })
  const acl = bucket.settings.acl ?? privateBucketAcl
  if (grantTheSame(acl, asked.acl ?? privateBucketAcl, { owner, bucketOwner: owner })) return
  const message = 'The bucket exists, is yours and has another access control list. Change it with PutBucketAcl.'
  throw serviceError('BucketAlreadyExists', { message, details })
}
