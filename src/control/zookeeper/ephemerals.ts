// Nodes that vanish with the session: values that this process keeps alive (made again in each new session until they are taken back), and
// leases (gone for good with their session). What could not be deleted because no server was there is deleted when one is back: a session
// that outlives a disconnection would keep it alive.
import { controlEvents } from '../../base/channels.ts'
import type { World } from '../../base/world.ts'
import type { Lease } from '../state-store.ts'
import type { Connection, Session } from './connection.ts'
import type { Nodes } from './nodes.ts'
import { ZookeeperError } from './zookeeper-error.ts'

export interface EphemeralsOptions {
  readonly connection: Connection
  readonly nodes: Nodes
  readonly world: World
  readonly callTimeoutMs: number
}

const retryMs = 1_000

interface HeldLease {
  readonly session: Session
  readonly lost: AbortController
}

export class Ephemerals {
  readonly #options: EphemeralsOptions
  /** What should be there while this process lives. */
  readonly #values = new Map<string, string>()
  /** The last write to a path: writes to one path go one after the other. */
  readonly #writes = new Map<string, Promise<void>>()
  readonly #leases = new Map<string, HeldLease>()
  /** Nodes of ours that nobody wants any more, with the text by which we know them; null for any. */
  readonly #unwanted = new Map<string, string | null>()
  #retrying = false
  #closed = false

  constructor(options: EphemeralsOptions) {
    this.#options = options
  }

  #deadline(): number {
    return this.#options.world.clock.monotonic() + this.#options.callTimeoutMs
  }

  set(path: string, text: string): Promise<void> {
    this.#values.set(path, text)
    this.#unwanted.delete(path)
    return this.#write(path)
  }

  has(path: string): boolean {
    return this.#values.has(path)
  }

  /** From now on the value is not made again. `deleted` says whether its node is gone. */
  forget(path: string, deleted: boolean): void {
    this.#values.delete(path)
    if (!deleted) this.#unwanted.set(path, null)
  }

  /** To be called after each connection: brings the server in step with what should be there. */
  async restore(): Promise<void> {
    try {
      for (const [path, text] of this.#unwanted) await this.#removeOurs(path, text)
      for (const path of this.#values.keys()) await this.#write(path)
    } catch (error) {
      if (this.#closed || this.#retrying) return
      if (!(error instanceof ZookeeperError && error.code === 'unavailable')) {
        controlEvents.publish({ kind: 'failed', what: 'storing what this process reports', error })
      }
      this.#retrying = true
      const again = (): void => {
        this.#retrying = false
        void this.restore()
      }
      this.#options.world.timers.after(retryMs, again, { background: true })
    }
  }

  async lease(path: string, owner: string): Promise<Lease | null> {
    const { connection, nodes, world } = this.#options
    const text = JSON.stringify({ owner, id: world.random.uuid() })
    const deadline = this.#deadline()
    try {
      for (;;) {
        const outcome = await nodes.create(path, text, deadline, 'ephemeral')
        const node = await nodes.get(path, deadline)
        const session = connection.session
        if (node === null || session === null) continue
        const ours = node.text === text && node.stat.createdInThisSession
        if (ours && !session.ended) return this.#held(path, text, node.stat.czxid, session)
        // Ours of a session that has ended goes by itself; after an unknown outcome the node may still come into being.
        if (outcome !== 'unknown') return null
        if (node.text !== text) return null
      }
    } catch (error) {
      this.#unwanted.set(path, text)
      throw error
    }
  }

  #held(path: string, text: string, epoch: number, session: Session): Lease {
    const { connection } = this.#options
    const lost = new AbortController()
    const held: HeldLease = { session, lost }
    this.#leases.set(text, held)
    return {
      epoch,
      // Looked at by the clock, not only by a timer: after a pause of the whole process the timer may come too late.
      get lost() {
        if (connection.session !== session)
          lost.abort(new ZookeeperError('unavailable', 'the session of the lease is over'))
        return lost.signal
      },
      release: async () => {
        if (this.#leases.get(text) !== held) return
        this.#leases.delete(text)
        await this.#release(path, text)
      },
    }
  }

  async #release(path: string, text: string): Promise<void> {
    try {
      await this.#removeOurs(path, text)
    } catch {
      this.#unwanted.set(path, text)
    }
  }

  /** The session is over, and with it every lease. */
  sessionEnded(why: Error): void {
    for (const held of this.#leases.values()) held.lost.abort(why)
    this.#leases.clear()
  }

  close(): void {
    this.#closed = true
    this.#values.clear()
    this.#unwanted.clear()
  }

  #write(path: string): Promise<void> {
    const before = this.#writes.get(path) ?? Promise.resolve()
    const write = before.then(() => this.#writeOnce(path))
    const settled = write.catch(() => undefined)
    this.#writes.set(path, settled)
    void settled.then(() => {
      if (this.#writes.get(path) === settled) this.#writes.delete(path)
    })
    return write
  }

  async #writeOnce(path: string): Promise<void> {
    const { nodes } = this.#options
    const deadline = this.#deadline()
    for (;;) {
      const text = this.#values.get(path)
      if (text === undefined) return
      const node = await nodes.get(path, deadline)
      if (node === null) {
        if ((await nodes.create(path, text, deadline, 'ephemeral')) === 'done') return
      } else if (!node.stat.createdInThisSession) {
        // Left by a session of ours that is over, or by another process: it would vanish with that one.
        const outcome = await nodes.remove(path, node.stat.version, deadline)
        if (outcome === 'not-empty') throw new ZookeeperError('invalid', `${path} is a folder with something in it`)
      } else if (node.text === text) return
      else if ((await nodes.write(path, text, node.stat.version, deadline)).outcome === 'done') return
    }
  }

  async #removeOurs(path: string, text: string | null): Promise<void> {
    const { nodes } = this.#options
    const deadline = this.#deadline()
    for (;;) {
      const node = await nodes.get(path, deadline)
      const ours = node?.stat.createdInThisSession === true && (text === null || node.text === text)
      if (node === null || !ours) break
      if ((await nodes.remove(path, node.stat.version, deadline)) === 'done') break
    }
    if (this.#unwanted.get(path) === text) this.#unwanted.delete(path)
  }
}
