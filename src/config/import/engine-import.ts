// Converts Backbeat's kafka, zookeeper and redis into the `engine` part, when the caller names a PostgreSQL beside them: Backbeat's own metadata
// lie elsewhere, so that one is nowhere in its files. Topics, nodes and channels have the same names here, so what is named is gone on with.

import { escapeReferences } from '../references.ts'
import { asMapping, ownValue } from '../shape.ts'
import { converted, notNeeded, notSupported, type Rule } from './catalogue.ts'
import type { Findings } from './finding.ts'

/** What becomes of Backbeat's keys when its servers are taken over; before the rules of backbeat-keys.ts. */
export const engineRules: readonly Rule[] = [
  ['zookeeper.connectionString', converted],
  ['zookeeper.**', notNeeded('the folder is made when it is missing')],
  ['kafka.hosts', converted],
  ['kafka.backlogMetrics.**', notNeeded('what is still to do is known from the ledger')],
  ['kafka.maxRequestSize', notNeeded('the limits of the brokers count')],
  ['kafka.site', notSupported('brokers are not chosen by their rack')],
  ...['host', 'port', 'name', 'password', 'sentinels', 'sentinelPassword'].map(
    (key): Rule => [`redis.${key}`, converted],
  ),
  ['redis.**', notNeeded('Redis carries signals only')],
  ['localCache.**', notNeeded('Redis carries signals only, and nothing is cached')],
]

/** The `engine` part; undefined if something is missing for it, which is in the findings. */
export function importEngine(
  sources: { readonly backbeat: unknown; readonly postgres: string; readonly hasAccounts: boolean },
  findings: Findings,
): Readonly<Record<string, unknown>> | undefined {
  const { backbeat, postgres, hasAccounts } = sources
  const hosts = ownValue(ownValue(backbeat, 'kafka'), 'hosts')
  const connectionString = ownValue(ownValue(backbeat, 'zookeeper'), 'connectionString')
  const missing = [
    ...(typeof hosts === 'string' ? [] : [['kafka', 'hosts']]),
    ...(typeof connectionString === 'string' ? [] : [['zookeeper', 'connectionString']]),
  ]
  for (const path of missing) findings.add('backbeat', path, 'not supported', `it is no text; ${embeddedInstead}`)
  if (!hasAccounts)
    findings.add('authdata', [], 'not supported', `many processes need an accounts file; ${embeddedInstead}`)
  if (typeof hosts !== 'string' || typeof connectionString !== 'string' || !hasAccounts) return undefined
  const redis = importRedis(ownValue(backbeat, 'redis'), findings)
  const brokers = hosts.split(',').map(host => escapeReferences(host.trim()))
  return {
    metadata: { postgres: { url: postgres } },
    log: { kafka: { brokers } },
    state: { zookeeper: { connectionString: escapeReferences(connectionString) } },
    ...(redis === undefined ? {} : { signals: { redis } }),
  }
}

const embeddedInstead = 'the embedded engine is used instead'

function importRedis(redis: unknown, findings: Findings): Readonly<Record<string, unknown>> | undefined {
  const password = escaped('password', ownValue(redis, 'password'))
  const sentinels = sentinelsOf(ownValue(redis, 'sentinels'))
  if (sentinels !== undefined) {
    for (const key of ['host', 'port']) {
      if (ownValue(redis, key) !== undefined)
        findings.add('backbeat', ['redis', key], 'not needed', 'the sentinels count')
    }
    const name = escaped('name', ownValue(redis, 'name') ?? 'backbeat')
    return { sentinels, ...name, ...password, ...escaped('sentinelPassword', ownValue(redis, 'sentinelPassword')) }
  }
  const host = ownValue(redis, 'host')
  const port = ownValue(redis, 'port')
  for (const key of ['name', 'sentinels', 'sentinelPassword']) {
    if (ownValue(redis, key) !== undefined)
      findings.add('backbeat', ['redis', key], 'not needed', 'there are no sentinels')
  }
  if (typeof host !== 'string') return undefined
  const at = host.includes(':') ? `[${host}]` : host
  return { url: escapeReferences(`redis://${at}:${typeof port === 'number' ? port : 6379}`), ...password }
}

function escaped(key: string, value: unknown): Readonly<Record<string, string>> {
  return typeof value === 'string' && value !== '' ? { [key]: escapeReferences(value) } : {}
}

/** `a:1,b:2`, or a list of {host, port}. */
function sentinelsOf(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string' && value !== '') return value.split(',').map(text => escapeReferences(text.trim()))
  if (!Array.isArray(value) || value.length === 0) return undefined
  return value.map(item => {
    const { host, port } = { host: ownValue(asMapping(item), 'host'), port: ownValue(asMapping(item), 'port') }
    return escapeReferences(`${String(host)}:${String(port ?? 26_379)}`)
  })
}
