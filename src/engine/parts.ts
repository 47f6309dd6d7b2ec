// What the roles are built on: the ports and what is common to a process. Roles see nothing else of an engine.
import type { DependencyHealth } from '../base/dependency.ts'
import type { HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { Config, HostPort } from '../config/types.ts'
import type { SignalBus } from '../control/signal-bus.ts'
import type { StateStore } from '../control/state-store.ts'
import type { DataStore } from '../locations/data-store.ts'
import type { MasterKeys } from '../locations/master-keys.ts'
import type { Destination } from '../locations/multiple-backend.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { TopicLog } from '../queue/topic-log.ts'
import type { Accounts } from './accounts.ts'
import type { WorkerPool } from './workers/worker-pool.ts'

export const roleNames = ['s3', 'populator', 'processor', 'status', 'control'] as const

/** A part of the work that a process may do; the embedded engine does all in one. */
export type Role = (typeof roleNames)[number]

/** A server that the process stands on. */
export interface Dependency {
  readonly name: string
  /** False: without it things are slower, but right; readiness does not ask for it. */
  readonly required: boolean
  health(): Promise<DependencyHealth>
}

export interface Parts {
  readonly config: Config
  readonly world: World
  readonly accounts: Accounts
  readonly http: HttpClient
  readonly store: MetadataStore
  readonly dataStores: ReadonlyMap<string, DataStore>
  readonly masterKeys: MasterKeys
  /** What lies on this machine's disk and is had from us by other processes; null where nobody else asks. */
  readonly nodeData: { readonly nodeId: string; readonly stores: ReadonlyMap<string, DataStore> } | null
  /** Threads that serve the S3 port; null: this one does. */
  readonly s3Workers: WorkerPool | null
  readonly log: TopicLog
  readonly stateStore: StateStore
  readonly signals: SignalBus
  /** The cloud locations, by the name of their site. */
  readonly destinations: ReadonlyMap<string, Destination>
  /** Which of these process starts (see DataStore's names) can commit nothing any more. */
  endedEpochs(epochs: readonly string[]): Promise<ReadonlySet<string>>
  /** Names this process in claims and leases. */
  readonly owner: string
  /** Other processes may write and read beside this one. */
  readonly isShared: boolean
  readonly dependencies: readonly Dependency[]
}

/** What a process is to do. */
export interface RoleChoice {
  readonly roles: readonly Role[]
  /** Sites of its queue processors; left out: all. */
  readonly sites?: readonly string[]
  /** Where it answers probes if it has no control port. */
  readonly health?: HostPort
}
