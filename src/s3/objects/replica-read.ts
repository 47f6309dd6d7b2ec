// Reading an object's bytes from one of its finished copies (Backbeat wire format, "GET reading from a replica location"): because the client
// names the location, or because the rule prefers one. A copy is only read after its head shows that it still is this very version; what a
// client named and cannot be had is an error, while a preferred copy that cannot be had is never one: the source is read instead.
import { begun } from '../../base/byte-source.ts'
import { createHasher } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { preferredReadSuffix } from '../../domain/replication-rule.ts'
import { encodeVersionId } from '../../domain/version-id.ts'
import { type Destination, destinationKey, versionIdMarker } from '../../locations/multiple-backend.ts'
import type { Call } from '../call.ts'
import type { CustomerKey } from '../encryption/customer-key.ts'
import type { ByteRange } from './byte-range.ts'
import { openStored } from './object-data.ts'

type Bytes = Uint8Array | AsyncIterable<Uint8Array>

interface Replica {
  readonly destination: Destination
  /** '' where the location has no versions. */
  readonly versionId: string
  /** The client named it; otherwise the rule prefers it. */
  readonly named: boolean
}

/** Where to read: a finished copy, or null for the source. Throws InvalidLocationConstraint. */
export function chooseReplica(call: Call, record: VersionRecord): Replica | null {
  const { replicationInfo, dataStoreName } = record.metadata
  const named = call.headers.get('x-amz-location-constraint')
  const wanted = named ?? preferredSite(replicationInfo.storageClass)
  if (wanted === undefined || wanted === dataStoreName) return null
  const { services } = call
  const backend = replicationInfo.backends.find(({ site }) => site === wanted)
  if (named !== undefined) {
    if (services.locations.every(({ name }) => name !== named)) {
      throw invalidLocation('Invalid location constraint specified in header')
    }
    if (backend === undefined) throw invalidLocation('Object is not replicated to location passed in location header')
  }
  const destination = services.destinations.get(wanted)
  if (backend?.status !== 'COMPLETED' || destination === undefined) return null
  return { destination, versionId: backend.dataStoreVersionId, named: named !== undefined }
}

function invalidLocation(message: string): Error {
  return serviceError('InvalidLocationConstraint', { message })
}

/** The site that the rule of this version prefers for reading. */
function preferredSite(storageClass: string): string | undefined {
  const item = storageClass.split(',').find(site => site.endsWith(preferredReadSuffix))
  return item?.slice(0, -preferredReadSuffix.length)
}

/**
 * Opens the bytes of a version, far enough that an answer can begin. Null: the source's data is missing. Throws LocationNotFound (a named
 * copy is gone), ServiceUnavailable (it cannot be reached).
 */
export async function openBytes(
  call: Call,
  record: VersionRecord,
  range: ByteRange,
  customerKey?: CustomerKey,
): Promise<Bytes | null> {
  const replica = range.end > range.start ? chooseReplica(call, record) : null
  const openSource = (from: ByteRange): Promise<Bytes | null> =>
    openStored(
      call.services,
      { pieces: record.metadata.location ?? [], customerKey, lent: call.sendFrom?.() ?? 'lent' },
      from,
      call.signal,
    )
  if (replica === null) return openSource(range)
  if (!replica.named) return openPreferred(call, record, range, replica, openSource)
  const { name } = replica.destination.location
  try {
    return await begun(await openReplica(record, range, replica, call.signal()))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (error.facts.class === 'object' || error.facts.class === 'source-gone') {
      throw serviceError('LocationNotFound', { cause: error })
    }
    const message = `The location ${name} cannot be read now (${error.facts.code}).`
    throw serviceError('ServiceUnavailable', { message, cause: error })
  }
}

/** A preferred copy that is slow, away or breaks half-way costs time, never the answer. */
async function openPreferred(
  call: Call,
  record: VersionRecord,
  range: ByteRange,
  replica: Replica,
  openSource: (from: ByteRange) => Promise<Bytes | null>,
): Promise<Bytes | null> {
  const impatience = new AbortController()
  const signal = AbortSignal.any([call.signal(), impatience.signal])
  const timer = call.services.world.timers.after(limits.preferredReadMs, () => impatience.abort(), { background: true })
  try {
    const bytes = await begun(await openReplica(record, range, replica, signal))
    return continuedFromSource(bytes, range, openSource)
  } catch {
    return openSource(range)
  } finally {
    timer.cancel()
  }
}

/** Throws Failure: of class object when this version is not there any more. */
async function openReplica(
  record: VersionRecord,
  range: ByteRange,
  replica: Replica,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { destination, versionId } = replica
  const { location } = destination
  const key = destinationKey(destination, record)
  const size = record.metadata['content-length']
  const stored = await location.head(key, versionId, { signal })
  const ours = record.isNull ? 'null' : encodeVersionId(record.versionId)
  // Where there are no versions, a newer one may have taken the place of this.
  if (stored === null || stored.isDeleteMarker || stored.size !== size || stored.markers[versionIdMarker] !== ours) {
    throw new Failure({ class: 'object', code: 'NoSuchVersion', message: 'The copy of this version is not there' })
  }
  const whole = range.start === 0 && range.end === size
  const chunks = await location.get(key, versionId, whole ? null : range, { signal })
  return checked(chunks, range.end - range.start, whole ? record.integrity?.crc32 : undefined)
}

/** Holds the newest piece back until what came is known to be right, so that wrong bytes never make a whole answer. */
async function* checked(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  crc32: string | undefined,
): AsyncGenerator<Uint8Array> {
  const hasher = crc32 === undefined ? undefined : createHasher('CRC32')
  let held: Uint8Array | undefined
  let seen = 0
  for await (const chunk of chunks) {
    if (chunk.byteLength === 0) continue
    seen += chunk.byteLength
    if (seen > size) break
    hasher?.update(chunk)
    if (held !== undefined) yield held
    held = chunk
  }
  const wrong = seen !== size || (hasher !== undefined && hasher.digest().toString('hex') !== crc32)
  if (wrong) throw new Failure({ class: 'transient', code: 'ChecksumMismatch', message: 'The copy has other bytes' })
  if (held !== undefined) yield held
}

async function* continuedFromSource(
  chunks: AsyncIterableIterator<Uint8Array>,
  range: ByteRange,
  openSource: (from: ByteRange) => Promise<Bytes | null>,
): AsyncGenerator<Uint8Array> {
  let at = range.start
  try {
    for (;;) {
      const next = await readOrNull(chunks)
      if (next === null) break
      if (next.done === true) return
      at += next.value.byteLength
      yield next.value
    }
  } finally {
    await chunks.return?.()
  }
  const rest = await openSource({ start: at, end: range.end })
  if (rest === null) throw new Failure({ class: 'source-gone', code: 'DataMissing', message: 'the data is not there' })
  if (rest instanceof Uint8Array) yield rest
  else yield* rest
}

/** Null when the copy broke. */
async function readOrNull(pieces: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array> | null> {
  try {
    return await pieces.next()
  } catch {
    return null
  }
}
