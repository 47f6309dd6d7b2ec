// The part of ZooKeeper's C client, as the npm package `zookeeper` binds it to Node, that we use. Loaded only when ZooKeeper is wanted, and
// compiled on the first time. We take the binding without the package's JavaScript, which formats every call for a log that nobody reads.
import { createRequire } from 'node:module'
import { DependencyError } from '../../base/dependency.ts'
import { ServiceUnavailable } from '../../services/service-cache.ts'
import { obtainZookeeperClient } from '../../services/zookeeper-client.ts'

export interface Stat {
  /** Transaction that made the node; transactions are numbered upward over the whole server. */
  readonly czxid: number
  /** Transaction that last changed its data. */
  readonly mzxid: number
  readonly dataLength: number
  /** Counts changes of the data since the node was made; begins with 0, also when a node is made again. */
  readonly version: number
  readonly createdInThisSession: boolean
}

/** Answers of a call: the code, its English name, and what was asked for. */
type Completion<Rest extends readonly unknown[]> = (code: number, name: string, ...rest: Rest) => void

interface HandleOptions {
  readonly connect: string
  readonly timeout: number
  readonly debug_level: number
  /** Reads in a row that complete no answer, after which the client takes its session for expired. 10 if it is not said. */
  readonly response_counter_limit: number
  /** Those of another handle: goes on with its session. */
  readonly client_id?: string
  readonly client_password?: string
}

/** A connection to one of the servers, with a session. Calls answer 0 when they were taken; the completion comes once, also when the handle is closed. */
export interface NativeHandle {
  /** Called by the client: `connect`, `connecting`, `close` with a code; `created`, `deleted`, `changed` and `child` with a path. */
  emit: (event: string, handle: unknown, detail: unknown) => void
  /** Milliseconds, as agreed with the server. */
  readonly timeout: number
  readonly client_id: string
  readonly client_password: string
  /** 0 before `init` and after `close`. */
  readonly state: number
  /** Answers an Error when no handle could be made, for example for a host that has no address. */
  init(options: HandleOptions): unknown
  close(): unknown
  add_auth(scheme: string, auth: string, done: Completion<[]>): number
  a_create(path: string, data: Uint8Array, flags: number, done: Completion<[path: string]>): number
  a_exists(path: string, watch: boolean, done: Completion<[stat: Stat | null]>): number
  a_get(path: string, watch: boolean, done: Completion<[stat: Stat | null, data: Uint8Array | null]>): number
  a_get_children(path: string, watch: boolean, done: Completion<[names: readonly string[] | null]>): number
  a_set(path: string, data: Uint8Array, version: number, done: Completion<[stat: Stat | null]>): number
  a_delete_(path: string, version: number, done: Completion<[]>): number
}

export type NativeClient = new () => NativeHandle

export const flags = { persistent: 0, ephemeral: 1 } as const

export const codes = {
  ok: 0,
  badArguments: -8,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  authFailed: -113,
  /** Ours: the call was given up; the client never says it. */
  gaveUp: -1_000,
} as const

/** Loads the client, after compiling it if this machine has not done so yet; rejects with a DependencyError that says what is missing. */
export async function loadNativeClient(compiling?: (what: string) => void): Promise<NativeClient> {
  try {
    const { path } = await obtainZookeeperClient(compiling)
    const loaded: unknown = createRequire(import.meta.url)(path)
    if (isClientModule(loaded)) return loaded.ZooKeeper
    throw new ServiceUnavailable("ZooKeeper's client", `${path} is not it`, 'remove that folder, and start again')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const remedy = 'ZooKeeper is needed by the distributed engine only: without it use the embedded engine'
    throw new DependencyError('ZooKeeper', `its client cannot be loaded: ${why}`, remedy, {
      cause: error,
      lasting: true,
    })
  }
}

// What the binding offers is fixed by the version in package-lock.json, so its presence is all that needs a look.
function isClientModule(loaded: unknown): loaded is { readonly ZooKeeper: NativeClient } {
  return (
    typeof loaded === 'object' && loaded !== null && 'ZooKeeper' in loaded && typeof loaded.ZooKeeper === 'function'
  )
}
