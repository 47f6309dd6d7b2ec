// The conditions of a policy statement: all operators of S3 (IAM user guide, "IAM JSON policy elements: Condition operators"), compiled once, then
// asked for each request. What a request does not have makes a condition false, except the negated ones and those that end in IfExists.
import { BlockList, isIP } from 'node:net'
import { type ConditionKey, conditionKey, plainAddress } from './condition-keys.ts'
import type { RequestFacts } from './request-facts.ts'
import { type Template, templateMatches, templateMatchesIgnoringCase, templateOf } from './template.ts'

/** Thrown for conditions that S3 would not take; the message is S3's. */
export class ConditionError extends Error {}

export interface Condition {
  readonly key: string
  readonly operator: string
  readonly holds: (facts: RequestFacts) => boolean
  /** It takes nothing but fixed values that are given, and there are some: it can narrow who is meant. */
  readonly fixed: boolean
  readonly values: readonly string[]
}

/** Tells whether one value of the request is one of those in the policy. */
type Test = (given: string, facts: RequestFacts) => boolean
type MakeTest = (values: readonly string[], variables: boolean) => Test

interface Operator {
  readonly make: MakeTest
  readonly negated: boolean
}

function templates(values: readonly string[], wildcards: boolean, variables: boolean): readonly Template[] {
  return values.map(value => templateOf(value, { wildcards, variables }))
}

const texts =
  (wildcards: boolean): MakeTest =>
  (values, variables) => {
    const wanted = templates(values, wildcards, variables)
    return (given, facts) => wanted.some(template => templateMatches(template, given, facts))
  }

const textsIgnoringCase: MakeTest = (values, variables) => {
  const wanted = templates(values, false, variables)
  return (given, facts) => wanted.some(template => templateMatchesIgnoringCase(template, given, facts))
}

const numbers =
  (read: (text: string) => number, holds: (given: number, wanted: number) => boolean): MakeTest =>
  values => {
    const wanted = values.map(read)
    if (wanted.some(Number.isNaN)) throw new ConditionError(`Invalid value in Conditions: ${values.join(', ')}`)
    return given => {
      const found = read(given)
      return !Number.isNaN(found) && wanted.some(value => holds(found, value))
    }
  }

function readNumber(text: string): number {
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN
}

/** ISO 8601, or seconds since 1970. */
function readDate(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000
  return /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
}

const booleans: MakeTest = values => {
  const wanted = values.map(value => value.toLowerCase())
  return given => wanted.includes(given.toLowerCase())
}

const addresses: MakeTest = values => {
  const list = new BlockList()
  for (const value of values) addRange(list, value)
  return given => {
    const address = plainAddress(given)
    const family = isIP(address)
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
  }
}

const invalidAddress = 'Invalid IP address in Conditions'

function addRange(list: BlockList, value: string): void {
  const [address = '', bits] = value.split('/')
  const family = isIP(address)
  const widest = family === 4 ? 32 : 128
  const width = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (family === 0 || value.split('/').length > 2 || !(width <= widest)) throw new ConditionError(invalidAddress)
  list.addSubnet(address, width, family === 4 ? 'ipv4' : 'ipv6')
}

/** Arns have six parts, and stars do not reach beyond theirs. */
const arns: MakeTest = (values, variables) => {
  const wanted = values.map(value => templates(arnParts(value), true, variables))
  return (given, facts) => {
    const parts = arnParts(given)
    return wanted.some(
      pattern =>
        pattern.length === parts.length &&
        pattern.every((template, index) => templateMatches(template, parts[index] ?? '', facts)),
    )
  }
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':')
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')]
}

const equal = (given: number, wanted: number) => given === wanted
const less = (given: number, wanted: number) => given < wanted
const lessOrEqual = (given: number, wanted: number) => given <= wanted
const greater = (given: number, wanted: number) => given > wanted
const greaterOrEqual = (given: number, wanted: number) => given >= wanted

const pair = (name: string, negatedName: string, make: MakeTest): (readonly [string, Operator])[] => [
  [name, { make, negated: false }],
  [negatedName, { make, negated: true }],
]

function comparisons(kind: string, read: (text: string) => number): (readonly [string, Operator])[] {
  const of = (name: string, holds: typeof equal) =>
    [`${kind}${name}`, { make: numbers(read, holds), negated: false }] as const
  return [
    ...pair(`${kind}Equals`, `${kind}NotEquals`, numbers(read, equal)),
    of('LessThan', less),
    of('LessThanEquals', lessOrEqual),
    of('GreaterThan', greater),
    of('GreaterThanEquals', greaterOrEqual),
  ]
}

const operators: ReadonlyMap<string, Operator> = new Map([
  ...pair('StringEquals', 'StringNotEquals', texts(false)),
  ...pair('StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', textsIgnoringCase),
  ...pair('StringLike', 'StringNotLike', texts(true)),
  ...comparisons('Numeric', readNumber),
  ...comparisons('Date', readDate),
  ['Bool', { make: booleans, negated: false }] as const,
  ['BinaryEquals', { make: texts(false), negated: false }] as const,
  ...pair('IpAddress', 'NotIpAddress', addresses),
  ...pair('ArnEquals', 'ArnNotEquals', arns),
  ...pair('ArnLike', 'ArnNotLike', arns),
])

interface Reading {
  readonly quantifier: 'ForAllValues' | 'ForAnyValue' | undefined
  readonly operator: Operator | 'Null'
  readonly ifExists: boolean
}

function readOperator(name: string): Reading {
  const match = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(name)
  const [, quantifier, plain = '', suffix] = match ?? []
  const operator = plain === 'Null' && suffix === undefined ? 'Null' : operators.get(plain)
  if (operator === undefined) throw new ConditionError(`Invalid Condition type : ${name}`)
  const known = quantifier === 'ForAllValues' || quantifier === 'ForAnyValue' ? quantifier : undefined
  return { quantifier: known, operator, ifExists: suffix !== undefined }
}

/** Throws ConditionError: an operator, key or value that S3 would not take. */
export function compileCondition(
  name: string,
  key: string,
  values: readonly string[],
  variables: boolean,
): { readonly condition: Condition; readonly key: ConditionKey } {
  const reading = readOperator(name)
  const found = conditionKey(key)
  if (found === undefined) throw new ConditionError('Policy has an invalid condition key')
  if (found.isAddress === true) addresses(values, false)
  const fixed = !reading.ifExists && reading.operator !== 'Null' && !reading.operator.negated && values.every(isFixed)
  const condition = { key: key.toLowerCase(), operator: name, holds: holding(reading, found, values, variables) }
  return { condition: { ...condition, fixed: fixed && values.length > 0, values }, key: found }
}

function isFixed(value: string): boolean {
  return !/[*?]|\$\{/.test(value)
}

function holding(
  { quantifier, operator, ifExists }: Reading,
  { read }: ConditionKey,
  values: readonly string[],
  variables: boolean,
): Condition['holds'] {
  if (operator === 'Null') {
    const wanted = values.map(value => value.toLowerCase() === 'true')
    return facts => wanted.includes(read(facts) === undefined)
  }
  const test = operator.make(values, variables)
  const { negated } = operator
  const passes = (given: string, facts: RequestFacts) => test(given, facts) !== negated
  return facts => {
    const given = read(facts)
    if (given === undefined || given.length === 0) {
      if (quantifier !== undefined) return quantifier === 'ForAllValues' || ifExists
      return negated || ifExists
    }
    if (quantifier === 'ForAllValues') return given.every(value => passes(value, facts))
    if (quantifier === 'ForAnyValue') return given.some(value => passes(value, facts))
    // Of a key with several forms (a source with and without its first slash) one is enough, or none may be there.
    return negated ? given.every(value => passes(value, facts)) : given.some(value => passes(value, facts))
  }
}
