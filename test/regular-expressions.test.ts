// Goal: no text from a client makes a regular expression of the server take long. Method: every literal of the code that reads what clients send
// is tried on long texts of the kinds that make backtracking slow: its own characters, alone, in pairs and behind each other, with an end that
// cannot match. One that needs the square of a text's length would take several seconds where a linear one takes a millisecond.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const places = ['src/s3/**/*.ts', 'src/domain/*.ts', 'src/base/*.ts', 'src/api/*.ts']
/** As long as a request's head may be, about. */
const length = 40_000
const cpuMsMax = 400

interface Literal {
  readonly place: string
  readonly expression: RegExp
}

const form =
  /(?<=[=(,:[!&|?;{]\s*|return )\/(?![/*])((?:\\.|\[(?:\\.|[^\]\n\\])*\]|[^/\n\\[])+)\/([dgimsuvy]*)(?=[\s).,;\]])/g

function literalsOf(path: string): readonly Literal[] {
  const lines = readFileSync(join(root, path), 'utf8').split('\n')
  return lines.flatMap((line, index) => {
    if (/^\s*(?:\/\/|\*|\/\*)/.test(line)) return []
    return [...line.matchAll(form)].map(([, source = '', flags = '']) => ({
      place: `${path}:${index + 1}`,
      expression: new RegExp(source, flags),
    }))
  })
}

/** Characters that the expression is made of, and one of each class that it may name. */
function charactersOf({ source }: RegExp): readonly string[] {
  const own = source.replace(/\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[pP]\{\w+\}/g, '').match(/[^\\()[\]{}?*+|^$]/g) ?? []
  return [...new Set([...own, 'a', 'A', '0', ' ', '\t', '"', '.', '-', ':', ',', '/', '\u00fc'])]
}

function attacksOn(expression: RegExp): readonly string[] {
  const characters = charactersOf(expression)
  const pairs = characters.flatMap(one => characters.slice(0, 3).map(other => one + other))
  // What the expression begins with may have to come first.
  const words = expression.source.match(/[A-Za-z0-9:=/_-]{2,}/g) ?? []
  const units = [...characters, ...pairs, ...words]
  return units.flatMap(unit => {
    const many = unit.repeat(Math.floor(length / unit.length))
    return [`${many}\0`, ...words.slice(0, 2).map(word => `${word}${many}\0`)]
  })
}

/** Milliseconds of CPU that the slowest text takes. */
function slowest(expression: RegExp): { readonly ms: number; readonly text: string } {
  let worst = { ms: 0, text: '' }
  for (const text of attacksOn(expression)) {
    const before = process.cpuUsage()
    text.replace(expression, '')
    const { user } = process.cpuUsage(before)
    if (user / 1000 > worst.ms) worst = { ms: user / 1000, text: text.slice(0, 20) }
    if (worst.ms > cpuMsMax) break
  }
  return worst
}

const literals = places
  .flatMap(place => globSync(place, { cwd: root }))
  .filter(path => !path.endsWith('.test.ts'))
  .flatMap(literalsOf)

test('regular expressions that read what clients send take time in proportion', () => {
  assert.ok(literals.length > 60, `${literals.length} were found`)
  const slow = literals
    .map(({ place, expression }) => ({ place, expression, ...slowest(expression) }))
    .filter(({ ms }) => ms > cpuMsMax)
    .map(({ place, expression, ms, text }) => `${place} ${expression}: ${ms} ms on ${JSON.stringify(text)}...`)
  assert.deepEqual(slow, [])
})

test('one that backtracks is found', () => {
  assert.ok(slowest(/T.*(?:Z|[+-]\d{2})$/).ms > cpuMsMax)
  assert.ok(slowest(/^.*(?:Z|[+-]\d{2})$/).ms < cpuMsMax)
})
