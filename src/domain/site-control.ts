// What an operator wants of a site: running, paused, or paused with a moment at which it resumes. The rules are one total table of states and
// events (a missing cell does not compile); src/control/SPEC.md numbers its invariants. Pure: no clock, no store.

/** Why a site is paused. A site runs only when nothing holds it. */
export type PauseReason = 'manual'

/** The desired state of a site, as the state store keeps it. */
export interface SiteControl {
  /** A set; empty means running. */
  readonly reasons: readonly PauseReason[]
  /** Epoch ms at which a paused site resumes by itself; null: it stays paused. Always null while running. */
  readonly resumeAt: number | null
  /** Raised by one with every change. */
  readonly generation: number
  /** The generation at which it last went from running to paused or back: a processor that has applied that one has nothing to do. */
  readonly since: number
  /** Who made the last change. */
  readonly by: string
  /** What they gave as the reason. */
  readonly why: string
}

export type ControlPhase = 'running' | 'paused' | 'scheduled'

interface Actor {
  readonly by: string
  readonly why: string
}

/** What can happen to a site. `due` names the schedule it speaks of: one that was replaced meanwhile is not touched. */
export type ControlEvent =
  | ({ readonly type: 'pause' } & Actor)
  | ({ readonly type: 'resume' } & Actor)
  | ({ readonly type: 'schedule'; readonly at: number } & Actor)
  | ({ readonly type: 'cancelSchedule' } & Actor)
  | { readonly type: 'due'; readonly now: number; readonly generation: number; readonly resumeAt: number }

export type ControlEventType = ControlEvent['type']

/** `unchanged`: the site already is as the event wants it. `not-paused`: there is nothing to schedule. */
export type ControlDecision =
  | { readonly outcome: 'changed'; readonly state: SiteControl }
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'not-paused' }

/** A site that nobody has ever touched. */
export const untouchedSite: SiteControl = { reasons: [], resumeAt: null, generation: 0, since: 0, by: '', why: '' }

export function isPaused(state: SiteControl): boolean {
  return state.reasons.length > 0
}

export function phaseOf(state: SiteControl): ControlPhase {
  if (!isPaused(state)) return 'running'
  return state.resumeAt === null ? 'paused' : 'scheduled'
}

type Transition<T extends ControlEventType> = (
  state: SiteControl,
  event: Extract<ControlEvent, { readonly type: T }>,
) => ControlDecision
type Row = { readonly [T in ControlEventType]: Transition<T> }

const unchanged = (): ControlDecision => ({ outcome: 'unchanged' })

function changed(state: SiteControl, actor: Actor, change: Partial<SiteControl>): ControlDecision {
  const { by, why } = actor
  const generation = state.generation + 1
  const next = { ...state, ...change, generation, by, why }
  return { outcome: 'changed', state: isPaused(next) === isPaused(state) ? next : { ...next, since: generation } }
}

const withManual = (state: SiteControl): readonly PauseReason[] => [...new Set([...state.reasons, 'manual' as const])]

const transitions: { readonly [P in ControlPhase]: Row } = {
  running: {
    pause: (state, event) => changed(state, event, { reasons: withManual(state), resumeAt: null }),
    resume: unchanged,
    schedule: () => ({ outcome: 'not-paused' }),
    cancelSchedule: unchanged,
    due: unchanged,
  },
  paused: {
    pause: unchanged,
    resume: (state, event) => changed(state, event, { reasons: [] }),
    schedule: (state, event) => changed(state, event, { resumeAt: event.at }),
    cancelSchedule: unchanged,
    due: unchanged,
  },
  scheduled: {
    pause: (state, event) => changed(state, event, { resumeAt: null }),
    resume: (state, event) => changed(state, event, { reasons: [], resumeAt: null }),
    schedule: (state, event) =>
      event.at === state.resumeAt ? unchanged() : changed(state, event, { resumeAt: event.at }),
    cancelSchedule: (state, event) => changed(state, event, { resumeAt: null }),
    due: (state, event) => {
      const meant = event.generation === state.generation && event.resumeAt === state.resumeAt
      if (!meant || event.now < event.resumeAt) return unchanged()
      return changed(state, { by: 'schedule', why: 'the scheduled time had come' }, { reasons: [], resumeAt: null })
    },
  },
}

/** What an event does to a state. */
export function decideControl(state: SiteControl, event: ControlEvent): ControlDecision {
  const row = transitions[phaseOf(state)]
  switch (event.type) {
    case 'pause':
      return row.pause(state, event)
    case 'resume':
      return row.resume(state, event)
    case 'schedule':
      return row.schedule(state, event)
    case 'cancelSchedule':
      return row.cancelSchedule(state, event)
    case 'due':
      return row.due(state, event)
  }
}

/** The stored text: `paused` and `scheduledResume` as Backbeat writes them, our own fields after them (Backbeat wire format). */
export function encodeControl(state: SiteControl): string {
  return JSON.stringify({
    paused: isPaused(state),
    scheduledResume: state.resumeAt === null ? null : new Date(state.resumeAt).toISOString(),
    reasons: state.reasons,
    generation: state.generation,
    since: state.since,
    by: state.by,
    why: state.why,
  })
}

/**
 * Reads the stored text, ours or Backbeat's shorter form. Text that cannot be read means paused, until somebody resumes: to replicate against
 * a wish that was lost would be worse than to wait.
 */
export function decodeControl(text: string): SiteControl {
  const stored = readFields(text)
  if (stored === null) {
    return { ...untouchedSite, reasons: ['manual'], by: 'crossbeat', why: 'the stored state could not be read' }
  }
  const paused = Boolean(stored.get('paused'))
  const generation = countOf(stored.get('generation')) ?? 0
  const at = stored.get('scheduledResume')
  const resumeAt = typeof at === 'string' ? Date.parse(at) : Number.NaN
  return {
    reasons: paused ? ['manual'] : [],
    resumeAt: paused && Number.isFinite(resumeAt) ? resumeAt : null,
    generation,
    since: Math.min(countOf(stored.get('since')) ?? generation, generation),
    by: textOf(stored.get('by')),
    why: textOf(stored.get('why')),
  }
}

function readFields(text: string): ReadonlyMap<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return new Map<string, unknown>(Object.entries(value))
  } catch {
    return null
  }
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** What one queue processor says of itself: the generation it has applied, and whether it takes entries. */
export interface SiteReport {
  readonly generation: number
  readonly consumers: 'running' | 'paused'
  /** Tasks that it has begun and not ended. */
  readonly inFlight: number
  /** Why it sends nothing although it should: the location does not answer, or refuses us. */
  readonly trouble?: string
  /** Every entry of the topic is finished, as far as it sees. */
  readonly through?: boolean
}

/** `pausing` and `resuming` until every live processor has applied the desired state. */
export type AppliedState = 'running' | 'resuming' | 'paused' | 'pausing'

/** The state of a site over all its live processors. With none alive nothing can run: a pause is in force, a resume is not. */
export function appliedState(desired: SiteControl, reports: readonly SiteReport[]): AppliedState {
  const wanted = isPaused(desired) ? 'paused' : 'running'
  const all = reports.every(
    ({ generation, consumers }) =>
      generation >= desired.since && generation <= desired.generation && consumers === wanted,
  )
  if (wanted === 'paused') return all ? 'paused' : 'pausing'
  return all && reports.length > 0 ? 'running' : 'resuming'
}

/** True when a pause is applied everywhere and the last task has ended. */
export function standsStill(desired: SiteControl, reports: readonly SiteReport[]): boolean {
  return appliedState(desired, reports) === 'paused' && reports.every(report => report.inFlight === 0)
}

/** Nothing is to be published for the site: it is wanted paused, nobody is there, or nobody gets anything through. */
export function isHeldUp(desired: SiteControl, reports: readonly SiteReport[]): boolean {
  return isPaused(desired) || reports.every(report => report.trouble !== undefined)
}

/** All live processors of the site have finished every entry of the topic. */
export function isThrough(reports: readonly SiteReport[]): boolean {
  return reports.length > 0 && reports.every(report => report.through === true)
}

export function encodeReport(report: SiteReport): string {
  return JSON.stringify(report)
}

/** Null when the text is no report. */
export function decodeReport(text: string): SiteReport | null {
  const fields = readFields(text)
  const generation = fields?.get('generation')
  const consumers = fields?.get('consumers')
  const inFlight = fields?.get('inFlight')
  if (typeof generation !== 'number' || typeof inFlight !== 'number') return null
  if (consumers !== 'running' && consumers !== 'paused') return null
  const trouble = textOf(fields?.get('trouble'))
  const through = fields?.get('through')
  return {
    generation,
    consumers,
    inFlight,
    ...(trouble === '' ? {} : { trouble }),
    ...(typeof through === 'boolean' ? { through } : {}),
  }
}
