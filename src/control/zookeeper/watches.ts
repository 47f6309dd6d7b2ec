// Watches on whole trees, made of ZooKeeper's watches, which fire once for one node. Guarantees: whatever changed at or below a path after
// `watch` was called is told, also when it changed while we were disconnected or between two sessions; nothing is told when nothing changed.
// For that each watch keeps what it last saw, and looks at the whole tree again after each event and each connection.
import { controlEvents } from '../../base/channels.ts'
import type { World } from '../../base/world.ts'
import type { Nodes } from './nodes.ts'
import { ZookeeperError } from './zookeeper-error.ts'

const retryMs = 500

/** Versions of the values of a tree by path. */
type Seen = ReadonlyMap<string, number>

class TreeWatch {
  readonly path: string
  readonly #changed: () => void
  readonly #nodes: Nodes
  readonly #world: World
  readonly #lookWithinMs: number
  readonly #firstLook = Promise.withResolvers<void>()
  #seen: Seen | null = null
  #looking = false
  #wanted = false
  #stopped = false

  constructor(path: string, changed: () => void, nodes: Nodes, world: World, lookWithinMs: number) {
    this.path = path
    this.#changed = changed
    this.#nodes = nodes
    this.#world = world
    this.#lookWithinMs = lookWithinMs
  }

  /** Resolves when the watch is in place; later changes are told. */
  get inPlace(): Promise<void> {
    return this.#firstLook.promise
  }

  stop(): void {
    this.#stopped = true
    this.#firstLook.resolve()
  }

  look(): void {
    this.#wanted = true
    if (this.#looking || this.#stopped) return
    this.#looking = true
    void this.#lookWhileWanted()
  }

  async #lookWhileWanted(): Promise<void> {
    while (this.#wanted && !this.#stopped) {
      this.#wanted = false
      try {
        await this.#lookOnce()
      } catch (error) {
        this.#afterFailure(error)
        break
      }
    }
    this.#looking = false
  }

  // Without a connection the next one asks for another look; anything else is told and tried again.
  #afterFailure(error: unknown): void {
    if (this.#stopped || (error instanceof ZookeeperError && error.code === 'closed')) return
    if (!(error instanceof ZookeeperError && error.code === 'unavailable')) {
      controlEvents.publish({ kind: 'failed', what: `watching ${this.path}`, error })
    }
    this.#world.timers.after(retryMs, () => this.look(), { background: true })
  }

  async #lookOnce(): Promise<void> {
    const deadline = this.#world.clock.monotonic() + this.#lookWithinMs
    const seen = new Map<string, number>()
    await this.#collect(this.path, seen, deadline)
    const before = this.#seen
    this.#seen = seen
    this.#firstLook.resolve()
    if (before !== null && !isSame(before, seen) && !this.#stopped) this.#changed()
  }

  async #collect(path: string, seen: Map<string, number>, deadline: number): Promise<void> {
    // Asked for in one turn: the server then looks at both before whatever we ask it next.
    const [stat, names] = await Promise.all([
      this.#nodes.stat(path, true, deadline),
      this.#nodes.children(path, true, deadline),
    ])
    // A node without data is a folder: its coming and going is no change of a value.
    if (stat !== null && stat.dataLength > 0) seen.set(path, stat.mzxid)
    const below = path === '/' ? '' : path
    await Promise.all(names.map(name => this.#collect(`${below}/${name}`, seen, deadline)))
  }
}

export class Watches {
  readonly #watches = new Set<TreeWatch>()
  readonly #pending = new Set<Promise<void>>()
  readonly #nodes: Nodes
  readonly #world: World
  readonly #lookWithinMs: number

  constructor(nodes: Nodes, world: World, lookWithinMs: number) {
    this.#nodes = nodes
    this.#world = world
    this.#lookWithinMs = lookWithinMs
  }

  add(path: string, changed: () => void): () => void {
    const watch = new TreeWatch(path, changed, this.#nodes, this.#world, this.#lookWithinMs)
    this.#watches.add(watch)
    this.#pending.add(watch.inPlace)
    void watch.inPlace.then(() => this.#pending.delete(watch.inPlace))
    watch.look()
    return () => {
      watch.stop()
      this.#watches.delete(watch)
    }
  }

  /** Resolves when every watch is in place: what is read after that is not older than what will be told. */
  async inPlace(deadline: number): Promise<void> {
    if (this.#pending.size === 0) return
    const { clock, timers } = this.#world
    const late = Promise.withResolvers<void>()
    const timer = timers.after(Math.max(0, deadline - clock.monotonic()), () => late.resolve())
    await Promise.race([late.promise, Promise.all(this.#pending)])
    timer.cancel()
  }

  /** A watched node at `path` has changed. */
  pathChanged(path: string): void {
    for (const watch of this.#watches) {
      if (path === watch.path || watch.path === '/' || path.startsWith(`${watch.path}/`)) watch.look()
    }
  }

  /** A connection was made: changes may have gone by. */
  lookAgain(): void {
    for (const watch of this.#watches) watch.look()
  }

  stopAll(): void {
    for (const watch of this.#watches) watch.stop()
    this.#watches.clear()
  }
}

function isSame(before: Seen, after: Seen): boolean {
  if (before.size !== after.size) return false
  for (const [path, version] of after) if (before.get(path) !== version) return false
  return true
}
