// Carries out the operator's commands: each is a compare-and-set on the state store, repeated until it holds, so that of two commands the
// last one wins and none is lost; the signal afterwards only makes it fast. Also fires scheduled resumes, whoever stored them, exactly once.
// Never touches a queue processor: those follow the store through their SiteGate.
import { controlEvents } from '../base/channels.ts'
import type { World } from '../base/world.ts'
import {
  type AppliedState,
  appliedState,
  type ControlEvent,
  decideControl,
  decodeControl,
  encodeControl,
  phaseOf,
  type SiteControl,
  standsStill,
  untouchedSite,
} from '../domain/site-control.ts'
import { signalChannel, signals, statePath } from './paths.ts'
import { RepeatedTask } from './repeated-task.ts'
import type { SignalBus } from './signal-bus.ts'
import { readDesired, readReports } from './site-reports.ts'
import type { StateStore } from './state-store.ts'

/** Who gives a command, and why; both may be empty. */
export interface Actor {
  readonly by: string
  readonly why: string
}

/** A site as it is wanted and as it is. */
export interface SiteState {
  readonly site: string
  readonly desired: SiteControl
  readonly applied: AppliedState
  /** Live queue processors. */
  readonly processors: number
  /** Tasks begun and not ended, over all of them. */
  readonly inFlight: number
  /** A pause is in force everywhere and the last task has ended. */
  readonly standsStill: boolean
  /** Why nothing is sent although it should; null when nothing is in the way. */
  readonly trouble: string | null
}

export type CommandOutcome = 'changed' | 'unchanged' | 'not-paused'

export interface SiteControllerOptions {
  readonly sites: readonly string[]
  /** Name of the replication topic: begins the names of the signal channels. */
  readonly topic: string
  readonly stateStore: StateStore
  readonly signals: SignalBus
  readonly world: World
  /** Longest time between two looks at the schedules: bounds the effect of a clock that jumps and of a change nobody told. */
  readonly recheckMs?: number
}

const recheckMsDefault = 5_000
/** A compare-and-set loses only to another that won: this many in a row means that something else is wrong. */
const attemptsMax = 1_000

export class SiteController {
  readonly #options: SiteControllerOptions
  readonly #schedules: RepeatedTask
  readonly #commands = new Map<string, Promise<unknown>>()
  readonly #unwatch: (() => void)[] = []

  constructor(options: SiteControllerOptions) {
    this.#options = options
    const recheckMs = options.recheckMs ?? recheckMsDefault
    this.#schedules = new RepeatedTask({
      timers: options.world.timers,
      run: () => this.#fireSchedules(recheckMs),
      failed: error => controlEvents.publish({ kind: 'failed', what: 'looking at schedules', error }),
      retryMs: recheckMs,
    })
  }

  get sites(): readonly string[] {
    return this.#options.sites
  }

  /** Stores the state of sites that never had one, and fires what fell due while nobody was there. */
  async start(): Promise<void> {
    const { stateStore, sites } = this.#options
    this.#unwatch.push(this.#options.signals.reconnected(() => void this.#schedules.request()))
    for (const site of sites) {
      const path = statePath(site)
      if ((await stateStore.get(path)) === null) await stateStore.set(path, encodeControl(untouchedSite), 0)
      this.#unwatch.push(stateStore.watch(path, () => void this.#schedules.request()))
    }
    await this.#schedules.request()
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    await this.#schedules.close()
    await Promise.allSettled(this.#commands.values())
  }

  /** Pauses, and clears a schedule in any case. */
  pause(site: string, actor: Actor): Promise<CommandOutcome> {
    return this.#command(site, { type: 'pause', ...actor }, signals.pause())
  }

  resume(site: string, actor: Actor): Promise<CommandOutcome> {
    return this.#command(site, { type: 'resume', ...actor }, signals.resume())
  }

  /** Lets a paused site resume at `at` (epoch ms), in place of an earlier schedule. On a running site: `not-paused`, nothing stored. */
  schedule(site: string, at: number, actor: Actor): Promise<CommandOutcome> {
    return this.#command(site, { type: 'schedule', at, ...actor }, signals.schedule(at))
  }

  /** The site stays paused until somebody resumes it. */
  cancelSchedule(site: string, actor: Actor): Promise<CommandOutcome> {
    return this.#command(site, { type: 'cancelSchedule', ...actor }, signals.cancelSchedule())
  }

  /** What is wanted of a site. */
  desired(site: string): Promise<SiteControl> {
    return readDesired(this.#options.stateStore, site)
  }

  async state(site: string): Promise<SiteState> {
    const reports = await readReports(this.#options.stateStore, site)
    const desired = await this.desired(site)
    return {
      site,
      desired,
      applied: appliedState(desired, reports),
      processors: reports.length,
      inFlight: reports.reduce((sum, report) => sum + report.inFlight, 0),
      standsStill: standsStill(desired, reports),
      trouble: reports.find(report => report.trouble !== undefined)?.trouble ?? null,
    }
  }

  /** All sites, in the order of the configuration. */
  states(): Promise<readonly SiteState[]> {
    return Promise.all(this.sites.map(site => this.state(site)))
  }

  // Commands to one site are carried out in the order in which they were given, also when the giver does not wait.
  #command(site: string, event: ControlEvent, signal: string): Promise<CommandOutcome> {
    const before = this.#commands.get(site) ?? Promise.resolve()
    const command = before.then(() => this.#apply(site, event, signal))
    const settled = command.catch(() => undefined)
    this.#commands.set(site, settled)
    return command
  }

  async #apply(site: string, event: ControlEvent, signal: string): Promise<CommandOutcome> {
    const { stateStore } = this.#options
    const path = statePath(site)
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const stored = await stateStore.get(path)
      const before = stored === null ? untouchedSite : decodeControl(stored.value)
      const decision = decideControl(before, event)
      if (decision.outcome !== 'changed') return decision.outcome
      const result = await stateStore.set(path, encodeControl(decision.state), stored?.version ?? 0)
      if (!result.ok) continue
      controlEvents.publish({ kind: 'changed', site, command: event.type, state: decision.state })
      await this.#signal(site, signal)
      void this.#schedules.request()
      return 'changed'
    }
    throw new Error(`the state of ${site} changed ${attemptsMax} times under one command`)
  }

  // The command is already in force: a bus that is down costs time, nothing else.
  async #signal(site: string, message: string): Promise<void> {
    try {
      await this.#options.signals.publish(signalChannel(this.#options.topic, site), message)
    } catch (error) {
      controlEvents.publish({ kind: 'failed', what: `signalling ${site}`, error })
    }
  }

  // Answers when to look again: at the nearest schedule, at the latest after `recheckMs`.
  async #fireSchedules(recheckMs: number): Promise<number> {
    let delayMs = recheckMs
    for (const site of this.sites) {
      const desired = await this.desired(site)
      if (phaseOf(desired) !== 'scheduled' || desired.resumeAt === null) continue
      const now = this.#options.world.clock.now()
      if (desired.resumeAt > now) {
        delayMs = Math.min(delayMs, desired.resumeAt - now)
        continue
      }
      const { generation, resumeAt } = desired
      await this.#command(site, { type: 'due', now, generation, resumeAt }, signals.resume())
    }
    return delayMs
  }
}
