// Reads a bucket policy: JSON in the grammar of AWS (IAM user guide, "Grammar of the IAM JSON policy language"), checked against the bucket it is for
// with S3's MalformedPolicy messages. The first problem is reported.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import { isStorableText } from '../../domain/storable-text.ts'
import { type Condition, ConditionError, compileCondition } from './condition.ts'
import type { ConditionKey } from './condition-keys.ts'
import { type NamedAction, readAction } from './policy-actions.ts'
import { type Principals, readPrincipals } from './policy-principal.ts'
import { type Template, templateOf } from './template.ts'
import { matches, matchesBeyond, type Pattern, patternOf } from './wildcard.ts'

type JsonObject = Readonly<Record<string, unknown>>

function malformed(message: string): ServiceError {
  return serviceError('MalformedPolicy', { message })
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** S3 user guide, "Bucket policies": 20 KB. */
const bytesMax = 20 * 1024

export interface Statement {
  readonly effect: 'Allow' | 'Deny'
  readonly principals: Principals
  /** Everybody but the principals is meant. */
  readonly notPrincipals: boolean
  readonly actions: readonly NamedAction[]
  readonly notActions: boolean
  readonly resources: readonly Template[]
  readonly notResources: boolean
  readonly conditions: readonly Condition[]
}

export interface Policy {
  readonly statements: readonly Statement[]
}

/** A policy that is to be put on a bucket. */
export interface PolicyTarget {
  readonly bucket: string
  readonly isCanonicalId: (id: string) => boolean
}

/** Throws MalformedPolicy. `target` is left out for one that was accepted before. */
export function readPolicy(text: string, target?: PolicyTarget): Policy {
  if (!text.startsWith('{')) throw malformed("Policies must be valid JSON and the first byte must be '{'")
  if (Buffer.byteLength(text) > bytesMax) {
    throw malformed(`Normalized policy document exceeds the maximum allowed size of ${bytesMax} bytes`)
  }
  const document = parseJson(text)
  const repeated = repeatedName(text)
  if (target !== undefined && repeated !== undefined) throw malformed(`Duplicate field ${repeated.slice(0, 128)}`)
  refuseUnknown(document, ['Version', 'Id', 'Statement'])
  const version = document['Version']
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformed('The policy must contain a valid version string')
  }
  const given = document['Statement']
  if (given === undefined) throw malformed('Missing required field Statement')
  const items: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (items.length === 0) throw malformed('Could not parse the policy: Statement is empty!')
  const statements = items.map(item => readStatement(item, version === '2012-10-17', target))
  const ids = items.flatMap(item => (isObject(item) && item['Sid'] !== undefined ? [item['Sid']] : []))
  if (new Set(ids).size < ids.length) throw malformed('Statement IDs (SID) in a single policy must be unique')
  // What else an older policy demanded of what it allows nobody knows any more.
  return { statements: repeated === undefined ? statements : statements.filter(({ effect }) => effect === 'Deny') }
}

function parseJson(text: string): JsonObject {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw malformed('This policy contains invalid Json')
  }
  if (!isObject(document) || !isStorableText(text)) throw malformed('This policy contains invalid Json')
  return document
}

/** A name that one object has twice: the parser keeps the last, and what the other demanded is lost. `text` is known to be JSON. */
function repeatedName(text: string): string | undefined {
  const open: Set<string>[] = []
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token.endsWith(':')) {
      const name = String(JSON.parse(token.slice(0, -1)))
      const names = open.at(-1)
      if (names?.has(name) === true) return name
      names?.add(name)
    }
  }
  return undefined
}

function refuseUnknown(object: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(object).find(name => !known.includes(name))
  if (unknown !== undefined) throw malformed(`Unknown field ${unknown.slice(0, 128)}`)
}

const statementFields = [
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
]

function readStatement(item: unknown, variables: boolean, target: PolicyTarget | undefined): Statement {
  if (!isObject(item)) throw malformed('This policy contains invalid Json')
  refuseUnknown(item, statementFields)
  const sid = item['Sid']
  if (sid !== undefined && typeof sid !== 'string') throw malformed('This policy contains invalid Json')
  const effect = readEffect(item['Effect'])
  const principal = oneOf(item, 'Principal')
  if (principal.negated && effect === 'Allow') throw malformed('Allow with NotPrincipal is not allowed.')
  const principals = readPrincipals(principal.value, target?.isCanonicalId)
  if (principals === null) throw malformed('Invalid principal in policy')
  const action = oneOf(item, 'Action')
  const actions = readActions(action.value)
  const resource = oneOf(item, 'Resource')
  const resources = readResources(resource.value, variables, resource.negated ? undefined : target)
  const read = readConditions(item['Condition'], variables, action.negated ? [] : actions)
  if (target !== undefined) read.forEach(requireValues)
  if (target !== undefined && !action.negated && !resource.negated) requireResources(actions, resources, target)
  return {
    effect,
    principals,
    notPrincipals: principal.negated,
    actions,
    notActions: action.negated,
    resources,
    notResources: resource.negated,
    conditions: read.map(condition => (hasGoodValues(condition) ? condition : closing(condition, effect))),
  }
}

function readEffect(value: unknown): 'Allow' | 'Deny' {
  if (value === undefined) throw malformed('Missing required field Effect')
  if (value === 'Allow' || value === 'Deny') return value
  throw malformed(`Invalid effect: ${String(value).slice(0, 128)}`)
}

/** A field or the one that says what is not meant: exactly one of them. */
function oneOf(item: JsonObject, name: 'Principal' | 'Action' | 'Resource'): { value: unknown; negated: boolean } {
  const value = item[name]
  const negatedValue = item[`Not${name}`]
  if (value === undefined && negatedValue === undefined) throw malformed(`Missing required field ${name}`)
  if (value === undefined) return { value: negatedValue, negated: true }
  if (negatedValue === undefined) return { value, negated: false }
  throw malformed(`Statement has both ${name} and Not${name}`)
}

function textsOf(value: unknown, problem: string): readonly string[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (items.length === 0) throw malformed(problem)
  return items.map(item => {
    if (typeof item === 'string' && item !== '') return item
    throw malformed(problem)
  })
}

const invalidAction = 'Policy has invalid action'
const invalidResource = 'Policy has invalid resource'

function readActions(value: unknown): readonly NamedAction[] {
  return textsOf(value, invalidAction).map(text => {
    const action = readAction(text)
    if (action === null) throw malformed(invalidAction)
    return action
  })
}

const resourcePrefix = 'arn:aws:s3:::'

/** What a resource arn matches is the bucket's name, a slash and the key. */
function readResources(value: unknown, variables: boolean, target: PolicyTarget | undefined): readonly Template[] {
  return textsOf(value, invalidResource).map(text => {
    const rest = text === '*' ? '*' : text.slice(resourcePrefix.length)
    if (text !== '*' && (!text.startsWith(resourcePrefix) || rest === '' || rest.startsWith('/'))) {
      throw malformed(invalidResource)
    }
    const template = templateOf(rest, { wildcards: true, variables })
    if (target !== undefined && !coversBucket(template, target) && !coversObjects(template, target)) {
      throw malformed(invalidResource)
    }
    return template
  })
}

function coversBucket(template: Template, { bucket }: PolicyTarget): boolean {
  return matches(widest(template), bucket)
}

function coversObjects(template: Template, { bucket }: PolicyTarget): boolean {
  return matchesBeyond(widest(template), `${bucket}/`)
}

/** A variable may come to be any text. */
function widest({ parts, fixed }: Template): Pattern {
  if (fixed !== null) return fixed
  const tokens = parts.map(part => (typeof part === 'object' && 'variable' in part ? 'any' : part))
  return patternOf(tokens)
}

function requireResources(actions: readonly NamedAction[], resources: readonly Template[], target: PolicyTarget): void {
  const bucket = resources.some(template => coversBucket(template, target))
  const objects = resources.some(template => coversObjects(template, target))
  for (const { on } of actions) {
    if ((bucket && on.has('bucket')) || (objects && on.has('object'))) continue
    throw malformed('Action does not apply to any resource(s) in statement')
  }
}

const invalidConditions = 'This policy contains invalid Json'

function readConditions(value: unknown, variables: boolean, actions: readonly NamedAction[]): readonly Condition[] {
  if (value === undefined) return []
  if (!isObject(value)) throw malformed(invalidConditions)
  return Object.entries(value).flatMap(([operator, tests]) => {
    if (!isObject(tests)) throw malformed(invalidConditions)
    return Object.entries(tests).map(([key, given]) => {
      const compiled = compiledCondition(operator, key, conditionValues(given), variables)
      requireActions(compiled.key, actions)
      return compiled.condition
    })
  })
}

function compiledCondition(operator: string, key: string, values: readonly string[], variables: boolean) {
  try {
    return compileCondition(operator, key, values, variables)
  } catch (error) {
    if (error instanceof ConditionError) throw malformed(error.message)
    throw error
  }
}

function conditionValues(given: unknown): readonly string[] {
  const items: readonly unknown[] = Array.isArray(given) ? given : [given]
  return items.map(item => {
    if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') return String(item)
    throw malformed(invalidConditions)
  })
}

function requireValues(condition: Condition): void {
  if (hasGoodValues(condition)) return
  throw malformed(`Invalid value in Conditions: ${condition.values.join(', ').slice(0, 128)}`)
}

/** Without values a negated condition would always hold; what is neither true nor false would never. */
function hasGoodValues({ operator, values }: Condition): boolean {
  const isOneOfTwo = /(?:^|:)(?:Bool|Null)(?:IfExists)?$/.test(operator)
  const isGood = (value: string) => !isOneOfTwo || /^(?:true|false)$/i.test(value)
  return values.length > 0 && values.every(isGood)
}

/** What a condition that could not be put today means in a policy that was put before: nothing is allowed by its statement, all of it is denied. */
function closing(condition: Condition, effect: Statement['effect']): Condition {
  return { ...condition, fixed: false, holds: () => effect === 'Deny' }
}

/** A key that no action of the statement has could never be met; actions with wildcards are not asked. */
function requireActions(key: ConditionKey, actions: readonly NamedAction[]): void {
  if (key.actions === undefined) return
  for (const { name } of actions) {
    if (name === undefined || key.actions.has(name)) continue
    throw malformed('Conditions do not apply to combination of actions and resources in statement')
  }
}
