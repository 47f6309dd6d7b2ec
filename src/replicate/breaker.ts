// The circuit of one site. It opens on a permanent failure of the location, or when connections fail one after another; while it is open
// nothing is taken, the location is probed with growing pauses, and no object is blamed. After a probe that succeeds one task at a time is
// tried: a task that ends well, or goes on for a while without being refused, closes the circuit; one that is refused opens it for longer.
import { circuitEvents, pipelineNotices } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { Failure, type FailureFacts } from '../domain/failure.ts'
import { type Backoff, backoffDelay } from './retry-policy.ts'

export type CircuitState = 'closed' | 'open' | 'trial'

/** What becomes of the row whose attempt failed. */
export type Verdict = 'wait' | 'release'

export interface BreakerOptions {
  readonly site: string
  readonly world: World
  readonly probe: (signal: AbortSignal) => Promise<void>
  readonly backoff: Backoff
  /** Connections that may fail in a row before the circuit opens. */
  readonly connectionFailuresMax: number
  /** Called after each change of state. */
  readonly changed: () => void
}

export interface Breaker {
  readonly state: CircuitState
  /** Why it is open. */
  readonly cause: FailureFacts | null
  /** How many of `wanted` tasks may run at once now. */
  allowed(wanted: number): number
  /** The location answered as it should. */
  succeeded(): void
  /** `wasRefused`: an earlier attempt of the row was refused by the location, too. */
  failed(facts: FailureFacts, wasRefused: boolean): Verdict
  close(): void
}

/** No usable answer came from the location at all. */
export function isConnectionFailure(facts: FailureFacts): boolean {
  return (
    facts.class === 'transient' && facts.status === undefined && /^(E[A-Z_]+|UND_ERR_\w+|.*Timeout)$/.test(facts.code)
  )
}

/** How long a trial lasts while nothing is refused. */
const trialMs = 10_000

export function createBreaker(options: BreakerOptions): Breaker {
  return new SiteBreaker(options)
}

class SiteBreaker implements Breaker {
  readonly #options: BreakerOptions
  readonly #abort = new AbortController()
  #state: CircuitState = 'closed'
  #cause: FailureFacts | null = null
  #inARow = 0
  #openings = 0
  #timer: Timer | null = null

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get state(): CircuitState {
    return this.#state
  }

  get cause(): FailureFacts | null {
    return this.#cause
  }

  allowed(wanted: number): number {
    if (this.#state === 'closed') return wanted
    return this.#state === 'open' ? 0 : Math.min(1, wanted)
  }

  succeeded(): void {
    this.#inARow = 0
    this.#openings = this.#state === 'open' ? this.#openings : 0
    if (this.#state !== 'trial') return
    this.#timer?.cancel()
    this.#cause = null
    this.#change('closed')
  }

  failed(facts: FailureFacts, wasRefused: boolean): Verdict {
    const connection = isConnectionFailure(facts)
    if (facts.class !== 'location' && !connection) {
      this.succeeded()
      return 'wait'
    }
    if (connection) this.#inARow += 1
    if (this.#state === 'open') return 'release'
    if (this.#state === 'trial') {
      // The row waits, so that the next trial is another key's: one key that the location refuses must not keep all others waiting.
      this.#open(facts)
      return 'wait'
    }
    if (facts.class === 'location') {
      this.#open(facts)
      // The row that is refused again and again may be the only one: its pauses grow, and the others have the time in between.
      return wasRefused ? 'wait' : 'release'
    }
    if (this.#inARow >= this.#options.connectionFailuresMax) this.#open(facts)
    return 'wait'
  }

  close(): void {
    this.#timer?.cancel()
    this.#abort.abort(new Error('the processor closes'))
  }

  #open(cause: FailureFacts): void {
    this.#openings += 1
    this.#cause = cause
    this.#change('open')
    this.#probeLater(Math.max(this.#delay(this.#openings), cause.retryAfterMs ?? 0), 1)
  }

  #delay(step: number): number {
    return backoffDelay(this.#options.backoff, step, this.#options.world.random.fraction())
  }

  #probeLater(delayMs: number, probes: number): void {
    this.#timer?.cancel()
    this.#timer = this.#options.world.timers.after(delayMs, () => void this.#probe(probes), { background: true })
  }

  async #probe(probes: number): Promise<void> {
    try {
      await this.#options.probe(this.#abort.signal)
      if (this.#abort.signal.aborted || this.#state !== 'open') return
      this.#inARow = 0
      this.#change('trial')
      this.#timer = this.#options.world.timers.after(trialMs, () => this.#endTrial(), { background: true })
    } catch (error) {
      if (this.#abort.signal.aborted) return
      if (error instanceof Failure) this.#cause = error.facts
      else pipelineNotices.publish({ kind: 'failed', what: 'probing the location', site: this.#options.site, error })
      this.#probeLater(this.#delay(this.#openings + probes), probes + 1)
    }
  }

  /** Nothing was refused for a while (a large object may be under way): the others need not wait for its end. */
  #endTrial(): void {
    if (this.#state !== 'trial') return
    this.#cause = null
    this.#change('closed')
  }

  #change(state: CircuitState): void {
    this.#state = state
    const { site, changed } = this.#options
    circuitEvents.publish({ site, state, ...(this.#cause === null ? {} : { cause: this.#cause }) })
    changed()
  }
}
