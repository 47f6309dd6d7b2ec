// Events as S3 writes them (S3 user guide, "Event message structure"), made of what the journal has kept.
import type { Bucket } from '../domain/bucket.ts'
import type { JournalEntry, JournalEvent } from '../domain/entry.ts'
import { encodeVersionId, type VersionId } from '../domain/version-id.ts'

/** One event for one target. */
export interface EventMessage {
  /** Events of one object key share this: `<bucket>/<key>`, URL-encoded. */
  readonly topicKey: string
  /** Epoch ms. */
  readonly at: number
  /** An element of `Records`, JSON. */
  readonly record: string
}

/** Which rules have named the target. */
export function eventMessages(
  bucket: Bucket,
  entry: JournalEntry,
  event: JournalEvent,
  ruleIds: readonly string[],
): readonly EventMessage[] {
  const topicKey = encodeURIComponent(`${entry.bucket}/${entry.key}`)
  const at = Date.parse(entry.timestamp)
  return ruleIds.map(id => ({ topicKey, at, record: JSON.stringify(eventRecord(bucket, entry, event, id)) }))
}

/** The document that a target is sent. */
export function eventDocument(messages: readonly EventMessage[]): string {
  return `{"Records":[${messages.map(message => message.record).join(',')}]}`
}

function eventRecord(bucket: Bucket, entry: JournalEntry, event: JournalEvent, configurationId: string) {
  const eventName = event.name.replace(/^s3:/, '')
  return {
    eventVersion: versionOf(eventName),
    eventSource: 'aws:s3',
    awsRegion: bucket.locationConstraint,
    eventTime: entry.timestamp,
    eventName,
    userIdentity: { principalId: bucket.ownerId },
    // Who asked, and from where, is not kept.
    requestParameters: { sourceIPAddress: '' },
    responseElements: { 'x-amz-request-id': '', 'x-amz-id-2': '' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId,
      bucket: {
        name: bucket.name,
        ownerIdentity: { principalId: bucket.ownerId },
        arn: `arn:aws:s3:::${bucket.name}`,
      },
      object: objectOf(entry.key, entry.versionId, event),
    },
    ...replicationData(entry, event),
  }
}

function objectOf(key: string, versionId: VersionId, event: JournalEvent) {
  const shown = { own: encodeVersionId(versionId), null: 'null', none: undefined }[event.version]
  return {
    // As in a form: S3 writes spaces as plus signs.
    key: encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/'),
    ...(event.size === undefined ? undefined : { size: event.size }),
    ...(event.etag === undefined ? undefined : { eTag: event.etag }),
    ...(shown === undefined ? undefined : { versionId: shown }),
    sequencer: event.sequencer,
  }
}

function replicationData(entry: JournalEntry, { site, reason }: JournalEvent) {
  if (site === undefined) return undefined
  return {
    replicationEventData: {
      destinationBucket: site,
      s3Operation: 'OBJECT_PUT',
      requestTime: entry.timestamp,
      ...(reason === undefined ? undefined : { failureReason: reason }),
    },
  }
}

/** Each family of events has the version of the structure that S3 brought it with. */
function versionOf(name: string): string {
  if (name.startsWith('ObjectCreated:') || name.startsWith('ObjectRemoved:')) return '2.1'
  return name.startsWith('Replication:') ? '2.2' : '2.3'
}
