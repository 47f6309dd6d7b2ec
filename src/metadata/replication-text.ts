// The stored text of a version's replicationInfo, read. Versions that wait under one rule have the same text, and a backlog is many of them in a
// row: the last text is remembered with what it says, which nobody changes.
import type { ReplicationInfo } from '../domain/replication-info.ts'

let last: { readonly text: string; readonly info: ReplicationInfo } | null = null

/** Throws where the text is not JSON. */
export function replicationOfText(text: string): ReplicationInfo {
  if (last?.text !== text) last = { text, info: JSON.parse(text) }
  return last.info
}
