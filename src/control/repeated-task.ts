// A task that is asked for often and runs once at a time: a request while it runs makes it run once more afterwards, so that the last run
// always began after the last request. It also runs by itself after a pause that it names. Errors go to `failed`, never to the caller.
import type { Timer, Timers } from '../base/world.ts'

export interface RepeatedTaskOptions {
  readonly timers: Timers
  /** Does the work; answers after how many milliseconds to do it again. */
  readonly run: () => Promise<number>
  readonly failed: (error: unknown) => void
  /** Delay after a failure. */
  readonly retryMs: number
}

export class RepeatedTask {
  readonly #options: RepeatedTaskOptions
  #timer: Timer | null = null
  #running: Promise<void> | null = null
  #requested = false
  #closed = false

  constructor(options: RepeatedTaskOptions) {
    this.#options = options
  }

  /** Resolves when a run that began after this call has ended. */
  request(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#requested = true
    this.#running ??= this.#loop()
    return this.#running
  }

  /** Starts nothing any more, and waits for the run under way. */
  async close(): Promise<void> {
    this.#closed = true
    this.#requested = false
    this.#timer?.cancel()
    await this.#running
  }

  async #loop(): Promise<void> {
    let delayMs = this.#options.retryMs
    while (this.#requested) {
      this.#requested = false
      this.#timer?.cancel()
      try {
        delayMs = await this.#options.run()
      } catch (error) {
        delayMs = this.#options.retryMs
        this.#options.failed(error)
      }
    }
    this.#running = null
    if (this.#closed) return
    this.#timer = this.#options.timers.after(delayMs, () => void this.request(), { background: true })
  }
}
