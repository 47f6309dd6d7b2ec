// PORT: fire-and-forget broadcast. Messages may be lost, doubled or reordered: they only make things fast, never true.

export interface SignalBus {
  /** Never rejects for lack of listeners. */
  publish(channel: string, message: string): Promise<void>
  subscribe(channel: string, received: (message: string) => void): () => void
  /** Calls back after a time without a connection: messages may have gone by, so look for yourself. Returns how to stop. */
  reconnected(listener: () => void): () => void
  close(): Promise<void>
}
