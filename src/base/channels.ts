// Typed diagnostics channels: what the program tells about itself. Code on hot paths publishes plain facts here; loggers, metrics and
// traces subscribe. Without subscribers a publication costs next to nothing.
import { channel } from 'node:diagnostics_channel'

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
