// PORT: fire-and-forget broadcast. Messages may be lost, doubled or reordered: they only make things fast, never true.

export interface SignalBus {
  /** Never rejects for lack of listeners. */
  publish(channel: string, message: string): Promise<void>
  subscribe(channel: string, received: (message: string) => void): () => void
  close(): Promise<void>
}
