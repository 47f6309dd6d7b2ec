// `/api/v1/locations`: what each location is wanted to do, what it does, and what it still has to do; pause, resume, schedule.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { SiteConfig } from '../config/types.ts'
import type { CommandOutcome, SiteState } from '../control/site-controller.ts'
import { limits } from '../domain/limits.ts'
import { isPaused } from '../domain/site-control.ts'
import type { SiteBacklog } from '../metadata/ledger.ts'
import { type ControlContext, errorBody, knownLocation, refusal } from './control-request.ts'
import {
  commandSchema,
  errorSchema,
  type LocationList,
  type LocationState,
  locationListSchema,
  locationSchema,
  nameSchema,
  scheduleSchema,
} from './schemas.ts'

const removedWithinMs = 2_000

const answers = { 200: { $ref: 'Location#' }, '4xx': { $ref: 'Error#' } }
const inSchedule = { 409: { $ref: 'Error#' } }

/** Adds the routes to a server. */
export function addLocationRoutes(server: FastifyInstance, context: ControlContext): void {
  const app = server.withTypeProvider<TypeBoxTypeProvider>()
  for (const schema of [errorSchema, locationSchema, locationListSchema]) app.addSchema(schema)
  const { controller } = context
  const named = (name: string): string => knownLocation(name, controller.sites)

  const list = { operationId: 'listLocations', summary: 'All locations', response: { 200: { $ref: 'LocationList#' } } }
  app.get('/locations', { schema: list }, async (): Promise<LocationList> => ({ locations: await locations(context) }))

  const one = { operationId: 'getLocation', summary: 'One location', params: nameSchema, response: answers }
  app.get('/locations/:name', { schema: one }, request => location(context, named(request.params.name)))

  const command = { params: nameSchema, body: commandSchema, response: answers }
  const pause = { operationId: 'pauseLocation', summary: 'Pause; clears a schedule', ...command }
  app.post('/locations/:name/pause', { schema: pause }, async request => {
    const site = named(request.params.name)
    await controller.pause(site, actorOf(request.body))
    return location(context, site)
  })

  const resume = { operationId: 'resumeLocation', summary: 'Resume now; clears a schedule', ...command }
  app.post('/locations/:name/resume', { schema: resume }, async request => {
    const site = named(request.params.name)
    await controller.resume(site, actorOf(request.body))
    return location(context, site)
  })

  const schedule = {
    operationId: 'scheduleResume',
    summary: 'Let a paused location resume later, in place of an earlier schedule',
    params: nameSchema,
    body: scheduleSchema,
    response: { ...answers, ...inSchedule },
  }
  app.put('/locations/:name/schedule', { schema: schedule }, async (request, reply) => {
    const site = named(request.params.name)
    const at = scheduledMoment(request.body, context.world.clock.now())
    const outcome = await controller.schedule(site, at, actorOf(request.body))
    return outcome === 'not-paused' ? conflict(reply, site, outcome) : location(context, site)
  })

  const cancel = {
    operationId: 'cancelSchedule',
    summary: 'Stay paused until somebody resumes',
    params: nameSchema,
    response: answers,
  }
  app.delete('/locations/:name/schedule', { schema: cancel }, async request => {
    const site = named(request.params.name)
    await controller.cancelSchedule(site, actorOf(null))
    return location(context, site)
  })
}

function actorOf(body: { readonly by?: string; readonly why?: string } | null): { by: string; why: string } {
  return { by: body?.by ?? 'control API', why: body?.why ?? '' }
}

function conflict(reply: FastifyReply, site: string, _outcome: CommandOutcome): FastifyReply {
  return reply.code(409).send(errorBody('OperationAborted', 409, `${site} is not paused: there is nothing to schedule`))
}

function scheduledMoment(body: { readonly at?: string; readonly seconds?: number }, now: number): number {
  const { at, seconds } = body
  if ((at === undefined) === (seconds === undefined)) {
    throw refusal('MalformedPOSTRequest', 'exactly one of at and seconds is needed')
  }
  const moment = at === undefined ? now + (seconds ?? 0) * 1000 : Date.parse(at)
  if (Number.isNaN(moment)) throw refusal('MalformedPOSTRequest', 'at must be a moment such as 2030-01-31T06:00:00Z')
  if (moment <= now || moment > now + limits.scheduleHoursMax * 3_600_000) {
    throw refusal('MalformedPOSTRequest', `at must lie in the future, at most ${limits.scheduleHoursMax} hours ahead`)
  }
  return moment
}

async function locations(context: ControlContext): Promise<LocationState[]> {
  const [states, backlog] = await Promise.all([context.controller.states(), context.store.ledger.backlog()])
  return Promise.all(states.map(state => shown(context, state, backlog)))
}

async function location(context: ControlContext, site: string): Promise<LocationState> {
  const [state, backlog] = await Promise.all([context.controller.state(site), context.store.ledger.backlog()])
  return shown(context, state, backlog)
}

async function shown(
  context: ControlContext,
  state: SiteState,
  backlogs: readonly SiteBacklog[],
): Promise<LocationState> {
  const { site, desired } = state
  const config = context.config.sites.find(candidate => candidate.site === site)
  const backlog = backlogs.find(candidate => candidate.site === site)
  const oldestAt = backlog?.oldestAt ?? null
  const ageMs = oldestAt === null ? 0 : Math.max(0, context.world.clock.now() - oldestAt)
  return {
    name: site,
    type: typeOf(config),
    default: config?.isDefault ?? false,
    desired: {
      paused: isPaused(desired),
      reasons: [...desired.reasons],
      resumeAt: isoOrNull(desired.resumeAt),
      generation: desired.generation,
      by: desired.by,
      why: desired.why,
    },
    state: state.applied,
    processors: state.processors,
    inFlight: state.inFlight,
    standsStill: state.standsStill,
    trouble: state.trouble,
    removedUnread: isPaused(desired) ? await removedUnread(context, site) : 0,
    backlog: {
      objects: backlog?.objects ?? 0,
      bytes: backlog?.bytes ?? 0,
      oldestAt: isoOrNull(oldestAt),
      oldestAgeSeconds: ageMs / 1000,
    },
    failed: { objects: backlog?.failedObjects ?? 0, bytes: backlog?.failedBytes ?? 0 },
  }
}

/** A log that does not answer must not keep the rest from being shown. */
async function removedUnread({ removedUnread, world }: ControlContext, site: string): Promise<number> {
  const timedOut = Promise.withResolvers<number>()
  const timer = world.timers.after(removedWithinMs, () => timedOut.resolve(0), { background: true })
  const count = await Promise.race([removedUnread(site).catch(() => 0), timedOut.promise])
  timer.cancel()
  return count
}

function typeOf(config: SiteConfig | undefined): string {
  return config?.kind === 'cloud' ? config.type : 'servers'
}

function isoOrNull(moment: number | null): string | null {
  return moment === null ? null : new Date(moment).toISOString()
}
