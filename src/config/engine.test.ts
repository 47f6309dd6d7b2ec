// Goal: the `engine` part is read completely, its servers go together or not at all, and no message shows what a URL or password holds. Method:
// one good configuration, changes of it, and the lines that each bad one must have.

import assert from 'node:assert/strict'
import test from 'node:test'
import { Secret } from '../base/secret.ts'
import { authdata } from './import/samples.ts'
import { buildConfig } from './load.ts'
import { memoryEnvironment } from './memory-environment.ts'
import { formatProblem } from './problem.ts'
import type { EngineConfig } from './types.ts'

const environment = memoryEnvironment({
  '/work/authdata.json': JSON.stringify(authdata),
  '/work/ca.pem': 'CA',
  '/work/key.pem': 'KEY',
})

const metadata = { postgres: { url: 'postgres://crossbeat:hunter2@db/crossbeat' } }
const log = { kafka: { brokers: ['k1:9092', 'k2', 'k3'] } }
const state = { zookeeper: { connectionString: 'zk1:2181,zk2/crossbeat' } }
const signals = { redis: { url: 'redis://:hunter2@cache:6379' } }
const shared = { accounts: 'authdata.json' }

function read(value: object) {
  return buildConfig({ ...shared, ...value }, { environment })
}

function engineOf(engine: object): EngineConfig {
  const result = read({ engine })
  if (!result.ok) assert.fail(result.problems.map(formatProblem).join('\n'))
  return result.config.engine
}

test('without an engine, or with an empty one, everything is embedded', () => {
  assert.deepEqual(engineOf({}), { kind: 'embedded' })
  const result = read({})
  assert.ok(result.ok)
  assert.deepEqual(result.config.engine, { kind: 'embedded' })
})

test('the servers alone make a complete engine; without Redis, signals stay in the process', () => {
  const engine = engineOf({ metadata, log, state })
  assert.ok(engine.kind === 'distributed')
  assert.equal(engine.postgres.url.reveal(), metadata.postgres.url)
  assert.deepEqual(engine.kafka, {
    brokers: ['k1', 'k2', 'k3'].map(host => ({ host, port: 9092 })),
    clientId: 'crossbeat',
    sasl: undefined,
    tls: undefined,
    topics: { replication: { partitions: 16, replication: 3 }, status: { partitions: 4, replication: 3 } },
    canaries: false,
  })
  assert.deepEqual(engine.zookeeper, {
    connectionString: 'zk1:2181,zk2:2181/crossbeat',
    sessionTimeoutMs: 10_000,
    auth: undefined,
  })
  assert.equal(engine.redis, undefined)
})

test('every key of the servers arrives', () => {
  const engine = engineOf({
    metadata: { postgres: { ...metadata.postgres, poolMax: 5 } },
    log: {
      kafka: {
        brokers: ['[::1]:9093'],
        clientId: 'me',
        sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
        tls: { ca: 'ca.pem' },
        topics: { replication: { partitions: 3, replication: 2 }, status: { partitions: 7 } },
        canaries: true,
      },
    },
    state: { zookeeper: { ...state.zookeeper, sessionTimeoutMs: 4000, auth: { username: 'zu', password: 'zp' } } },
    signals: { redis: { sentinels: ['s1', 's2:5000'], name: 'main', password: 'a', sentinelPassword: 'b', tls: {} } },
  })
  assert.ok(engine.kind === 'distributed')
  assert.equal(engine.postgres.poolMax, 5)
  assert.deepEqual(engine.kafka, {
    brokers: [{ host: '::1', port: 9093 }],
    clientId: 'me',
    sasl: { mechanism: 'scram-sha-512', username: 'u', password: new Secret('p') },
    tls: { ca: 'CA', cert: undefined, key: undefined },
    topics: { replication: { partitions: 3, replication: 2 }, status: { partitions: 7, replication: 1 } },
    canaries: true,
  })
  assert.equal(engine.kafka.sasl?.password.reveal(), 'p')
  assert.equal(engine.zookeeper.sessionTimeoutMs, 4000)
  assert.equal(engine.zookeeper.auth?.password.reveal(), 'zp')
  assert.ok(engine.redis?.server.kind === 'sentinels')
  assert.deepEqual(engine.redis.server.sentinels, [
    { host: 's1', port: 26_379 },
    { host: 's2', port: 5000 },
  ])
  assert.equal(engine.redis.server.name, 'main')
  assert.equal(engine.redis.server.password?.reveal(), 'b')
  assert.deepEqual(engine.redis.tls, { ca: undefined, cert: undefined, key: undefined })
})

const all = { metadata, log, state, signals }
const kafka = (change: object) => ({ engine: { ...all, log: { kafka: { ...log.kafka, ...change } } } })
const redis = (change: object) => ({ engine: { ...all, signals: { redis: change } } })
const why = '(SQLite belongs to one process: metadata, log and state leave it together)'

/** Title, configuration, and a line for each problem it must have. */
const cases: readonly (readonly [string, object, ...string[]])[] = [
  [
    'a database alone',
    { engine: { metadata } },
    `engine.log: found nothing, expected {kafka: ...}, because of engine.metadata ${why}`,
    `engine.state: found nothing, expected {zookeeper: ...}, because of engine.metadata ${why}`,
  ],
  [
    'a log without a database',
    { engine: { log, state } },
    `engine.metadata: found nothing, expected {postgres: ...}, because of engine.log and engine.state ${why}`,
  ],
  [
    'signals alone',
    { engine: { signals } },
    'engine.signals: found a key that has no place here, expected no signals, or metadata, log and state beside them: the embedded engine is one process',
  ],
  [
    'no accounts file',
    { engine: all, accounts: undefined },
    'accounts: found nothing, expected path of a file in the format of authdata.json, because all processes of the distributed engine need the same accounts',
  ],
  [
    'a gateway to our own port',
    { engine: all, replication: { gateway: 'http' } },
    'replication.source: found nothing, expected {s3: {host, port}}, because with the distributed engine a process may have no S3 port of its own',
  ],
  [
    'another database',
    { engine: { ...all, metadata: { mysql: {} } } },
    'engine.metadata.mysql: found an unknown key, expected one of postgres',
    'engine.metadata.postgres: found nothing, expected a mapping',
  ],
  [
    'a URL without database',
    { engine: { ...all, metadata: { postgres: { url: 'postgres://u:hunter2@db' } } } },
    'engine.metadata.postgres.url: found a string (not shown), expected a URL with host and database, such as postgres://user:password@host:5432/database',
  ],
  [
    'brokers that are none',
    kafka({ brokers: ['kafka://k1:9092', 'k2:99999'] }),
    'engine.log.kafka.brokers[0]: found "kafka://k1:9092", expected host or host:port (port 9092 if left out)',
    'engine.log.kafka.brokers[1]: found "k2:99999", expected host or host:port (port 9092 if left out)',
  ],
  [
    'an empty list of brokers',
    kafka({ brokers: [] }),
    'engine.log.kafka.brokers: found an empty list, expected a list of host:port, not empty',
  ],
  [
    "Backbeat's name of the brokers",
    kafka({ hosts: 'k1:9092' }),
    'engine.log.kafka.hosts: found an unknown key, expected one of brokers, clientId, sasl, tls, topics, canaries',
  ],
  [
    'a SASL mechanism that is none',
    kafka({ sasl: { mechanism: 'scram-sha-265', username: 'u', password: 'hunter2' } }),
    'engine.log.kafka.sasl.mechanism: found "scram-sha-265", expected one of plain, scram-sha-256, scram-sha-512; did you mean "scram-sha-256"?',
  ],
  [
    'a certificate without key, and authorities that are not there',
    kafka({ tls: { ca: 'none.pem', cert: 'ca.pem' } }),
    'engine.log.kafka.tls.key: found nothing, expected a path: a certificate and its key go together',
    'engine.log.kafka.tls.ca: found "none.pem", which cannot be read (ENOENT), expected a file that can be read',
  ],
  [
    'a ZooKeeper URL',
    { engine: { ...all, state: { zookeeper: { connectionString: 'http://zk1:2181' } } } },
    'engine.state.zookeeper.connectionString: found "http://zk1:2181", expected host:port of each server, by commas, and a path, as in zk1:2181,zk2:2181/crossbeat',
  ],
  [
    'a chroot that ends with a slash',
    { engine: { ...all, state: { zookeeper: { connectionString: 'zk1/crossbeat/' } } } },
    'engine.state.zookeeper.connectionString: found "zk1/crossbeat/", expected host:port of each server, by commas, and a path, as in zk1:2181,zk2:2181/crossbeat',
  ],
  [
    'both ways to Redis',
    redis({ url: 'redis://cache', sentinels: ['s1'] }),
    'engine.signals.redis: found both url and sentinels, expected one of url and sentinels',
  ],
  [
    'no way to Redis',
    redis({ password: 'hunter2' }),
    'engine.signals.redis: found neither url nor sentinels, expected one of url and sentinels',
  ],
  [
    'a Redis URL of another kind, with what belongs to sentinels',
    redis({ url: 'http://:hunter2@cache', name: 'main' }),
    'engine.signals.redis.url: found a string (not shown), expected a URL such as redis://host:6379, or rediss:// for TLS',
    'engine.signals.redis.name: found a key that has no place here, expected no name beside url; it belongs to sentinels',
  ],
]

for (const [title, value, ...lines] of cases) {
  test(`${title} is told with its place`, () => {
    const result = read(value)
    assert.ok(!result.ok)
    const found = result.problems.map(formatProblem)
    for (const line of lines) assert.ok(found.includes(line), `${line}\nis not among\n${found.join('\n')}`)
    assert.equal(found.length, lines.length, found.join('\n'))
    assert.ok(!found.join('\n').includes('hunter2'))
  })
}
