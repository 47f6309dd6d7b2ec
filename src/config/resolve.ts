// Turns the raw values of a configuration file into the Config of types.ts: checks every section, whatever the others
// look like, fills in defaults, and checks what only shows across sections. Reads other files through the given source.

import { Secret } from '../base/secret.ts'
import { readAccountsFile } from './accounts-file.ts'
import { formatHostPort, isLoopback } from './address.ts'
import { type Endpoint, readEndpoints } from './endpoint-list.ts'
import { readEngine } from './engine.ts'
import { type AccountsChoice, readGateway } from './gateway.ts'
import { checkReadable, readListen } from './listen.ts'
import { defaultLocation, readLocations } from './location-list.ts'
import type { LocationSource } from './location-source.ts'
import { readNotifications } from './notification-targets.ts'
import { nearestName, type Report } from './problem.ts'
import type { ReferenceSource } from './references.ts'
import { wrapCredentials } from './s3-location.ts'
import { readS3 } from './s3-section.ts'
import { configSchema, controlSchema, type RawReplication, type RawRetry, replicationSchema } from './schema.ts'
import { asMapping, fitsShape, fittingParts, hasShape, ownValue } from './shape.ts'
import { holdsSourceData } from './source-data.ts'
import type {
  BackoffConfig,
  Config,
  ControlConfig,
  HostPort,
  LocationConfig,
  ReplicationConfig,
  SiteConfig,
} from './types.ts'

/** The outside of the file. `absolute` makes paths absolute as seen from the configuration file. */
export type ResolveSource = ReferenceSource & LocationSource & { absolute(path: string): string }

const listKey = 'env_replication_endpoints'
const siteRules = { types: ['aws_s3', 'azure'], credentials: 'required' } as const
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** The configuration; undefined if anything is wrong, which is in the report. References in `value` are replaced. */
export function resolveConfig(
  value: unknown,
  source: ResolveSource,
  report: Report,
): Omit<Config, 'configFile'> | undefined {
  const root = value ?? {}
  hasShape(configSchema, root, [], report)
  const s3 = readS3(ownValue(root, 's3'), source, report)
  const control = readControl(ownValue(root, 'control'), source, report)
  if (s3 !== undefined && s3.listen.port !== 0 && control !== undefined && sameAddress(s3.listen, control.listen)) {
    report.add(['control', 'listen'], formatHostPort(control.listen), 'another address than s3.listen')
  }
  const rawLocations = ownValue(root, 'locations')
  const locations = readLocations(rawLocations, ['locations'], source, report)
  const endpoints = readEndpoints(ownValue(root, listKey), [listKey], siteRules, report)
  const sites = joinSites(endpoints, rawLocations ?? { [defaultLocation.name]: defaultLocation }, report)
  const accounts = readAccounts(ownValue(root, 'accounts'), source, report)
  const replication = readReplication(ownValue(root, 'replication'), accounts, report)
  const engine = readEngine(ownValue(root, 'engine'), source, report)
  if (engine?.kind === 'distributed') checkShared(root, replication, report)
  const notifications = readNotifications(ownValue(root, 'notifications'), source, report)
  const health = readHealth(ownValue(ownValue(root, 'health'), 'listen'), report)
  if (s3 === undefined || control === undefined || replication === undefined || engine === undefined) return undefined
  if (report.problems.length === 0) requireDataLocation(locations, sites, report)
  if (report.problems.length > 0 || !fitsShape(configSchema, root)) return undefined
  return {
    dataDir: source.absolute(root.dataDir ?? './data'),
    s3,
    control,
    accountsFile: root.accounts === undefined ? undefined : source.absolute(root.accounts),
    locations,
    sites,
    replicationGroupId: (root.replicationGroupId ?? 'RG001').padEnd(7, ' '),
    replication,
    engine,
    notifications,
    health: { listen: health },
    log: { level: logLevels.find(level => level === root.log?.level) ?? 'info' },
  }
}

function requireDataLocation(locations: readonly LocationConfig[], sites: readonly SiteConfig[], report: Report): void {
  if (locations.some(location => holdsSourceData(location, sites))) return
  const expected = 'one of type file, or one of type aws_s3 that is no site with bucketMatch'
  report.add(['locations'], 'no location that can hold the data of buckets', expected)
}

function readHealth(value: unknown, report: Report): HostPort | undefined {
  return value === undefined ? undefined : readListen(value, ['health', 'listen'], 0, report)
}

/** What processes of one installation cannot each make for themselves. */
function checkShared(root: unknown, replication: ReplicationConfig | undefined, report: Report): void {
  if (ownValue(root, 'accounts') === undefined) {
    const expected =
      'path of a file in the format of authdata.json, because all processes of the distributed engine need the same accounts'
    report.add(['accounts'], 'nothing', expected)
  }
  if (replication?.gateway.kind === 'http' && replication.gateway.source === undefined) {
    const expected = '{s3: {host, port}}, because with the distributed engine a process may have no S3 port of its own'
    report.add(['replication', 'source'], 'nothing', expected)
  }
}

/** Whether the two can't both be listened on; an address of all interfaces takes its port on each. */
function sameAddress(left: HostPort, right: HostPort): boolean {
  const hosts = [left.host.toLowerCase(), right.host.toLowerCase()]
  return left.port === right.port && (hosts[0] === hosts[1] || hosts.some(host => host === '0.0.0.0' || host === '::'))
}

function readControl(value: unknown, source: ResolveSource, report: Report): ControlConfig | undefined {
  const listen = readListen(ownValue(value, 'listen'), ['control', 'listen'], 8900, report)
  const certFile = ownValue(ownValue(value, 'tls'), 'cert')
  const keyFile = ownValue(ownValue(value, 'tls'), 'key')
  if (typeof certFile === 'string') checkReadable(certFile, ['control', 'tls', 'cert'], source, report)
  if (typeof keyFile === 'string') checkReadable(keyFile, ['control', 'tls', 'key'], source, report)
  if (listen !== undefined && !isLoopback(listen.host) && ownValue(value, 'insecure') !== true) {
    const why = `because ${formatHostPort(listen)} can be reached from other machines (or \`insecure: true\`)`
    if (ownValue(value, 'token') === undefined) report.add(['control', 'token'], 'nothing', `a token, ${why}`)
    if (ownValue(value, 'tls') === undefined) report.add(['control', 'tls'], 'nothing', `{cert, key}, ${why}`)
  }
  if (listen === undefined || (value !== undefined && !fitsShape(controlSchema, value))) return undefined
  const { token, tls, insecure = false } = value ?? {}
  return {
    listen,
    token: token === undefined ? undefined : new Secret(token),
    tls: tls === undefined ? undefined : { certFile: source.absolute(tls.cert), keyFile: source.absolute(tls.key) },
    insecure,
  }
}

function readAccounts(value: unknown, source: ResolveSource, report: Report): AccountsChoice {
  if (value === undefined) return { kind: 'none' }
  if (typeof value !== 'string' || value === '') return { kind: 'bad' }
  const accounts = readAccountsFile(value, ['accounts'], source, report)
  return accounts === undefined ? { kind: 'bad' } : { kind: 'file', json: accounts.json }
}

/** Sites whose location is there and has their type. Looks at the raw locations, so that bad ones count too. */
function joinSites(endpoints: readonly Endpoint[], rawLocations: unknown, report: Report): readonly SiteConfig[] {
  const chosen = endpoints.find(endpoint => endpoint.isDefault) ?? endpoints[0]
  const locations = asMapping(rawLocations)
  const sites: SiteConfig[] = []
  for (const endpoint of endpoints) {
    const common = { site: endpoint.site, isDefault: endpoint === chosen }
    if (endpoint.kind === 'servers') {
      if (endpoint.credentials === undefined) continue
      const { kind, servers, https } = endpoint
      sites.push({ ...common, kind, servers, https, credentials: wrapCredentials(endpoint.credentials) })
    } else if (locations !== undefined && hasLocation(endpoint, locations, report)) {
      const type = endpoint.type === 'azure' ? 'azure' : 'aws_s3'
      sites.push({ ...common, kind: 'cloud', type, location: endpoint.site })
    }
  }
  return sites
}

function hasLocation(
  endpoint: Endpoint & { readonly kind: 'cloud' },
  locations: Readonly<Record<string, unknown>>,
  report: Report,
): boolean {
  const { path, site, type } = endpoint
  if (!Object.hasOwn(locations, site)) {
    const names = Object.keys(locations).filter(name => ownValue(locations[name], 'type') === type)
    const choice = names.length === 0 ? '' : ` (there is ${names.join(', ')})`
    const expected = `the name of a location of type ${type}${choice}`
    report.add([...path, 'site'], report.found([...path, 'site'], site), expected, nearestName(site, names))
    return false
  }
  const locationType = ownValue(locations[site], 'type')
  if (locationType === type) return true
  const expected = `the type of location ${JSON.stringify(site)}, ${report.found(['locations', site, 'type'], locationType)}`
  report.add([...path, 'type'], report.found([...path, 'type'], type), expected)
  return false
}

function readReplication(value: unknown, accounts: AccountsChoice, report: Report): ReplicationConfig | undefined {
  const fitting = fittingParts(replicationSchema, value ?? {})
  if (!fitsShape(replicationSchema, fitting)) return undefined
  const raw: RawReplication = fitting
  const gateway = readGateway(raw, accounts, report)
  const processor = raw.queueProcessor ?? {}
  const topics = readTopics(raw, report)
  const retry = {
    aws_s3: readBackoff('aws_s3', processor.retry?.aws_s3, report),
    azure: readBackoff('azure', processor.retry?.azure, report),
    scality: readBackoff('scality', processor.retry?.scality, report),
  }
  if (gateway === undefined) return undefined
  return {
    topics,
    queueProcessor: {
      concurrency: processor.concurrency ?? 64,
      mpuPartsConcurrency: processor.mpuPartsConcurrency ?? 10,
      minMPUSizeBytes: (processor.minMPUSizeMB ?? 20) * 1_000_000,
      retry,
    },
    gateway,
    memory: { inFlightBytes: (raw.memory?.inFlightBytesMB ?? 96) * 1_000_000 },
  }
}

/** One topic for two purposes would feed results to the queue processors. */
function readTopics(raw: RawReplication, report: Report): ReplicationConfig['topics'] {
  const topics = {
    topic: raw.topic ?? 'backbeat-replication',
    replicationStatusTopic: raw.replicationStatusTopic ?? 'backbeat-replication-status',
  }
  const owners = new Map<string, string>()
  for (const [key, name] of Object.entries(topics)) {
    const owner = owners.get(name)
    if (owner === undefined) owners.set(name, key)
    else report.add(['replication', key], JSON.stringify(name), `another topic than that of ${owner}`)
  }
  return {
    replication: topics.topic,
    status: topics.replicationStatusTopic,
  }
}

function readBackoff(kind: string, raw: RawRetry | undefined, report: Report): BackoffConfig {
  const { min = 1000, max = 300_000, jitter = 0.1, factor = 1.5 } = raw?.backoff ?? {}
  if (min > max) {
    const path = ['replication', 'queueProcessor', 'retry', kind, 'backoff', 'min']
    report.add(path, `${min}`, `at most max, which is ${max} (milliseconds)`)
  }
  return { minMs: min, maxMs: max, jitter, factor }
}
