// Carries out lifecycle rules: walks the buckets that have some, page by page, and removes what is due. It keeps nothing between two walks, so it
// may be killed at any point. What it removes is removed by the store only if it still stands where it was seen: a newer write, a lock or a copy
// that has not arrived wins. S3 promises no moment, only that it happens some time after it is due.

import { forEachBounded } from '../base/bounded.ts'
import { type LifecycleCount, lifecycleNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import type { Bucket } from '../domain/bucket.ts'
import { asksForTags, type LifecycleSettings, ruleTakesTags, uploadExpiryOf } from '../domain/lifecycle-rule.ts'
import type { ListOptions, MetadataStore, NewMetadata } from '../metadata/metadata-store.ts'
import { commonPrefix, type DueVersion, dueVersions, type KeyTrail } from './due.ts'

export interface LifecycleRunnerOptions {
  readonly store: Pick<
    MetadataStore,
    'bucketsWith' | 'bucket' | 'list' | 'version' | 'putVersion' | 'deleteVersion' | 'uploads' | 'abortUpload'
  >
  readonly world: World
  /** The marker that expires a current version. */
  readonly deleteMarker: (bucket: Bucket, key: string, now: number) => NewMetadata
  readonly intervalMs: number
  readonly dayMs: number
  readonly pageMax?: number
}

export interface LifecycleRunner {
  /** Walks at once, and from then on at the interval. */
  start(): void
  /** One walk over all buckets. */
  walk(): Promise<void>
  /** Ends after the page under way. */
  close(): Promise<void>
}

const pageMaxDefault = 500
const actionsAtOnce = 8
const bucketsAtOnce = 100

export function createLifecycleRunner(options: LifecycleRunnerOptions): LifecycleRunner {
  return new BucketWalker(options)
}

type Tally = Record<LifecycleCount, number>

class BucketWalker implements LifecycleRunner {
  readonly #options: LifecycleRunnerOptions
  readonly #pageMax: number
  #timer: Timer | null = null
  #round: Promise<void> | null = null
  #closed = false

  constructor(options: LifecycleRunnerOptions) {
    this.#options = options
    this.#pageMax = options.pageMax ?? pageMaxDefault
  }

  start(): void {
    this.#round = this.walk().finally(() => this.#arm())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#round
  }

  #arm(): void {
    if (this.#closed) return
    const { world, intervalMs } = this.#options
    this.#timer = world.timers.after(intervalMs, () => this.start(), { background: true })
  }

  async walk(): Promise<void> {
    let after = ''
    while (!this.#closed) {
      const buckets = await this.#nextBuckets(after)
      for (const bucket of buckets) if (!this.#closed) await this.#walkBucket(bucket.name)
      const last = buckets.at(-1)
      if (last === undefined) return
      after = last.name
    }
  }

  async #nextBuckets(after: string): Promise<readonly Bucket[]> {
    try {
      return await this.#options.store.bucketsWith('lifecycle', after, bucketsAtOnce)
    } catch (error) {
      lifecycleNotices.publish({ kind: 'failed', bucket: '', error })
      return []
    }
  }

  async #walkBucket(name: string): Promise<void> {
    const tally: Tally = { expired: 0, noncurrent: 0, markers: 0, uploads: 0, kept: 0 }
    try {
      await this.#walkVersions(name, tally)
      await this.#walkUploads(name, tally)
    } catch (error) {
      lifecycleNotices.publish({ kind: 'failed', bucket: name, error })
    }
    lifecycleNotices.publish({ kind: 'walked', bucket: name, tally })
  }

  /** The bucket with its rules as they are now; null when there is nothing more to do in it. */
  async #ruled(name: string): Promise<{ bucket: Bucket; settings: LifecycleSettings } | null> {
    if (this.#closed) return null
    // Between two pages others come first.
    await new Promise<void>(resolve => this.#options.world.timers.immediate(resolve))
    const bucket = await this.#options.store.bucket(name)
    const settings = bucket?.settings.lifecycle
    const isIdle = settings === undefined || settings.rules.every(rule => !rule.enabled)
    return bucket === null || isIdle ? null : { bucket, settings }
  }

  async #walkVersions(name: string, tally: Tally): Promise<void> {
    const { store, world, dayMs } = this.#options
    let from: Pick<ListOptions, 'after' | 'versionAfter'> = { after: '' }
    let trail: KeyTrail | null = null
    for (;;) {
      const ruled = await this.#ruled(name)
      if (ruled === null) return
      const { bucket, settings } = ruled
      const place = { bucket: name, prefix: commonPrefix(settings), delimiter: '', what: 'versions' } as const
      const page = await store.list({ ...place, ...from, maxKeys: this.#pageMax })
      const versions = page.entries.flatMap(entry => (entry.kind === 'version' ? [entry.version] : []))
      const found = dueVersions(settings, versions, trail, { now: world.clock.now(), dayMs })
      await forEachBounded(found.due, actionsAtOnce, due => this.#act(bucket, due, tally))
      if (!page.truncated || page.next === undefined) return
      const { key, versionId } = page.next
      from = versionId === undefined ? { after: key } : { after: key, versionAfter: versionId }
      trail = found.trail
    }
  }

  async #act(bucket: Bucket, due: DueVersion, tally: Tally): Promise<void> {
    if (this.#closed || !(await this.#hasTags(bucket, due))) return
    // A page of work may take a while: one that keeps versions by now, or is another one, is looked at again on the next walk.
    if (due.kind === 'current' && bucket.versioning !== 'Unversioned') {
      const isExpired = await this.#coverWithMarker(bucket, due)
      tally[isExpired ? 'expired' : 'kept'] += 1
      return
    }
    const standings = { current: 'current', marker: 'only', noncurrent: 'noncurrent' } as const
    const { outcome } = await this.#options.store.deleteVersion({
      bucket: bucket.name,
      seenBucket: bucket,
      key: due.version.key,
      version: due.version.versionId,
      onlyIf: standings[due.kind],
      whileUnversioned: bucket.versioning === 'Unversioned',
      unlessLocked: { at: new Date(this.#options.world.clock.now()).toISOString(), bypassGovernance: false },
    })
    const counts = { current: 'expired', marker: 'markers', noncurrent: 'noncurrent' } as const
    tally[outcome === 'deleted' ? counts[due.kind] : 'kept'] += 1
  }

  async #hasTags(bucket: Bucket, { version, rules }: DueVersion): Promise<boolean> {
    if (rules.some(rule => !asksForTags(rule))) return true
    const { key, versionId } = version
    const record = await this.#options.store.version({ bucket: bucket.name, key, version: versionId })
    return record !== null && rules.some(rule => ruleTakesTags(rule, record.metadata.tags))
  }

  async #coverWithMarker(bucket: Bucket, { version }: DueVersion): Promise<boolean> {
    const { store, world, deleteMarker } = this.#options
    const { outcome } = await store.putVersion({
      bucket: bucket.name,
      seenBucket: bucket,
      key: version.key,
      metadata: deleteMarker(bucket, version.key, world.clock.now()),
      integrity: null,
      expires: version.versionId,
    })
    return outcome === 'stored'
  }

  async #walkUploads(name: string, tally: Tally): Promise<void> {
    const { store, world, dayMs } = this.#options
    let after: { key: string; uploadId: string } | null = null
    for (;;) {
      const ruled = await this.#ruled(name)
      if (ruled === null) return
      const { settings } = ruled
      if (settings.rules.every(rule => rule.abortUploadAfterDays === undefined)) return
      const uploads = await store.uploads(name, commonPrefix(settings), after, this.#pageMax)
      const now = world.clock.now()
      const due = uploads.filter(({ key, initiated }) => {
        const expiry = uploadExpiryOf(settings, key, Date.parse(initiated), dayMs)
        return expiry !== null && expiry.at <= now
      })
      await forEachBounded(due, actionsAtOnce, async ({ key, uploadId }) => {
        if ((await store.abortUpload(name, key, uploadId)) === 'aborted') tally.uploads += 1
      })
      const last = uploads.at(-1)
      if (last === undefined || uploads.length < this.#pageMax) return
      after = { key: last.key, uploadId: last.uploadId }
    }
  }
}
