// Makes one list of sites from CloudServer's replicationEndpoints and Backbeat's bootstrapList, which should say the same,
// and reports where they do not. What a rule can name is CloudServer's business, so its word counts; where the bytes of a
// site with servers go is Backbeat's.

import { accountList, firstKey } from '../gateway.ts'
import type { Path } from '../problem.ts'
import { asMapping, ownValue } from '../shape.ts'
import { leaves } from './catalogue.ts'
import type { Findings, SourceName } from './finding.ts'
import type { ImportedLocations } from './location-import.ts'

/** An entry of env_replication_endpoints, still unchecked, and where it came from. */
export type ImportedSite = { readonly entry: SiteEntry; readonly source: SourceName; readonly path: Path }

type SiteEntry = Readonly<Record<string, unknown>> & { readonly site: string }

/** The parsed files; undefined where one was not given. */
export type SiteSources = {
  readonly cloudserver: unknown
  readonly backbeat: unknown
  readonly authdata: unknown
  readonly locations: ImportedLocations
}

type Entry = { readonly source: SourceName; readonly path: Path; readonly value: unknown; readonly site: string }

const destination: Path = ['extensions', 'replication', 'destination']

/** The sites that can be used, in CloudServer's order, then Backbeat's. */
export function importSites(sources: SiteSources, findings: Findings): readonly ImportedSite[] {
  const front = readList('cloudserver', sources.cloudserver, ['replicationEndpoints'], findings)
  const engine = readList('backbeat', sources.backbeat, [...destination, 'bootstrapList'], findings)
  if (sources.cloudserver !== undefined && sources.backbeat !== undefined) compareLists(front, engine, findings)
  const merged = [...front, ...engine.filter(entry => front.every(other => other.site !== entry.site))]
  const chosen = defaultOf(front) ?? defaultOf(engine)
  const credentials = destinationCredentials(sources, findings)
  if (inDestination(sources, 'transport') !== undefined) {
    if (serversUsed(sources)) findings.add('backbeat', [...destination, 'transport'], 'converted')
    else
      findings.add(
        'backbeat',
        [...destination, 'transport'],
        'not needed',
        'it is how to reach servers, and no site has any',
      )
  }
  const sites: ImportedSite[] = []
  for (const entry of merged) {
    const other = engine.find(candidate => candidate.site === entry.site) ?? entry
    const site = importSite(entry, other, sources, credentials, findings)
    if (site !== undefined) sites.push({ entry: site, source: entry.source, path: entry.path })
  }
  markDefault(sites, chosen, findings)
  return sites
}

/** Consumes a list of sites; entries without a name are reported and dropped, repeated ones too. */
function readList(source: SourceName, root: unknown, path: Path, findings: Findings): readonly Entry[] {
  let list: unknown = root
  for (const step of path) list = ownValue(list, String(step))
  if (list === undefined) return []
  if (!Array.isArray(list)) {
    findings.add(source, path, 'not supported', 'it is no list, so it names no sites')
    return []
  }
  if (list.length === 0) findings.add(source, path, 'converted')
  const entries: Entry[] = []
  for (const [index, value] of list.entries()) {
    const at = [...path, index]
    const site = ownValue(value, 'site')
    if (typeof site !== 'string' || site === '') {
      findings.add(source, at, 'not supported', 'it has no name (`site`) and is left out')
    } else if (entries.some(entry => entry.site === site)) {
      findings.add(source, [...at, 'site'], 'contradictory', 'the site is listed twice; the first entry counts')
    } else entries.push({ source, path: at, value, site })
  }
  return entries
}

function defaultOf(entries: readonly Entry[]): Entry | undefined {
  return entries.find(entry => ownValue(entry.value, 'default') === true) ?? entries[0]
}

function compareLists(front: readonly Entry[], engine: readonly Entry[], findings: Findings): void {
  for (const entry of front) {
    const other = engine.find(candidate => candidate.site === entry.site)
    if (other !== undefined) compareEntries(entry, other, findings)
    else
      findings.add(
        'cloudserver',
        entry.path,
        'contradictory',
        'the site is in replicationEndpoints only, not in bootstrapList of Backbeat',
      )
  }
  for (const entry of engine) {
    if (front.some(candidate => candidate.site === entry.site)) continue
    findings.add(
      'backbeat',
      entry.path,
      'contradictory',
      'the site is in bootstrapList only, not in replicationEndpoints of CloudServer',
    )
  }
  const [frontDefault, engineDefault] = [defaultOf(front), defaultOf(engine)]
  if (frontDefault === undefined || engineDefault === undefined || frontDefault.site === engineDefault.site) return
  const text = `the default site is another one in CloudServer, whose ${JSON.stringify(frontDefault.site)} counts`
  findings.add('backbeat', [...engineDefault.path, 'default'], 'contradictory', text)
}

function compareEntries(entry: Entry, other: Entry, findings: Findings): void {
  const [type, otherType] = [ownValue(entry.value, 'type'), ownValue(other.value, 'type')]
  if (type !== otherType) {
    const text = 'the site has another type in CloudServer, which counts (a site without a type has servers)'
    findings.add('backbeat', [...other.path, 'type'], 'contradictory', text)
  } else if (
    type === undefined &&
    JSON.stringify(ownValue(entry.value, 'servers')) !== JSON.stringify(ownValue(other.value, 'servers'))
  ) {
    const text = 'the servers are others in Backbeat, which count'
    findings.add('cloudserver', [...entry.path, 'servers'], 'contradictory', text)
  }
}

type DestinationKeys =
  | { readonly kind: 'found'; readonly accessKey: string; readonly secretKey: string }
  | { readonly kind: 'missing'; readonly why: string }

/** Keys for servers: the account that `destination.auth` names, from the accounts file. */
function destinationCredentials(sources: SiteSources, findings: Findings): DestinationKeys {
  const auth = inDestination(sources, 'auth')
  const hasServers = serversUsed(sources)
  const keys = lookUpKeys(auth, sources.authdata)
  for (const { path } of leaves(auth, [...destination, 'auth'])) {
    if (auth === undefined) break
    if (!hasServers) findings.add('backbeat', path, 'not needed', 'it signs requests to servers, and no site has any')
    else if (path.includes('vault')) findings.add('backbeat', path, 'not needed', 'keys come from the accounts file')
    else if (keys.kind === 'found') findings.add('backbeat', path, 'converted')
    else findings.add('backbeat', path, 'not supported', `${keys.why}; sites with servers are left out`)
  }
  return keys
}

function inDestination(sources: SiteSources, key: string): unknown {
  return ownValue(ownValue(ownValue(ownValue(sources.backbeat, 'extensions'), 'replication'), 'destination'), key)
}

function serversUsed(sources: SiteSources): boolean {
  const engine = inDestination(sources, 'bootstrapList')
  return [ownValue(sources.cloudserver, 'replicationEndpoints'), engine].some(
    list => Array.isArray(list) && list.some(entry => ownValue(entry, 'type') === undefined),
  )
}

function lookUpKeys(auth: unknown, authdata: unknown): DestinationKeys {
  if (auth === undefined) return { kind: 'missing', why: 'there is no destination.auth of Backbeat to sign with' }
  if (ownValue(auth, 'type') === 'role') {
    return { kind: 'missing', why: 'there is no Vault whose roles could be assumed' }
  }
  const name = ownValue(auth, 'account')
  const account = accountList(authdata).find(item => ownValue(item, 'name') === name && name !== undefined)
  const keys = account === undefined ? undefined : firstKey(account)
  if (keys !== undefined) return { kind: 'found', ...keys }
  const why = account === undefined ? 'the account is not in the accounts file (--authdata)' : 'the account has no keys'
  return { kind: 'missing', why }
}

function importSite(
  entry: Entry,
  engineEntry: Entry,
  sources: SiteSources,
  credentials: DestinationKeys,
  findings: Findings,
): SiteEntry | undefined {
  const type = ownValue(entry.value, 'type')
  const problem = type === undefined ? serversProblem(engineEntry, credentials) : typeProblem(entry, type, sources)
  for (const each of entry === engineEntry ? [entry] : [entry, engineEntry]) {
    reportKeys(each, problem?.text, findings)
  }
  if (problem !== undefined) {
    const key = type === undefined ? 'servers' : 'type'
    findings.add(entry.source, [...entry.path, key], problem.verdict, `${problem.text}; the site is left out`)
    return undefined
  }
  if (type !== undefined) return { site: entry.site, type }
  if (credentials.kind === 'missing') return undefined
  const { accessKey, secretKey } = credentials
  const transport = inDestination(sources, 'transport')
  return {
    site: entry.site,
    servers: ownValue(engineEntry.value, 'servers') ?? ownValue(entry.value, 'servers'),
    ...(transport === 'https' ? { https: true } : {}),
    credentials: { accessKey, secretKey },
  }
}

type SiteProblem = { readonly verdict: 'not supported' | 'contradictory'; readonly text: string }

function serversProblem(entry: Entry, credentials: DestinationKeys): SiteProblem | undefined {
  if (!Array.isArray(ownValue(entry.value, 'servers'))) {
    return { verdict: 'not supported', text: 'the site has neither a type nor servers' }
  }
  if (credentials.kind === 'missing') return { verdict: 'not supported', text: credentials.why }
  return undefined
}

function typeProblem(entry: Entry, type: unknown, sources: SiteSources): SiteProblem | undefined {
  if (type !== 'aws_s3' && type !== 'azure') {
    const text = type === 'gcp' ? 'type gcp is not supported yet' : 'the type is not supported as a replication target'
    return { verdict: 'not supported', text }
  }
  const location = Object.hasOwn(sources.locations, entry.site) ? sources.locations[entry.site] : undefined
  if (location === undefined) return { verdict: 'contradictory', text: 'there is no usable location of that name' }
  if (location['type'] === type) return undefined
  return { verdict: 'contradictory', text: 'the location of that name has another type' }
}

/** One finding for each key of an entry. */
function reportKeys(entry: Entry, left: string | undefined, findings: Findings): void {
  for (const [key, value] of Object.entries(asMapping(entry.value) ?? {})) {
    const path = [...entry.path, key]
    if (key === 'echo' && value === true) {
      findings.add(
        entry.source,
        path,
        'not supported',
        'objects are not echoed back: the site is replicated to as any other',
      )
    } else if (key === 'echo') findings.add(entry.source, path, 'not needed', 'it is off')
    else if (!['site', 'type', 'servers', 'default'].includes(key)) {
      for (const leaf of leaves(value, path)) findings.add(entry.source, leaf.path, 'unknown', 'it has no effect here')
    } else if (left !== undefined) findings.add(entry.source, path, 'not supported', 'its site is left out')
    else if (key === 'servers' && ownValue(entry.value, 'type') !== undefined) {
      findings.add(entry.source, path, 'not needed', 'the site has a type')
    } else findings.add(entry.source, path, 'converted')
  }
}

function markDefault(sites: ImportedSite[], chosen: Entry | undefined, findings: Findings): void {
  if (chosen === undefined) return
  const index = sites.findIndex(site => site.entry.site === chosen.site)
  const site = sites[index]
  if (site !== undefined) sites[index] = { ...site, entry: { ...site.entry, default: true } }
  else {
    const next =
      sites[0] === undefined ? 'there is no default' : `${JSON.stringify(sites[0].entry.site)} is the default instead`
    const text = `the default site is left out; ${next}`
    findings.add(chosen.source, [...chosen.path, 'site'], 'not supported', text)
  }
}
