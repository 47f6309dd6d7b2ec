// Reads the `engine` part: nothing (all embedded), or the servers of the distributed engine. SQLite belongs to one process, so metadata, log
// and state leave it together; signals may stay away, they only make things fast.

import { Secret } from '../base/secret.ts'
import { formatHostPort, parseHostPort } from './address.ts'
import { engineSchema, type RawEngine, type RawTls } from './engine-schema.ts'
import type { Path, Report } from './problem.ts'
import { errorCode } from './references.ts'
import { fitsShape, fittingParts } from './shape.ts'
import type {
  ClientTls,
  DistributedEngineConfig,
  EngineConfig,
  HostPort,
  KafkaConfig,
  RedisConfig,
  ZookeeperConfig,
} from './types.ts'

/** Reads a file that the configuration names; throws if it can't. */
export type EngineSource = { readText(path: string): string }

type RawKafka = NonNullable<RawEngine['log']>['kafka']
type RawZookeeper = NonNullable<RawEngine['state']>['zookeeper']
type RawRedis = NonNullable<RawEngine['signals']>['redis']

const together = [
  { part: 'metadata', server: 'postgres' },
  { part: 'log', server: 'kafka' },
  { part: 'state', server: 'zookeeper' },
] as const

/** The engine; undefined if something is wrong, which is in the report. */
export function readEngine(value: unknown, source: EngineSource, report: Report): EngineConfig | undefined {
  const before = report.problems.length
  const given = (part: string) => typeof value === 'object' && value !== null && Object.hasOwn(value, part)
  checkParts(given, report)
  const fitting = fittingParts(engineSchema, value ?? {})
  if (!fitsShape(engineSchema, fitting)) return undefined
  const raw: RawEngine = fitting
  const postgres = raw.metadata && readPostgres(raw.metadata.postgres, report)
  const kafka = raw.log && readKafka(raw.log.kafka, source, report)
  const zookeeper = raw.state && readZookeeper(raw.state.zookeeper, report)
  const redis = raw.signals && readRedis(raw.signals.redis, source, report)
  if (report.problems.length > before || (given('signals') && redis === undefined)) return undefined
  if (!together.some(({ part }) => given(part))) return { kind: 'embedded' }
  if (postgres === undefined || kafka === undefined || zookeeper === undefined) return undefined
  return { kind: 'distributed', postgres, kafka, zookeeper, redis }
}

function checkParts(given: (part: string) => boolean, report: Report): void {
  const chosen = together.filter(({ part }) => given(part))
  if (chosen.length === 0) {
    if (!given('signals')) return
    const expected = 'no signals, or metadata, log and state beside them: the embedded engine is one process'
    report.add(['engine', 'signals'], 'a key that has no place here', expected)
    return
  }
  const names = chosen.map(({ part }) => `engine.${part}`).join(' and ')
  for (const { part, server } of together) {
    if (given(part)) continue
    const why = 'SQLite belongs to one process: metadata, log and state leave it together'
    report.add(['engine', part], 'nothing', `{${server}: ...}, because of ${names} (${why})`)
  }
}

function readPostgres(
  raw: NonNullable<RawEngine['metadata']>['postgres'],
  report: Report,
): DistributedEngineConfig['postgres'] | undefined {
  const path = ['engine', 'metadata', 'postgres', 'url']
  const url = URL.canParse(raw.url) ? new URL(raw.url) : undefined
  const isPostgres = url?.protocol === 'postgres:' || url?.protocol === 'postgresql:'
  if (url === undefined || !isPostgres || url.hostname === '' || url.pathname.length < 2) {
    const expected = 'a URL with host and database, such as postgres://user:password@host:5432/database'
    report.add(path, report.found(path, raw.url, true), expected)
    return undefined
  }
  return { url: new Secret(raw.url), poolMax: raw.poolMax ?? 10 }
}

function readKafka(raw: RawKafka, source: EngineSource, report: Report): KafkaConfig | undefined {
  const path = ['engine', 'log', 'kafka']
  const brokers = readAddresses(raw.brokers, [...path, 'brokers'], 9092, report)
  const tls = readTls(raw.tls, [...path, 'tls'], source, report)
  if (brokers === undefined) return undefined
  const { sasl, topics, clientId = 'crossbeat', canaries = false } = raw
  // With three brokers and more, one may be lost.
  const replication = Math.min(3, brokers.length)
  return {
    brokers,
    clientId,
    sasl: sasl && {
      mechanism: sasl.mechanism === undefined ? 'plain' : sasl.mechanism,
      username: sasl.username,
      password: new Secret(sasl.password),
    },
    tls,
    topics: {
      replication: { partitions: 16, replication, ...topics?.replication },
      status: { partitions: 4, replication, ...topics?.status },
    },
    canaries,
  }
}

function readZookeeper(raw: RawZookeeper, report: Report): ZookeeperConfig | undefined {
  const path = ['engine', 'state', 'zookeeper', 'connectionString']
  const [, hosts = '', chroot = ''] = /^([^/]*)(\/.*)?$/s.exec(raw.connectionString) ?? []
  const servers = hosts.split(',').map(host => parseHostPort(host.trim(), { defaultPort: 2181 }))
  if (servers.includes(undefined) || !/^(?:\/[\w.-]+)*$/.test(chroot)) {
    const expected = 'host:port of each server, by commas, and a path, as in zk1:2181,zk2:2181/crossbeat'
    report.add(path, report.found(path, raw.connectionString), expected)
    return undefined
  }
  const { auth, sessionTimeoutMs = 10_000 } = raw
  return {
    connectionString:
      servers.flatMap(server => (server === undefined ? [] : formatHostPort(server))).join(',') + chroot,
    sessionTimeoutMs,
    auth: auth && { username: auth.username, password: new Secret(auth.password) },
  }
}

function readRedis(raw: RawRedis, source: EngineSource, report: Report): RedisConfig | undefined {
  const path = ['engine', 'signals', 'redis']
  const tls = readTls(raw.tls, [...path, 'tls'], source, report)
  const password = raw.password === undefined ? undefined : new Secret(raw.password)
  if ((raw.url === undefined) === (raw.sentinels === undefined)) {
    const found = raw.url === undefined ? 'neither url nor sentinels' : 'both url and sentinels'
    report.add(path, found, 'one of url and sentinels')
    return undefined
  }
  if (raw.url !== undefined) {
    checkUrlOnly(raw, path, report)
    const url = URL.canParse(raw.url) ? new URL(raw.url) : undefined
    if (url?.hostname && (url.protocol === 'redis:' || url.protocol === 'rediss:')) {
      return { server: { kind: 'url', url: new Secret(raw.url) }, password, tls }
    }
    const at = [...path, 'url']
    report.add(at, report.found(at, raw.url, true), 'a URL such as redis://host:6379, or rediss:// for TLS')
    return undefined
  }
  const sentinels = readAddresses(raw.sentinels ?? [], [...path, 'sentinels'], 26_379, report)
  if (sentinels === undefined) return undefined
  const sentinelPassword = raw.sentinelPassword === undefined ? undefined : new Secret(raw.sentinelPassword)
  const server = { kind: 'sentinels', sentinels, name: raw.name ?? 'mymaster', password: sentinelPassword } as const
  return { server, password, tls }
}

function checkUrlOnly(raw: RawRedis, path: Path, report: Report): void {
  for (const key of ['name', 'sentinelPassword'] as const) {
    if (raw[key] === undefined) continue
    report.add([...path, key], 'a key that has no place here', `no ${key} beside url; it belongs to sentinels`)
  }
}

export function readAddresses(
  texts: readonly string[],
  path: Path,
  defaultPort: number,
  report: Report,
): readonly HostPort[] | undefined {
  const read: HostPort[] = []
  for (const [index, text] of texts.entries()) {
    const address = parseHostPort(text, { defaultPort })
    if (address !== undefined) read.push(address)
    else {
      const at = [...path, index]
      report.add(at, report.found(at, text), `host or host:port (port ${defaultPort} if left out)`)
    }
  }
  return read.length === texts.length ? read : undefined
}

export function readTls(
  raw: RawTls | undefined,
  path: Path,
  source: EngineSource,
  report: Report,
): ClientTls | undefined {
  if (raw === undefined) return undefined
  if ((raw.cert === undefined) !== (raw.key === undefined)) {
    const missing = raw.cert === undefined ? 'cert' : 'key'
    report.add([...path, missing], 'nothing', 'a path: a certificate and its key go together')
  }
  const text = (name: keyof RawTls): string | undefined => {
    const file = raw[name]
    if (file === undefined) return undefined
    try {
      return source.readText(file)
    } catch (error) {
      const at = [...path, name]
      report.add(at, `${report.found(at, file)}, which cannot be read (${errorCode(error)})`, 'a file that can be read')
      return undefined
    }
  }
  const key = text('key')
  return { ca: text('ca'), cert: text('cert'), key: key === undefined ? undefined : new Secret(key) }
}
