// PORT: small values with a version, changed by compare-and-set only, watched by whoever cares; ephemeral values that vanish with their
// session; leases. Paths look like `/backbeat/replication/state/awsbackend`.

export interface StateValue {
  readonly value: string
  /** Grows with every change; 0 is the version of a value that does not exist. */
  readonly version: number
}

export type SetResult =
  | { readonly ok: true; readonly version: number }
  | { readonly ok: false; readonly current: StateValue | null }

export interface Lease {
  /** Grows with each holder: fences writes of a former one. */
  readonly epoch: number
  readonly lost: AbortSignal
  release(): Promise<void>
}

export interface StateStore {
  get(path: string): Promise<StateValue | null>
  /** Writes if the stored version is `expectedVersion` (0: must not exist). Durable when it resolves. */
  set(path: string, value: string, expectedVersion: number): Promise<SetResult>
  delete(path: string, expectedVersion: number): Promise<SetResult>
  /** Names directly below a path. */
  children(path: string): Promise<readonly string[]>
  /** Calls back soon after any change at or below `path`; changes may be merged, the last one is never missed. Returns how to stop. */
  watch(path: string, changed: () => void): () => void
  /** A value that disappears when this process ends or loses its session. */
  setEphemeral(path: string, value: string): Promise<void>
  /** Takes the lease if nobody live has it. */
  lease(path: string, owner: string): Promise<Lease | null>
  close(): Promise<void>
}
