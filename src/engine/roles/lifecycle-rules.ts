// Carrying out lifecycle rules: part of the role `status`, which keeps house already, in one process at a time. It has a lease of its own, so
// that a long walk and the housekeeping may be with different processes.
import { createElection, type Election } from '../../control/election.ts'
import { leasePaths } from '../../control/paths.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { noReplication } from '../../domain/replication-info.ts'
import { createLifecycleRunner } from '../../lifecycle/runner.ts'
import type { NewMetadata } from '../../metadata/metadata-store.ts'
import { newMetadata, noSettings } from '../../s3/objects/object-settings.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts } from '../parts.ts'

export async function startLifecycle(parts: Parts, lifecycle: Lifecycle): Promise<Election> {
  const { config, store, world, stateStore, owner } = parts
  const election = createElection({
    stateStore,
    path: leasePaths.lifecycle,
    owner,
    world,
    what: 'the lifecycle rules',
    begin: async () => {
      const runner = createLifecycleRunner({ store, world, deleteMarker, ...config.s3.lifecycle })
      runner.start()
      return runner
    },
  })
  await election.start()
  lifecycle.add(() => election.close())
  return election
}

/** The bucket owner's. It stays here: S3 replicates no delete markers that lifecycle makes ("What isn't replicated"). */
function deleteMarker(bucket: Bucket, key: string, now: number): NewMetadata {
  return newMetadata({
    key,
    account: { canonicalId: bucket.ownerId, displayName: bucket.ownerDisplayName },
    settings: noSettings,
    size: 0,
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    location: null,
    dataStoreName: bucket.locationConstraint,
    replicationInfo: noReplication,
    originOp: 's3:LifecycleExpiration:DeleteMarkerCreated',
    now,
    isDeleteMarker: true,
  })
}
