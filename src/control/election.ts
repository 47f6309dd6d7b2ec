// Work that one process of many does: whoever holds a lease of the state store. The others stand by and take it over when its holder ends or
// loses its session. Fencing is the work's own business: a holder that was frozen learns of its loss late.
import { controlEvents } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import type { Lease, StateStore } from './state-store.ts'

/** Work that has begun; `close` ends it in good order. */
export interface ElectedWork {
  close(): Promise<void>
}

export interface ElectionOptions {
  readonly stateStore: Pick<StateStore, 'lease' | 'watch'>
  /** Path of the lease. */
  readonly path: string
  /** Names this process to whoever reads the lease. */
  readonly owner: string
  readonly world: World
  /** What it is about, for the log. */
  readonly what: string
  /** Begins the work. `resign` gives the lease back: another has taken over. */
  readonly begin: (lease: Lease, resign: () => void) => Promise<ElectedWork>
  /** Longest time between two tries to get the lease, and after a failure. */
  readonly retryMs?: number
}

export interface Election {
  /** Resolves after the first try: the work has begun, or another has the lease. Failures are told and tried again. */
  start(): Promise<void>
  /** Ends the work and gives the lease back. */
  close(): Promise<void>
  readonly state: 'elected' | 'standby'
}

const retryMsDefault = 2_000

export function createElection(options: ElectionOptions): Election {
  return new LeaseElection(options)
}

class LeaseElection implements Election {
  readonly #options: ElectionOptions
  #held: { readonly lease: Lease; readonly work: ElectedWork } | null = null
  /** Steps run one after another: tries, resignations, the close. */
  #steps: Promise<void> = Promise.resolve()
  #timer: Timer | null = null
  #unwatch: () => void = () => {}
  #closed = false

  constructor(options: ElectionOptions) {
    this.#options = options
  }

  get state(): 'elected' | 'standby' {
    return this.#held === null ? 'standby' : 'elected'
  }

  start(): Promise<void> {
    const { stateStore, path } = this.#options
    this.#unwatch = stateStore.watch(path, () => void this.#step(() => this.#try()))
    return this.#step(() => this.#try())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unwatch()
    this.#timer?.cancel()
    await this.#step(() => this.#stepDown())
  }

  #step(run: () => Promise<void>): Promise<void> {
    this.#steps = this.#steps.then(run).catch(error => {
      controlEvents.publish({ kind: 'failed', what: `election of ${this.#options.what}`, error })
      this.#retryLater()
    })
    return this.#steps
  }

  async #try(): Promise<void> {
    if (this.#closed || this.#held !== null) return
    const { stateStore, path, owner, begin } = this.#options
    const lease = await stateStore.lease(path, owner)
    if (lease === null) return this.#retryLater()
    let isOver = false
    const over = (): void => {
      if (isOver) return
      isOver = true
      void this.#step(async () => {
        if (this.#held?.lease !== lease) return
        await this.#stepDown()
        this.#retryLater()
      })
    }
    try {
      this.#held = { lease, work: await begin(lease, over) }
    } catch (error) {
      await lease.release()
      throw error
    }
    if (lease.lost.aborted) over()
    else lease.lost.addEventListener('abort', over, { once: true })
  }

  async #stepDown(): Promise<void> {
    const held = this.#held
    if (held === null) return
    this.#held = null
    try {
      await held.work.close()
    } finally {
      await held.lease.release()
    }
  }

  #retryLater(): void {
    if (this.#closed) return
    this.#timer?.cancel()
    const { world, retryMs } = this.#options
    const run = (): void => void this.#step(() => this.#try())
    this.#timer = world.timers.after(retryMs ?? retryMsDefault, run, { background: true })
  }
}
