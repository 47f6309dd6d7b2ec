// The policy of a form upload (Amazon S3 API Reference, "POST Policy"): what its signer allows a form to say. Read strictly, checked against the
// fields of the form; a field that no condition covers is refused.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { SizeRange } from '../forms/form-upload.ts'

export interface PostPolicy {
  /** Milliseconds since 1970. */
  readonly expiration: number
  readonly conditions: readonly PolicyCondition[]
}

type PolicyCondition =
  | {
      readonly kind: 'eq' | 'starts-with'
      /** In lower case, without `$`; undefined where the policy names none: then it never holds. */
      readonly field: string | undefined
      readonly value: string
      /** As refusals quote it. */
      readonly shown: string
    }
  | { readonly kind: 'content-length-range'; readonly range: SizeRange }

/** Reads the field `policy`. Throws InvalidPolicyDocument. */
export function parsePolicy(text: string): PostPolicy {
  if (text === '') throw invalid("Expecting '{' but found End-of-Input")
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) throw invalid('invalid Base64 encoding.')
  const document = parseJson(Buffer.from(text, 'base64').toString('utf8'))
  if (!isObject(document)) throw invalidJson()
  const { expiration, conditions, ...others } = document
  const [unexpected] = Object.keys(others)
  if (unexpected !== undefined) throw invalid(`Unexpected: ${JSON.stringify(unexpected)}`)
  if (expiration === undefined) throw invalid('Policy missing expiration.')
  if (typeof expiration !== 'string') throw invalidJson()
  const time = parseTime(expiration)
  if (time === undefined) throw invalid(`Invalid 'expiration' value: '${expiration}'`)
  if (conditions === undefined) throw invalid('Policy missing conditions.')
  if (!Array.isArray(conditions)) throw invalid("Invalid 'conditions' value: must be a List.")
  const list: readonly unknown[] = conditions
  return { expiration: time, conditions: list.map(readCondition) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidJson()
  }
}

/** `2007-12-01T12:00:00.000Z` */
function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

function readCondition(item: unknown): PolicyCondition {
  if (Array.isArray(item)) return readListCondition(item)
  if (!isObject(item)) throw invalid('Invalid condition test: must be a List or Object.')
  const entries = Object.entries(item)
  const [first] = entries
  if (first === undefined || entries.length !== 1) {
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.')
  }
  const [name, value] = first
  if (typeof value !== 'string') throw invalid('Invalid Simple-Condition: value must be a string.')
  const shown = `["eq", ${JSON.stringify(`$${name}`)}, ${JSON.stringify(value)}]`
  return { kind: 'eq', field: name.toLowerCase(), value, shown }
}

function readListCondition(list: readonly unknown[]): PolicyCondition {
  const [operation, first, second] = list
  if (operation === undefined) throw invalid('Invalid Condition: missing operation identifier.')
  if (typeof operation !== 'string') throw invalidJson()
  const kind = operation.toLowerCase()
  if (kind !== 'eq' && kind !== 'starts-with' && kind !== 'content-length-range') {
    throw invalid(`Invalid Condition: unknown operation '${operation}'.`)
  }
  if (list.length !== 3) throw invalid(`Invalid ${operation}: wrong number of arguments.`)
  if (kind === 'content-length-range') return { kind, range: { min: readSize(first), max: readSize(second) } }
  if (typeof first !== 'string' || typeof second !== 'string') throw invalidJson()
  const field = first.startsWith('$') ? first.slice(1).toLowerCase() : undefined
  return { kind, field, value: second, shown: JSON.stringify(list) }
}

function readSize(value: unknown): number {
  const size = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalidJson()
  return size
}

/**
 * Checks the fields of a form (names in lower case, `bucket` among them), `exempt` ones excepted; answers the sizes that its file may have.
 * Throws AccessDenied, which says what does not fit.
 */
export function checkPolicy(
  policy: PostPolicy,
  fields: ReadonlyMap<string, string>,
  exempt: ReadonlySet<string>,
  now: number,
): SizeRange {
  if (policy.expiration <= now) throw policyExpired()
  const covered = new Set<string>()
  let range: SizeRange = { min: 0, max: Number.POSITIVE_INFINITY }
  for (const condition of policy.conditions) {
    if (condition.kind === 'content-length-range') {
      range = { min: Math.max(range.min, condition.range.min), max: Math.min(range.max, condition.range.max) }
      continue
    }
    const { field } = condition
    if (field === undefined || !holds(condition, field, fields.get(field) ?? '')) {
      throw denied(`Policy Condition failed: ${condition.shown}`)
    }
    covered.add(field)
  }
  for (const name of fields.keys()) {
    if (covered.has(name) || exempt.has(name) || name.startsWith('x-ignore-')) continue
    throw denied(`Extra input fields: ${name}`)
  }
  return range
}

function holds(condition: { kind: 'eq' | 'starts-with'; value: string }, field: string, given: string): boolean {
  if (condition.kind === 'eq') return given === condition.value
  if (field !== 'content-type') return given.startsWith(condition.value)
  // Of a list of types each must fit.
  return given.split(',').every(type => type.trim().startsWith(condition.value))
}

/** The refusal of a form whose time is over. */
export function policyExpired(): ServiceError {
  return denied('Policy expired.')
}

function denied(what: string): ServiceError {
  return serviceError('AccessDenied', { message: `Invalid according to Policy: ${what}` })
}

function invalid(what: string): ServiceError {
  return serviceError('InvalidPolicyDocument', { message: `Invalid Policy: ${what}` })
}

function invalidJson(): ServiceError {
  return invalid('Invalid JSON.')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
