// Brings what is not data to a destination: delete markers, and changed tags and locks of a version that is there already.
import { Failure } from '../domain/failure.ts'
import type { Precondition } from '../locations/location.ts'
import { assumedPrecondition, settle, subjectOf } from './settle.ts'
import { callContext, changing, isPreconditionFailure, type Work, type Written } from './work.ts'

/** The destination changed under our hands this many times in one attempt: somebody else writes there too. */
const roundsMax = 4

function disturbed(): Failure {
  return new Failure({
    class: 'transient',
    code: 'DestinationChanging',
    message: 'The object at the destination changed each time between reading and writing it',
  })
}

/**
 * Adds a delete marker where there are versions, else removes the object; `superseded` when a newer version is there. One request where nothing
 * is unknown and the destination keeps versions.
 */
export async function copyDeleteMarker(work: Work): Promise<Written | 'superseded'> {
  let precondition = assumedPrecondition(work)
  // Removing is conditional on what is there: without knowing it, it is read first.
  let mustRead = work.progress.unsettled || (!work.capabilities.versions && precondition?.kind !== 'etag')
  for (let round = 0; round < roundsMax; round += 1) {
    if (mustRead) {
      const standing = await settle(work, subjectOf(work.version))
      work.progress.unsettled = false
      if (standing.kind === 'superseded') return 'superseded'
      if (standing.kind === 'present') return standing.written
      precondition = standing.precondition
    }
    try {
      const { gateway } = work.ports
      return await changing(work, () => gateway.deleteObject(work.target, callContext(work, precondition)))
    } catch (error) {
      if (!isPreconditionFailure(error)) throw error
      mustRead = true
    }
  }
  throw disturbed()
}

/**
 * Replaces the tags of a version that is at the destination, with this ETag if it is known. Doing it twice does no harm, so nothing has to
 * be settled first.
 */
export async function copyTags(work: Work, destinationVersionId: string, etag?: string): Promise<Written> {
  const { gateway } = work.ports
  let precondition = etag === undefined ? assumedPrecondition(work) : ifStill(work, etag)
  for (let round = 0; round < roundsMax; round += 1) {
    try {
      const context = callContext(work, precondition)
      const result = await changing(work, () =>
        gateway.putTags(work.target, work.version, destinationVersionId, context),
      )
      work.progress.unsettled = false
      return { versionId: result.versionId === '' ? destinationVersionId : result.versionId, etag: result.etag }
    } catch (error) {
      if (!isPreconditionFailure(error)) throw error
      const standing = await settle(work, subjectOf(work.version))
      if (standing.kind !== 'present') throw missing()
      precondition = { kind: 'etag', etag: standing.written.etag }
    }
  }
  throw disturbed()
}

function ifStill(work: Work, etag: string): Precondition | undefined {
  return work.capabilities.conditionalWrites && !work.capabilities.versions ? { kind: 'etag', etag } : undefined
}

/**
 * Replaces what keeps a version that is at the destination; null where that cannot be brought there. Doing it twice does no harm, so nothing has
 * to be settled first.
 */
export async function copyLock(work: Work, destinationVersionId: string, etag = ''): Promise<Written | null> {
  const { gateway } = work.ports
  const context = callContext(work)
  const result = await changing(work, () => gateway.putLock(work.target, work.version, destinationVersionId, context))
  work.progress.unsettled = false
  return result === null ? null : { versionId: result.versionId || destinationVersionId, etag: result.etag || etag }
}

/** The version whose tags changed is not at the destination (any more). */
function missing(): Failure {
  return new Failure({ class: 'object', code: 'NoSuchVersion', message: 'The version is not at the destination' })
}
