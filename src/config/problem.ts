// Problems of a configuration while they are being collected: every check adds to one list and goes on, so that a reader
// gets all of them at once. What was found is described without ever showing a secret.

import type { Problem } from './types.ts'

/** Way to a value: keys of mappings and indexes of lists. */
export type Path = readonly (string | number)[]

/** `file:line:column` of the value at a path, or of the nearest one above it; undefined if nothing is known. */
export type Locate = (path: Path) => string | undefined

/** Collects problems. */
export type Report = {
  /** Adds a problem, unless the value at the path is already known to be unusable. */
  add(path: Path, found: string, expected: string, nearest?: string): void
  /** Adds a problem and makes the path known as unusable: later checks of it are not reported. */
  spoil(path: Path, found: string, expected: string): void
  /** Describes the value at a path; one that came from a reference is described by the reference. */
  found(path: Path, value: unknown, secret?: boolean): string
  /** Remembers that the value at a path came from this text with references. */
  refer(path: Path, text: string): void
  readonly problems: readonly Problem[]
}

/** A new, empty report whose problems get their place from `locate`. */
export function createReport(locate: Locate): Report {
  const problems: Problem[] = []
  const spoiled = new Set<string>()
  const references = new Map<string, string>()
  const add: Report['add'] = (path, found, expected, nearest) => {
    const text = formatPath(path)
    if (spoiled.has(text)) return
    const at = locate(path)
    problems.push({
      path: text,
      found,
      expected,
      ...(nearest === undefined ? {} : { nearest }),
      ...(at === undefined ? {} : { at }),
    })
  }
  return {
    problems,
    add,
    spoil(path, found, expected) {
      add(path, found, expected)
      spoiled.add(formatPath(path))
    },
    found(path, value, secret = false) {
      const reference = references.get(formatPath(path))
      return reference === undefined ? describe(value, secret) : `what ${reference} stands for`
    },
    refer(path, text) {
      references.set(formatPath(path), text)
    },
  }
}

const plainKey = /^[\w-]+$/

/** `locations.aws.details`, `list[1].site`; keys with unusual characters are quoted: `locations["a.b"]`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!plainKey.test(step)) text += `[${JSON.stringify(shorten(step))}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** What a value is, for a reader. Strings are shown shortened and without what URLs may hide; secrets not at all. */
export function describe(value: unknown, secret = false): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'an empty value'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string' && value === '') return 'an empty string'
  if (secret) return `a ${typeof value} (not shown)`
  if (typeof value === 'string' && value.length > maskedMax) return `a string of ${value.length} characters`
  if (typeof value === 'string') return JSON.stringify(shorten(maskUrl(value)))
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  return `a ${typeof value}`
}

const shownMax = 80
/** Longer texts are not searched for what must not be shown. */
const maskedMax = 4096

function shorten(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}...`
}

/** User, password and query of a URL are where people put credentials. */
function maskUrl(text: string): string {
  return text.replace(/[^\s/]*@/g, '***@').replace(/\?.*$/s, '?***')
}

/** The candidate most like the text, if it is alike enough to have been meant. */
export function nearestName(text: string, candidates: readonly string[]): string | undefined {
  if (text.length > shownMax) return undefined
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = editDistance(text.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best === undefined) return undefined
  const allowed = Math.max(1, Math.floor(Math.max(text.length, best.length) / 3))
  return bestDistance <= allowed ? best : undefined
}

/** Changes of one character, and swaps of two neighbours, that turn one text into the other. */
export function editDistance(left: string, right: string): number {
  const width = right.length + 1
  let before: number[] = []
  let previous = Array.from({ length: width }, (_, index) => index)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    for (let column = 1; column < width; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      }
      current.push(cost)
    }
    before = previous
    previous = current
  }
  return previous[width - 1] ?? 0
}

/** The same problems in the order of the files they are in; those without a place stay in front. */
export function inFileOrder(problems: readonly Problem[]): readonly Problem[] {
  const place = (problem: Problem) => {
    const match = /^(.*):(\d+):(\d+)$/s.exec(problem.at ?? '')
    return { file: match?.[1] ?? '', line: Number(match?.[2] ?? 0), column: Number(match?.[3] ?? 0) }
  }
  return problems.toSorted((left, right) => {
    const [a, b] = [place(left), place(right)]
    if (a.file !== b.file) return a.file < b.file ? -1 : 1
    return a.line - b.line || a.column - b.column
  })
}

/** One line for a terminal: path, found, expected, the nearest name and the place. */
export function formatProblem(problem: Problem): string {
  const place = problem.at === undefined ? '' : ` (${problem.at})`
  const subject = problem.path === '' ? 'the file' : problem.path
  const hint = problem.nearest === undefined ? '' : `; did you mean ${JSON.stringify(problem.nearest)}?`
  return `${subject}: found ${problem.found}, expected ${problem.expected}${hint}${place}`
}
