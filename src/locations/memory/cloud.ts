// What a cloud in memory holds: the versions of each key and the unfinished uploads. It outlives the locations that write to it, as a real
// cloud outlives the process, so a simulation can crash one and look at what is left.
import type { World } from '../../base/world.ts'
import type { ObjectAttributes } from '../location.ts'

export interface MemoryVersion {
  /** '' where the cloud keeps no versions. */
  readonly versionId: string
  readonly isDeleteMarker: boolean
  readonly bytes: Uint8Array
  /** Hex. */
  readonly crc32: string
  /** This and the attributes are replaced by a change of tags, which is no new version. */
  etag: string
  attributes: ObjectAttributes
  readonly lastModified: string
}

export interface MemoryPart {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly crc32: string
}

export interface MemoryUpload {
  readonly key: string
  readonly attributes: ObjectAttributes
  readonly parts: Map<number, MemoryPart>
}

export interface MemoryCloud {
  /** Versions of a key, newest first; empty when there are none. */
  versionsOf(key: string): readonly MemoryVersion[]
  keys(): readonly string[]
  /** Makes a version current. Without versions it replaces what is there. */
  add(key: string, version: Omit<MemoryVersion, 'versionId' | 'lastModified'>): MemoryVersion
  /** Removes one version (or, without versions, the object); absent is fine. */
  remove(key: string, versionId: string): void
  readonly uploads: Map<string, MemoryUpload>
  /** A name that this cloud has not used before. */
  nextId(): string
  /** How many writes have taken effect: versions, markers and removals. */
  readonly changes: number
}

/** An empty cloud. Ids count up, so runs are reproducible. */
export function createMemoryCloud(world: Pick<World, 'clock'>, options: { readonly versions: boolean }): MemoryCloud {
  const objects = new Map<string, MemoryVersion[]>()
  let counter = 0
  let changes = 0
  const nextId = (): string => {
    counter += 1
    return `m${String(counter).padStart(9, '0')}`
  }
  return {
    uploads: new Map(),
    nextId,
    get changes() {
      return changes
    },
    versionsOf: key => objects.get(key) ?? [],
    keys: () => [...objects.keys()],
    add(key, version) {
      changes += 1
      const versionId = options.versions ? nextId() : ''
      const added = { ...version, versionId, lastModified: new Date(world.clock.now()).toISOString() }
      objects.set(key, options.versions ? [added, ...(objects.get(key) ?? [])] : [added])
      return added
    },
    remove(key, versionId) {
      const versions = objects.get(key) ?? []
      const left = options.versions ? versions.filter(version => version.versionId !== versionId) : []
      if (left.length !== versions.length) changes += 1
      if (left.length === 0) objects.delete(key)
      else objects.set(key, left)
    },
  }
}
