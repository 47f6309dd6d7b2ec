// The shape of the `engine` part of crossbeat.yaml: the servers of the distributed engine. Separate from schema.ts for its length only.

import { type Static, Type } from 'typebox'
import { secretText, strict, wholeNumber } from './schema-parts.ts'

const address = (port: number) => Type.String({ expected: `host or host:port (port ${port} if left out)` })
export const addresses = (port: number) =>
  Type.Array(address(port), { minItems: 1, maxItems: 100, expected: 'a list of host:port, not empty' })
const file = (what: string) => Type.String({ minLength: 1, maxLength: 4096, expected: `path of a PEM ${what}` })
const name = (expected: string) => Type.String({ pattern: '^[ -~]{1,255}$', expected })

export const tlsSchema = Type.Object(
  {
    ca: Type.Optional(file('file of authorities')),
    cert: Type.Optional(file('certificate')),
    key: Type.Optional(file('private key')),
  },
  strict,
)

const topicSchema = Type.Object(
  { partitions: Type.Optional(wholeNumber(1, 10_000)), replication: Type.Optional(wholeNumber(1, 15)) },
  strict,
)

const postgresSchema = Type.Object(
  {
    url: secretText('a URL such as postgres://user:password@host:5432/database'),
    poolMax: Type.Optional(wholeNumber(3, 1000)),
  },
  strict,
)

export const saslSchema = Type.Object(
  {
    mechanism: Type.Optional(Type.Enum(['plain', 'scram-sha-256', 'scram-sha-512'])),
    username: name('the name of a user'),
    password: secretText(),
  },
  { ...strict, secretKeys: true },
)

const kafkaSchema = Type.Object(
  {
    brokers: addresses(9092),
    clientId: Type.Optional(name('1 to 255 printable ASCII characters')),
    sasl: Type.Optional(saslSchema),
    tls: Type.Optional(tlsSchema),
    topics: Type.Optional(
      Type.Object({ replication: Type.Optional(topicSchema), status: Type.Optional(topicSchema) }, strict),
    ),
    canaries: Type.Optional(Type.Boolean()),
  },
  strict,
)

const zookeeperSchema = Type.Object(
  {
    connectionString: Type.String({
      expected: 'host:port of each server, by commas, and a path, as in zk1:2181,zk2:2181/crossbeat',
    }),
    sessionTimeoutMs: Type.Optional(wholeNumber(1000, 300_000)),
    auth: Type.Optional(
      Type.Object({ username: name('the name of a user'), password: secretText() }, { ...strict, secretKeys: true }),
    ),
  },
  strict,
)

const redisSchema = Type.Object(
  {
    url: Type.Optional(secretText('a URL such as redis://host:6379')),
    sentinels: Type.Optional(addresses(26_379)),
    name: Type.Optional(name('the name that the sentinels have for their master')),
    password: Type.Optional(secretText()),
    sentinelPassword: Type.Optional(secretText()),
    tls: Type.Optional(tlsSchema),
  },
  strict,
)

export const engineSchema = Type.Object(
  {
    metadata: Type.Optional(Type.Object({ postgres: postgresSchema }, strict)),
    log: Type.Optional(Type.Object({ kafka: kafkaSchema }, strict)),
    state: Type.Optional(Type.Object({ zookeeper: zookeeperSchema }, strict)),
    signals: Type.Optional(Type.Object({ redis: redisSchema }, strict)),
  },
  strict,
)

export type RawEngine = Static<typeof engineSchema>
export type RawTls = Static<typeof tlsSchema>
