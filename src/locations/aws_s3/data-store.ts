// DATA STORE ADAPTER `aws_s3`: objects' bytes as objects of a bucket that many processes share, each below a folder of its own under its data
// name. A write counts when the location has confirmed its checksum. Names carry the node that wrote them, and a node sweeps only what former
// starts and ended threads of its own have left: of other nodes nobody here can know whether they still write.
import { createByteBudget } from '../../base/bounded.ts'
import { createBufferPool } from '../../base/buffer-pool.ts'
import type { HttpClient } from '../../base/http-client.ts'
import type { World } from '../../base/world.ts'
import { limits } from '../../domain/limits.ts'
import { isDataName } from '../data-name.ts'
import type { DataStore } from '../data-store.ts'
import { createHeldData } from '../held-data.ts'
import type { S3Details } from './bucket.ts'
import { createS3Channel } from './channel.ts'
import { createLeftovers } from './data-leftovers.ts'
import { listKeys, listUploadsBelow } from './data-listing.ts'
import { createDataWriter } from './data-writer.ts'
import { createS3Location } from './location.ts'
import {
  damaged,
  dataNameOf,
  eraseObject,
  eraseTraces,
  gone,
  keyOf,
  readingFailure,
  type SourceBucket,
  withinTime,
} from './source-bucket.ts'

export interface S3DataStoreOptions {
  readonly name: string
  readonly details: S3Details
  readonly http: HttpClient
  readonly world: World
  /** What the names of this process's data begin with. */
  readonly writer: string
  /** What the names begin with that this or former starts of this node made. */
  readonly node: string
  /** Whether this node has ever written here, other threads of it included: a location that was never used is not swept. */
  readonly use?: { hasBegun(): Promise<boolean>; begin(): Promise<void> }
  /** What all writers may hold together; half of it may be kept for the next ones. */
  readonly memoryBytes?: number
  readonly partBytes?: number
  readonly requestMs?: number
  /** How often what failed writes left is looked for. */
  readonly cleanUpMs?: number
}

const chunkBytes = 256 * 1024
const alwaysUsed = { hasBegun: async () => true, begin: async () => {} }

export function createS3DataStore(options: S3DataStoreOptions): DataStore {
  const { name, world, writer, use = alwaysUsed } = options
  const bucket = openBucket(options)
  const leftovers = createLeftovers(bucket, options.cleanUpMs)
  // What cannot be removed then is tried again with what failed writes left.
  const held = createHeldData(dataName => void leftovers.erase(keyOf(dataName), false))
  /** Names that the last sweep has found with unfinished uploads. */
  const unfinished = new Set<string>()
  let begun: Promise<void> | undefined
  const begin = (): Promise<void> => {
    begun ??= use.begin().catch(error => {
      begun = undefined
      throw error
    })
    return begun
  }
  return {
    name,
    type: 'aws_s3',
    create(expectedBytes) {
      const dataName = `${writer}.${Buffer.from(world.random.bytes(16)).toString('hex')}`
      return createDataWriter({ bucket, dataName, expectedBytes, begin, cleanUp: leftovers.erase })
    },
    read: (dataName, start, end, signal) => readRange(bucket, dataName, start, end, signal),
    async readInto(dataName, start, target, signal) {
      let at = 0
      for await (const chunk of readRange(bucket, dataName, start, start + target.byteLength, signal)) {
        target.set(chunk, at)
        at += chunk.byteLength
      }
    },
    hold: dataNames => held.hold(dataNames),
    async remove(dataName) {
      if (!isDataName(dataName) || held.putsOff(dataName)) return
      const erase = unfinished.has(dataName) ? eraseTraces : eraseObject
      await erase(bucket, keyOf(dataName))
      unfinished.delete(dataName)
    },
    async *orphanCandidates() {
      unfinished.clear()
      if (await use.hasBegun()) yield* orphansOf(bucket, options, unfinished)
    },
    close: () => leftovers.close(),
  }
}

function openBucket(options: S3DataStoreOptions): SourceBucket {
  const { name, http, world, memoryBytes = limits.sourceWriteBytes } = options
  // A name is written once: versions of it are nobody's, wherever the bucket keeps them.
  const details = { ...options.details, supportsVersioning: false }
  const { accessKey, secretKey, sessionToken } = details.credentials
  const keys = { accessKey, secretKey: secretKey.reveal() }
  const all = sessionToken === undefined ? keys : { ...keys, sessionToken: sessionToken.reveal() }
  return {
    name,
    location: createS3Location({ name, details, http, world }),
    channel: createS3Channel(details, () => all, http, world),
    versioned: options.details.supportsVersioning,
    timers: world.timers,
    budget: createByteBudget(memoryBytes),
    pool: createBufferPool(memoryBytes / 2),
    partBytes: options.partBytes ?? limits.sourcePartBytes,
    requestMs: options.requestMs ?? limits.sourceRequestMs,
  }
}

async function* readRange(
  bucket: SourceBucket,
  dataName: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (end <= start) return
  signal?.throwIfAborted()
  if (!isDataName(dataName)) throw gone(dataName)
  let position = start
  try {
    const key = keyOf(dataName)
    const body = await withinTime(bucket, signal, context => bucket.location.get(key, '', { start, end }, context))
    for await (const chunk of body) {
      for (let at = 0; at < chunk.byteLength; at += chunkBytes) {
        const piece = chunk.subarray(at, at + chunkBytes)
        position += piece.byteLength
        if (position > end) throw damaged(dataName)
        yield piece
        signal?.throwIfAborted()
      }
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw readingFailure(error, dataName)
  }
  if (position < end) throw damaged(dataName)
}

/**
 * Names of all that is not of this very writer, unfinished uploads (noted in `unfinished`) before whole data: which of their writers have ended,
 * other threads of this process among them, only the caller can tell.
 */
async function* orphansOf(
  { channel }: SourceBucket,
  { writer, node }: S3DataStoreOptions,
  unfinished: Set<string>,
): AsyncGenerator<string> {
  const othersName = (key: string): string | null => {
    const dataName = dataNameOf(key)
    return dataName?.startsWith(`${writer}.`) === false ? dataName : null
  }
  const prefix = keyOf(node)
  for await (const { key } of listUploadsBelow(channel, prefix)) {
    const dataName = othersName(key)
    if (dataName === null || unfinished.has(dataName)) continue
    unfinished.add(dataName)
    yield dataName
  }
  for await (const key of listKeys(channel, prefix)) {
    const dataName = othersName(key)
    if (dataName !== null && !unfinished.has(dataName)) yield dataName
  }
}
