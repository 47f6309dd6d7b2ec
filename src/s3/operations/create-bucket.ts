// CreateBucket: a name nobody has, in a location that keeps objects on this server.
import type { LocationConfig } from '../../config/types.ts'
import { serviceError } from '../../domain/errors.ts'
import { signerOf } from '../access/open-bucket.ts'
import { notImplemented } from '../answer.ts'
import { isBucketName } from '../bucket-name.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../document-body.ts'
import { refuseUnsupported } from '../object-settings.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'

export const defaultLocation = 'us-east-1'

/** The location asked for; the default one for none or an empty one. Throws MalformedXML, InvalidLocationConstraint. */
async function requestedLocation(call: Call): Promise<LocationConfig> {
  const body = await readDocument(call)
  const document = body.length === 0 ? undefined : parseXml(body, defaultXmlLimits, 'CreateBucketConfiguration')
  const asked = document?.optionalText('LocationConstraint') ?? ''
  const name = asked === '' ? defaultLocation : asked
  const location = call.services.locations.find(candidate => candidate.name === name)
  if (location !== undefined && call.services.dataStores.has(name)) return location
  const message =
    location === undefined
      ? `The location constraint ${name.slice(0, 255)} is none of this server's locations.`
      : `The location ${name} is a ${location.type} location that takes copies: it cannot hold a bucket's objects.`
  throw serviceError('InvalidLocationConstraint', { message, details: { LocationConstraint: name.slice(0, 255) } })
}

export async function createBucket(call: Call): Promise<Answer> {
  const account = signerOf(call.auth)
  if (!isBucketName(call.bucket)) {
    throw serviceError('InvalidBucketName', { details: { BucketName: call.bucket.slice(0, 255) } })
  }
  refuseUnsupported(call.headers)
  const objectLock = call.headers.get('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true'
  const ownership = call.headers.get('x-amz-object-ownership')
  if (ownership !== undefined && ownership !== 'BucketOwnerEnforced') throw notImplemented('x-amz-object-ownership')
  const location = await requestedLocation(call)
  const created = await call.services.store.createBucket({
    name: call.bucket,
    ownerId: account.canonicalId,
    ownerDisplayName: account.displayName,
    creationDate: new Date(call.services.world.clock.now()).toISOString(),
    locationConstraint: location.name,
    // Object lock keeps versions: it needs them.
    ...(objectLock && { versioning: 'Enabled', settings: { objectLock: {} } }),
  })
  if (created === 'exists') await refuseExisting(call, account.canonicalId)
  return { status: 200, headers: ['Location', `/${call.bucket}`] }
}

/** Making one's own bucket again is harmless where its location says that the oldest AWS behaviour holds. */
async function refuseExisting(call: Call, ownerId: string): Promise<void> {
  const bucket = await call.services.store.bucket(call.bucket)
  if (bucket?.ownerId !== ownerId) {
    throw serviceError('BucketAlreadyExists', { details: { BucketName: call.bucket } })
  }
  const location = call.services.locations.find(({ name }) => name === bucket.locationConstraint)
  if (location?.legacyAwsBehavior === true) return
  throw serviceError('BucketAlreadyOwnedByYou', { details: { BucketName: call.bucket } })
}
