// Which adapter stands behind which port of the distributed engine, and what of the configuration it gets.
import { Secret } from '../base/secret.ts'
import type { World } from '../base/world.ts'
import { formatHostPort } from '../config/address.ts'
import type { ClientTls, Config, DistributedEngineConfig, RedisConfig } from '../config/types.ts'
import { createInProcessSignalBus } from '../control/in-process/signal-bus.ts'
import type { SignalBus } from '../control/signal-bus.ts'
import type { StateStore } from '../control/state-store.ts'
import { limits } from '../domain/limits.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { PostgresEngine } from '../metadata/postgres/engine.ts'
import type { KafkaTopicLog } from '../queue/kafka/kafka-topic-log.ts'
import type { TopicGap, TopicLog } from '../queue/topic-log.ts'
import { createGapFiller } from '../status/gap-filler.ts'
import { createSweeper } from '../status/sweeper.ts'
import { createLazyTopicLog } from './lazy-topic-log.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Dependency, Parts, RoleChoice } from './parts.ts'
import { groupId } from './processors.ts'
import { tellProcessors } from './roles/control-plane.ts'
import type { Patience } from './waiting.ts'

export interface Opening {
  readonly config: Config
  readonly engine: DistributedEngineConfig
  readonly world: World
  readonly choice: RoleChoice
  readonly patience: Patience
  /** Tells whoever starts the process of what does not stop it. */
  readonly tell: (line: string) => void
  readonly lifecycle: Lifecycle
}

/** An open port, and how the server behind it is asked for its health. */
export interface OpenPort<Port> {
  readonly port: Port
  readonly dependency?: Dependency
}

/** One try of opening; in between it is told what is waited for. */
const stateOpenTimeoutMs = 5_000
/** Where signals tell of commits at once, looking for them is for the signals that were lost. */
const signalledPollMs = 1_000
/** Sums are folded by the status role; elsewhere only in case there is none for long. */
const spareFoldMs = 30_000

export async function openDatabase(
  { config, engine, world, choice, patience, lifecycle }: Opening,
  onFatal: (error: Error) => void,
): Promise<OpenPort<MetadataStore> & Pick<PostgresEngine, 'epoch' | 'endedEpochs' | 'shared'>> {
  const { openPostgres } = await import('../metadata/postgres/engine.ts')
  const { url, poolMax } = engine.postgres
  const folding = choice.roles.includes('status') ? {} : { foldMs: spareFoldMs }
  const group = config.replicationGroupId
  const opened = await patience.open(() =>
    openPostgres({ url: url.reveal(), poolMax, world, group, onFatal, ...folding, ...polling(engine, choice) }),
  )
  lifecycle.add(() => opened.close())
  const dependency = { name: 'PostgreSQL', required: true, health: () => opened.health() }
  const endedEpochs = (epochs: readonly string[]) => opened.endedEpochs(epochs)
  return { port: opened.store, epoch: opened.epoch, shared: opened.shared, endedEpochs, dependency }
}

/** A process that reads no journal has no use for being told of what others commit. */
function polling({ redis }: DistributedEngineConfig, { roles }: RoleChoice): { pollMs?: number | null } {
  if (!roles.includes('populator')) return { pollMs: null }
  return redis === undefined ? {} : { pollMs: signalledPollMs }
}

export async function openState({
  engine,
  world,
  choice,
  patience,
  lifecycle,
}: Opening): Promise<OpenPort<StateStore>> {
  // Once it has started, the S3 port takes and gives objects without it.
  const servesOnly = choice.roles.every(role => role === 's3')
  const { openZookeeperStateStore } = await import('../control/zookeeper/state-store.ts')
  const { connectionString, sessionTimeoutMs, auth } = engine.zookeeper
  const digest = auth && { scheme: 'digest', credentials: new Secret(`${auth.username}:${auth.password.reveal()}`) }
  const port = await patience.open(() =>
    openZookeeperStateStore({
      connectionString,
      sessionTimeoutMs,
      openTimeoutMs: stateOpenTimeoutMs,
      world,
      ...(digest === undefined ? {} : { auth: digest }),
    }),
  )
  lifecycle.add(() => port.close())
  return { port, dependency: { name: 'ZooKeeper', required: !servesOnly, health: () => port.health() } }
}

/** Without Redis signals stay in the process, and others find out by watching and asking. */
export async function openSignals({ engine, world, patience, tell, lifecycle }: Opening): Promise<OpenPort<SignalBus>> {
  if (engine.redis === undefined) return { port: createInProcessSignalBus(world.timers) }
  const { openRedisSignalBus } = await import('../control/redis/signal-bus.ts')
  const { server, password, tls } = engine.redis
  const address = server.kind === 'url' ? { url: server.url.reveal() } : sentinelsOf(server)
  const port = await patience.open(() =>
    openRedisSignalBus({
      ...address,
      world,
      ...(password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls: pem(tls) }),
    }),
  )
  lifecycle.add(() => port.close())
  // Nobody waits for it, so it would go unnoticed.
  const { ok, problem } = await port.health()
  if (!ok) tell(`starting without Redis: ${problem}`)
  return { port, dependency: { name: 'Redis', required: false, health: () => port.health() } }
}

function sentinelsOf(server: Extract<RedisConfig['server'], { kind: 'sentinels' }>) {
  const { sentinels, name, password } = server
  return { sentinels, name, ...(password === undefined ? {} : { sentinelPassword: password }) }
}

/** What TLS clients are given; what is undefined is left out. */
export function pem({ ca, cert, key }: ClientTls): { ca?: string; cert?: string; key?: string } {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key: key.reveal() }),
  }
}

/** What takes part in the pipeline needs the log; whoever only describes it (S3 and control) opens it when it is asked for. */
export async function openLog(opening: Opening, ports: LogPorts): Promise<OpenPort<TopicLog>> {
  const { choice, patience, lifecycle } = opening
  const takesPart = choice.roles.some(role => role === 'populator' || role === 'processor' || role === 'status')
  if (!takesPart) {
    const log = createLazyTopicLog(() => openKafka(opening, ports))
    lifecycle.add(() => log.close())
    return { port: log }
  }
  const port = await patience.open(() => openKafka(opening, ports))
  lifecycle.add(() => port.close())
  return { port, dependency: { name: 'Kafka', required: true, health: () => port.health() } }
}

export interface LogPorts {
  readonly stateStore: StateStore
  readonly store: MetadataStore
  readonly signals: SignalBus
}

async function openKafka({ config, engine, world }: Opening, ports: LogPorts): Promise<KafkaTopicLog> {
  const { openKafkaTopicLog } = await import('../queue/kafka/kafka-topic-log.ts')
  const { brokers, clientId, sasl, tls, topics, canaries } = engine.kafka
  const names = config.replication.topics
  const log: KafkaTopicLog = await openKafkaTopicLog({
    brokers: brokers.map(formatHostPort),
    clientId,
    topics: { [names.replication]: topics.replication, [names.status]: topics.status },
    world,
    offsets: ports.stateStore,
    canaries,
    // Gaps are found by consumers, and those come later.
    onGap: gap => fillGap(gap, { config, world, log, ...ports }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl, mechanism: saslMechanisms[sasl.mechanism] } }),
    ...(tls === undefined ? {} : { tls: pem(tls) }),
  })
  return log
}

export const saslMechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const

function fillGap(gap: TopicGap, parts: Pick<Parts, 'config' | 'world' | 'log' | 'store' | 'signals'>): Promise<void> {
  const { config, world, log, store, signals } = parts
  const { topics } = config.replication
  const sites = config.sites.map(site => site.site)
  // Results only: entries of a site are its processors' to find, once they are due.
  const held = { isPaused: () => true, isThrough: async () => false }
  const sweeper = createSweeper({ store, log, world, topics, sites, ...held })
  const fill = createGapFiller({
    ledger: store.ledger,
    topics,
    groupId,
    sites,
    wake: site => tellProcessors({ signals }, site),
    sweep: () => sweeper.sweep(0, resultsAtOnce),
  })
  return fill(gap)
}

/** What is left the sweeper finds by itself. */
const resultsAtOnce = 16 * limits.pipelineBatch
