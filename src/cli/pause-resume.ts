// `crossbeat pause` and `crossbeat resume`: one location or all; a resume may be put off to a later time, and a time that was set taken back.
import { userInfo } from 'node:os'
import { type CommandActor, type ControlClient, ControlRefusal, type ScheduleTime } from '../api/client.ts'
import type { LocationState } from '../api/schemas.ts'
import { sleep, type World } from '../base/world.ts'
import { limits } from '../domain/limits.ts'
import { type ControlOptions, chosenLocations, exitCodes, UsageError, withControl } from './control-access.ts'
import type { Output } from './output.ts'
import { stateText } from './status.ts'
import { parseDuration, parseMoment } from './time.ts'

const waitStepMs = 200

export interface PauseOptions extends ControlOptions {
  readonly wait?: boolean
  readonly why?: string
}

export function pause(
  location: string | undefined,
  options: PauseOptions,
  output: Output,
  world: World,
): Promise<number> {
  return withControl(options, output, async client => {
    const chosen = await chosenOrNone(client, location, options, output)
    const paused = await Promise.all(chosen.map(({ name }) => client.pause(name, actorOf(options.why))))
    const shown = options.wait === true ? await untilStill(client, paused, world) : paused
    for (const state of shown) print(state, options, output)
    return exitCodes.ok
  })
}

async function chosenOrNone(
  client: ControlClient,
  location: string | undefined,
  options: ControlOptions,
  output: Output,
): Promise<readonly LocationState[]> {
  const chosen = await chosenLocations(client, location)
  if (chosen.length === 0 && options.json !== true) output.stdout('There are no locations to replicate to.')
  return chosen
}

// Also ends for a location that somebody else lets run again meanwhile: it will not stand still.
async function untilStill(
  client: ControlClient,
  paused: readonly LocationState[],
  world: World,
): Promise<readonly LocationState[]> {
  const waits = (state: LocationState): boolean => state.desired.paused && !state.standsStill
  let states = paused
  while (states.some(waits)) {
    await sleep(world.timers, waitStepMs)
    states = await Promise.all(states.map(state => (waits(state) ? client.location(state.name) : state)))
  }
  return states
}

export interface ResumeOptions extends ControlOptions {
  /** A duration such as `6h`. */
  readonly in?: string
  /** A moment such as `22:00`. */
  readonly at?: string
  readonly cancel?: boolean
  readonly why?: string
}

export function resume(
  location: string | undefined,
  options: ResumeOptions,
  output: Output,
  world: World,
): Promise<number> {
  return withControl(options, output, async client => {
    const time = scheduleTime(options, world.clock.now())
    const chosen = await chosenOrNone(client, location, options, output)
    if (time !== null) return schedule(client, chosen, time, options, output)
    const actor = actorOf(options.why)
    const command = (name: string): Promise<LocationState> =>
      options.cancel === true ? client.cancelSchedule(name) : client.resume(name, actor)
    for (const state of await Promise.all(chosen.map(({ name }) => command(name)))) print(state, options, output)
    return exitCodes.ok
  })
}

async function schedule(
  client: ControlClient,
  chosen: readonly LocationState[],
  time: ScheduleTime,
  options: ResumeOptions,
  output: Output,
): Promise<number> {
  let scheduled = 0
  for (const { name } of chosen) {
    try {
      print(await client.schedule(name, time, actorOf(options.why)), options, output)
      scheduled += 1
    } catch (error) {
      if (!(error instanceof ControlRefusal) || error.status !== 409) throw error
      output.stderr(`${name}: not paused, nothing to schedule`)
    }
  }
  return scheduled > 0 || chosen.length === 0 ? exitCodes.ok : exitCodes.usage
}

function scheduleTime(options: ResumeOptions, now: number): ScheduleTime | null {
  const longestMs = limits.scheduleHoursMax * 3_600_000
  if (options.in !== undefined) {
    const seconds = parseDuration(options.in)
    if (seconds !== undefined && seconds >= 1 && seconds * 1000 <= longestMs) return { seconds }
    const range = `from 1s to ${limits.scheduleHoursMax}h`
    throw new UsageError(`--in ${JSON.stringify(options.in)} is no duration ${range}, such as 6h, 90m or 1d12h`)
  }
  if (options.at !== undefined) {
    const moment = parseMoment(options.at, now)
    if (moment === undefined) {
      const examples = '22:00, 2030-01-31T22:00 (local time) or 2030-01-31T22:00Z'
      throw new UsageError(`--at ${JSON.stringify(options.at)} is no time such as ${examples}`)
    }
    if (moment > now && moment <= now + longestMs) return { at: new Date(moment).toISOString() }
    const range = `in the future and within ${limits.scheduleHoursMax} hours`
    throw new UsageError(`--at ${JSON.stringify(options.at)} (${new Date(moment).toISOString()}) must lie ${range}`)
  }
  return null
}

function print(state: LocationState, options: ControlOptions, output: Output): void {
  const { resumeAt } = state.desired
  const line = `${state.name}: ${stateText(state)}${resumeAt === null ? '' : `, resumes at ${resumeAt}`}`
  output.stdout(options.json === true ? JSON.stringify(state) : line)
}

function actorOf(why: string | undefined): CommandActor {
  return { by: userName(), why: why ?? '' }
}

// A container may run as a user that has no name.
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return 'crossbeat CLI'
  }
}
