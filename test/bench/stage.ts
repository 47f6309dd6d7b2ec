// What every row needs: the destination server, buckets on it, a Crossbeat with a replicating bucket, and a load generator.
import {
  CreateBucketCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { type AzureDestination, CrossbeatProcess, type Keys, type S3Destination } from '../process/crossbeat.ts'
import { uniqueName } from '../services/available.ts'
import type { PutMany, PutManyResult } from './load.ts'
import { WorkerProcess } from './worker-process.ts'

export const sourceBucket = 'bench'
/** Crossbeat's own default: the baseline puts with the same number of requests at once. */
export const concurrency = 64
/** Likewise for the parts of one object. */
export const partsConcurrency = 10

export function s3Client(endpoint: string, keys: Keys): S3Client {
  const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey }
  return new S3Client({ endpoint: `http://${endpoint}`, region: 'us-east-1', forcePathStyle: true, credentials })
}

/** A new versioned bucket at the destination. */
export async function destinationBucket(server: { endpoint: string } & Keys): Promise<S3Destination> {
  const endpoint = server.endpoint.replace(/^http:\/\//, '')
  const bucket = uniqueName('bench')
  const client = s3Client(endpoint, server)
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }))
  client.destroy()
  return { endpoint, bucket, accessKey: server.accessKey, secretKey: server.secretKey }
}

/** Makes the source bucket, versioned and replicating to `sites` (none: plain). */
export async function prepareSource(
  crossbeat: { readonly s3: string; readonly keys: Keys },
  sites: readonly string[],
): Promise<S3Destination> {
  const client = s3Client(crossbeat.s3, crossbeat.keys)
  await client.send(new CreateBucketCommand({ Bucket: sourceBucket }))
  await client.send(
    new PutBucketVersioningCommand({ Bucket: sourceBucket, VersioningConfiguration: { Status: 'Enabled' } }),
  )
  if (sites.length > 0) {
    const destination = { Bucket: `arn:aws:s3:::${sourceBucket}`, StorageClass: sites.join(',') as 'STANDARD' }
    const rule = { ID: 'all', Prefix: '', Status: 'Enabled' as const, Destination: destination }
    const configuration = { Role: 'arn:aws:iam::123456789012:role/bench', Rules: [rule] }
    await client.send(
      new PutBucketReplicationCommand({ Bucket: sourceBucket, ReplicationConfiguration: configuration }),
    )
  }
  client.destroy()
  return { endpoint: crossbeat.s3, bucket: sourceBucket, ...crossbeat.keys }
}

export interface Stage {
  readonly crossbeat: CrossbeatProcess
  readonly source: S3Destination
  readonly load: WorkerProcess
  close(): Promise<void>
}

export interface StageOptions {
  readonly s3?: S3Destination
  readonly azure?: AzureDestination
  readonly flush?: boolean
  readonly replicate?: boolean
}

/** A running Crossbeat with its source bucket, and a load generator. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const crossbeat = await CrossbeatProcess.start(options)
  const sites = [options.s3 && 'awsbackend', options.azure && 'azurebackend'].filter(site => site !== undefined)
  const source = await prepareSource(crossbeat, options.replicate === false ? [] : sites)
  const load = new WorkerProcess('load.ts')
  return {
    crossbeat,
    source,
    load,
    async close() {
      load.stop()
      await crossbeat.stop()
    },
  }
}

export function put(
  load: WorkerProcess,
  target: S3Destination,
  what: Omit<PutMany, 'kind' | 'target'>,
): Promise<PutManyResult> {
  return load.ask<PutManyResult>({ kind: 'put', target, ...what })
}
