// PORT: what takes events: a webhook, a topic of Kafka.
import type { EventMessage } from './event-record.ts'

export interface EventTarget {
  /** Resolves once all of them have been taken; rejects when that is not sure, and they are sent again. */
  deliver(messages: readonly EventMessage[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
