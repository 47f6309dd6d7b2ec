// SOURCE GATEWAY `direct`: the metadata store, the data stores and the destinations in this very process, without a socket in between. Writes
// to a destination go through the same code as the `/_/backbeat/multiplebackenddata` routes, so both write exactly the same.
import { type BufferPool, createBufferPool } from '../base/buffer-pool.ts'
import { type ByteSource, bytesSource, sliceSource } from '../base/byte-source.ts'
import type { VersionRef } from '../domain/entry.ts'
import { Failure } from '../domain/failure.ts'
import { limits } from '../domain/limits.ts'
import { isInlineKey } from '../domain/object-metadata.ts'
import { decodeVersionId, isNewer } from '../domain/version-id.ts'
import type { DataStore } from '../locations/data-store.ts'
import type { KnownChecksums, RequestContext, StoredObject } from '../locations/location.ts'
import type { MasterKeys } from '../locations/master-keys.ts'
import {
  abortUpload,
  completeUpload,
  copiedAttributes,
  type Destination,
  deleteObject,
  history,
  initiateUpload,
  listUploads,
  lockOf,
  putLock,
  putObject,
  putPart,
  putTags,
  versionIdMarker,
} from '../locations/multiple-backend.ts'
import { inlinePiece, type PiecePlaces, piecesSource } from '../locations/stored-pieces.ts'
import type { Ledger } from '../metadata/ledger.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { CallContext, SourceGateway, SourceVersion, Target } from './source-gateway.ts'
import { markerOf } from './work.ts'

export interface DirectGatewayOptions {
  readonly store: Pick<MetadataStore, 'version' | 'inlineData'> & { readonly ledger: Pick<Ledger, 'fold'> }
  /** Where the bytes of source versions are, by the name of their location. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  readonly masterKeys: Pick<MasterKeys, 'dataKey'>
  /** By site. */
  readonly destinations: ReadonlyMap<string, Destination>
}

/** Entries of a destination's history that are looked at first: what a write of unknown outcome has left is at the top. */
const historyFirst = 20
const historyMax = 2_500

/** Reads on while there are only newer versions of the key: after a power loss many of them may be there that the ledger has forgotten. */
async function historyDownTo(
  target: Target,
  read: (max: number) => Promise<readonly StoredObject[]>,
): Promise<readonly StoredObject[]> {
  const isAbove = ({ isDeleteMarker, markers }: StoredObject): boolean => {
    const versionId = decodeVersionId(markers[versionIdMarker] ?? '')
    return isDeleteMarker || (versionId !== null && isNewer(versionId, target.versionId))
  }
  for (let max = historyFirst; ; max *= 5) {
    const found = await read(max)
    if (found.length < max || max >= historyMax || !found.every(isAbove)) return found
  }
}

export function createDirectGateway(options: DirectGatewayOptions): SourceGateway {
  const { store, destinations } = options
  const destinationOf = (site: string): Destination => {
    const destination = destinations.get(site)
    if (destination !== undefined) return destination
    throw new Failure({
      class: 'location',
      code: 'NoSuchLocation',
      message: `There is no location for the site ${site}`,
    })
  }
  const places = placesOf(options)
  const source = (version: SourceVersion): Promise<ByteSource> => sourceOf(version, places)
  const pool = createBufferPool(limits.pooledBytesMax)
  const copied = (version: SourceVersion) => copiedAttributes(version.metadata, markerOf(version))

  return {
    readVersion: ref => readVersion(store, ref),
    async *readData(version, range, signal) {
      const body = await source(version)
      yield* body.open(range.start, range.end, signal)
    },
    capabilities: site => destinationOf(site).location.capabilities,
    async putObject(target, version, context) {
      const { body, release } = await held(pool, await source(version), context)
      const result = await putObject(
        destinationOf(target.site),
        target,
        body,
        checksumsOf(version),
        copied(version),
        writeContext(context),
      )
      release()
      return result
    },
    initiateUpload(target, version, context) {
      const size = version.metadata['content-length']
      return initiateUpload(destinationOf(target.site), target, copied(version), size, { signal: context.signal })
    },
    async putPart(target, version, uploadId, partNumber, range, context) {
      const slice = sliceSource(await source(version), range.start, range.end)
      const { body, release } = await held(pool, slice, context)
      const destination = destinationOf(target.site)
      const part = await putPart(destination, target, uploadId, partNumber, body, {}, { signal: context.signal })
      release()
      return part
    },
    completeUpload(target, version, uploadId, parts, context) {
      const crc32 = version.integrity?.crc32
      const whole = { size: version.metadata['content-length'], ...(crc32 === undefined ? {} : { crc32 }) }
      const destination = destinationOf(target.site)
      return completeUpload(destination, target, uploadId, parts, whole, copied(version), writeContext(context))
    },
    abortUpload: (target, uploadId, context) =>
      abortUpload(destinationOf(target.site), target, uploadId, { signal: context.signal }),
    listUploads: (target, context) => listUploads(destinationOf(target.site), target, { signal: context.signal }),
    deleteObject: (target, context) => deleteObject(destinationOf(target.site), target, '', writeContext(context)),
    putTags: (target, version, destinationVersionId, context) =>
      putTags(destinationOf(target.site), target, destinationVersionId, version.metadata.tags, writeContext(context)),
    putLock: async (target, { metadata }, destinationVersionId, { signal }) =>
      putLock(destinationOf(target.site), target, destinationVersionId, lockOf(metadata), { signal }),
    destinationHistory: (target, context) =>
      historyDownTo(target, max => history(destinationOf(target.site), target, max, { signal: context.signal })),
    removeVersion: async (target, destinationVersionId, { signal }) =>
      void (await deleteObject(destinationOf(target.site), target, destinationVersionId, { signal })),
    probe: (site, signal) => destinationOf(site).location.probe({ signal }),
    patchStatus: messages => store.ledger.fold(messages),
  }
}

function placesOf({ store, dataStores, masterKeys }: DirectGatewayOptions): PiecePlaces {
  return {
    inlineData: name => store.inlineData(name),
    dataStores,
    dataKey: piece => masterKeys.dataKey(piece),
  }
}

async function readVersion(store: Pick<MetadataStore, 'version'>, ref: VersionRef): Promise<SourceVersion | null> {
  const record = await store.version({ bucket: ref.bucket, key: ref.key, version: ref.versionId })
  if (record === null) return null
  const { bucket, key, versionId, metadata, revision, integrity, isNull } = record
  return { bucket, key, versionId, metadata, revision, integrity, isNull }
}

function writeContext(context: CallContext): RequestContext & Pick<CallContext, 'precondition'> {
  const { signal, precondition } = context
  return precondition === undefined ? { signal } : { signal, precondition }
}

/** The MD5 of a multipart object is not that of its bytes. */
function checksumsOf(version: SourceVersion): KnownChecksums {
  const md5 = version.metadata['content-md5']
  return {
    ...(md5.includes('-') || md5 === '' ? {} : { md5 }),
    ...(version.integrity === null ? {} : { crc32: version.integrity.crc32 }),
  }
}

/** The bytes of a version: in memory if they lie in the metadata store, else read piece by piece from where they are. */
async function sourceOf(version: SourceVersion, places: PiecePlaces): Promise<ByteSource> {
  const pieces = version.metadata.location ?? []
  const [first] = pieces
  if (first === undefined) return bytesSource(version.bytes ?? new Uint8Array())
  if (pieces.length === 1 && isInlineKey(first.key)) {
    return bytesSource(await inlinePiece(places, first, version.bytes))
  }
  return piecesSource(places, pieces, version.metadata['content-length'])
}

interface Held {
  readonly body: ByteSource
  /** The request has ended in success: nobody reads the bytes any more. After a failure a broken connection may still hold them. */
  release(): void
}

/** Ranges that the budget has granted in full are read once, into memory: hashing and sending them costs no second reading. */
async function held(pool: BufferPool, source: ByteSource, { signal, demand }: CallContext): Promise<Held> {
  demand?.()
  if (source.bytes !== undefined || source.size > limits.heldRangeBytes || source.fill === undefined) {
    return { body: source, release: () => undefined }
  }
  const buffer = pool.take(source.size)
  try {
    await source.fill(buffer.bytes, 0, signal)
    demand?.()
  } catch (error) {
    buffer.release()
    throw error
  }
  return { body: bytesSource(buffer.bytes), release: () => buffer.release() }
}
