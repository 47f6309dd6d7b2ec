// Texts of a policy that may hold variables, `${aws:username}` or `${aws:username, 'nobody'}`, and wildcards (IAM user guide, "IAM policy
// elements: Variables and tags"). What a variable stands for is only ever itself: stars in it are stars, not wildcards.
import { conditionKey } from './condition-keys.ts'
import type { RequestFacts } from './request-facts.ts'
import { matches, type Pattern, patternOf, type Token, tokensOf } from './wildcard.ts'

interface Variable {
  readonly variable: string
  readonly otherwise: string | undefined
}

export interface Template {
  readonly parts: readonly (Token | Variable)[]
  /** There are no variables. */
  readonly fixed: Pattern | null
}

const literal: ReadonlyMap<string, string> = new Map([
  ['*', '*'],
  ['?', '?'],
  ['$', '$'],
])

export interface TemplateOptions {
  /** Stars and question marks stand for other characters. */
  readonly wildcards: boolean
  /** Only policies of the newer version have variables. */
  readonly variables: boolean
}

export function templateOf(text: string, { wildcards, variables }: TemplateOptions): Template {
  const plain = (part: string): Token[] => (wildcards ? tokensOf(part) : part === '' ? [] : [{ text: part }])
  const parts: (Token | Variable)[] = []
  let rest = text
  for (let at = variables ? rest.indexOf('${') : -1; at >= 0; at = rest.indexOf('${')) {
    const end = rest.indexOf('}', at)
    if (end < 0) break
    parts.push(...plain(rest.slice(0, at)), readVariable(rest.slice(at + 2, end)))
    rest = rest.slice(end + 1)
  }
  parts.push(...plain(rest))
  const tokens = parts.flatMap(part => (isVariable(part) ? [] : [part]))
  return { parts, fixed: tokens.length === parts.length ? patternOf(tokens) : null }
}

function readVariable(text: string): Token | Variable {
  const itself = literal.get(text)
  if (itself !== undefined) return { text: itself }
  const comma = text.indexOf(',')
  if (comma < 0) return { variable: text.trim(), otherwise: undefined }
  const otherwise = text.slice(comma + 1).trim()
  return { variable: text.slice(0, comma).trim(), otherwise: otherwise.replace(/^'(.*)'$/s, '$1') }
}

function isVariable(part: Token | Variable): part is Variable {
  return typeof part === 'object' && 'variable' in part
}

/** The names of the keys that it asks for. */
export function variablesOf({ parts }: Template): readonly string[] {
  return parts.flatMap(part => (isVariable(part) ? [part.variable] : []))
}

/** Null: something it names has no value, or it has come to be longer than what it is to match, so that it cannot. */
function resolved({ parts, fixed }: Template, facts: RequestFacts, lengthMax: number): Pattern | null {
  if (fixed !== null) return fixed
  const tokens: Token[] = []
  let length = 0
  for (const part of parts) {
    const token = isVariable(part) ? textOfVariable(part, facts) : part
    if (token === null) return null
    tokens.push(token)
    if (token !== 'any') length += token === 'one' ? 1 : token.text.length
    if (length > lengthMax) return null
  }
  return patternOf(tokens)
}

function textOfVariable({ variable, otherwise }: Variable, facts: RequestFacts): Token | null {
  const values = conditionKey(variable)?.read(facts)
  const text = values?.length === 1 ? values[0] : otherwise
  return text === undefined ? null : { text }
}

export function templateMatches(template: Template, text: string, facts: RequestFacts): boolean {
  const pattern = resolved(template, facts, text.length)
  return pattern !== null && matches(pattern, text)
}

/** The same in any case of letters. */
export function templateMatchesIgnoringCase(template: Template, text: string, facts: RequestFacts): boolean {
  // What letters become in lower case is never shorter.
  const lowerText = text.toLowerCase()
  const pattern = resolved(template, facts, lowerText.length)
  if (pattern === null) return false
  const lower = { pieces: pattern.pieces.map(piece => piece.map(run => run.toLowerCase())) }
  return matches(lower, lowerText)
}
