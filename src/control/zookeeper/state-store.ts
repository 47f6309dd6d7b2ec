// Adapter of StateStore on ZooKeeper: paths and values as Backbeat has them, so that its tools read ours and we read its. Values are
// compare-and-set by the number of their last transaction; reports and leases are ephemeral nodes of one session, which is renewed for as long
// as the store is open. A call waits for a connection for a bounded time and then rejects with a ZookeeperError.
import { controlEvents } from '../../base/channels.ts'
import { DependencyError, type DependencyHealth } from '../../base/dependency.ts'
import type { Secret } from '../../base/secret.ts'
import type { World } from '../../base/world.ts'
import type { Lease, SetResult, StateStore, StateValue } from '../state-store.ts'
import { Connection } from './connection.ts'
import { Ephemerals } from './ephemerals.ts'
import { loadNativeClient } from './native.ts'
import { Nodes } from './nodes.ts'
import { deleteValue, setValue, storedValue } from './values.ts'
import { Watches } from './watches.ts'
import { ZookeeperError } from './zookeeper-error.ts'

export interface ZookeeperStateStoreOptions {
  /** `host:port,host:port/folder`; the folder is made if it is not there. */
  readonly connectionString: string
  /** What belongs to this process vanishes this long after it; the server may agree to more or less. */
  readonly sessionTimeoutMs: number
  /** `digest` with `user:password`, for servers whose nodes have access lists. */
  readonly auth?: { readonly scheme: string; readonly credentials: Secret }
  readonly world: World
  /** How long a call waits for a connection and an answer. */
  readonly callTimeoutMs?: number
  /** How long opening waits for the first connection. */
  readonly openTimeoutMs?: number
  /** Told when the client has to be compiled first. */
  readonly compiling?: (what: string) => void
}

export type ZookeeperStateStore = StateStore & { health(): Promise<DependencyHealth> }

const callTimeoutMsDefault = 10_000
const openTimeoutMsDefault = 15_000
const sessionTimeoutMs = { least: 1_000, most: 300_000 }

/** Connects; rejects with a DependencyError when that is not possible, with what to do about it. */
export async function openZookeeperStateStore(options: ZookeeperStateStoreOptions): Promise<ZookeeperStateStore> {
  const address = addressOf(options)
  const client = await loadNativeClient(options.compiling)
  const store = new ZookeeperStore(options, address, client)
  try {
    await store.open()
    return store
  } catch (error) {
    await store.close()
    throw dependencyError(error, address.servers, store.authRefused)
  }
}

interface Address {
  readonly servers: string
  readonly root: string
}

function addressOf(options: ZookeeperStateStoreOptions): Address {
  const { connectionString, sessionTimeoutMs: timeoutMs } = options
  const [, servers, root = ''] = /^([^/\s]+)(\/\S*)?$/.exec(connectionString.trim()) ?? []
  const isList = servers?.split(',').every(server => /^(\[[\da-fA-F:]+\]|[^:\s]+):\d{1,5}$/.test(server))
  if (servers === undefined || !isList || root.includes('//')) {
    const remedy =
      'Write host:port, several with commas between them, and a folder behind the last: zk1:2181,zk2:2181/backbeat'
    throw new DependencyError('ZooKeeper', `"${connectionString}" is no address`, remedy, { lasting: true })
  }
  const { least, most } = sessionTimeoutMs
  if (!(timeoutMs >= least && timeoutMs <= most)) {
    throw new DependencyError('ZooKeeper', `a session time-out of ${timeoutMs} ms`, `Choose ${least} to ${most}.`, {
      lasting: true,
    })
  }
  return { servers, root: root.replace(/\/+$/, '') }
}

function dependencyError(error: unknown, servers: string, authRefused: boolean): unknown {
  if (!(error instanceof ZookeeperError)) return error
  if (authRefused || error.code === 'refused') {
    const remedy = 'Check the scheme and the credentials, and the access list of the folder in the connection string'
    return new DependencyError('ZooKeeper', error.problem, remedy, { cause: error })
  }
  const remedy = `Check that ZooKeeper 3.5 or newer runs at ${servers} and that nothing between here and there blocks the port`
  return new DependencyError('ZooKeeper', error.problem, remedy, { cause: error })
}

class ZookeeperStore implements ZookeeperStateStore {
  readonly #connection: Connection
  readonly #nodes: Nodes
  readonly #watches: Watches
  readonly #ephemerals: Ephemerals
  #closed = false
  readonly #world: World
  readonly #callTimeoutMs: number
  readonly #openTimeoutMs: number
  readonly #servers: string

  constructor(
    options: ZookeeperStateStoreOptions,
    address: Address,
    client: Awaited<ReturnType<typeof loadNativeClient>>,
  ) {
    const { world, auth } = options
    this.#world = world
    this.#servers = address.servers
    this.#callTimeoutMs = options.callTimeoutMs ?? callTimeoutMsDefault
    this.#openTimeoutMs = options.openTimeoutMs ?? openTimeoutMsDefault
    const { sessionTimeoutMs: timeoutMs } = options
    this.#connection = new Connection(
      { client, servers: address.servers, sessionTimeoutMs: timeoutMs, world, ...(auth === undefined ? {} : { auth }) },
      {
        connected: () => this.#onConnected(),
        changed: path => this.#onChanged(path),
        ended: why => this.#onSessionEnded(why),
      },
    )
    this.#nodes = new Nodes(this.#connection, address.root)
    this.#watches = new Watches(this.#nodes, world, this.#callTimeoutMs)
    const { connection, nodes, callTimeoutMs } = {
      connection: this.#connection,
      nodes: this.#nodes,
      callTimeoutMs: this.#callTimeoutMs,
    }
    this.#ephemerals = new Ephemerals({ connection, nodes, world, callTimeoutMs })
  }

  get authRefused(): boolean {
    return this.#connection.authRefused
  }

  async open(): Promise<void> {
    this.#connection.open()
    await this.#nodes.makeRoot(this.#world.clock.monotonic() + this.#openTimeoutMs)
    await this.#nodes.stat('/', false, this.#world.clock.monotonic() + this.#callTimeoutMs)
  }

  #onConnected(): void {
    this.#watches.lookAgain()
    void this.#ephemerals.restore()
  }

  #onChanged(path: string): void {
    const own = this.#nodes.ownPath(path)
    if (own !== null) this.#watches.pathChanged(own)
  }

  #onSessionEnded(why: Error): void {
    this.#ephemerals.sessionEnded(why)
    if (this.#closed) return
    controlEvents.publish({ kind: 'failed', what: 'keeping the session with ZooKeeper', error: why })
  }

  /** The end of the time that a call may take; by then every watch that was asked for before it is in place. */
  async #begin(): Promise<number> {
    const deadline = this.#world.clock.monotonic() + this.#callTimeoutMs
    await this.#watches.inPlace(deadline)
    return deadline
  }

  async get(path: string): Promise<StateValue | null> {
    return storedValue(await this.#nodes.get(path, await this.#begin()))
  }

  async set(path: string, value: string, expectedVersion: number): Promise<SetResult> {
    return setValue(this.#nodes, path, value, expectedVersion, await this.#begin())
  }

  async delete(path: string, expectedVersion: number): Promise<SetResult> {
    const deadline = await this.#begin()
    if (!this.#ephemerals.has(path)) return deleteValue(this.#nodes, path, expectedVersion, deadline)
    try {
      const result = await deleteValue(this.#nodes, path, expectedVersion, deadline)
      if (result.ok) this.#ephemerals.forget(path, true)
      return result
    } catch (error) {
      // The caller has done with it: it must not come back with the connection.
      this.#ephemerals.forget(path, false)
      throw error
    }
  }

  async children(path: string): Promise<readonly string[]> {
    const names = await this.#nodes.children(path, false, await this.#begin())
    return [...names].sort()
  }

  watch(path: string, changed: () => void): () => void {
    return this.#watches.add(path, changed)
  }

  async setEphemeral(path: string, value: string): Promise<void> {
    await this.#begin()
    await this.#ephemerals.set(path, value)
  }

  async lease(path: string, owner: string): Promise<Lease | null> {
    await this.#begin()
    return this.#ephemerals.lease(path, owner)
  }

  async health(): Promise<DependencyHealth> {
    const { problem } = this.#connection
    if (problem === null) return { name: 'ZooKeeper', ok: true }
    const remedy = `States cannot be read or changed until it is back; check ZooKeeper at ${this.#servers}`
    return { name: 'ZooKeeper', ok: false, problem: `${problem}. ${remedy}` }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#watches.stopAll()
    this.#ephemerals.close()
    await this.#connection.close()
  }
}
