// Adapter of SignalBus within one process. A message is delivered after the publisher has gone on, each listener by itself.
import type { Timers } from '../../base/world.ts'
import type { SignalBus } from '../signal-bus.ts'

/** A bus whose listeners all live in this process. */
export function createInProcessSignalBus(timers: Timers): SignalBus {
  const channels = new Map<string, Set<{ readonly received: (message: string) => void }>>()
  let closed = false
  return {
    publish(channel, message) {
      const listeners = channels.get(channel)
      if (closed || listeners === undefined) return Promise.resolve()
      for (const listener of listeners) {
        timers.immediate(() => {
          if (!closed && listeners.has(listener)) listener.received(message)
        })
      }
      return Promise.resolve()
    },
    subscribe(channel, received) {
      const listeners = channels.get(channel) ?? new Set()
      channels.set(channel, listeners)
      const listener = { received }
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0 && channels.get(channel) === listeners) channels.delete(channel)
      }
    },
    // Nothing lies in between that could be lost.
    reconnected: () => () => {},
    close() {
      closed = true
      channels.clear()
      return Promise.resolve()
    },
  }
}
