// Group commit: puts that arrive together share a transaction and its flush. While a lane is free a put goes at once; under load each lane's next
// transaction takes what has gathered. Lanes are as many as the connections that may write at once.
import type { Timers } from '../../base/world.ts'
import { CrowdedError, isRefusal } from './failures.ts'

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

export interface PutLanesOptions<Item, Answer> {
  readonly timers: Timers
  readonly lanes: number
  readonly batchMax: number
  /** Puts that wait at most; more are refused. */
  readonly waitingMax: number
  /** All of them or none; answers in their order. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Answer[]>
}

export class PutLanes<Item, Answer> {
  readonly #options: PutLanesOptions<Item, Answer>
  #waiting: Waiting<Item, Answer>[] = []
  #busy = 0
  #scheduled = false
  #idle: (() => void)[] = []

  constructor(options: PutLanesOptions<Item, Answer>) {
    this.#options = options
  }

  /** Resolves when it is committed. */
  add(item: Item): Promise<Answer> {
    const { length } = this.#waiting
    if (length >= this.#options.waitingMax) return Promise.reject(new CrowdedError(`${length} puts wait already`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#schedule()
    })
  }

  /** Resolves when nothing waits or is under way. */
  settle(): Promise<void> {
    if (this.#busy === 0 && this.#waiting.length === 0) return Promise.resolve()
    return new Promise(resolve => this.#idle.push(resolve))
  }

  #schedule(): void {
    if (this.#scheduled || this.#busy >= this.#options.lanes) return
    this.#scheduled = true
    this.#options.timers.immediate(() => {
      this.#scheduled = false
      this.#fill()
    })
  }

  #fill(): void {
    const { lanes, batchMax } = this.#options
    while (this.#busy < lanes && this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchMax)
      this.#busy += 1
      void this.#run(batch)
    }
  }

  async #run(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      await this.#commit(batch)
    } catch (error) {
      // Only the server's own word says that none has been carried out; sent again, others might be stored twice.
      if (batch.length === 1 || !isRefusal(error)) for (const waiting of batch) waiting.reject(error)
      // One of them cannot be carried out: each is tried on its own.
      else for (const waiting of batch) await this.#commit([waiting]).catch(waiting.reject)
    }
    this.#busy -= 1
    this.#fill()
    if (this.#busy > 0 || this.#waiting.length > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #commit(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    const answers = await this.#options.commit(batch.map(waiting => waiting.item))
    batch.forEach((waiting, index) => {
      const answer = answers[index]
      if (answer === undefined) waiting.reject(new Error('a put was not answered'))
      else waiting.resolve(answer)
    })
  }
}
