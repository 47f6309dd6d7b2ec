// LOCATION ADAPTER `memory`: a whole location over a cloud in memory, for simulations, conformance and tests. Deterministic: time comes from
// the injected world, ids count up, faults come from a plan. Behaves as the port demands, with or without versions and conditional writes.
import type { ByteSource } from '../../base/byte-source.ts'
import { md5Hex } from '../../base/hash.ts'
import { sleep, type World } from '../../base/world.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import { hexCrc32 } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type {
  Capabilities,
  CompletedPart,
  KnownChecksums,
  Location,
  ObjectAttributes,
  ObjectLock,
  Precondition,
  RequestContext,
  StoredObject,
  WriteResult,
} from '../location.ts'
import type { MemoryCloud, MemoryVersion } from './cloud.ts'
import { type FaultPlan, failureOfFault, isWrite, type LocationCall, type LocationFault } from './faults.ts'

export interface MemoryLocationOptions {
  readonly name: string
  readonly cloud: MemoryCloud
  readonly world: World
  /** Over the defaults: versions, tags, S3's sizes. `versions` has to agree with the cloud. */
  readonly capabilities?: Partial<Capabilities>
  readonly type?: string
  readonly faults?: FaultPlan
  /** Time each call takes; none if left out. */
  readonly latencyMs?: () => number
  /** Told of each call before it does anything (to count, to crash). */
  readonly onCall?: (call: LocationCall) => void
}

type WriteContext = RequestContext & { readonly precondition?: Precondition }

const defaults: Capabilities = {
  versions: true,
  tags: true,
  conditionalWrites: false,
  objectBytesMax: limits.objectBytes,
  partBytesMin: limits.partBytesMin,
  partBytesMax: limits.partBytesMax,
  partsMax: limits.partNumberMax,
  keyBytesMax: limits.keyBytes,
  objectLock: false,
  clientMadeUploadIds: false,
}

export function createMemoryLocation(options: MemoryLocationOptions): Location {
  const capabilities = { ...defaults, ...options.capabilities }
  const { cloud } = options
  const perform = performer(options)
  const etags = etagsOf(capabilities, cloud)
  return {
    name: options.name,
    type: options.type ?? 'memory',
    capabilities,
    async put(key, body, checksums, attributes, context) {
      const bytes = await readBody(body, checksums, context?.signal)
      return perform({ operation: 'put', key }, context, corrupt => {
        requireCondition(capabilities, cloud, key, context)
        return written(cloud.add(key, versionOf(corrupt ? spoilt(bytes) : bytes, attributes, etags)))
      })
    },
    get: (key, versionId, range, context) =>
      perform({ operation: 'get', key }, context, () => {
        const found = find(cloud, key, versionId)
        if (found === undefined || found.isDeleteMarker) throw absent(versionId)
        const bytes = range === null ? found.bytes : found.bytes.subarray(range.start, range.end)
        return chunksOf(bytes)
      }),
    head: (key, versionId, context) =>
      perform({ operation: 'head', key }, context, () => {
        const found = find(cloud, key, versionId)
        if (found === undefined || (found.isDeleteMarker && versionId === '')) return null
        return storedOf(found, cloud.versionsOf(key)[0] === found)
      }),
    history: (key, max, context) =>
      perform({ operation: 'history', key }, context, () =>
        cloud
          .versionsOf(key)
          .slice(0, max)
          .map((version, index) => storedOf(version, index === 0)),
      ),
    delete: (key, versionId, context) =>
      perform({ operation: 'delete', key }, context, () => {
        requireCondition(capabilities, cloud, key, context)
        if (versionId === '' && capabilities.versions) return written(cloud.add(key, deleteMarker()))
        cloud.remove(key, versionId)
        return { versionId, etag: '' }
      }),
    putTags: (key, versionId, tags, context) =>
      perform({ operation: 'putTags', key }, context, () => {
        requireCondition(capabilities, cloud, key, context)
        const found = find(cloud, key, versionId)
        if (found === undefined || found.isDeleteMarker) throw absent(versionId)
        found.attributes = { ...found.attributes, tags: { ...tags } }
        if (capabilities.conditionalWrites) found.etag = etags(found.bytes)
        return written(found)
      }),
    ...(capabilities.objectLock && {
      putLock: (key: string, versionId: string, lock: ObjectLock, context?: RequestContext) =>
        perform({ operation: 'putLock', key }, context, () => {
          const found = find(cloud, key, versionId)
          if (found === undefined || found.isDeleteMarker) throw absent(versionId)
          found.attributes = { ...found.attributes, lock }
          return written(found)
        }),
    }),
    ...createUploads({ cloud, world: options.world, capabilities, perform, etags }),
    probe: context => perform({ operation: 'probe', key: '' }, context, () => undefined),
    close: async () => {},
  }
}

/** Carries out an operation with whatever fault the plan has for it; `corrupt` tells it to store other bytes than it was given. */
type Perform = <Result>(
  call: LocationCall,
  context: RequestContext | undefined,
  effect: (corrupt: boolean) => Result,
) => Promise<Result>

function performer(options: MemoryLocationOptions): Perform {
  const { world, faults, latencyMs, onCall } = options
  return async (call, context, effect) => {
    onCall?.(call)
    const signal = context?.signal
    if (latencyMs !== undefined) await untilOrAborted(world, latencyMs(), signal, false)
    if (signal?.aborted) throw aborted(false)
    const fault = faults?.(call)
    if (fault === undefined) {
      context?.onSent?.()
      return effect(false)
    }
    return failing(world, call, fault, context, effect)
  }
}

async function failing(
  world: World,
  call: LocationCall,
  fault: LocationFault,
  context: RequestContext | undefined,
  effect: (corrupt: boolean) => unknown,
): Promise<never> {
  const write = isWrite(call.operation)
  if (fault.kind !== 'refused' && fault.kind !== 'reset-before') context?.onSent?.()
  if (fault.kind === 'reset-after' || (fault.kind === 'error' && fault.effect)) effect(false)
  if (fault.kind === 'lie') effect(true)
  if (fault.kind === 'hang') {
    if (fault.effect === 'before') effect(false)
    // The request is on its way and will be carried out even though nobody waits for it any more.
    if (fault.effect === 'late') world.timers.after(fault.ms * 2, () => ignoreRefusal(effect), { background: true })
    await untilOrAborted(world, fault.ms, context?.signal, write)
  }
  throw failureOfFault(fault, write)
}

function ignoreRefusal(effect: (corrupt: boolean) => unknown): void {
  try {
    effect(false)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
  }
}

async function untilOrAborted(world: World, ms: number, signal: AbortSignal | undefined, sent: boolean): Promise<void> {
  try {
    await sleep(world.timers, ms, signal)
  } catch (error) {
    if (signal?.aborted) throw aborted(sent)
    throw error
  }
}

function aborted(sent: boolean): Failure {
  return failureOf('transient', 'Aborted', 'The request was given up', sent ? { outcomeUnknown: true } : {})
}

async function readBody(body: ByteSource, checksums: KnownChecksums, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  if (body.bytes !== undefined) chunks.push(body.bytes)
  else for await (const chunk of body.open(0, body.size, signal)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  if (bytes.byteLength !== body.size) throw failureOf('transient', 'IncompleteBody', 'The source ended early')
  const wrong =
    (checksums.crc32 !== undefined && checksums.crc32 !== hexCrc32(bytes)) ||
    (checksums.md5 !== undefined && checksums.md5 !== md5Hex(bytes))
  if (wrong) throw failureOf('transient', 'BadDigest', 'The checksum does not match the bytes', { status: 400 })
  return bytes
}

function spoilt(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === 0
    ? Buffer.from('?')
    : Buffer.from(bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte)))
}

/** An ETag for new bytes: their MD5, or where writes are conditional on it a name that is never given twice. */
type ETags = (bytes: Uint8Array) => string

function etagsOf(capabilities: Capabilities, cloud: MemoryCloud): ETags {
  return bytes => (capabilities.conditionalWrites ? `0x${cloud.nextId()}` : md5Hex(bytes))
}

function versionOf(bytes: Uint8Array, attributes: ObjectAttributes, etags: ETags): NewVersion {
  return { isDeleteMarker: false, bytes, etag: etags(bytes), crc32: hexCrc32(bytes), attributes }
}

type NewVersion = Omit<MemoryVersion, 'versionId' | 'lastModified'>

function deleteMarker(): NewVersion {
  const attributes = { userMetadata: {}, markers: {}, tags: {} }
  return { isDeleteMarker: true, bytes: new Uint8Array(), etag: '', crc32: '00000000', attributes }
}

function written(version: MemoryVersion): WriteResult {
  return { versionId: version.versionId, etag: version.etag }
}

function find(cloud: MemoryCloud, key: string, versionId: string): MemoryVersion | undefined {
  const versions = cloud.versionsOf(key)
  return versionId === '' ? versions[0] : versions.find(version => version.versionId === versionId)
}

function storedOf(version: MemoryVersion, isLatest: boolean): StoredObject {
  return {
    versionId: version.versionId,
    etag: version.etag,
    size: version.bytes.byteLength,
    isLatest,
    isDeleteMarker: version.isDeleteMarker,
    lastModified: version.lastModified,
    markers: version.attributes.markers,
    ...(version.isDeleteMarker ? {} : { checksum: { crc32: version.crc32 } }),
  }
}

function requireCondition(
  capabilities: Capabilities,
  cloud: MemoryCloud,
  key: string,
  context: WriteContext | undefined,
): void {
  const precondition = context?.precondition
  if (precondition === undefined || !capabilities.conditionalWrites) return
  const current = cloud.versionsOf(key)[0]
  const exists = current !== undefined && !current.isDeleteMarker
  const holds = precondition.kind === 'absent' ? !exists : exists && current.etag === precondition.etag
  if (!holds) throw failureOf('transient', 'PreconditionFailed', 'The object has changed', { status: 412 })
}

function absent(versionId: string): Failure {
  const code = versionId === '' ? 'NoSuchKey' : 'NoSuchVersion'
  return failureOf('object', code, 'The object does not exist', { status: 404 })
}

const chunkBytes = 256 * 1024

async function* chunksOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

interface UploadsOptions {
  readonly cloud: MemoryCloud
  readonly world: World
  readonly capabilities: Capabilities
  readonly perform: Perform
  readonly etags: ETags
}

type Uploads = Pick<Location, 'initiateUpload' | 'putPart' | 'completeUpload' | 'abortUpload' | 'listUploads'>

function createUploads({ cloud, world, capabilities, perform, etags }: UploadsOptions): Uploads {
  const ours = capabilities.clientMadeUploadIds
  return {
    async initiateUpload(key, attributes, context) {
      if (ours) return world.random.uuid().replaceAll('-', '')
      return perform({ operation: 'initiateUpload', key }, context, () => {
        const uploadId = `upload-${cloud.nextId()}`
        cloud.uploads.set(uploadId, { key, attributes, parts: new Map() })
        return uploadId
      })
    },
    async putPart(key, uploadId, partNumber, body, checksums, context) {
      const bytes = await readBody(body, checksums, context?.signal)
      return perform({ operation: 'putPart', key }, context, corrupt => {
        const known = cloud.uploads.get(uploadId)
        if (known === undefined && !ours) throw noSuchUpload()
        const attributes = { userMetadata: {}, markers: {}, tags: {} }
        const upload = known ?? { key, attributes, parts: new Map() }
        cloud.uploads.set(uploadId, upload)
        const stored = corrupt ? spoilt(bytes) : bytes
        const etag = md5Hex(stored)
        upload.parts.set(partNumber, { bytes: stored, etag, crc32: hexCrc32(stored) })
        return ours ? { etag, subParts: 1 } : { etag }
      })
    },
    completeUpload: (key, uploadId, parts, attributes, context) =>
      perform({ operation: 'completeUpload', key }, context, () => {
        const upload = cloud.uploads.get(uploadId)
        if (upload === undefined || upload.key !== key) throw noSuchUpload()
        requireCondition(capabilities, cloud, key, context)
        const bytes = Buffer.concat(parts.map(part => partBytes(upload.parts.get(part.partNumber), part)))
        cloud.uploads.delete(uploadId)
        const carried = ours ? attributes : upload.attributes
        const etag = ours
          ? etags(bytes)
          : `${md5Hex(Buffer.from(parts.map(part => part.etag).join(''), 'hex'))}-${parts.length}`
        return written(cloud.add(key, { ...versionOf(bytes, carried, etags), etag }))
      }),
    abortUpload: (key, uploadId, context) =>
      perform({ operation: 'abortUpload', key }, context, () => {
        cloud.uploads.delete(uploadId)
      }),
    listUploads: (key, context) =>
      perform({ operation: 'listUploads', key }, context, () =>
        ours ? [] : [...cloud.uploads].filter(([, upload]) => upload.key === key).map(([uploadId]) => uploadId),
      ),
  }
}

function noSuchUpload(): Failure {
  return failureOf('transient', 'NoSuchUpload', 'The upload does not exist', { status: 404, outcomeUnknown: true })
}

function partBytes(
  part: { readonly bytes: Uint8Array; readonly etag: string } | undefined,
  wanted: CompletedPart,
): Uint8Array {
  if (part === undefined || part.etag !== wanted.etag) {
    throw failureOf('transient', 'InvalidPart', `Part ${wanted.partNumber} is not there`, { status: 400 })
  }
  return part.bytes
}
