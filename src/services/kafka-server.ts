// Apache Kafka for `npm run distributed` and the tests: its jars from Maven Central into the cache, one JVM per broker, each broker and
// controller at once (KRaft). A cluster's brokers can be killed, frozen, emptied and started again one by one.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { realWorld } from '../base/world.ts'
import { runCommand } from './command.ts'
import { obtainJars } from './maven.ts'
import type { Obtained } from './service-cache.ts'
import { freePort, onFreePorts, openDataFolder, type Running, startService } from './service-process.ts'

/** 4.4.0 is incomplete on Maven Central. */
export const kafkaVersion = '4.3.1'
const log4jVersion = '2.25.4'

export interface KafkaOptions {
  /** Brokers of the cluster; one unless given. */
  readonly brokers?: number
  /** Kept if given; else a new one under the temporary files, removed by `stop`. */
  readonly dataFolder?: string
  /** Added to every broker's server.properties. */
  readonly settings?: Readonly<Record<string, string>>
  /** A listener that asks for these credentials (SASL PLAIN or SCRAM) in place of the open one. */
  readonly sasl?: { readonly username: string; readonly password: string }
  /** Further ways in, of a cluster of one broker. */
  readonly ways?: readonly KafkaWay[]
  readonly installing?: (what: string) => void
}

/** Who comes by this port is sent on to the advertised one (a proxy's). */
export interface KafkaWay {
  readonly port: number
  readonly advertised: number
}

export interface KafkaBroker {
  readonly id: number
  /** `127.0.0.1:<port>` */
  readonly address: string
  readonly pid: number
  /** SIGKILL, as a crash would. */
  kill(): void
  /** SIGSTOP: it neither answers nor closes its connections. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** Starts a killed broker again on its data, or on a new disk. */
  restart(options?: { readonly diskLost: boolean }): Promise<void>
}

export interface RunningKafka {
  readonly addresses: readonly string[]
  readonly brokers: readonly KafkaBroker[]
  stop(): Promise<void>
}

/** Finds Kafka's jars in the cache or downloads them; `path` is a Java class path. Throws ServiceUnavailable without Java 17 and Maven. */
export async function obtainKafka(installing?: (what: string) => void): Promise<Obtained> {
  const jars = {
    name: `kafka-${kafkaVersion}-jars`,
    coordinates: [
      `org.apache.kafka:kafka_2.13:${kafkaVersion}`,
      `org.apache.logging.log4j:log4j-slf4j-impl:${log4jVersion}`,
    ],
    javaMin: 17,
    files: { 'log4j2.properties': logSettings },
    otherwise: 'KAFKA_BROKERS, set to the addresses of a Kafka that is running',
  }
  const obtained = await obtainJars(jars, installing)
  return { ...obtained, path: `${obtained.path}:${join(obtained.path, '*')}` }
}

/** Installs Kafka if necessary and starts a cluster of it; resolves when every broker has started. */
export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const { path: classPath } = await obtainKafka(options.installing)
  return onFreePorts(() => startCluster(classPath, options))
}

async function startCluster(classPath: string, options: KafkaOptions): Promise<RunningKafka> {
  const data = await openDataFolder('kafka', options.dataFolder)
  const earlier = await readdir(data.path)
  const places: Place[] = []
  for (let id = 1; id <= (options.brokers ?? 1); id += 1) {
    const folder = join(data.path, `broker-${id}`)
    await mkdir(folder, { recursive: true })
    places.push({ id, folder, port: await freePort(), controllerPort: await freePort() })
  }
  const brokers = places.map(place => new Broker(classPath, place, places, options))
  const stop = async (): Promise<void> => {
    // Data that is kept is closed in order; an orderly shutdown of many waits for a quorum that is gone by then.
    const inOrder = options.dataFolder !== undefined && brokers.length === 1
    await Promise.all(brokers.map(broker => broker.stop(inOrder)))
    await data.remove()
  }
  try {
    const isFormatted = ({ id }: Broker): boolean => earlier.includes(`broker-${id}`)
    await Promise.all(brokers.map(broker => broker.start(!isFormatted(broker))))
  } catch (error) {
    await stop()
    throw error
  }
  return { addresses: brokers.map(broker => broker.address), brokers, stop }
}

interface Place {
  readonly id: number
  readonly folder: string
  readonly port: number
  readonly controllerPort: number
}

class Broker implements KafkaBroker {
  readonly id: number
  readonly address: string
  readonly #classPath: string
  readonly #place: Place
  readonly #properties: string
  readonly #users: readonly string[]
  #running: Running | null = null

  constructor(classPath: string, place: Place, places: readonly Place[], options: KafkaOptions) {
    this.id = place.id
    this.address = `127.0.0.1:${place.port}`
    this.#classPath = classPath
    this.#place = place
    this.#properties = propertiesOf(place, places, options)
    this.#users = scramUsers(options.sasl)
  }

  get pid(): number {
    return this.#running?.pid ?? 0
  }

  async start(format: boolean): Promise<void> {
    const { folder, port, id } = this.#place
    const file = join(folder, 'server.properties')
    await writeFile(file, this.#properties)
    if (format) {
      const args = [
        '-cp',
        this.#classPath,
        'kafka.tools.StorageTool',
        'format',
        '-t',
        clusterId,
        '-c',
        file,
        ...this.#users,
      ]
      await runCommand('java', [...javaSettings, ...args])
    }
    this.#running = await startService({
      name: `Kafka ${kafkaVersion}, broker ${id}`,
      command: 'java',
      args: ['-Xmx256m', '-Xms256m', ...javaSettings, '-cp', this.#classPath, 'kafka.Kafka', file],
      logFile: join(folder, `kafka-${realWorld.clock.now()}.log`),
      ready: async log => (log().includes('Kafka Server started') ? port : undefined),
      cleanUp: async () => {},
    })
  }

  kill(): void {
    this.#running?.kill()
  }

  freeze(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  async restart({ diskLost } = { diskLost: false }): Promise<void> {
    await this.stop(false)
    if (diskLost) await rm(join(this.#place.folder, 'data'), { recursive: true, force: true })
    await this.start(diskLost)
  }

  async stop(inOrder: boolean): Promise<void> {
    if (!inOrder) this.#running?.kill()
    await this.#running?.stop()
    this.#running = null
  }
}

const clusterId = 'Y3Jvc3NiZWF0LWthZmthMQ'
const javaSettings = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'] as const

function propertiesOf(place: Place, places: readonly Place[], options: KafkaOptions): string {
  const replicas = String(Math.min(3, places.length))
  const secured = options.sasl !== undefined
  const { ways = [] } = options
  const listeners = [`CLIENTS://127.0.0.1:${place.port}`, ...ways.map(({ port }, at) => `WAY${at}://127.0.0.1:${port}`)]
  const advertised = ways.map((way, at) => `WAY${at}://127.0.0.1:${way.advertised}`)
  const protocols = ways.map((_, at) => `,WAY${at}:PLAINTEXT`).join('')
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(place.id),
    'controller.quorum.voters': places.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: [...listeners, `CONTROLLER://127.0.0.1:${place.controllerPort}`].join(','),
    'advertised.listeners': [`CLIENTS://127.0.0.1:${place.port}`, ...advertised].join(','),
    'listener.security.protocol.map': `CLIENTS:${secured ? 'SASL_PLAINTEXT' : 'PLAINTEXT'},CONTROLLER:PLAINTEXT${protocols}`,
    'inter.broker.listener.name': 'CLIENTS',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(place.folder, 'data'),
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'share.coordinator.state.topic.replication.factor': replicas,
    'transaction.state.log.min.isr': places.length > 1 ? '2' : '1',
    'share.coordinator.state.topic.min.isr': places.length > 1 ? '2' : '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.num.partitions': '4',
    'min.insync.replicas': places.length > 1 ? '2' : '1',
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '16777216',
    'auto.create.topics.enable': 'false',
    ...(options.sasl === undefined ? {} : saslSettings(options.sasl)),
    ...options.settings,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function saslSettings({ username, password }: { readonly username: string; readonly password: string }) {
  return {
    'sasl.enabled.mechanisms': ['PLAIN', ...scramMechanisms].join(','),
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.clients.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
      `username="${username}" password="${password}" user_${username}="${password}";`,
    ...Object.fromEntries(
      scramMechanisms.map(name => [
        `listener.name.clients.${name.toLowerCase()}.sasl.jaas.config`,
        'org.apache.kafka.common.security.scram.ScramLoginModule required;',
      ]),
    ),
  }
}

const scramMechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

/** Users of SCRAM lie in the cluster's own metadata, from its format on. */
function scramUsers(sasl: KafkaOptions['sasl']): readonly string[] {
  if (sasl === undefined) return []
  return scramMechanisms.flatMap(name => ['-S', `${name}=[name=${sasl.username},password=${sasl.password}]`])
}

const logSettings = `rootLogger.level = INFO
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
`
