// Where an object's bytes go and come from: small ones into the metadata store, with the version that names them; larger ones into the
// bucket's data location, durable before they are named. Bytes that no version came to name are discarded.
import { begun } from '../base/byte-source.ts'
import { pipelineNotices } from '../base/channels.ts'
import type { Bucket } from '../domain/bucket.ts'
import { serviceError } from '../domain/errors.ts'
import { Failure } from '../domain/failure.ts'
import { type DataLocation, type Integrity, inlineKey, isInlineKey } from '../domain/object-metadata.ts'
import type { DataStore, DataWriter } from '../locations/data-store.ts'
import { readPieces } from '../locations/stored-pieces.ts'
import type { InlineData } from '../metadata/metadata-store.ts'
import type { PayloadCheck, PayloadFacts } from './auth/payload-check.ts'
import type { ByteRange } from './byte-range.ts'
import type { BodySink, Call, S3Services } from './call.ts'

/** Bytes received and vouched for, not yet named by anything. */
export interface ReceivedData {
  readonly facts: PayloadFacts
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

/** Receives the request's body into the bucket's location. On any failure nothing of it is left. */
export async function receiveData(
  call: Call,
  bucket: Pick<Bucket, 'locationConstraint'>,
  check: PayloadCheck,
  partNumber: number,
): Promise<ReceivedData> {
  const { services } = call
  const store = dataStoreOf(services, bucket)
  const place = { partNumber, store }
  if (check.decodedLength !== undefined && check.decodedLength <= services.inlineBytes) {
    const sink = inlineSink(check.decodedLength)
    const facts = await call.body.receive(check, sink)
    return inlineResult(services, sink.bytes(), facts, place)
  }
  const writer = store.create(check.decodedLength)
  const sink = writerSink(writer)
  try {
    const facts = await call.body.receive(check, sink)
    await sink.done()
    await writer.finish()
    return writtenResult(writer, facts, place)
  } catch (error) {
    await sink.done().catch(nothingToDiscard)
    await writer.discard()
    throw refusalOfStore(store.name, error)
  }
}

/** Stores bytes that were read from elsewhere in this server (copies): the same places, hashed by the caller. */
export async function storeBytes(
  services: S3Services,
  bucket: Bucket,
  bytes: { readonly size: number; readonly chunks: AsyncIterable<Uint8Array> },
  place: { readonly partNumber: number; readonly facts: () => PayloadFacts },
): Promise<ReceivedData> {
  const store = dataStoreOf(services, bucket)
  const named = { partNumber: place.partNumber, store }
  if (bytes.size <= services.inlineBytes) {
    const sink = inlineSink(bytes.size)
    for await (const chunk of bytes.chunks) await sink.take(asBuffer(chunk))
    return inlineResult(services, sink.bytes(), place.facts(), named)
  }
  const writer = store.create(bytes.size)
  try {
    for await (const chunk of bytes.chunks) await writer.write(chunk)
    await writer.finish()
    return writtenResult(writer, place.facts(), named)
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
}

function inlineResult(services: S3Services, bytes: Uint8Array, facts: PayloadFacts, place: Place): ReceivedData {
  if (facts.size === 0) return { facts, location: null, discard: nothingToDiscard }
  const key = inlineKey(services.inlineName())
  return { facts, location: locationOf(key, facts, place), inline: { key, bytes }, discard: nothingToDiscard }
}

function writtenResult(writer: DataWriter, facts: PayloadFacts, place: Place): ReceivedData {
  return { facts, location: locationOf(writer.key, facts, place), discard: () => writer.discard() }
}

function locationOf(key: string, facts: PayloadFacts, { partNumber, store }: Place): DataLocation {
  return {
    key,
    size: facts.size,
    start: 0,
    dataStoreName: store.name,
    // As the original writes it: of data in files nothing is said.
    ...(store.type === 'file' ? undefined : { dataStoreType: store.type }),
    dataStoreETag: `${partNumber}:${facts.md5Hex}`,
  }
}

/** Collects into memory of its own: the socket's buffers are larger than what is kept of them, and pooled ones are costly to hand over. */
function inlineSink(expected: number): BodySink & { bytes(): Uint8Array } {
  const buffer = Buffer.allocUnsafeSlow(expected)
  let size = 0
  return {
    take(piece) {
      if (size + piece.length > expected) throw serviceError('IncompleteBody')
      piece.copy(buffer, size)
      size += piece.length
      return undefined
    },
    bytes: () => buffer.subarray(0, size),
  }
}

/** Bytes that may wait for the data store before the socket is paused. */
const writeWindowBytes = 1024 * 1024

function writerSink(writer: DataWriter): BodySink & { done(): Promise<void> } {
  let tail: Promise<void> = Promise.resolve()
  let pending = 0
  return {
    take(piece) {
      pending += piece.length
      tail = tail
        .then(() => writer.write(piece))
        .then(() => {
          pending -= piece.length
        })
      if (pending > writeWindowBytes) return tail
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

/**
 * Opens bytes of stored pieces, far enough that missing data shows: null when it is missing (the version was replaced or deleted in between,
 * or the data is lost). Bytes in memory come as they are, others as a stream.
 */
export async function openStored(
  services: S3Services,
  pieces: readonly DataLocation[],
  range: ByteRange,
  signal: () => AbortSignal,
): Promise<Uint8Array | AsyncIterable<Uint8Array> | null> {
  if (range.end <= range.start) return new Uint8Array(0)
  const [only, second] = pieces
  if (only !== undefined && second === undefined && isInlineKey(only.key)) {
    const bytes = await services.store.inlineData(only.key)
    return bytes === null ? null : bytes.subarray(range.start - only.start, range.end - only.start)
  }
  try {
    return await begun(readHeld(services, pieces, range, signal()))
  } catch (error) {
    if (error instanceof Failure && error.facts.class === 'source-gone') return null
    if (error instanceof Failure && error.facts.code === 'NoSuchDataStore') throw serviceError('LocationNotFound')
    throw refusalOfStore(pieces[0]?.dataStoreName ?? '', error)
  }
}

async function* readHeld(
  services: S3Services,
  pieces: readonly DataLocation[],
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { store, dataStores } = services
  const places = { inlineData: (dataKey: string) => store.inlineData(dataKey), dataStores }
  const letGo = holdPieces(services, pieces)
  try {
    yield* readPieces(places, pieces, range.start, range.end, signal)
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
