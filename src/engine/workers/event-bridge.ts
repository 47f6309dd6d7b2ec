// What happens in a worker thread is published in the main thread too, so that log, metrics and whoever else listens need not know of workers.
// Events gather for a moment: a message each would cost more than they are worth.
import { controlEvents, defects, type EventChannel, pipelineNotices, s3Requests } from '../../base/channels.ts'
import type { Timer, Timers } from '../../base/world.ts'

const channels = { s3Requests, defects, pipelineNotices, controlEvents } as const
type ChannelName = keyof typeof channels

export interface BridgedEvent {
  readonly channel: ChannelName
  readonly event: unknown
}

export interface EventBridge {
  /** Sends what has gathered, and listens no longer. */
  close(): void
}

const gatherMs = 50
const gatheredMax = 512

/** The worker's side. */
export function bridgeEvents(timers: Timers, send: (events: readonly BridgedEvent[]) => void): EventBridge {
  let gathered: BridgedEvent[] = []
  let timer: Timer | null = null
  const flush = (): void => {
    timer?.cancel()
    timer = null
    const events = gathered
    gathered = []
    if (events.length > 0) send(events)
  }
  const listen = <Event>(name: ChannelName, channel: EventChannel<Event>): (() => void) =>
    channel.subscribe(event => {
      gathered.push({ channel: name, event: withoutErrors(event) })
      if (gathered.length >= gatheredMax) flush()
      else timer ??= timers.after(gatherMs, flush, { background: true })
    })
  const endings = [
    listen('s3Requests', s3Requests),
    listen('defects', defects),
    listen('pipelineNotices', pipelineNotices),
    listen('controlEvents', controlEvents),
  ]
  return {
    close() {
      for (const end of endings) end()
      flush()
    },
  }
}

// A map, not a property by name: for properties, compiled code counts on a name that it has seen. Only bridgeEvents makes the events, from those of
// the same channels.
const byName = new Map(Object.entries(channels) as [ChannelName, EventChannel<unknown>][])

/** The main thread's side. */
export function publishBridged(events: readonly BridgedEvent[]): void {
  for (const { channel, event } of events) byName.get(channel)?.publish(withErrors(event))
}

/** An error as it crosses: cloning alone would lose its code. */
interface ErrorForm {
  readonly errorName: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly cause: unknown
}

function withoutErrors(event: unknown): unknown {
  if (typeof event !== 'object' || event === null || !('error' in event)) return event
  return { ...event, error: errorForm(event.error, 0) }
}

function errorForm(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const cause = error.cause === undefined || depth >= 3 ? undefined : errorForm(error.cause, depth + 1)
  return { errorName: error.name, message: error.message, stack: error.stack, code, cause } satisfies ErrorForm
}

function withErrors(event: unknown): unknown {
  if (typeof event !== 'object' || event === null || !('error' in event)) return event
  return { ...event, error: errorOf(event.error) }
}

function errorOf(form: unknown): unknown {
  if (typeof form !== 'object' || form === null || !('errorName' in form)) return form
  const { errorName, message, stack, code, cause } = form as ErrorForm
  const error = new Error(message, cause === undefined ? {} : { cause: errorOf(cause) })
  error.name = errorName
  if (stack !== undefined) error.stack = stack
  return code === undefined ? error : Object.assign(error, { code })
}
