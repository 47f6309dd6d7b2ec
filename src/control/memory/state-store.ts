// Adapter of StateStore in memory, for tests and simulations: several sessions may share one store, as processes share a server. Nothing
// survives the process.
import type { Timers } from '../../base/world.ts'
import type { Lease, SetResult, StateStore, StateValue } from '../state-store.ts'

interface Entry {
  value: string
  version: number
  /** The session it disappears with; null for durable values. */
  session: object | null
}

/** The common memory behind the sessions. */
export class SharedState {
  readonly #timers: Timers
  readonly #entries = new Map<string, Entry>()
  readonly #watchers = new Set<{ readonly path: string; readonly changed: () => void }>()
  readonly #leases = new Map<string, { session: object | null; epoch: number; lost: AbortController }>()
  // Versions never repeat on a path, even after a deletion.
  #lastVersion = 0

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Connects: what belongs to the session disappears when it closes. */
  session(): StateStore {
    const session = {}
    return {
      get: async path => this.#get(path),
      set: async (path, value, expected) =>
        this.#change(path, expected, version => ({ value, version, session: null })),
      delete: async (path, expected) => this.#change(path, expected, () => null),
      children: async path => this.#children(path),
      watch: (path, changed) => this.#watch(path, changed),
      setEphemeral: async (path, value) => {
        this.#change(path, this.#entries.get(path)?.version ?? 0, version => ({ value, version, session }))
      },
      lease: async path => this.#lease(path, session),
      close: async () => this.#closeSession(session),
    }
  }

  #get(path: string): StateValue | null {
    const entry = this.#entries.get(path)
    return entry === undefined ? null : { value: entry.value, version: entry.version }
  }

  #change(path: string, expected: number, make: (version: number) => Entry | null): SetResult {
    const current = this.#get(path)
    if ((current?.version ?? 0) !== expected) return { ok: false, current }
    this.#lastVersion += 1
    const entry = make(this.#lastVersion)
    if (entry === null) this.#entries.delete(path)
    else this.#entries.set(path, entry)
    this.#tell(path)
    return { ok: true, version: entry?.version ?? 0 }
  }

  #children(path: string): readonly string[] {
    const below = `${path}/`
    const names = [...this.#entries.keys()].filter(name => name.startsWith(below))
    return [...new Set(names.map(name => name.slice(below.length).split('/', 1)[0] ?? ''))].sort()
  }

  #watch(path: string, changed: () => void): () => void {
    const watcher = { path, changed }
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  #tell(path: string): void {
    for (const watcher of this.#watchers) {
      if (path !== watcher.path && !path.startsWith(`${watcher.path}/`)) continue
      this.#timers.immediate(() => {
        if (this.#watchers.has(watcher)) watcher.changed()
      })
    }
  }

  #lease(path: string, session: object): Lease | null {
    const held = this.#leases.get(path)
    if (held !== undefined && held.session !== null) return null
    const epoch = (held?.epoch ?? 0) + 1
    const lost = new AbortController()
    this.#leases.set(path, { session, epoch, lost })
    const release = async (): Promise<void> => {
      const current = this.#leases.get(path)
      if (current?.epoch === epoch) current.session = null
    }
    return { epoch, lost: lost.signal, release }
  }

  #closeSession(session: object): void {
    for (const lease of this.#leases.values()) {
      if (lease.session !== session) continue
      lease.session = null
      lease.lost.abort()
    }
    for (const [path, entry] of this.#entries) {
      if (entry.session !== session) continue
      this.#entries.delete(path)
      this.#tell(path)
    }
  }
}
