// Changes of a bucket by requests that have read a body first, which may have taken long: what is changed is the bucket that the request was allowed to
// change, never one that was made under its name since, perhaps by somebody else.
import type { Bucket } from '../domain/bucket.ts'
import type { BucketSettingsChange } from '../domain/bucket-settings.ts'
import type { BucketChange } from '../metadata/metadata-store.ts'
import { noSuchBucket, type OpenBucket } from './access/open-bucket.ts'
import type { Call } from './call.ts'

/** The bucket as it is now: its versioning, replication and settings count from here on. Throws NoSuchBucket when it is gone or another one. */
export async function bucketNow(call: Pick<Call, 'services'>, before: Bucket): Promise<Bucket> {
  const bucket = await call.services.store.bucket(before.name)
  if (bucket !== null && bucket.ownerId === before.ownerId && bucket.creationDate === before.creationDate) return bucket
  throw noSuchBucket(before.name)
}

/** The same for what was opened before the body was read. */
export async function openAfterBody(call: Call, open: OpenBucket): Promise<OpenBucket> {
  return { ...open, bucket: await bucketNow(call, open.bucket) }
}

/** Throws NoSuchBucket when it is gone or another one. */
export async function changeBucket(
  call: Pick<Call, 'services'>,
  before: Bucket,
  change: BucketChange,
): Promise<'changed' | 'refused'> {
  const outcome = await call.services.store.changeBucket(before.name, change, before)
  if (outcome === 'no-such-bucket') throw noSuchBucket(before.name)
  return outcome
}

/** One of its configurations, that others do not depend on. Throws NoSuchBucket when it was deleted meanwhile. */
export async function changeSettings(
  call: Pick<Call, 'services'>,
  bucket: Bucket,
  settings: BucketSettingsChange,
): Promise<void> {
  if ((await changeBucket(call, bucket, { settings })) === 'changed') return
  throw new Error(`a change of ${Object.keys(settings).join()} was refused`)
}
