// DATA STORE ADAPTER `file`: objects as files. Written to a temporary name, flushed, renamed, the folder flushed: a name that was handed out as
// finished survives power loss, and nothing else is ever found under one. Failed writes leave nothing behind.
import { join } from 'node:path'
import { type BufferPool, createBufferPool, type PooledBuffer } from '../../base/buffer-pool.ts'
import { type FileSystem, type ReadableFile, realFiles, systemErrorCode, type WritableFile } from '../../base/files.ts'
import { freeAtOnce } from '../../base/spent-buffers.ts'
import type { Random } from '../../base/world.ts'
import { Failure } from '../../domain/failure.ts'
import { isDataName } from '../data-name.ts'
import type { DataStore, DataWriter, Lending, SendFrom } from '../data-store.ts'
import { createHeldData } from '../held-data.ts'
import { createFlushAhead, type FlushTurn } from './flush-ahead.ts'
import { createFolderFlusher, type FolderFlusher } from './folder-flusher.ts'

export interface FileDataStoreOptions {
  readonly name: string
  /** Folder of this location; made if absent. */
  readonly folder: string
  /** Of this process start; letters, digits and '-'. */
  readonly epoch: string
  readonly random: Random
  readonly files?: FileSystem
  /** False leaves flushing to the system: for measurements only. */
  readonly flush?: boolean
}

/** Chunks are collected up to this many bytes, then written together; also the largest chunk that is read. */
const chunkBytes = 256 * 1024
/** So many names follow each other into the same folder, so that concurrent writes share its flush. */
const namesPerFolderTurn = 64
/** Up to so many streams read ahead; where there are more, others have work meanwhile, and what is read is still near when it is sent. */
const streamsAhead = 2
/** Streams of at least so many bytes are sent by the system, where it can. */
const sentBytesMin = 1024 * 1024
/** Written between two sendings: that they have been tells that the connection takes more. Each stream holds so many. */
const betweenBytes = 16 * 1024
/** Of buffers that nobody uses now. */
const lentBytesKept = 8 * 1024 * 1024
const temporaryFolder = 'tmp'

interface Store {
  readonly options: FileDataStoreOptions
  readonly files: FileSystem
  readonly flushes: boolean
  readonly folders: FolderFlusher
  /** Streams whose memory is used again. */
  readonly lending: { streams: number; readonly pool: BufferPool }
  /** Files that are open for writing. */
  readonly writing: { streams: number }
  readonly flushTurn: FlushTurn
  pathOf(dataKey: string): string
  temporaryPathOf(dataKey: string): string
}

/** Opens the store of a folder, which is made if it is absent. */
export async function openFileDataStore(options: FileDataStoreOptions): Promise<DataStore> {
  const files = options.files ?? realFiles
  const flushes = options.flush ?? true
  const store: Store = {
    options,
    files,
    flushes,
    writing: { streams: 0 },
    flushTurn: { taken: false },
    lending: { streams: 0, pool: createBufferPool(lentBytesKept) },
    folders: createFolderFlusher(files, options.folder, flushes),
    pathOf: dataKey => join(options.folder, folderOf(dataKey), dataKey),
    temporaryPathOf: dataKey => join(options.folder, temporaryFolder, dataKey),
  }
  await files.makeFolder(join(options.folder, temporaryFolder))
  let count = 0
  const remove = async (dataKey: string): Promise<void> => {
    await files.remove(store.pathOf(dataKey))
    await files.remove(store.temporaryPathOf(dataKey))
  }
  // What cannot be removed then is left to the next start's sweep.
  const heldData = createHeldData(dataKey => void remove(dataKey).catch(() => {}))
  return {
    name: options.name,
    type: 'file',
    create() {
      const turn = Math.floor(count++ / namesPerFolderTurn) & 0xff
      const random = Buffer.from(options.random.bytes(15)).toString('hex')
      return createWriter(store, `${options.epoch}.${turn.toString(16).padStart(2, '0')}${random}`)
    },
    read: (dataKey, start, end, signal, lent) =>
      lent === undefined
        ? readRange(store, dataKey, start, end, signal)
        : lendRange(store, dataKey, { start, end }, lent, signal),
    readInto: (dataKey, start, target, signal) => readInto(store, dataKey, start, target, signal),
    hold: dataKeys => heldData.hold(dataKeys),
    async remove(dataKey) {
      if (isDataName(dataKey) && !heldData.putsOff(dataKey)) await remove(dataKey)
    },
    orphanCandidates: () => orphanCandidates(store),
    close: async () => {},
  }
}

/** Two levels of sixteen folders, by the first digits after the epoch. */
function folderOf(dataKey: string): string {
  const at = dataKey.indexOf('.') + 1
  return join(dataKey.slice(at, at + 1), dataKey.slice(at + 1, at + 2))
}

function createWriter(store: Store, key: string): DataWriter {
  const { files } = store
  const temporary = store.temporaryPathOf(key)
  let file: WritableFile | undefined
  const held = createHeldChunks()
  let renamed = false
  const ahead = createFlushAhead(store.flushTurn)
  const writeHeld = async (): Promise<WritableFile> => {
    if (file === undefined) {
      file = await files.create(temporary)
      store.writing.streams += 1
    }
    const open = file
    const { chunks, given } = held.take()
    if (chunks.length > 0) await open.append(chunks)
    for (const chunk of given) freeAtOnce(chunk)
    return open
  }
  const writeOn = async (): Promise<void> => {
    const bytes = held.bytes()
    const open = await writeHeld()
    if (store.flushes) ahead.wrote(open, bytes)
  }
  const closeFile = async (): Promise<void> => {
    if (file === undefined) return
    const open = file
    file = undefined
    await ahead.ended().catch(() => undefined)
    store.writing.streams -= 1
    await open.close()
  }
  const discard = async (): Promise<void> => {
    held.take()
    // Whatever went wrong before is what the caller hears of; the sweep of orphans takes what cannot be removed now.
    await closeFile().catch(() => undefined)
    await files.remove(temporary).catch(() => undefined)
    if (renamed) await files.remove(store.pathOf(key)).catch(() => undefined)
  }
  const leavingNothing = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      await discard()
      throw error
    }
  }
  return {
    key,
    write(chunk, isGiven) {
      held.add(chunk, isGiven !== undefined)
      return held.bytes() < chunkBytesOf(store.writing.streams) ? done : leavingNothing(writeOn)
    },
    finish: () =>
      leavingNothing(async () => {
        const open = await writeHeld()
        await ahead.ended()
        if (store.flushes) await open.flush()
        await closeFile()
        const path = store.pathOf(key)
        const folder = join(store.options.folder, folderOf(key))
        await store.folders.prepare(folder)
        await files.rename(temporary, path)
        renamed = true
        await store.folders.flush(folder)
      }),
    discard,
  }
}

const done = Promise.resolve()

/** Chunks until there are enough of them to be written together. */
function createHeldChunks() {
  let chunks: Uint8Array[] = []
  let given: Uint8Array[] = []
  let bytes = 0
  return {
    add(chunk: Uint8Array, isGiven: boolean) {
      chunks.push(chunk)
      if (isGiven) given.push(chunk)
      bytes += chunk.byteLength
    },
    bytes: () => bytes,
    take() {
      const taken = { chunks, given }
      chunks = []
      given = []
      bytes = 0
      return taken
    },
  }
}

async function* readRange(
  store: Store,
  dataKey: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  if (end <= start) return
  signal?.throwIfAborted()
  const file = await openData(store, dataKey)
  try {
    for (let position = start; position < end; ) {
      signal?.throwIfAborted()
      const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - position))
      const count = await file.read(chunk, position)
      if (count < chunk.byteLength) throw damaged(dataKey)
      position += count
      yield chunk
    }
  } finally {
    await file.close()
  }
}

/** Bytes of an open file. */
interface OpenRange {
  readonly dataKey: string
  readonly file: ReadableFile
  readonly start: number
  readonly end: number
}

async function* lendRange(
  store: Store,
  dataKey: string,
  { start, end }: { readonly start: number; readonly end: number },
  lent: Lending,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  if (end <= start) return
  signal?.throwIfAborted()
  const file = await openData(store, dataKey)
  try {
    const isSent = lent !== 'lent' && end - start >= sentBytesMin
    const sentTo = isSent ? yield* sendAhead({ dataKey, file, start, end }, lent, signal) : start
    yield* readAhead(store, { dataKey, file, start: sentTo, end }, signal)
  } finally {
    await file.close()
  }
}

/** Small chunks, and between them as much as the connection takes; ends where the system cannot send, and returns where that is. */
async function* sendAhead(
  { dataKey, file, start, end }: OpenRange,
  send: SendFrom,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, number> {
  const { descriptor } = file
  if (descriptor === undefined) return start
  const buffer = Buffer.allocUnsafeSlow(betweenBytes)
  for (let position = start; position < end; ) {
    signal?.throwIfAborted()
    const chunk = buffer.subarray(0, end - position)
    if ((await file.read(chunk, position)) < chunk.byteLength) throw damaged(dataKey)
    yield chunk
    position += chunk.byteLength
    if (position === end) break
    const sent = await send(descriptor, position, end - position)
    position += sent
    if (sent === 0) return position
  }
  return end
}

/** Two buffers in turns, one filled while the other is read; only one where there are several streams. */
async function* readAhead(
  store: Store,
  { dataKey, file, start, end }: OpenRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (end <= start) return
  const { lending } = store
  lending.streams += 1
  const buffers: [PooledBuffer | undefined, PooledBuffer | undefined] = [undefined, undefined]
  let position = start
  const fill = async (turn: 0 | 1): Promise<Uint8Array | null> => {
    if (position >= end) return null
    const buffer = ofSize(buffers[turn], Math.min(lentChunkBytes(lending.streams), end - start), lending.pool)
    buffers[turn] = buffer
    const chunk = buffer.bytes.subarray(0, end - position)
    const from = position
    position += chunk.byteLength
    if ((await file.read(chunk, from)) < chunk.byteLength) throw damaged(dataKey)
    return chunk
  }
  let turn: 0 | 1 = 0
  let filling = fill(turn)
  try {
    for (;;) {
      const chunk = await filling
      if (chunk === null) return
      signal?.throwIfAborted()
      if (lending.streams > streamsAhead) {
        yield chunk
        const other = turn === 0 ? 1 : 0
        buffers[other]?.release()
        buffers[other] = undefined
        filling = fill(turn)
        continue
      }
      turn = turn === 0 ? 1 : 0
      filling = fill(turn)
      // Seen when it is waited for.
      filling.catch(() => undefined)
      yield chunk
    }
  } finally {
    // What is being filled must not be somebody else's by then.
    await filling.catch(() => undefined)
    for (const buffer of buffers) buffer?.release()
    lending.streams -= 1
  }
}

/** The same buffer if it has this size, else another in its place: the pool would keep sizes that nobody asks for now. */
function ofSize(buffer: PooledBuffer | undefined, size: number, pool: BufferPool): PooledBuffer {
  if (buffer?.bytes.byteLength === size) return buffer
  if (buffer !== undefined) freeAtOnce(buffer.bytes)
  return pool.take(size)
}

/** A few streams get more at a time: each chunk is a turn of two threads, which costs as much as copying its bytes. */
function lentChunkBytes(streams: number): number {
  return streams <= 8 ? 8 * chunkBytes : chunkBytesOf(streams)
}

/** Fewer bytes for each stream where there are many: what all of them hold stays within bounds. */
function chunkBytesOf(streams: number): number {
  if (streams <= 16) return chunkBytes
  return streams <= 64 ? chunkBytes / 2 : chunkBytes / 4
}

async function readInto(
  store: Store,
  dataKey: string,
  start: number,
  target: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (target.byteLength === 0) return
  signal?.throwIfAborted()
  const file = await openData(store, dataKey)
  try {
    if ((await file.read(target, start)) < target.byteLength) throw damaged(dataKey)
  } finally {
    await file.close()
  }
}

async function openData(store: Store, dataKey: string) {
  if (!isDataName(dataKey)) throw gone(dataKey)
  try {
    return await store.files.openForReading(store.pathOf(dataKey))
  } catch (error) {
    throw systemErrorCode(error) === 'ENOENT' ? gone(dataKey) : error
  }
}

function gone(dataKey: string): Failure {
  return new Failure({ class: 'source-gone', code: 'ENOENT', message: `There is no data of the name ${dataKey}` })
}

function damaged(dataKey: string): Failure {
  return new Failure({
    class: 'object',
    code: 'SourceDataDamaged',
    message: `The data ${dataKey} is shorter than recorded`,
  })
}

async function* orphanCandidates(store: Store): AsyncIterable<string> {
  const { folder, epoch } = store.options
  const isOld = (name: string): boolean => isDataName(name) && !name.startsWith(`${epoch}.`)
  for (const name of await store.files.list(join(folder, temporaryFolder))) if (isOld(name)) yield name
  for (const first of await store.files.list(folder)) {
    if (!/^[0-9a-f]$/.test(first)) continue
    for (const second of await store.files.list(join(folder, first))) {
      for (const name of await store.files.list(join(folder, first, second))) if (isOld(name)) yield name
    }
  }
}
