// How regularly the database hears of this process. Others free the claims of a process that was silent for long, so a process that was silent
// itself, or cannot know, does not rely on its claims any more; and one that was cut off itself judges nobody.
import type { Clock } from '../../base/world.ts'

/** Others free the claims of a process that was not heard of for so long, by the database's clock. */
export const silentMs = 20_000
/** A process stops relying on its claims before others can take them; what is under way then has the rest of the time to be aborted. */
const quietMs = 15_000
/** With so many beats in a row everybody else had the time for his own, so silence is not the database's. */
const steadyBeats = 5

export class Pulse {
  readonly #clock: Pick<Clock, 'monotonic'>
  #last: number
  #since: number
  #inARow = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#last = clock.monotonic()
    this.#since = this.#last
  }

  /** A beat has been answered that was asked for then (monotonic). */
  heard(askedAt: number): void {
    const now = this.#clock.monotonic()
    if (now - this.#last >= quietMs) {
      this.#since = now
      this.#inARow = 0
    }
    this.#last = askedAt
    this.#inARow += 1
  }

  /** Since when (monotonic) there was no gap; null: there is one now. */
  get since(): number | null {
    return this.#clock.monotonic() - this.#last >= quietMs ? null : this.#since
  }

  /** Whether the silence of others can be told from a database that was away. */
  get isSteady(): boolean {
    return this.#inARow >= steadyBeats
  }
}
