// The house rules that a compiler or linter does not know: layering, sizes, banned calls, one door per npm package. Runs
// as part of `npm run check` and as a unit test (tidy.test.ts); `node test/tidy.ts` prints what it finds.
import { globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, join, sep } from 'node:path'
import { adapters, bannedCalls, doors, layers } from './tidiness/layers.ts'
import { codeOnly, functionsOf, importsOf, lineAt } from './tidiness/source-text.ts'

const fileLinesMax = 500
const functionLinesMax = 70

/** One broken rule. */
export interface Violation {
  readonly path: string
  readonly line: number
  readonly rule: string
}

/** All violations below `root`, which holds src, test and bin. */
export function findViolations(root: string): readonly Violation[] {
  const patterns = ['src/**/*.ts', 'test/**/*.ts', 'examples/**/*.ts', 'bin/**/*.js']
  const paths = patterns.flatMap(pattern => globSync(pattern, { cwd: root })).map(path => path.split(sep).join('/'))
  return paths.sort().flatMap(path => violationsOf(path, readFileSync(join(root, path), 'utf8')))
}

/** The violations of one file, given its path in the repository and its text. */
export function violationsOf(path: string, source: string): readonly Violation[] {
  const code = codeOnly(source)
  const rules = [sizes, names, importRules, calls, words]
  return rules.flatMap(rule => rule(path, source, code).map(([line, text]) => ({ path, line, rule: text })))
}

type Findings = readonly (readonly [line: number, rule: string])[]

function sizes(path: string, source: string): Findings {
  const found: [number, string][] = []
  const lines = source.split('\n').length - 1
  if (lines > fileLinesMax) found.push([lines, `the file has ${lines} lines, at most ${fileLinesMax} are allowed`])
  for (const { line, length, text } of functionsOf(source)) {
    if (length <= functionLinesMax || (isTest(path) && holdsTests(text))) continue
    found.push([line, `the function has ${length} lines, at most ${functionLinesMax} are allowed`])
  }
  return found
}

// A suite is a list of tests, each of which is measured by itself.
function holdsTests(text: string): boolean {
  return /^\s*(await )?(\w+\.)?(test|it|describe|suite)\(/m.test(text)
}

function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts')
}

function names(path: string, source: string): Findings {
  const found: [number, string][] = []
  if (!/^(#!.*\n)?(\/\/|\/\*)/.test(source))
    found.push([1, 'a file opens with a comment: what it is, what it guarantees'])
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.(ts|js)$/.test(basename(path))) found.push([1, 'file names are kebab-case'])
  if (/\/(utils?|helpers?|common|misc)(\/|\.ts$)/.test(path)) found.push([1, 'name the folder by what it holds'])
  if (basename(path) === 'index.ts') found.push([1, 'no barrel files: import from the file itself'])
  return found
}

function importRules(path: string, source: string): Findings {
  const found: [number, string][] = []
  for (const { specifier, line } of importsOf(source)) {
    const why = specifier.startsWith('.')
      ? layerViolation(path, resolve(path, specifier))
      : doorViolation(path, specifier)
    if (why !== undefined) found.push([line, why])
  }
  return found
}

function resolve(path: string, specifier: string): string {
  return join(dirname(path), specifier).split(sep).join('/')
}

function layerViolation(path: string, target: string): string | undefined {
  // Tests beside a file, and those in test/, may use everything.
  if (isTest(path)) return undefined
  const adapter = longest(adapters, target)
  if (adapter !== undefined && !path.startsWith(adapter.folder) && !startsWithAny(path, adapter.seenBy)) {
    return `${target} is part of an adapter, which only ${adapter.seenBy.join(', ')} and tests may see`
  }
  const layer = longest(layers, path)
  if (layer === undefined) return `${path} is in no layer of test/tidiness/layers.ts`
  const seen = adapter?.seenBy.some(place => path.startsWith(place)) ?? false
  if (seen || target.startsWith(layer.folder) || startsWithAny(target, layer.may)) return undefined
  return `${layer.folder} may not import ${target}`
}

function doorViolation(path: string, specifier: string): string | undefined {
  if (isTest(path)) return undefined
  const name = specifier.startsWith('node:') ? specifier : packageOf(specifier)
  const door = doors[name]
  if (door === undefined) return isBuiltin(name) ? undefined : `${name} has no door in test/tidiness/layers.ts`
  return startsWithAny(path, door) ? undefined : `${name} may only be imported in ${door.join(', ')}`
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function longest<T extends { readonly folder: string }>(table: readonly T[], path: string): T | undefined {
  const matching = table.filter(({ folder }) => path.startsWith(folder))
  return matching.toSorted((a, b) => b.folder.length - a.folder.length)[0]
}

function startsWithAny(path: string, places: readonly string[]): boolean {
  return places.some(place => path.startsWith(place))
}

function calls(path: string, _source: string, code: string): Findings {
  const found: [number, string][] = []
  for (const { pattern, name, instead, in: places, except } of bannedCalls) {
    const exempt = except.some(place => path.startsWith(place) || path.endsWith(place))
    if (exempt || !startsWithAny(path, places)) continue
    for (const match of code.matchAll(pattern)) found.push([lineAt(code, match.index), `${name}: use ${instead}`])
  }
  return found
}

const bannedText: readonly { readonly pattern: RegExp; readonly rule: string }[] = [
  { pattern: /^export default\b/gm, rule: 'no default exports' },
  { pattern: /^export \* from\b/gm, rule: 'no barrel exports: import from the file itself' },
  { pattern: /\bas unknown as\b/g, rule: 'no "as unknown as": check the value, or change its type' },
]
// Written apart, so that this file does not break its own rule.
const bannedComments = new RegExp(
  `\\b(TO${'DO'}|FIX${'ME'}|@ts-(ignore|expect-error|nocheck)|biome-ig${'nore'})\\b`,
  'g',
)

function words(_path: string, source: string, code: string): Findings {
  const found: [number, string][] = []
  for (const { pattern, rule } of bannedText) {
    for (const match of code.matchAll(pattern)) found.push([lineAt(code, match.index), rule])
  }
  for (const match of source.matchAll(bannedComments)) {
    found.push([lineAt(source, match.index), `"${match[0]}": finish it, or write an issue`])
  }
  return found
}

if (import.meta.main) {
  const violations = findViolations(dirname(import.meta.dirname))
  for (const { path, line, rule } of violations) console.log(`${path}:${line}  ${rule}`)
  console.log(violations.length === 0 ? 'tidy' : `${violations.length} violations`)
  process.exitCode = violations.length === 0 ? 0 : 1
}
