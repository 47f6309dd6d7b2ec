// The bucket of a location as a place for source data: what its writer, its reader and its sweep share. Data lies below a folder of its own,
// which no copy can be in: copies lie below the name of their bucket, and no bucket's name begins with a dot.
import type { ByteBudget } from '../../base/bounded.ts'
import type { BufferPool } from '../../base/buffer-pool.ts'
import type { Timers } from '../../base/world.ts'
import { Failure } from '../../domain/failure.ts'
import { isDataName } from '../data-name.ts'
import type { Location } from '../location.ts'
import type { S3Channel } from './channel.ts'

/** Below it lies nothing but data, each under its name. */
export const dataFolder = '.crossbeat/data/'

export interface SourceBucket {
  readonly name: string
  readonly location: Location
  readonly channel: S3Channel
  /** The bucket may keep versions: what is to be gone has to be removed by its version. */
  readonly versioned: boolean
  readonly timers: Timers
  /** Bytes of writers that are in memory together. */
  readonly budget: ByteBudget
  readonly pool: BufferPool
  /** Objects up to this size are one request, larger ones uploads of parts of this size. */
  readonly partBytes: number
  /** A request that takes longer is given up. */
  readonly requestMs: number
}

export function keyOf(dataName: string): string {
  return dataFolder + dataName
}

/** The name of the data under a key; null for what is none of ours. */
export function dataNameOf(key: string): string | null {
  const name = key.startsWith(dataFolder) ? key.slice(dataFolder.length) : ''
  return isDataName(name) ? name : null
}

/** Runs a request that ends within the time allowed for one, or when `signal` aborts. */
export async function withinTime<Result>(
  { timers, requestMs }: Pick<SourceBucket, 'timers' | 'requestMs'>,
  signal: AbortSignal | undefined,
  request: (context: { readonly signal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  const late = new AbortController()
  const timer = timers.after(requestMs, () => late.abort(new Error('the location takes too long')), {
    background: true,
  })
  try {
    return await request({ signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]) })
  } finally {
    timer.cancel()
  }
}

/** Removes an object so that its bytes go, also where the bucket keeps versions. Absent is success. */
export async function eraseObject(bucket: SourceBucket, key: string, signal?: AbortSignal): Promise<void> {
  const { location } = bucket
  if (!bucket.versioned) {
    await withinTime(bucket, signal, context => location.delete(key, '', context))
    return
  }
  const stored = await withinTime(bucket, signal, context => location.head(key, '', context))
  if (stored === null || stored.isDeleteMarker) return
  await withinTime(bucket, signal, context => location.delete(key, stored.versionId, context))
}

/** Removes whatever a writer that failed may have left under a key: the object and its uploads. */
export async function eraseTraces(bucket: SourceBucket, key: string, signal?: AbortSignal): Promise<void> {
  const { location } = bucket
  const uploads = await withinTime(bucket, signal, context => location.listUploads(key, context))
  for (const uploadId of uploads) {
    await withinTime(bucket, signal, context => location.abortUpload(key, uploadId, context))
  }
  await eraseObject(bucket, key, signal)
}

const goneCodes: ReadonlySet<string> = new Set(['NoSuchKey', 'NoSuchVersion'])

/**
 * What a failed reading means to the reader: the data is gone only where the location says so of this very key. Everything else, its refusal of
 * our credentials included, may be over by the next attempt, and says nothing of the object.
 */
export function readingFailure(error: unknown, dataName: string): unknown {
  if (!(error instanceof Failure) || error.facts.code === 'SourceDataDamaged') return error
  // A reading has no effect that could be unknown.
  const { outcomeUnknown: _, ...facts } = error.facts
  if (goneCodes.has(facts.code)) return gone(dataName)
  // Nothing of the data begins where the reading was to begin.
  if (facts.code === 'InvalidRange') return damaged(dataName)
  return new Failure({ ...facts, class: facts.class === 'throttled' ? 'throttled' : 'transient' }, { cause: error })
}

export function gone(dataName: string): Failure {
  const message = `There is no data of the name ${dataName}`
  return new Failure({ class: 'source-gone', code: 'ENOENT', message })
}

export function damaged(dataName: string): Failure {
  const message = `The data ${dataName} is shorter than recorded`
  return new Failure({ class: 'object', code: 'SourceDataDamaged', message })
}
