// The data that a metadata PUT refers to: complete, in a place that keeps bytes here, really there, and nobody else's. Without these checks a
// version could be acknowledged whose bytes are missing, or a request could read what belongs to another account.
import { forEachBounded } from '../../base/bounded.ts'
import { sealedSize } from '../../base/sealed-bytes.ts'
import { serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import { type DataLocation, isInlineKey, isSealed, type VersionRecord } from '../../domain/object-metadata.ts'
import type { NewMetadata } from '../../metadata/metadata-store.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { malformedMetadata } from './metadata-body.ts'

const checksAtOnce = 16

/** Data that the version has already is what is stored of it, whatever is said of its size or its encryption: only where it begins may change. */
export function withStoredPieces(metadata: NewMetadata, stored: VersionRecord | null): NewMetadata {
  const known = new Map(stored?.metadata.location?.map(piece => [piece.key, piece]))
  if (metadata.location === null || known.size === 0) return metadata
  const location = metadata.location.map(piece => ({ ...(known.get(piece.key) ?? piece), start: piece.start }))
  return { ...metadata, location }
}

/** Throws MalformedPOSTRequest, InvalidLocationConstraint, AccessDenied, LocationNotFound, ServiceUnavailable. */
export async function checkPieces(
  call: BackbeatCall,
  metadata: NewMetadata,
  stored: VersionRecord | null,
): Promise<void> {
  checkExtent(metadata)
  const known = new Set(stored?.metadata.location?.map(piece => piece.key))
  const fresh = (metadata.location ?? []).filter(piece => !known.has(piece.key))
  if (fresh.length === 0) return
  for (const piece of fresh) {
    if (piece.cryptoScheme !== undefined && !isSealed(piece)) {
      throw malformedMetadata('an item of location is encrypted in a form that is not known here')
    }
    if (isInlineKey(piece.key)) throw malformedMetadata('an item of location names data inside another store')
    if (!call.services.dataStores.has(piece.dataStoreName)) throw serviceError('InvalidLocationConstraint')
  }
  // Names of data that other versions refer to are no business of an administrator's; a service account passes everywhere.
  if (call.account.service === undefined) {
    const referenced = await call.services.store.referencedData(fresh.map(piece => piece.key))
    if (referenced.size > 0) throw serviceError('AccessDenied')
  }
  await forEachBounded(fresh, checksAtOnce, piece => requireData(call, piece))
}

/** The pieces follow each other without gaps and make up the object. */
function checkExtent(metadata: NewMetadata): void {
  let end = 0
  for (const piece of metadata.location ?? []) {
    if (piece.start !== end) throw malformedMetadata('the items of location do not follow each other')
    end += piece.size
  }
  if (end !== metadata['content-length']) throw malformedMetadata('the items of location are not content-length bytes')
}

/** Reads the last byte: a piece that is missing or shorter than it says shows here. */
async function requireData(call: BackbeatCall, piece: DataLocation): Promise<void> {
  const store = call.services.dataStores.get(piece.dataStoreName)
  try {
    // A key that we do not have would make the version unreadable.
    if (isSealed(piece) && piece.masterKeyId !== undefined) await call.services.masterKeys.dataKey(piece)
    const size = isSealed(piece) ? sealedSize(piece.size) : piece.size
    const last = store?.read(piece.key, Math.max(0, size - 1), Math.max(1, size)) ?? []
    if (piece.size > 0) for await (const _ of last) break
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { class: failureClass } = error.facts
    const missing = failureClass === 'source-gone' || failureClass === 'object'
    throw serviceError(missing ? 'LocationNotFound' : 'ServiceUnavailable', { cause: error })
  }
}
