// Makes the result of an import pass the configuration check: what the check refuses is taken out, with a finding at the
// key it came from, until nothing is refused any more.

import { buildConfig, type ConfigEnvironment } from '../load.ts'
import { formatPath, type Path } from '../problem.ts'
import { asMapping, ownValue } from '../shape.ts'
import type { Problem } from '../types.ts'
import type { Findings, SourceName } from './finding.ts'
import { addRequired, type ImportedLocations, leaveOut } from './location-import.ts'
import type { ImportedSite } from './site-import.ts'

type Output = Record<string, unknown>

const listKey = 'env_replication_endpoints'
const roundsMax = 10_000

/** `sites` are the origins of the entries of env_replication_endpoints, in their order. */
export function makePass(
  output: Output,
  sites: readonly ImportedSite[],
  environment: ConfigEnvironment,
  findings: Findings,
): Output {
  let current = output
  let origins = sites
  for (let round = 0; round < roundsMax; round += 1) {
    const result = buildConfig(current, { environment, baseDir: environment.workingDir })
    if (result.ok) return current
    const problem = result.problems[0]
    if (problem === undefined) break
    const siteIndex = origins.findIndex((_, index) => covers([listKey, index], problem.path))
    const origin = origins[siteIndex]
    const name = Object.keys(asMapping(current['locations']) ?? {}).find(each =>
      covers(['locations', each], problem.path),
    )
    if (origin !== undefined) {
      findings.add(origin.source, [...origin.path, 'site'], 'not supported', `${reason(problem)}; the site is left out`)
      origins = origins.filter((_, index) => index !== siteIndex)
      current = withSites(current, siteIndex)
    } else if (name !== undefined) current = withoutLocation(current, name, reason(problem), findings)
    else {
      // Without an accounts file there is no engine of many processes.
      const isShared = problem.path === 'accounts' && current['engine'] !== undefined
      const path = isShared ? ['engine'] : deepest(current, [], problem.path)
      if (path.length === 0) break
      const from = originOf(path)
      findings.add(from.source, from.path, 'not supported', `${reason(problem)}; the default is used instead`)
      current = without(current, path)
    }
  }
  return { dataDir: './data' }
}

function reason(problem: Problem): string {
  return `found ${problem.found}, expected ${problem.expected}`
}

/** Whether a formatted path is at or below a path. */
function covers(path: Path, text: string): boolean {
  const prefix = formatPath(path)
  return text.startsWith(prefix) && /^$|^[.[]/.test(text.slice(prefix.length))
}

function withSites(output: Output, dropped: number): Output {
  const list = output[listKey]
  const rest = Array.isArray(list) ? list.filter((_, index) => index !== dropped) : []
  if (rest.length > 0) return { ...output, [listKey]: rest }
  return without(output, [listKey])
}

function withoutLocation(output: Output, name: string, why: string, findings: Findings): Output {
  const entry = ownValue(output['locations'], name)
  leaveOut(name, entry, why, findings)
  const locations: ImportedLocations = {}
  for (const [each, location] of Object.entries(asMapping(output['locations']) ?? {})) {
    const mapping = asMapping(location)
    if (each !== name && mapping !== undefined) {
      Object.defineProperty(locations, each, { value: mapping, enumerable: true, configurable: true, writable: true })
    }
  }
  // The place of a broken us-east-1 is taken by a new one; its findings are there already.
  addRequired(locations, { 'us-east-1': name === 'us-east-1' ? {} : undefined }, findings)
  return { ...output, locations }
}

/** Path of the deepest key of the output that covers the problem. */
function deepest(value: unknown, path: Path, text: string): Path {
  for (const [key, item] of Object.entries(asMapping(value) ?? {})) {
    if (covers([...path, key], text)) return deepest(item, [...path, key], text)
  }
  return path
}

function without(output: Output, path: Path): Output {
  const [first, ...rest] = path
  const copy: Output = {}
  for (const [key, item] of Object.entries(output)) {
    if (key !== first) copy[key] = item
    else if (rest.length > 0) copy[key] = without({ ...asMapping(item) }, rest)
  }
  return copy
}

/** Which key of which file a key of the output came from. */
function originOf(path: Path): { readonly source: SourceName; readonly path: Path } {
  const [first, ...rest] = path
  if (first === 's3') return { source: 'cloudserver', path: ['listenOn'] }
  if (first === 'control') return { source: 'backbeat', path: ['server', 'port'] }
  if (first === 'accounts') return { source: 'authdata', path: [] }
  if (first === 'log') return { source: 'cloudserver', path: ['log', 'logLevel'] }
  if (first === 'locations') return { source: 'locations', path: rest }
  if (first === 'engine') return { source: 'backbeat', path: enginePath(rest) }
  if (first === 'replication') return { source: 'backbeat', path: ['extensions', 'replication', ...rest] }
  return { source: 'cloudserver', path }
}

function enginePath([part]: Path): Path {
  if (part === 'log') return ['kafka', 'hosts']
  if (part === 'state') return ['zookeeper', 'connectionString']
  return part === 'signals' ? ['redis'] : []
}
