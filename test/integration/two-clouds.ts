// The stage of the integration tests: a Crossbeat (one process, or with ENGINE=distributed a whole layout of them) that replicates to a third-party S3 server and to Azurite, and the vendors' own clients
// to look at all three sides.

import {
  CreateBucketCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  type ReplicationConfiguration,
  S3Client,
} from '@aws-sdk/client-s3'
import type { ContainerClient } from '@azure/storage-blob'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { destinationBucket } from '../bench/stage.ts'
import { azureContainer } from '../faults/azure-side.ts'
import {
  type AzureDestination,
  type CrossbeatOptions,
  CrossbeatProcess,
  type S3Destination,
} from '../process/crossbeat.ts'
import { type Crossbeat, startWholeLayout } from '../process/whole-layout.ts'
import { type AzureAddress, type S3Address, uniqueName } from '../services/available.ts'
import { eventually } from '../until.ts'

export const sites = ['awsbackend', 'azurebackend'] as const

export interface TwoClouds {
  readonly crossbeat: Crossbeat
  readonly s3: S3Destination
  readonly azure: AzureDestination
  /** Of our own server. */
  readonly source: S3Client
  /** Of the S3 destination. */
  readonly far: S3Client
  /** Of the Azure destination. */
  readonly container: ContainerClient
  close(): Promise<void>
}

export interface TwoCloudsOptions extends Pick<CrossbeatOptions, 'replication'> {
  /** Where Crossbeat finds the destinations, if not where they are: a proxy before them. */
  readonly route?: (destinations: { s3: S3Destination; azure: AzureDestination }) => Promise<{
    s3: S3Destination
    azure: AzureDestination
  }>
}

/** Retries come quickly, so that a test does not wait for a backoff. */
export const quickRetries = {
  queueProcessor: {
    retry: {
      aws_s3: { backoff: { min: 50, max: 400, factor: 1.5, jitter: 0.1 } },
      azure: { backoff: { min: 50, max: 400, factor: 1.5, jitter: 0.1 } },
    },
  },
} as const

export async function openTwoClouds(
  servers: { readonly s3: S3Address; readonly azure: AzureAddress },
  options: TwoCloudsOptions = {},
): Promise<TwoClouds> {
  const s3 = await destinationBucket(servers.s3)
  const azure = await azureContainer(servers.azure, uniqueName('copies'))
  const seen = (await options.route?.({ s3, azure })) ?? { s3, azure }
  const { replication } = options
  const start = process.env['ENGINE'] === 'distributed' ? startWholeLayout : CrossbeatProcess.start
  const crossbeat: Crossbeat = await start({ ...seen, ...(replication === undefined ? {} : { replication }) })
  const source = sdkClient(crossbeat.s3, crossbeat.keys)
  const far = sdkClient(s3.endpoint, s3)
  return {
    crossbeat,
    s3,
    azure,
    source,
    far,
    container: containerClient(azure),
    async close() {
      source.destroy()
      far.destroy()
      await crossbeat.stop()
    },
  }
}

export function sdkClient(
  endpoint: string,
  keys: { readonly accessKey: string; readonly secretKey: string },
): S3Client {
  const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey }
  const url = `http://${endpoint}`
  return new S3Client({ endpoint: url, region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 1 })
}

export function containerClient(azure: AzureDestination): ContainerClient {
  const credential = new StorageSharedKeyCredential(azure.account, azure.key)
  return new BlobServiceClient(azure.endpoint.replace(/\/$/, ''), credential).getContainerClient(azure.container)
}

/** A versioned bucket with these rules; without any, everything goes to both sites. */
export async function replicatedBucket(
  source: S3Client,
  bucket: string,
  rules?: ReplicationConfiguration['Rules'],
): Promise<void> {
  await source.send(new CreateBucketCommand({ Bucket: bucket }))
  const versioning = { Status: 'Enabled' } as const
  await source.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: versioning }))
  await putRules(source, bucket, rules ?? [prefixRule('all', '', sites.join(','))])
}

export async function putRules(
  source: S3Client,
  bucket: string,
  rules: ReplicationConfiguration['Rules'],
): Promise<void> {
  const configuration = { Role: 'arn:aws:iam::123456789012:role/replication', Rules: rules }
  await source.send(new PutBucketReplicationCommand({ Bucket: bucket, ReplicationConfiguration: configuration }))
}

type Rule = NonNullable<ReplicationConfiguration['Rules']>[number]

/** A rule of the first form. An empty storage class is left out. */
export function prefixRule(id: string, prefix: string, storageClass: string): Rule {
  return { ID: id, Prefix: prefix, Status: 'Enabled', Destination: destinationOf(storageClass) }
}

/** The SDK knows AWS's storage classes only; what is sent are names of sites. */
export function destinationOf(storageClass: string): Rule['Destination'] {
  const bucket = 'arn:aws:s3:::copies'
  return storageClass === '' ? { Bucket: bucket } : { Bucket: bucket, StorageClass: storageClass as 'STANDARD' }
}

export interface VersionThere {
  readonly key: string
  readonly versionId: string
  readonly isMarker: boolean
  readonly isLatest: boolean
  readonly etag: string
  readonly size: number
}

/** All versions of a bucket; those of one key newest first (delete markers after the versions of their page). */
export async function versionsIn(client: S3Client, bucket: string): Promise<readonly VersionThere[]> {
  const found: VersionThere[] = []
  let position: { KeyMarker?: string; VersionIdMarker?: string } = {}
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, ...position }))
    const listed = [
      ...(page.Versions ?? []).map(version => ({ ...version, isMarker: false })),
      ...(page.DeleteMarkers ?? []).map(marker => ({ ...marker, isMarker: true, ETag: '', Size: 0 })),
    ]
    for (const { Key = '', VersionId = '', IsLatest = false, ETag = '', Size = 0, isMarker } of listed) {
      const etag = ETag.replaceAll('"', '')
      found.push({ key: Key, versionId: VersionId, isMarker, isLatest: IsLatest, etag, size: Size })
    }
    if (!page.IsTruncated) return found
    position = { KeyMarker: page.NextKeyMarker ?? '', VersionIdMarker: page.NextVersionIdMarker ?? '' }
  }
}

/** Waits until both sites have nothing left to do. */
export async function drained(clouds: TwoClouds): Promise<void> {
  for (const site of sites) await clouds.crossbeat.drained(site, 50)
}

/** Waits until a site that was paused takes nothing any more, and what it had begun has ended. */
export async function untilStill(control: string, site: string, processors = 1): Promise<void> {
  await eventually(`${site} stands still`, async () => {
    const answer = await fetch(`http://${control}/api/v1/locations/${site}`)
    const state = (await answer.json()) as { readonly standsStill: boolean; readonly processors: number }
    return (state.standsStill && state.processors === processors) || undefined
  })
}

export interface ShownStatus {
  readonly overall: string | undefined
  readonly sites: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
}

/** What HEAD shows: the overall status, and each site's (`<site>-replication-status` among the metadata). */
export async function statusOf(
  source: S3Client,
  bucket: string,
  key: string,
  versionId?: string,
): Promise<ShownStatus> {
  const version = versionId === undefined ? {} : { VersionId: versionId }
  const head = await source.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ...version }))
  const metadata = head.Metadata ?? {}
  const shown = Object.entries(metadata).flatMap(([name, value]) =>
    name.endsWith('-replication-status') ? [[name.replace(/-replication-status$/, ''), value] as const] : [],
  )
  return { overall: head.ReplicationStatus, sites: Object.fromEntries(shown), metadata }
}

/** Waits for an overall status and answers what HEAD shows then. */
export function untilStatus(
  source: S3Client,
  bucket: string,
  key: string,
  overall: string,
  versionId?: string,
): Promise<ShownStatus> {
  return eventually(`${key} is ${overall}`, async () => {
    const shown = await statusOf(source, bucket, key, versionId)
    if (shown.overall === overall) return shown
    throw new Error(`it is ${JSON.stringify(shown)}`)
  })
}

/** Runs `each` over the items, so many at once. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  each: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values()
  const worker = async (): Promise<void> => {
    for (const item of rest) await each(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
