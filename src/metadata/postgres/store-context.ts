// What the store and the ledger work with: ways to ask the database, each with its own promise about what happens when it is away.
import type { Value } from './database.ts'
import type { Journal, JournalWatch } from './journal.ts'

type Ask = <Row>(text: string, ...values: Value[]) => Promise<readonly Row[]>

export interface StoreContext {
  /** Number of this process's start. */
  readonly epoch: number
  /** Replication group of new version ids, padded. */
  readonly group: string
  /** Null: the database's clock decides. */
  now(): number | null
  /** Between this process's clock and the one that leases are decided by. */
  readonly clock: { toDatabase(ms: number): number; toLocal(ms: number): number }
  readonly read: Ask
  /** A client's write: done again only where the first attempt surely was not; rejects when its outcome is unknown. */
  readonly write: Ask
  /** The same, and the journal has grown. */
  readonly journaling: Ask
  /** Replication's commands do no harm when they are done twice, so they are repeated for a while when the database is away. */
  readonly repeat: Ask
  /** The same, but rejects within a quarter of a minute. */
  readonly soon: Ask
  /** Puts one version, in one transaction with others. */
  put(item: string): Promise<string>
  /** Counts rows afresh, without a time limit. */
  recount(): Promise<boolean>
  newToken(): string
  /** See `Ledger`. */
  heardSince(): number | null
  readonly journal: Journal
  readonly watch: JournalWatch
}
