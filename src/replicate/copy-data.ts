// Copies a version's bytes with everything they carry: one put, or a multipart upload whose progress is durable part by part, so that a
// crash, a pause or a retry goes on at the next part. Bytes are read only after their share of the process's budget was granted.
import { forEachBounded } from '../base/bounded.ts'
import { Failure } from '../domain/failure.ts'
import { limits } from '../domain/limits.ts'
import { partRanges, partSizeFor } from '../domain/part-size.ts'
import type { CompletedPart, Precondition } from '../locations/location.ts'
import type { DestinationPart, DestinationUpload } from '../metadata/ledger.ts'
import { abortUnknownUploads, assumedPrecondition, settle, subjectOf } from './settle.ts'
import type { CopyResult } from './source-gateway.ts'
import { callContext, changing, isPreconditionFailure, type Work, type Written } from './work.ts'

/** The destination changed between reading and writing this many times in one attempt: somebody else writes there too. */
const roundsMax = 4

/** Uploads with more parts than this save their progress by time instead of after each part. */
const partsSavedSingly = 64
const saveEveryMs = 2_000

/** The claim was lost to another owner: what was done is nobody's any more. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost'
}

export interface Copied extends Written {
  /** It may carry the tags, and what keeps it, of an earlier attempt's time. */
  readonly tagsMayBeOld: boolean
  /** See `CopyResult`. */
  readonly lockIsUntold: boolean
}

/** The upload is gone, or its parts are not the object: it is of no use any more. */
class UploadUnusable extends Error {
  override readonly name = 'UploadUnusable'

  constructor(options: ErrorOptions) {
    super('the upload is of no use any more', options)
  }
}

const unusableCodes = [
  'NoSuchUpload',
  'InvalidPart',
  'InvalidPartOrder',
  'InvalidBlockList',
  'ChecksumMismatch',
  'BadDigest',
]

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Failure && codes.includes(error.facts.code)
}

/**
 * Copies the version; `superseded` when a newer version of ours is found at a destination without versions. A clean first attempt at a
 * destination with versions is exactly one request for a small object: only an unknown outcome makes it read first, and read back after.
 */
export async function copyData(work: Work, by: 'put' | 'multipart'): Promise<Copied | 'superseded'> {
  const wasUnsettled = work.progress.unsettled
  // S3 takes the tags when an upload begins.
  const wasBegun = work.progress.upload !== null && !work.capabilities.clientMadeUploadIds
  let precondition = assumedPrecondition(work)
  let mustRead = wasUnsettled
  for (let round = 0; round < roundsMax; round += 1) {
    if (mustRead) {
      const standing = await settle(work, subjectOf(work.version))
      if (standing.kind === 'present') await abandonUpload(work)
      await abortUnknownUploads(work)
      work.progress.unsettled = false
      if (standing.kind === 'superseded') return 'superseded'
      if (standing.kind === 'present') return { ...standing.written, tagsMayBeOld: true, lockIsUntold: false }
      precondition = standing.precondition
    }
    try {
      const { lockIsUntold = false, ...written } =
        by === 'put' ? await putWhole(work, precondition) : await putInParts(work, precondition)
      const kept = wasUnsettled && work.capabilities.versions ? await readBack(work, written) : written
      return { ...kept, tagsMayBeOld: wasBegun || kept.versionId !== written.versionId, lockIsUntold }
    } catch (error) {
      if (!isPreconditionFailure(error) && !(error instanceof UploadUnusable)) throw error
      mustRead = true
    }
  }
  throw new Failure({
    class: 'transient',
    code: 'DestinationChanging',
    message: 'The object at the destination changed each time between reading and writing it',
  })
}

/** Aborts the upload that the row has begun, if any, and forgets it. */
export async function abandonUpload(work: Work): Promise<void> {
  const { upload } = work.progress
  if (upload === null) return
  if (!work.capabilities.clientMadeUploadIds)
    await work.ports.gateway.abortUpload(work.target, upload.uploadId, callContext(work))
  await saveUpload(work, null)
}

/** After an unknown outcome the late write may still have arrived beside ours: look once more, keep one. */
async function readBack(work: Work, written: Written): Promise<Written> {
  work.progress.unsettled = true
  const standing = await settle(work, subjectOf(work.version))
  if (standing.kind === 'absent' && standing.untold !== true) {
    // What was just confirmed is not there, or was found damaged and taken away: the next attempt looks again and writes it.
    throw new Failure({
      class: 'transient',
      code: 'NotThere',
      message: 'The version just written could not be found whole',
    })
  }
  work.progress.unsettled = false
  return standing.kind === 'present' ? standing.written : written
}

async function putWhole(work: Work, precondition: Precondition | undefined): Promise<CopyResult> {
  const { gateway, budget } = work.ports
  const { signal } = work.claimed
  const hold = await budget.acquire(heldBytes(work.version.metadata['content-length']), signal)
  try {
    const context = callContext(work, precondition)
    return await changing(work, () => gateway.putObject(work.target, work.version, context))
  } finally {
    hold.release()
  }
}

/** What a body holds: all of it while it is read into memory at once, else the window of what is on its way. */
function heldBytes(size: number): number {
  return size <= limits.heldRangeBytes ? size : limits.transferWindowBytes
}

async function putInParts(work: Work, precondition: Precondition | undefined): Promise<CopyResult> {
  const goesOn = work.progress.upload !== null
  try {
    return await uploadParts(work, precondition)
  } catch (error) {
    if (!(error instanceof UploadUnusable)) throw error
    // The destination does not have what the ledger says. It begins again: at once if that was left by an earlier attempt, else later.
    await abandonUpload(work)
    if (!goesOn) throw error.cause
    work.progress.unsettled = true
    throw error
  }
}

async function uploadParts(work: Work, precondition: Precondition | undefined): Promise<CopyResult> {
  const { gateway } = work.ports
  const upload = work.progress.upload ?? (await beginUpload(work))
  const size = work.version.metadata['content-length']
  const saver = progressSaver(work, upload)
  const missing = partRanges(size, upload.partBytes).filter(range => !saver.has(range.partNumber))
  try {
    await forEachBounded(missing, work.settings.partsConcurrency, async range => {
      saver.add(await putPart(work, upload.uploadId, range))
      await saver.save()
    })
  } catch (error) {
    if (hasCode(error, ['NoSuchUpload'])) throw new UploadUnusable({ cause: error })
    await saver.flush()
    throw error
  }
  const parts = saver.parts().map(completedPart)
  const context = callContext(work, precondition)
  try {
    const written = await changing(work, () =>
      gateway.completeUpload(work.target, work.version, upload.uploadId, parts, context),
    )
    work.progress.upload = null
    return written
  } catch (error) {
    throw hasCode(error, unusableCodes) ? new UploadUnusable({ cause: error }) : error
  }
}

async function beginUpload(work: Work): Promise<DestinationUpload> {
  const { gateway } = work.ports
  const uploadId = await changing(work, () => gateway.initiateUpload(work.target, work.version, callContext(work)))
  const partBytes = partSizeFor(work.version.metadata['content-length'], work.capabilities)
  const upload = { uploadId, partBytes, parts: [] }
  // Between the two a crash leaves an upload that nobody knows: the next attempt of the row finds and aborts it.
  work.progress.unsettled = true
  await saveUpload(work, upload)
  work.progress.unsettled = false
  return upload
}

async function putPart(
  work: Work,
  uploadId: string,
  range: { readonly partNumber: number; readonly start: number; readonly end: number },
): Promise<DestinationPart> {
  const { gateway, budget } = work.ports
  const size = range.end - range.start
  const hold = await budget.acquire(heldBytes(size), work.claimed.signal)
  try {
    const part = await gateway.putPart(work.target, work.version, uploadId, range.partNumber, range, callContext(work))
    return {
      partNumber: range.partNumber,
      etag: part.etag,
      size,
      crc32: part.crc32 ?? '',
      ...(part.subParts === undefined ? {} : { subParts: part.subParts }),
    }
  } finally {
    hold.release()
  }
}

function completedPart(part: DestinationPart): CompletedPart {
  const { crc32, ...rest } = part
  return crc32 === '' ? rest : { ...rest, crc32 }
}

interface ProgressSaver {
  has(partNumber: number): boolean
  add(part: DestinationPart): void
  /** Finished parts, by number. */
  parts(): DestinationPart[]
  /** Makes what is finished durable, unless that was done a moment ago and the list is long. */
  save(): Promise<void>
  /** Saves what is not saved yet. */
  flush(): Promise<void>
}

function progressSaver(work: Work, upload: DestinationUpload): ProgressSaver {
  const { clock } = work.ports.world
  const finished = new Map(upload.parts.map(part => [part.partNumber, part]))
  let saved = finished.size
  let savedAt = clock.monotonic()
  let saving: Promise<void> | null = null

  const parts = (): DestinationPart[] => [...finished.values()].sort((a, b) => a.partNumber - b.partNumber)
  const write = async (): Promise<void> => {
    while (saved < finished.size) {
      const count = finished.size
      await saveUpload(work, { ...upload, parts: parts() })
      saved = count
      savedAt = clock.monotonic()
    }
  }
  const flush = (): Promise<void> => {
    saving ??= write().finally(() => {
      saving = null
    })
    return saving
  }
  return {
    has: partNumber => finished.has(partNumber),
    add: part => finished.set(part.partNumber, part),
    parts,
    flush,
    save() {
      const isRecent = clock.monotonic() - savedAt < saveEveryMs
      return finished.size > partsSavedSingly && isRecent ? Promise.resolve() : flush()
    },
  }
}

async function saveUpload(work: Work, upload: DestinationUpload | null): Promise<void> {
  const { bucket, key, versionId, site } = work.target
  const held = await work.ports.ledger.saveUpload({ bucket, key, versionId, site, token: work.claimed.token }, upload)
  work.progress.upload = upload
  if (!held && upload !== null) throw new ClaimLost('the claim of the row was lost')
}
