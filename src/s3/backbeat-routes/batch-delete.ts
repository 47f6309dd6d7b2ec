// `POST /_/backbeat/batchdelete`: removes data by its locations (Backbeat wire format, "batchdelete"). Data here that a version still refers to
// is never removed, whoever asks: a copy that was reported as failed may have arrived after all.
import { forEachBounded } from '../../base/bounded.ts'
import { isJsonObject, jsonObject } from '../../domain/backbeat-wire.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { nodeOf } from '../../locations/data-name.ts'
import type { Destination } from '../../locations/multiple-backend.ts'
import { openPayload } from '../auth/payload-check.ts'
import type { Answer } from '../call.ts'
import { readSmallBody } from '../http/request-body.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { tagsOf } from './cloud-headers.ts'
import { jsonAnswer } from './wire-answer.ts'

interface DeletedLocation {
  readonly key: string
  readonly dataStoreName: string
  readonly versionId: string
}

const deletesAtOnce = 5

export async function batchDelete(call: BackbeatCall): Promise<Answer> {
  const check = openPayload(call.auth.payload, call.headers, { contentMd5: 'ignore' })
  const locations = readLocations((await readSmallBody(call.body, check, limits.metadataPutBytes)).toString('utf8'))
  const tags = tagsOf(call.headers)
  for (const location of locations) requireKnown(call, location)
  const conditional = conditionalTarget(call, locations)
  if (conditional !== null) return deleteIfUnmodified(call, conditional, tags)
  const here = locations.filter(location => call.services.dataStores.has(location.dataStoreName))
  const referenced = await call.services.store.referencedData(here.map(location => location.key))
  if (referenced.size > 0) {
    throw serviceError('OperationAborted', { message: 'A version refers to data of this list: nothing was deleted.' })
  }
  await forEachBounded(locations, deletesAtOnce, location => deleteLocation(call, location))
  return jsonAnswer(undefined)
}

function malformed(what: string): ServiceError {
  return serviceError('MalformedPOSTRequest', { message: `The list of locations is not well-formed: ${what}.` })
}

/** Throws MalformedPOSTRequest. */
function readLocations(text: string): readonly DeletedLocation[] {
  const list = jsonObject(text)?.['Locations']
  if (!Array.isArray(list)) throw malformed('Locations is not an array')
  const items: readonly unknown[] = list
  return items.map(item => {
    if (!isJsonObject(item)) throw malformed('an item is not an object')
    const { key, dataStoreName, dataStoreVersionId } = item
    if (typeof key !== 'string' || key === '') throw malformed('an item has no key')
    if (typeof dataStoreName !== 'string') throw malformed('an item has no dataStoreName')
    return { key, dataStoreName, versionId: typeof dataStoreVersionId === 'string' ? dataStoreVersionId : '' }
  })
}

function requireKnown(call: BackbeatCall, location: DeletedLocation): void {
  if (call.destinations.has(location.dataStoreName)) return
  if (!call.services.dataStores.has(location.dataStoreName)) throw serviceError('InvalidLocationConstraint')
}

async function deleteLocation(call: BackbeatCall, location: DeletedLocation): Promise<void> {
  const { key, dataStoreName, versionId } = location
  const destination = isOwnData(location) ? undefined : call.destinations.get(dataStoreName)
  if (destination === undefined) await call.services.dataStores.get(dataStoreName)?.remove(key)
  else await destination.location.delete(key, versionId, { signal: call.signal() })
}

/** A cloud may hold both copies and data of its own buckets: that has names of ours, which carry the node that wrote them. */
function isOwnData({ key, versionId }: DeletedLocation): boolean {
  return versionId === '' && nodeOf(key) !== null
}

interface ConditionalDelete {
  readonly destination: Destination
  readonly location: DeletedLocation
}

/** A cloud named by x-scal-storage-class, and a first location without a version to delete: only ever with care. */
function conditionalTarget(call: BackbeatCall, locations: readonly DeletedLocation[]): ConditionalDelete | null {
  const destination = call.destinations.get(call.headers.get('x-scal-storage-class') ?? '')
  const [location] = locations
  return destination === undefined || location === undefined || location.versionId !== '' || isOwnData(location)
    ? null
    : { destination, location }
}

async function deleteIfUnmodified(
  call: BackbeatCall,
  { destination, location }: ConditionalDelete,
  tags: Readonly<Record<string, string>>,
): Promise<Answer> {
  const unmodifiedSince = Date.parse(call.headers.get('if-unmodified-since') ?? '')
  if (Number.isNaN(unmodifiedSince)) return jsonAnswer(undefined)
  const context = { signal: call.signal() }
  const stored = await destination.location.head(location.key, '', context)
  if (stored === null) return jsonAnswer(undefined)
  if (Date.parse(stored.lastModified) > unmodifiedSince) throw serviceError('PreconditionFailed')
  if (destination.location.type === 'azure') {
    const precondition = { kind: 'etag', etag: stored.etag } as const
    await destination.location.delete(location.key, '', { ...context, precondition })
  } else {
    // Where versions are kept the copy stays, marked for whoever cleans up there.
    await destination.location.putTags(location.key, stored.versionId, tags, context)
  }
  return jsonAnswer(undefined)
}
