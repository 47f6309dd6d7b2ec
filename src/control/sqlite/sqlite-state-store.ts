// The state store on SQLite, for one process: values are flushed before they are answered; watches, ephemeral values and leases live in this
// process, which is the only one; lease epochs are stored, so that they grow over restarts.
import type { SqliteEngine } from '../../metadata/sqlite/engine.ts'
import type { Lease, SetResult, StateStore, StateValue } from '../state-store.ts'

/** Opens the store over an open engine; closing it ends leases and ephemeral values and leaves the engine open. */
export function openStateStore(engine: SqliteEngine): StateStore {
  return new SqliteStateStore(engine)
}

interface Watch {
  readonly path: string
  readonly changed: () => void
  called: boolean
}

class SqliteStateStore implements StateStore {
  readonly #engine: SqliteEngine
  readonly #watches = new Set<Watch>()
  readonly #ephemerals = new Map<string, StateValue>()
  readonly #leases = new Map<string, AbortController>()
  #closed = false

  constructor(engine: SqliteEngine) {
    this.#engine = engine
  }

  async get(path: string): Promise<StateValue | null> {
    const ephemeral = this.#ephemerals.get(path)
    if (ephemeral !== undefined) return ephemeral
    const row = this.#engine.reader.get<{ value: string; version: number }>(
      'SELECT value, version FROM state WHERE path = ? AND value IS NOT NULL',
      path,
    )
    return row === undefined ? null : { value: row.value, version: row.version }
  }

  set(path: string, value: string, expectedVersion: number): Promise<SetResult> {
    return this.#change(path, value, expectedVersion)
  }

  async delete(path: string, expectedVersion: number): Promise<SetResult> {
    const ephemeral = this.#ephemerals.get(path)
    if (ephemeral === undefined) return this.#change(path, null, expectedVersion)
    if (ephemeral.version !== expectedVersion) return { ok: false, current: ephemeral }
    this.#ephemerals.delete(path)
    this.#notify(path)
    return { ok: true, version: 0 }
  }

  async #change(path: string, value: string | null, expectedVersion: number): Promise<SetResult> {
    const result = await this.#engine.submit('client', 'set-state', { path, value, expectedVersion })
    if (result.ok) this.#notify(path)
    return result
  }

  async children(path: string): Promise<readonly string[]> {
    const below = path.endsWith('/') ? path : `${path}/`
    const stored = this.#engine.reader.all<{ path: string }>(
      'SELECT path FROM state WHERE path >= ? AND path < CAST(? AS TEXT) AND value IS NOT NULL',
      below,
      Buffer.concat([Buffer.from(below, 'utf8'), Buffer.of(0xff)]),
    )
    const paths = [...stored.map(row => row.path), ...this.#ephemerals.keys()]
    const names = paths
      .filter(found => found.startsWith(below))
      .map(found => found.slice(below.length).replace(/\/.*$/s, ''))
    return [...new Set(names.filter(name => name !== ''))].sort()
  }

  watch(path: string, changed: () => void): () => void {
    const watch: Watch = { path, changed, called: false }
    this.#watches.add(watch)
    return () => this.#watches.delete(watch)
  }

  #notify(path: string): void {
    for (const watch of this.#watches) {
      const below = watch.path.endsWith('/') ? watch.path : `${watch.path}/`
      if ((path !== watch.path && !path.startsWith(below)) || watch.called) continue
      // Called later, so that several changes of one turn are one call, and never from within the caller that changes.
      watch.called = true
      this.#engine.world.timers.immediate(() => {
        watch.called = false
        if (this.#watches.has(watch)) watch.changed()
      })
    }
  }

  async setEphemeral(path: string, value: string): Promise<void> {
    if (this.#closed) throw new Error('the state store is closed')
    this.#ephemerals.set(path, { value, version: (this.#ephemerals.get(path)?.version ?? 0) + 1 })
    this.#notify(path)
  }

  async lease(path: string, _owner: string): Promise<Lease | null> {
    if (this.#closed || this.#leases.has(path)) return null
    const controller = new AbortController()
    this.#leases.set(path, controller)
    try {
      const epoch = await this.#engine.submit('client', 'next-lease-epoch', { path })
      const release = async (): Promise<void> => {
        if (this.#leases.get(path) === controller) this.#leases.delete(path)
      }
      return { epoch, lost: controller.signal, release }
    } catch (error) {
      this.#leases.delete(path)
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watches.clear()
    this.#ephemerals.clear()
    for (const controller of this.#leases.values()) controller.abort(new Error('the state store is closed'))
    this.#leases.clear()
  }
}
