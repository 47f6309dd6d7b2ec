// Where an object's bytes go and come from: small ones into the metadata store, with the version that names them; larger ones into the
// bucket's data location, durable before they are named. Bytes that no version came to name are discarded.
import { begun } from '../../base/byte-source.ts'
import { pipelineNotices } from '../../base/channels.ts'
import { sealBytes } from '../../base/sealed-bytes.ts'
import { isAlone } from '../../base/spent-buffers.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import { type DataLocation, type Integrity, inlineKey, isInlineKey } from '../../domain/object-metadata.ts'
import type { DataStore, DataWriter, Lending } from '../../locations/data-store.ts'
import { createSealedWriter } from '../../locations/sealed-data.ts'
import { inlinePiece, type PiecePlaces, readPieces } from '../../locations/stored-pieces.ts'
import type { InlineData } from '../../metadata/metadata-store.ts'
import type { PayloadCheck, PayloadFacts } from '../auth/payload-check.ts'
import type { BodySink, Call, S3Services } from '../call.ts'
import type { CustomerKey } from '../encryption/customer-key.ts'
import { dataKeyFinder, type Sealing, sealingOf } from '../encryption/sealing.ts'
import { noEncryption, type WriteEncryption } from '../encryption/write-encryption.ts'
import type { ByteRange } from './byte-range.ts'

/** Bytes received and vouched for, not yet named by anything. */
export interface ReceivedData {
  readonly facts: PayloadFacts
  /** Hex. */
  readonly etag: string
  /** Null for zero bytes. */
  readonly location: DataLocation | null
  /** To be stored in the same transaction as the version or part. */
  readonly inline?: InlineData
  /** Forgets the bytes; for refusals after they were received. */
  discard(): Promise<void>
}

const nothingToDiscard = async (): Promise<void> => undefined

/** The data store of a bucket. Throws NotImplemented for a bucket whose location keeps no bytes here. */
export function dataStoreOf(services: S3Services, bucket: Pick<Bucket, 'locationConstraint'>): DataStore {
  const store = services.dataStores.get(bucket.locationConstraint)
  if (store !== undefined) return store
  const message = `The bucket's location ${bucket.locationConstraint} does not keep objects on this server.`
  throw serviceError('NotImplemented', { message })
}

/** How received bytes are kept. */
export interface Keeping {
  readonly partNumber: number
  /** Not encrypted when left out. */
  readonly encryption?: WriteEncryption
}

/** Receives the request's body into the bucket's location. On any failure nothing of it is left. */
export async function receiveData(
  call: Call,
  bucket: Pick<Bucket, 'locationConstraint'>,
  check: PayloadCheck,
  { partNumber, encryption = noEncryption }: Keeping,
): Promise<ReceivedData> {
  const { services } = call
  const store = dataStoreOf(services, bucket)
  const place = { partNumber, store, sealing: await sealingOf(services, encryption) }
  // The pieces of a form lie in what is still being looked through.
  const given = call.body.isUnmeasured === true ? undefined : 'given'
  if (check.decodedLength !== undefined && check.decodedLength <= services.inlineBytes) {
    const sink = inlineSink(check.decodedLength, given)
    const facts = await call.body.receive(check, sink)
    return inlineResult(services, sink.bytes(), facts, place)
  }
  const writer = writerAt(place, check.decodedLength)
  const sink = writerSink(writer, given)
  underWay.bodies += 1
  try {
    const facts = await call.body.receive(check, sink)
    await sink.done()
    await writer.finish()
    return writtenResult(writer, facts, place)
  } catch (error) {
    await sink.done().catch(nothingToDiscard)
    await writer.discard()
    throw refusalOfStore(store.name, error)
  } finally {
    underWay.bodies -= 1
  }
}

/** Stores bytes that were read from elsewhere in this server (copies): the same places, hashed by the caller. */
export async function storeBytes(
  services: S3Services,
  bucket: Bucket,
  bytes: { readonly size: number; readonly chunks: AsyncIterable<Uint8Array> },
  { partNumber, encryption = noEncryption, facts }: Keeping & { readonly facts: () => PayloadFacts },
): Promise<ReceivedData> {
  const store = dataStoreOf(services, bucket)
  const place = { partNumber, store, sealing: await sealingOf(services, encryption) }
  if (bytes.size <= services.inlineBytes) {
    const sink = inlineSink(bytes.size)
    for await (const chunk of bytes.chunks) await sink.take(asBuffer(chunk))
    return inlineResult(services, sink.bytes(), facts(), place)
  }
  const writer = writerAt(place, bytes.size)
  try {
    for await (const chunk of bytes.chunks) await writer.write(chunk)
    await writer.finish()
    return writtenResult(writer, facts(), place)
  } catch (error) {
    await writer.discard()
    throw refusalOfStore(store.name, error)
  }
}

/** What the client is told when a location elsewhere fails: to try again. What says something of the data itself stays as it is. */
function refusalOfStore(location: string, error: unknown): unknown {
  if (!(error instanceof Failure)) return error
  const { class: failureClass, code } = error.facts
  if (failureClass === 'object' || failureClass === 'source-gone') return error
  pipelineNotices.publish({ kind: 'failed', what: `reaching data at ${location}`, error })
  const message = `The data location ${location} cannot be reached now (${code}). Please try again.`
  return serviceError(failureClass === 'throttled' ? 'SlowDown' : 'ServiceUnavailable', { message, cause: error })
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

interface Place {
  readonly partNumber: number
  readonly store: DataStore
  /** Null: the bytes lie as they are. */
  readonly sealing: Sealing | null
}

function writerAt({ store, sealing }: Place, expectedBytes: number | undefined): DataWriter {
  return sealing === null ? store.create(expectedBytes) : createSealedWriter(store, sealing.dataKey, expectedBytes)
}

function etagAt({ sealing }: Place, { md5Hex }: PayloadFacts): string {
  return sealing === null ? md5Hex : sealing.etagOf(md5Hex)
}

function inlineResult(services: S3Services, bytes: Uint8Array, facts: PayloadFacts, place: Place): ReceivedData {
  const etag = etagAt(place, facts)
  if (facts.size === 0) return { facts, etag, location: null, discard: nothingToDiscard }
  const key = inlineKey(services.inlineName())
  const { sealing } = place
  const inline = { key, bytes: sealing === null ? bytes : sealBytes(sealing.dataKey, bytes) }
  return { facts, etag, location: locationOf(key, facts, place), inline, discard: nothingToDiscard }
}

function writtenResult(writer: DataWriter, facts: PayloadFacts, place: Place): ReceivedData {
  const etag = etagAt(place, facts)
  return { facts, etag, location: locationOf(writer.key, facts, place), discard: () => writer.discard() }
}

function locationOf(key: string, facts: PayloadFacts, place: Place): DataLocation {
  const { partNumber, store, sealing } = place
  return {
    key,
    size: facts.size,
    start: 0,
    dataStoreName: store.name,
    // As the original writes it: of data in files nothing is said.
    ...(store.type === 'file' ? undefined : { dataStoreType: store.type }),
    dataStoreETag: `${partNumber}:${etagAt(place, facts)}`,
    ...sealing?.fields,
  }
}

/**
 * Collects into memory of its own: the socket's buffers are larger than what is kept of them, and pooled ones are costly to hand over. A piece that
 * is all of it, alone in its memory and given, is kept as it is.
 */
function inlineSink(expected: number, given?: 'given'): BodySink & { bytes(): Uint8Array } {
  let buffer: Buffer | undefined
  let size = 0
  return {
    take(piece) {
      if (size + piece.length > expected) throw serviceError('IncompleteBody')
      if (given !== undefined && piece.length === expected && isAlone(piece)) buffer = piece
      else {
        buffer ??= Buffer.allocUnsafeSlow(expected)
        piece.copy(buffer, size)
      }
      size += piece.length
      return undefined
    },
    bytes: () => buffer?.subarray(0, size) ?? nothing,
  }
}

const nothing = new Uint8Array(0)

/** Bodies on their way into data stores. */
const underWay = { bodies: 0 }

/** Bytes of each that may wait for its data store before the socket is paused: fewer where there are many. */
function writeWindowBytes(): number {
  return underWay.bodies <= 32 ? 512 * 1024 : 64 * 1024
}

function writerSink(writer: DataWriter, given: 'given' | undefined): BodySink & { done(): Promise<void> } {
  let tail: Promise<void> = Promise.resolve()
  let pending = 0
  return {
    take(piece) {
      const { length } = piece
      pending += length
      tail = tail
        .then(() => writer.write(piece, given))
        .then(() => {
          pending -= length
        })
      if (pending > writeWindowBytes()) return tail
      // A failure shows in done() and in every later wait.
      tail.catch(nothingToDiscard)
      return undefined
    },
    done: () => tail,
  }
}

/** What is kept beside a version of its bytes. */
export function integrityOf(facts: PayloadFacts): Integrity {
  const crc32 = Buffer.from(facts.crc32, 'base64').toString('hex')
  return facts.checksum === undefined ? { crc32 } : { crc32, checksum: facts.checksum }
}

/** What is to be read, and the key that came for it. */
export interface StoredSource {
  readonly pieces: readonly DataLocation[]
  readonly customerKey?: CustomerKey | undefined
  /** How the reader uses the chunks. */
  readonly lent?: Lending
}

/**
 * Opens bytes of stored pieces, far enough that missing data shows: null when it is missing (the version was replaced or deleted in between,
 * or the data is lost). Bytes in memory come as they are, others as a stream.
 */
export async function openStored(
  services: S3Services,
  source: StoredSource,
  range: ByteRange,
  signal: () => AbortSignal,
): Promise<Uint8Array | AsyncIterable<Uint8Array> | null> {
  if (range.end <= range.start) return new Uint8Array(0)
  const { pieces } = source
  const [only, second] = pieces
  const places = placesOf(services, source)
  try {
    if (only !== undefined && second === undefined && isInlineKey(only.key)) {
      const bytes = await inlinePiece(places, only)
      return bytes.subarray(range.start - only.start, range.end - only.start)
    }
    return await begun(readHeld(services, places, source, range, signal()))
  } catch (error) {
    if (error instanceof Failure && error.facts.class === 'source-gone') return null
    if (error instanceof Failure && error.facts.code === 'NoSuchDataStore') throw serviceError('LocationNotFound')
    if (error instanceof Failure && error.facts.code === 'NoMasterKey') throw noMasterKey(error)
    throw refusalOfStore(pieces[0]?.dataStoreName ?? '', error)
  }
}

function placesOf(services: S3Services, { customerKey }: StoredSource): PiecePlaces {
  const { store, dataStores } = services
  const dataKey = dataKeyFinder(services, customerKey)
  return { inlineData: name => store.inlineData(name), dataStores, dataKey }
}

/** What the server lacks is said: who asks for the object can do nothing about it, but tell. */
function noMasterKey(failure: Failure): Error {
  pipelineNotices.publish({ kind: 'failed', what: 'decrypting an object', error: failure })
  return serviceError('InternalError', { message: `${failure.facts.message}.`, cause: failure })
}

async function* readHeld(
  services: S3Services,
  places: PiecePlaces,
  { pieces, lent }: StoredSource,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const letGo = holdPieces(services, pieces)
  try {
    yield* readPieces(places, pieces, range.start, range.end, signal, lent)
  } finally {
    letGo()
  }
}

/** An object of many pieces is read to its end even if it is deleted meanwhile; a single piece is open by then. */
function holdPieces(services: S3Services, pieces: readonly DataLocation[]): () => void {
  if (pieces.length < 2) return () => undefined
  const byStore = Map.groupBy(pieces, piece => piece.dataStoreName)
  const holds = [...byStore].map(([name, own]) => services.dataStores.get(name)?.hold?.(own.map(piece => piece.key)))
  return () => {
    for (const letGo of holds) letGo?.()
  }
}
