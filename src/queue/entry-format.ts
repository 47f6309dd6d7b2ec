// The JSON values of the replication and status topics, as the original programs write and read them (Backbeat wire format), with
// fields of ours: `revision`, and in status messages `reason`, `status` and `dataStoreVersionId`. Reading never throws: what is no entry comes
// back as `skip` (canaries) or `unreadable` with what was wrong.
import type { JournalEntry, ReplicationEntry, StatusMessage, VersionRef } from '../domain/entry.ts'
import { type BackendStatus, sitesOf } from '../domain/replication-info.ts'
import { storedVersionId, type VersionId } from '../domain/version-id.ts'
import type { TopicMessage } from './topic-log.ts'

const versionSeparator = '\0'
/** Stands for the version of an entry without one: an object written before its bucket had versioning (null version). */
const unversioned = ''

export type Read<Value> =
  | { readonly kind: 'entry'; readonly entry: Value }
  | { readonly kind: 'skip' }
  | { readonly kind: 'unreadable'; readonly problem: string }

/** Records of one object key share this key, and so their partition and order. */
export function topicKey(ref: { readonly bucket: string; readonly key: string }): string {
  return encodeURIComponent(`${ref.bucket}/${ref.key}`)
}

/** The record that tells the queue processors of a new or changed version. Built as text: the metadata is already JSON. */
export function replicationRecord(
  entry: VersionRef & {
    readonly revision: number
    readonly timestamp: string
    readonly metadataJson: string
  },
): TopicMessage {
  const value =
    `{"type":"put","bucket":${JSON.stringify(entry.bucket)},` +
    `"key":${JSON.stringify(entry.key + versionSeparator + entry.versionId)},` +
    `"value":${JSON.stringify(entry.metadataJson)},` +
    `"overheadFields":{"commitTimestamp":${JSON.stringify(entry.timestamp)}},"revision":${entry.revision}}`
  return { key: topicKey(entry), value }
}

/** The record of a journal entry; null when there is nothing to replicate (deleted, or its overall status is not PENDING). */
export function recordOfJournal(entry: JournalEntry): TopicMessage | null {
  const { metadataJson } = entry
  if (entry.type !== 'put' || metadataJson === null) return null
  return replicationRecord({ ...entry, metadataJson })
}

/** The record that tells the status processor how a task ended. */
export function statusRecord(message: StatusMessage): TopicMessage {
  const value = {
    bucket: message.bucket,
    key: message.key + versionSeparator + message.versionId,
    value: message.metadataJson,
    site: message.site,
    ignore: false,
    revision: message.revision,
    reason: message.reason,
    // Said again outside of the metadata, so that our own status processor need not parse it.
    status: message.status,
    dataStoreVersionId: message.dataStoreVersionId,
  }
  return { key: topicKey(message), value: JSON.stringify(value) }
}

/**
 * A record without the part of the metadata that none of our roles looks at, for when the whole is more than a message may hold: an entry is a
 * hint that a key has work, and whoever does it reads the version itself.
 */
export function leanRecord(message: TopicMessage): TopicMessage {
  const outer = parseObject(message.value)
  const metadata = typeof outer?.['value'] === 'string' ? parseObject(outer['value']) : null
  if (metadata === null || !isObject(metadata['replicationInfo'])) return message
  const { replicationInfo } = metadata
  return { key: message.key, value: JSON.stringify({ ...outer, value: JSON.stringify({ replicationInfo }) }) }
}

export function readReplicationEntry(value: string): Read<ReplicationEntry> {
  const outer = parseObject(value)
  if (outer === null) return unreadable('the value is not a JSON object')
  if ('canary' in outer || 'mdBucketModelVersion' in outer) return { kind: 'skip' }
  if (outer['type'] !== undefined && outer['type'] !== 'put') return { kind: 'skip' }
  const ref = versionOf(outer)
  if (typeof ref === 'string') return unreadable(ref)
  const info = replicationInfoOf(outer)
  if (typeof info === 'string') return unreadable(info)
  const { revision } = outer
  return {
    kind: 'entry',
    entry: {
      ...ref,
      revision: typeof revision === 'number' ? revision : 0,
      sites: sitesOf(typeof info['storageClass'] === 'string' ? info['storageClass'] : ''),
    },
  }
}

export function readStatusMessage(value: string): Read<StatusMessage> {
  const outer = parseObject(value)
  if (outer === null) return unreadable('the value is not a JSON object')
  if ('canary' in outer) return { kind: 'skip' }
  const ref = versionOf(outer)
  if (typeof ref === 'string') return unreadable(ref)
  const { site, revision, reason } = outer
  if (typeof site !== 'string' || site === '') return unreadable('there is no site')
  const backend = ownResult(outer) ?? resultInMetadata(outer, site)
  if (typeof backend === 'string') return unreadable(backend)
  return {
    kind: 'entry',
    entry: {
      ...ref,
      site,
      ...backend,
      metadataJson: String(outer['value']),
      ...(typeof revision === 'number' ? { revision } : {}),
      ...(typeof reason === 'string' ? { reason } : {}),
    },
  }
}

type JsonObject = Readonly<Record<string, unknown>>

function unreadable(problem: string): { kind: 'unreadable'; problem: string } {
  return { kind: 'unreadable', problem }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** Bucket, key and version of a record, or what is wrong with them. */
function versionOf(outer: JsonObject): VersionRef | string {
  const { bucket, key } = outer
  if (typeof bucket !== 'string' || bucket === '') return 'there is no bucket'
  if (typeof key !== 'string' || key === '') return 'there is no key'
  const separator = key.lastIndexOf(versionSeparator)
  const name = separator < 0 ? key : key.slice(0, separator)
  const version = separator < 0 ? unversioned : key.slice(separator + 1)
  // No store takes such text, and one such key would keep all that are asked for together with it from being worked on.
  if (![bucket, name, version].every(isText)) return 'the bucket, key or version holds characters that no name has'
  const versionId: VersionId = storedVersionId(version)
  return { bucket, key: name, versionId }
}

function isText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Of the value read last: where entries carry nothing but the replicationInfo, those of one rule are all the same. */
let lastInfo: { readonly value: string; readonly info: JsonObject } | null = null

function replicationInfoOf(outer: JsonObject): JsonObject | string {
  const { value } = outer
  if (typeof value !== 'string') return 'there is no metadata'
  if (lastInfo?.value === value) return lastInfo.info
  const metadata = parseObject(value)
  if (metadata === null) return 'the metadata is not a JSON object'
  const info = metadata['replicationInfo']
  if (!isObject(info)) return 'the metadata has no replicationInfo'
  lastInfo = { value, info }
  return info
}

type Result = Pick<StatusMessage, 'status' | 'dataStoreVersionId'>

/** The result as our own processors say it beside the metadata; null in messages of a real Backbeat. */
function ownResult({ value, revision, status, dataStoreVersionId }: JsonObject): Result | null {
  if (typeof value !== 'string' || typeof revision !== 'number') return null
  return isMessageStatus(status) && typeof dataStoreVersionId === 'string' ? { status, dataStoreVersionId } : null
}

function resultInMetadata(outer: JsonObject, site: string): Result | string {
  const info = replicationInfoOf(outer)
  if (typeof info === 'string') return info
  return backendOf(info, site) ?? `the metadata has no backend for the site ${site}`
}

const messageStatuses: readonly BackendStatus[] = ['PENDING', 'COMPLETED', 'FAILED', 'SKIPPED']

function isMessageStatus(value: unknown): value is StatusMessage['status'] {
  return messageStatuses.some(status => status === value)
}

/** A real Backbeat marks the site's backend; the overall status stands in where the backend says nothing readable. */
function backendOf(info: JsonObject, site: string): Result | null {
  const backends: readonly unknown[] = Array.isArray(info['backends']) ? info['backends'] : []
  const backend = backends.filter(isObject).find(candidate => candidate['site'] === site)
  if (backend === undefined || !isMessageStatus(backend['status'])) return null
  const id = backend['dataStoreVersionId']
  return { status: backend['status'], dataStoreVersionId: typeof id === 'string' ? id : '' }
}
