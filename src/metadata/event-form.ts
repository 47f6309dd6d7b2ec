// Between what the journal tells of an event and its column: JSON, written with the entry, null in buckets that tell of none.
import type { JournalEvent } from '../domain/entry.ts'
import type { BackendStatus } from '../domain/replication-info.ts'
import { nullKind } from './version-form.ts'

/** As stored; its place in the journal makes it a JournalEvent. */
export type StoredEvent = Omit<JournalEvent, 'sequencer'>

const versions = { [nullKind.none]: 'own', [nullKind.suspended]: 'null', [nullKind.unversioned]: 'none' } as const

export function eventText(event: Omit<StoredEvent, 'version'>, kind: number): string {
  const version = kind === nullKind.none || kind === nullKind.suspended ? versions[kind] : 'none'
  return JSON.stringify({ ...event, version })
}

/** `place`: numbers that grow along the journal, the first one weighs most. Nothing where there is nothing to tell. */
export function eventOf(
  text: string | null,
  place: readonly (string | number)[],
): { readonly event: JournalEvent } | undefined {
  if (text === null) return undefined
  const stored: StoredEvent = JSON.parse(text)
  const sequencer = place.map(number => BigInt(number).toString(16).toUpperCase().padStart(16, '0')).join('')
  return { event: { ...stored, sequencer } }
}

/** S3 tells of copies that took longer (S3 user guide, "Replication Time Control"). */
const thresholdMs = 15 * 60_000

/** The event of a row that has ended so; null: S3 tells nothing of it. */
export function replicationEvent(status: BackendStatus, tookMs: number): string | null {
  if (status === 'FAILED') return 's3:Replication:OperationFailedReplication'
  return status === 'COMPLETED' && tookMs > thresholdMs ? 's3:Replication:OperationReplicatedAfterThreshold' : null
}
