// Stands in front of one queue processor and makes it follow the desired state of its site. It starts closed until it has read the state
// store, then looks again on every signal, on every change that the store tells, and every few seconds: a lost message costs seconds, never
// truth. It reports what it has applied in a value that disappears with the process. Never changes the desired state.
import { controlEvents } from '../base/channels.ts'
import type { World } from '../base/world.ts'
import { decodeControl, encodeReport, isPaused, type SiteReport, untouchedSite } from '../domain/site-control.ts'
import { reportPath, signalChannel, statePath } from './paths.ts'
import { RepeatedTask } from './repeated-task.ts'
import type { SignalBus } from './signal-bus.ts'
import type { StateStore } from './state-store.ts'

/** What a gate needs of its queue processor. `pause` parks what waits for a retry and lets running tasks end; both may be repeated. */
export interface GatedProcessor {
  pause(): void | Promise<void>
  resume(): void | Promise<void>
  state(): Omit<SiteReport, 'generation'>
  /** Resolves as soon as nothing is in flight: the report then need not wait for the next look. */
  whenStill?(): Promise<void>
}

export interface SiteGateOptions {
  readonly site: string
  /** Name of the replication topic: begins the name of the signal channel. */
  readonly topic: string
  readonly processor: GatedProcessor
  readonly stateStore: StateStore
  readonly signals: SignalBus
  readonly world: World
  /** Longest time between two looks at the state store. */
  readonly reconcileMs?: number
}

const reconcileMsDefault = 3_000
/** While a pause waits for its last tasks, the report should not lag behind them. */
const drainingMs = 100

export class SiteGate {
  readonly #options: SiteGateOptions
  readonly #reportPath: string
  readonly #reconciliation: RepeatedTask
  readonly #unsubscribe: (() => void)[] = []
  #lastReport = ''
  /** Whether the processor was last told to pause; null before it was told anything. */
  #told: boolean | null = null
  #awaitsStillness = false

  constructor(options: SiteGateOptions) {
    this.#options = options
    this.#reportPath = reportPath(options.site, options.world.random.uuid())
    const reconcileMs = options.reconcileMs ?? reconcileMsDefault
    this.#reconciliation = new RepeatedTask({
      timers: options.world.timers,
      run: () => this.#reconcile(reconcileMs),
      failed: error => controlEvents.publish({ kind: 'failed', what: `reading the state of ${options.site}`, error }),
      retryMs: reconcileMs,
    })
  }

  /** Closes the gate, then opens it if the site is wanted running. Resolves when the state was applied, or could not be read for now. */
  async start(): Promise<void> {
    const { processor, site, signals, stateStore, topic } = this.#options
    await processor.pause()
    this.#told = true
    const look = (): void => void this.#reconciliation.request()
    this.#unsubscribe.push(signals.subscribe(signalChannel(topic, site), look))
    this.#unsubscribe.push(signals.reconnected(look))
    this.#unsubscribe.push(stateStore.watch(statePath(site), look))
    await this.#reconciliation.request()
  }

  /** Stops following and takes the report back; leaves the processor as it is. */
  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    await this.#reconciliation.close()
    const { stateStore, site } = this.#options
    try {
      const report = await stateStore.get(this.#reportPath)
      if (report !== null) await stateStore.delete(this.#reportPath, report.version)
    } catch (error) {
      controlEvents.publish({ kind: 'failed', what: `taking back the report for ${site}`, error })
    }
  }

  // Answers when to look again.
  async #reconcile(reconcileMs: number): Promise<number> {
    const { processor, site, stateStore } = this.#options
    const stored = await stateStore.get(statePath(site))
    const desired = stored === null ? untouchedSite : decodeControl(stored.value)
    const pause = isPaused(desired)
    if (this.#told !== pause) {
      if (pause) await processor.pause()
      else await processor.resume()
      this.#told = pause
    }
    const state = processor.state()
    const { consumers, inFlight } = state
    await this.#report({ generation: desired.generation, ...state })
    const settling = pause && (inFlight > 0 || consumers !== 'paused')
    if (settling) this.#lookWhenStill()
    return settling ? Math.min(drainingMs, reconcileMs) : reconcileMs
  }

  #lookWhenStill(): void {
    if (this.#awaitsStillness) return
    const still = this.#options.processor.whenStill?.()
    if (still === undefined) return
    this.#awaitsStillness = true
    const look = (): void => {
      this.#awaitsStillness = false
      void this.#reconciliation.request()
    }
    still.then(look, look)
  }

  // Also written again when it has vanished: the store's session may have been lost and made anew.
  async #report(report: SiteReport): Promise<void> {
    const { site, stateStore } = this.#options
    const text = encodeReport(report)
    if (text === this.#lastReport && (await stateStore.get(this.#reportPath)) !== null) return
    await stateStore.setEphemeral(this.#reportPath, text)
    this.#lastReport = text
    controlEvents.publish({ kind: 'applied', site, report })
  }
}
