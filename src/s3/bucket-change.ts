// Changes what a bucket is told: one of its configurations, that others do not depend on.
import type { Bucket } from '../domain/bucket.ts'
import type { BucketSettingsChange } from '../domain/bucket-settings.ts'
import { noSuchBucket } from './access/open-bucket.ts'
import type { Call } from './call.ts'

/** Throws NoSuchBucket when the bucket was deleted meanwhile. */
export async function changeSettings(
  call: Pick<Call, 'services'>,
  { name }: Bucket,
  settings: BucketSettingsChange,
): Promise<void> {
  const outcome = await call.services.store.changeBucket(name, { settings })
  if (outcome === 'no-such-bucket') throw noSuchBucket(name)
  if (outcome === 'refused') throw new Error(`a change of ${Object.keys(settings).join()} was refused`)
}
