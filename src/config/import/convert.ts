// Converts the original programs' files into one configuration of Crossbeat. Nothing is lost silently: every key is
// converted or has a finding, and the result is checked before it is handed out; what the check refuses is taken out
// again and reported, so that the result always passes.

import { parseHostPort } from '../address.ts'
import type { ConfigEnvironment } from '../load.ts'
import { escapeReferences } from '../references.ts'
import { asMapping, ownValue } from '../shape.ts'
import { backbeatRules } from './backbeat-keys.ts'
import { judgeKeys, leaves } from './catalogue.ts'
import { cloudserverRules } from './cloudserver-keys.ts'
import { engineRules, importEngine } from './engine-import.ts'
import { createFindings, type Finding, type Findings } from './finding.ts'
import { importLocations } from './location-import.ts'
import { makePass } from './result-check.ts'
import { importSites } from './site-import.ts'

/** The parsed files; undefined where one was not given. `authdataFile` is the absolute path of `authdata`. */
export type ImportSources = {
  readonly cloudserver: unknown
  readonly locations: unknown
  readonly authdata: unknown
  readonly authdataFile: string | undefined
  readonly backbeat: unknown
  /** URL of a PostgreSQL: Backbeat's servers then become the `engine`. */
  readonly postgres?: string | undefined
}

export type ImportResult = {
  /** The keys of crossbeat.yaml. It passes the check in the given environment. */
  readonly config: Readonly<Record<string, unknown>>
  readonly findings: readonly Finding[]
}

/** Keys of crossbeat.yaml while they are put together. */
type Output = Record<string, unknown>

/** Never throws for bad content. */
export function importConfig(sources: ImportSources, environment: ConfigEnvironment): ImportResult {
  const findings = createFindings()
  if (sources.cloudserver !== undefined) judgeKeys('cloudserver', sources.cloudserver, cloudserverRules, findings)
  const rules = sources.postgres === undefined ? backbeatRules : [...engineRules, ...backbeatRules]
  if (sources.backbeat !== undefined) judgeKeys('backbeat', sources.backbeat, rules, findings)
  const locations = sources.locations === undefined ? {} : importLocations(sources.locations, findings)
  const sites = importSites({ ...sources, locations }, findings)
  const output: Output = { dataDir: './data' }
  importListen(sources, output, findings)
  importAccounts(sources, output, findings)
  importGroupId(sources, output, findings)
  if (Object.keys(locations).length > 0) output['locations'] = escapeTexts(locations)
  if (sites.length > 0) output['env_replication_endpoints'] = sites.map(site => escapeTexts(site.entry))
  importReplication(sources.backbeat, output)
  if (sources.postgres !== undefined) {
    const { backbeat, postgres, authdataFile } = sources
    const engine = importEngine({ backbeat, postgres, hasAccounts: authdataFile !== undefined }, findings)
    if (engine !== undefined) output['engine'] = engine
  }
  importLog(sources, output, findings)
  return { config: makePass(output, sites, environment, findings), findings: findings.list }
}

function importListen(sources: ImportSources, output: Output, findings: Findings): void {
  const port = ownValue(sources.cloudserver, 'port')
  const listenOn = ownValue(sources.cloudserver, 'listenOn')
  const addresses: readonly unknown[] = Array.isArray(listenOn) ? listenOn : []
  if (addresses.length > 0) {
    output['s3'] = { listen: addresses[0] }
    findings.add('cloudserver', ['listenOn', 0], 'converted')
    for (const index of addresses.keys()) {
      if (index > 0)
        findings.add('cloudserver', ['listenOn', index], 'not supported', 'only the first address is listened on')
    }
    if (port !== undefined) findings.add('cloudserver', ['port'], 'not needed', 'listenOn decides')
  } else {
    if (sources.cloudserver !== undefined)
      output['s3'] = { listen: `0.0.0.0:${typeof port === 'number' ? port : 8000}` }
    if (port !== undefined) findings.add('cloudserver', ['port'], 'converted')
    if (listenOn !== undefined) findings.add('cloudserver', ['listenOn'], 'converted')
  }
  const controlPort = ownValue(ownValue(sources.backbeat, 'server'), 'port')
  if (controlPort !== undefined) findings.add('backbeat', ['server', 'port'], 'converted')
  const wanted = typeof controlPort === 'number' || typeof controlPort === 'string' ? Number(controlPort) : 8900
  const s3Listen = String(ownValue(output['s3'], 'listen') ?? '127.0.0.1:8000')
  if (parseHostPort(s3Listen)?.port === wanted) {
    const path = controlPort === undefined ? [] : ['server', 'port']
    findings.add('backbeat', path, 'contradictory', 'the S3 port is the same; the control port becomes the next one')
    output['control'] = { listen: `127.0.0.1:${wanted === 65_535 ? 8900 : wanted + 1}` }
  } else if (controlPort !== undefined) output['control'] = { listen: `127.0.0.1:${wanted}` }
}

function importAccounts(sources: ImportSources, output: Output, findings: Findings): void {
  if (sources.authdataFile === undefined) return
  output['accounts'] = escapeReferences(sources.authdataFile)
  const accounts = ownValue(sources.authdata, 'accounts')
  for (const [index, account] of (Array.isArray(accounts) ? accounts : []).entries()) {
    for (const [key, value] of Object.entries(asMapping(account) ?? {})) {
      const path = ['accounts', index, key]
      if (accountKeys.includes(key)) findings.add('authdata', path, 'converted')
      else if (key === 'users') {
        const text = 'users inside an account are not known: requests signed with their keys are refused'
        const empty = Array.isArray(value) && value.length === 0
        findings.add('authdata', path, empty ? 'not needed' : 'not supported', empty ? 'there are none' : text)
      } else
        for (const leaf of leaves(value, path)) findings.add('authdata', leaf.path, 'unknown', 'it has no effect here')
    }
  }
  for (const key of Object.keys(asMapping(sources.authdata) ?? {})) {
    if (key !== 'accounts') findings.add('authdata', [key], 'unknown', 'it has no effect here')
  }
}

const accountKeys = ['name', 'email', 'arn', 'canonicalID', 'shortid', 'keys', 'displayName', 'admin']

/** CloudServer cuts and pads the id to 7 characters inside version ids; its word counts, since it makes them. */
function importGroupId(sources: ImportSources, output: Output, findings: Findings): void {
  const key = 'replicationGroupId'
  const [front, engine] = [ownValue(sources.cloudserver, key), ownValue(sources.backbeat, key)]
  const normal = (value: unknown) => (typeof value === 'string' ? value.slice(0, 7).padEnd(7, ' ') : undefined)
  if (front !== undefined) findings.add('cloudserver', [key], 'converted')
  if (engine !== undefined) findings.add('backbeat', [key], 'converted')
  if (front !== undefined && engine !== undefined && normal(front) !== normal(engine)) {
    findings.add('backbeat', [key], 'contradictory', 'the id is another one in CloudServer, which counts')
  }
  const value = front ?? engine
  if (value !== undefined) output[key] = typeof value === 'string' ? escapeReferences(value.slice(0, 7)) : value
}

/** Copies what has a key of the same name; absent keys stay absent. */
function importReplication(backbeat: unknown, output: Output): void {
  const from = ownValue(ownValue(backbeat, 'extensions'), 'replication')
  const replication = pick(from, ['topic', 'replicationStatusTopic'])
  const processor = ownValue(from, 'queueProcessor')
  const queueProcessor = pick(processor, ['concurrency', 'mpuPartsConcurrency', 'minMPUSizeMB'])
  const retry: Output = {}
  for (const kind of ['aws_s3', 'azure', 'scality']) {
    const settings = ownValue(ownValue(processor, 'retry'), kind)
    const backoff = pick(ownValue(settings, 'backoff'), ['min', 'max', 'jitter', 'factor'])
    if (Object.keys(backoff).length > 0) retry[kind] = { backoff }
  }
  if (Object.keys(retry).length > 0) queueProcessor['retry'] = retry
  if (Object.keys(queueProcessor).length > 0) replication['queueProcessor'] = queueProcessor
  if (Object.keys(replication).length > 0) output['replication'] = escapeTexts(replication)
}

function pick(value: unknown, keys: readonly string[]): Output {
  const picked: Output = {}
  for (const key of keys) {
    const item = ownValue(value, key)
    if (item !== undefined) picked[key] = item
  }
  return picked
}

function importLog(sources: ImportSources, output: Output, findings: Findings): void {
  const path = ['log', 'logLevel']
  const front = ownValue(ownValue(sources.cloudserver, 'log'), 'logLevel')
  const engine = ownValue(ownValue(sources.backbeat, 'log'), 'logLevel')
  if (front !== undefined) findings.add('cloudserver', path, 'converted')
  if (engine !== undefined) findings.add('backbeat', path, 'converted')
  if (front !== undefined && engine !== undefined && front !== engine) {
    findings.add('backbeat', path, 'contradictory', 'the level is another one in CloudServer, which counts')
  }
  const level = front ?? engine
  if (level !== undefined) output['log'] = { level: typeof level === 'string' ? escapeReferences(level) : level }
}

/** In the originals `${` means nothing. */
function escapeTexts(value: unknown): unknown {
  if (typeof value === 'string') return escapeReferences(value)
  if (Array.isArray(value)) return value.map(escapeTexts)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escapeTexts(item)]))
}
