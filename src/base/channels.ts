// Typed diagnostics channels: what the program tells about itself. Code on hot paths publishes plain facts here; loggers, metrics and
// traces subscribe. Without subscribers a publication costs next to nothing.
import { channel } from 'node:diagnostics_channel'
import type { VersionRef } from '../domain/entry.ts'
import type { FailureFacts } from '../domain/failure.ts'
import type { SiteControl, SiteReport } from '../domain/site-control.ts'

/** A named stream of events of one type. Listeners run synchronously and must not throw. */
export interface EventChannel<Event> {
  /** True while anybody listens: ask before building a costly event. */
  readonly hasSubscribers: boolean
  publish(event: Event): void
  /** Returns how to stop listening. */
  subscribe(listener: (event: Event) => void): () => void
}

function eventChannel<Event>(name: string): EventChannel<Event> {
  const underlying = channel(name)
  return {
    get hasSubscribers() {
      return underlying.hasSubscribers
    },
    publish: event => underlying.publish(event),
    subscribe(listener) {
      // Only this module publishes on the channel, and only events of its type.
      const onMessage = (message: unknown): void => listener(message as Event)
      underlying.subscribe(onMessage)
      return () => {
        underlying.unsubscribe(onMessage)
      }
    },
  }
}

/** One request to the S3 port, after its answer was written (or its client went away). */
export interface S3RequestEvent {
  readonly requestId: string
  /** `PutObject`, `ListObjectsV2`, ...; `Internal` for `/_/` routes, `Unknown` when no operation was found. */
  readonly operation: string
  /** HTTP status; 0 when the client went away before an answer. */
  readonly status: number
  /** S3 error code, when refused. */
  readonly errorCode?: string
  readonly durationMs: number
  /** Body bytes as framed on the wire. */
  readonly requestBytes: number
  readonly responseBytes: number
  readonly bucket?: string
}

/** Something that should never happen: answered with InternalError, the program goes on. */
export interface DefectEvent {
  readonly where: string
  readonly requestId?: string
  readonly error: unknown
}

export const s3Requests = eventChannel<S3RequestEvent>('crossbeat:s3:request')
export const defects = eventChannel<DefectEvent>('crossbeat:defect')

/** What the control plane did or saw. */
export type ControlEventNotice =
  /** A command took effect. */
  | { readonly kind: 'changed'; readonly site: string; readonly command: string; readonly state: SiteControl }
  /** A queue processor follows the desired state. */
  | { readonly kind: 'applied'; readonly site: string; readonly report: SiteReport }
  /** Something that will be tried again. */
  | { readonly kind: 'failed'; readonly what: string; readonly error: unknown }

export const controlEvents = eventChannel<ControlEventNotice>('crossbeat:control')

/** What lifecycle did in one walk over a bucket. */
export type LifecycleNotice =
  | {
      readonly kind: 'walked'
      readonly bucket: string
      /** How many of each it removed; `kept`: due, but locked, not yet arrived everywhere, or changed meanwhile. */
      readonly tally: Readonly<Record<LifecycleCount, number>>
    }
  /** The next walk tries again. */
  | { readonly kind: 'failed'; readonly bucket: string; readonly error: unknown }

export type LifecycleCount = 'expired' | 'noncurrent' | 'markers' | 'uploads' | 'kept'

export const lifecycleNotices = eventChannel<LifecycleNotice>('crossbeat:lifecycle')

/** What became of event notifications for a target. */
export type NotificationNotice =
  /** `given-up`: the target did not take them for too long. */
  | { readonly kind: 'delivered' | 'given-up'; readonly target: string; readonly count: number }
  /** It is tried again. */
  | { readonly kind: 'failed'; readonly target: string; readonly error: unknown }

export const notificationNotices = eventChannel<NotificationNotice>('crossbeat:notifications')

/** One attempt to bring a version to a site. */
export interface AttemptStarted extends VersionRef {
  readonly site: string
  readonly attempt: number
  readonly size: number
}

export interface AttemptEnded extends VersionRef {
  readonly site: string
  readonly size: number
  readonly durationMs: number
  /** Kind of the AttemptEnd. */
  readonly outcome: 'done' | 'skipped' | 'quarantined' | 'retry' | 'released'
  /** Why it was not done: the failure, or why it was skipped. */
  readonly failure?: Omit<FailureFacts, 'class'> & { readonly class: string }
  /** What of a version that was done the site does not hold. */
  readonly warning?: string
}

export const attemptsStarted = eventChannel<AttemptStarted>('crossbeat:replication:attempt-started')
export const attemptsEnded = eventChannel<AttemptEnded>('crossbeat:replication:attempt-ended')

/** A site's circuit opened (nothing is taken, the site is probed) or closed again. */
export interface CircuitEvent {
  readonly site: string
  readonly state: 'open' | 'trial' | 'closed'
  readonly cause?: FailureFacts
}

export const circuitEvents = eventChannel<CircuitEvent>('crossbeat:replication:circuit')

/** A topic record that is no entry: counted and finished, never in the way of others. */
export interface UnreadableRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly problem: string
}

export const unreadableRecords = eventChannel<UnreadableRecord>('crossbeat:queue:unreadable')

/** Steps of the pipeline outside of attempts. */
export type PipelineNotice =
  | { readonly kind: 'published' | 'folded' | 'garbage-removed' | 'orphans-removed'; readonly count: number }
  /** `republished`: rows without a live entry got a new one; `paused`: seen, and left alone because their site is paused. */
  | { readonly kind: 'swept'; readonly republished: number; readonly paused: number }
  /** The recount found sums that differed from the rows, and put them right. */
  | { readonly kind: 'sums-corrected' }
  /** Something that works now and should be put right before it does not. */
  | { readonly kind: 'warning'; readonly what: string }
  /** Entries that a group will never get from its topic; the ledger brings their rows again. */
  | {
      readonly kind: 'gap'
      readonly topic: string
      readonly group: string
      readonly partition: number
      readonly from: number
      readonly to: number
      readonly cause: string
    }
  /** Something failed that will be tried again. */
  | { readonly kind: 'failed'; readonly what: string; readonly site?: string; readonly error: unknown }

export const pipelineNotices = eventChannel<PipelineNotice>('crossbeat:pipeline')
