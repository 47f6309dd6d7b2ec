// What a running engine offers to those who started it: addresses, accounts, the store, the controller, and an end in good order.
import type { HostPort } from '../config/types.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { Accounts } from './accounts.ts'

export interface Engine {
  /** Where the S3 server listens (the real port when 0 was asked for); null without that role. */
  readonly s3: HostPort | null
  readonly control: HostPort | null
  /** Where probes are answered when there is no control port. */
  readonly health: HostPort | null
  /** The control API speaks TLS. */
  readonly controlTls: boolean
  readonly accounts: Accounts
  readonly store: MetadataStore
  /** Resolves with the error when the engine can not go on (a failed flush): the process must end. */
  readonly failed: Promise<Error>
  /** Finishes running requests and attempts, saves offsets, releases the data folder. */
  close(): Promise<void>
}

/** All roles in one process. */
export interface WholeEngine extends Engine {
  readonly s3: HostPort
  readonly control: HostPort
}
