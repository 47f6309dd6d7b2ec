// The actions that a policy may name: those of the operation table, and those that S3 has beside them. Names count in any case of letters.
import { type ActionFacts, actions } from './actions.ts'
import { matches, type Pattern, patternOf, tokensOf } from './wildcard.ts'

const elsewhere: Readonly<Record<string, ActionFacts['on']>> = {
  's3:GetObjectVersionForReplication': 'object',
  's3:GetObjectVersionTorrent': 'object',
  's3:InitiateReplication': 'object',
  's3:ObjectOwnerOverrideToBucketOwner': 'object',
  's3:ReplicateDelete': 'object',
  's3:ReplicateTags': 'object',
  's3:UpdateObjectEncryption': 'object',
}

const known: readonly (readonly [string, ActionFacts['on']])[] = [
  ...Object.entries(actions).map(([name, { on }]) => [name.toLowerCase(), on] as const),
  ...Object.entries(elsewhere).map(([name, on]) => [name.toLowerCase(), on] as const),
]
const byLowerCase = new Map(
  [...Object.keys(actions), ...Object.keys(elsewhere)].map(name => [name.toLowerCase(), name] as const),
)

export interface NamedAction {
  readonly pattern: Pattern
  /** The one action it names, as S3 spells it; undefined for one with wildcards. */
  readonly name: string | undefined
  /** What the actions that it names are done to. */
  readonly on: ReadonlySet<ActionFacts['on']>
}

/** Null for what names no action of S3. */
export function readAction(text: string): NamedAction | null {
  const lower = text.toLowerCase()
  const pattern = patternOf(tokensOf(lower))
  if (lower !== '*' && !lower.startsWith('s3:')) return null
  const named = known.filter(([name]) => matches(pattern, name))
  if (named.length === 0) return null
  return { pattern, name: byLowerCase.get(lower), on: new Set(named.map(([, on]) => on)) }
}

export function isAction(named: NamedAction, action: string): boolean {
  return matches(named.pattern, action.toLowerCase())
}
