// What a queue processor is made of, and what it shows.
import type { ByteBudget } from '../base/bounded.ts'
import type { World } from '../base/world.ts'
import type { FailureFacts } from '../domain/failure.ts'
import type { Ledger } from '../metadata/ledger.ts'
import type { TopicLog } from '../queue/topic-log.ts'
import type { CircuitState } from './breaker.ts'
import type { RunTask } from './multiple-backend-task.ts'
import type { Backoff } from './retry-policy.ts'
import type { SourceGateway } from './source-gateway.ts'
import type { TaskPorts, TaskSettings } from './work.ts'

export interface SiteProcessorOptions {
  readonly site: string
  readonly ledger: Ledger
  readonly log: TopicLog
  readonly gateway: SourceGateway
  readonly world: World
  /** Shared by all processors of the process. */
  readonly budget: ByteBudget
  readonly topics: { readonly replication: string; readonly status: string }
  /** The consumer group is `<groupId>-<site>`. */
  readonly groupId: string
  /** Names this process in claims. */
  readonly owner: string
  /** Tasks at once. */
  readonly concurrency: number
  /** Pace of retries, and of the probes of an open circuit. */
  readonly backoff: Backoff
  readonly settings: TaskSettings
  readonly isCovered: TaskPorts['isCovered']
  /** What one attempt does; left out: a multiple-backend task. */
  readonly runTask?: RunTask
  /**
   * `folded`: ledger and versions lie together, so that claims bring their versions and results are written into them at once. `sent`: the
   * versions are another server's, to be read from it, and the status processor is told of results by its topic.
   */
  readonly results: 'folded' | 'sent'
}

export interface ProcessorState {
  readonly consumers: 'running' | 'paused'
  /** Keys claimed by this processor: claimed, running or reporting. */
  readonly inFlight: number
  /** Topic records taken and not finished. */
  readonly held: number
  readonly circuit: CircuitState
  readonly circuitCause: FailureFacts | null
}

export interface SiteProcessor {
  /** Joins its consumer group and begins; a pause that was asked for before holds. */
  start(): Promise<void>
  /** Takes nothing more, lets attempts end within a grace, gives back the rest, and leaves its group. */
  close(): Promise<void>
  pause(): void
  resume(): void
  /** Rows of the site may have become due (a retry by hand): look now. */
  wake(): void
  state(): ProcessorState
  /** Entries of the topic that are not finished, taken or not; endless before the start. */
  lag(): Promise<number>
  /** Resolves as soon as nothing is in flight (after a pause: all stand still). */
  whenStill(): Promise<void>
}
