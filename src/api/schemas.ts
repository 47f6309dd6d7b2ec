// Shapes of `/api/v1` as JSON Schema: one value each for checking requests, for types and for the OpenAPI document.
import { type Static, Type } from 'typebox'
import { limits } from '../domain/limits.ts'

const moment = (description: string) => Type.String({ format: 'date-time', description })
const count = (description: string) => Type.Integer({ minimum: 0, description })

export const errorSchema = Type.Object(
  {
    code: Type.Integer({ description: 'The HTTP status.' }),
    message: Type.String({ description: 'The name of the error.' }),
    description: Type.String({ description: 'What was wrong.' }),
  },
  { $id: 'Error', additionalProperties: true, description: 'Also has a field named like the error, which is true.' },
)

export const desiredSchema = Type.Object({
  paused: Type.Boolean(),
  reasons: Type.Array(Type.Literal('manual'), { description: 'What holds the location; it runs when nothing does.' }),
  resumeAt: Type.Union([moment('When a paused location resumes by itself.'), Type.Null()]),
  generation: count('Raised by one with every change.'),
  by: Type.String({ description: 'Who made the last change.' }),
  why: Type.String({ description: 'The reason they gave.' }),
})

export const locationSchema = Type.Object(
  {
    name: Type.String(),
    type: Type.String({ description: 'The kind of cloud, or `servers`.' }),
    default: Type.Boolean({ description: 'Used by replication rules that name no storage class.' }),
    desired: desiredSchema,
    state: Type.Union(
      [Type.Literal('running'), Type.Literal('resuming'), Type.Literal('paused'), Type.Literal('pausing')],
      { description: '`pausing` and `resuming` until every live queue processor has applied the desired state.' },
    ),
    processors: count('Live queue processors.'),
    inFlight: count('Tasks begun and not ended.'),
    standsStill: Type.Boolean({ description: 'Paused everywhere, and the last task has ended.' }),
    trouble: Type.Union(
      [Type.String({ description: 'What the location answered last, or why there was no answer.' }), Type.Null()],
      { description: 'Why nothing is sent although it should: the location is probed until it is there again.' },
    ),
    removedUnread: count(
      'Entries that the topic has removed before they were read: the pause has outlasted its retention. The ledger brings their versions.',
    ),
    backlog: Type.Object({
      objects: count('Versions accepted and not ended.'),
      bytes: count('Their bytes.'),
      oldestAt: Type.Union([moment('When the oldest of them was accepted.'), Type.Null()]),
      oldestAgeSeconds: Type.Number({ minimum: 0 }),
    }),
    failed: Type.Object({ objects: count('Versions in quarantine.'), bytes: count('Their bytes.') }),
  },
  { $id: 'Location' },
)
export type LocationState = Static<typeof locationSchema>

export const locationListSchema = Type.Object({ locations: Type.Array(Type.Ref('Location')) }, { $id: 'LocationList' })
export interface LocationList {
  readonly locations: readonly LocationState[]
}

export const nameSchema = Type.Object({ name: Type.String({ minLength: 1, maxLength: 1024 }) })

const actorFields = {
  by: Type.Optional(Type.String({ maxLength: 256, description: 'Who gives the command.' })),
  why: Type.Optional(Type.String({ maxLength: 1024, description: 'Why.' })),
}

export const commandSchema = Type.Union([Type.Object(actorFields, { additionalProperties: false }), Type.Null()])

export const scheduleSchema = Type.Object(
  {
    at: Type.Optional(moment('The moment itself.')),
    seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: limits.scheduleHoursMax * 3600, description: 'So many seconds from now.' }),
    ),
    ...actorFields,
  },
  { additionalProperties: false, description: 'Exactly one of `at` and `seconds`.' },
)
