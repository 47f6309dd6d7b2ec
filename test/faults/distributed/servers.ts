// The engine's servers for fault tests: each can be killed, frozen, woken, and started again on its data where it was.
import type { EngineSettings } from '../../../src/demo/engine-servers.ts'
import { type KafkaWay, type RunningKafka, startKafka } from '../../../src/services/kafka-server.ts'
import { startPostgres } from '../../../src/services/postgres.ts'
import { startRedis } from '../../../src/services/redis.ts'
import { type DataFolder, freePort, openDataFolder, type Running } from '../../../src/services/service-process.ts'
import { startZookeeper } from '../../../src/services/zookeeper.ts'
import { obtainZookeeperClient } from '../../../src/services/zookeeper-client.ts'
import { until } from '../../until.ts'

export interface FaultServersOptions {
  /** Of the cluster; one unless given. */
  readonly brokers?: number
  readonly kafka?: Readonly<Record<string, string>>
  readonly sessionTimeoutMs?: number
  /** See `KafkaOptions`. */
  readonly ways?: readonly KafkaWay[]
}

export interface FaultServers {
  readonly kafka: RunningKafka
  readonly zookeeper: Server
  readonly redis: Server
  readonly postgres: Server
  readonly engine: EngineSettings
  stop(): Promise<void>
}

/** One server with its port and its data, from one start to the next. */
export class Server {
  readonly port: number
  readonly #start: () => Promise<Running>
  #running: Running

  constructor(port: number, running: Running, start: () => Promise<Running>) {
    this.port = port
    this.#running = running
    this.#start = start
  }

  /** SIGKILL; resolves when it has ended. */
  async kill(): Promise<void> {
    const { pid } = this.#running
    this.#running.kill()
    await until('the server is dead', () => !isAlive(pid))
  }

  freeze(): void {
    process.kill(this.#running.pid, 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.#running.pid, 'SIGCONT')
  }

  /** After `kill`. What a killed server leaves behind may be in the way of the next for a moment. */
  async restart(): Promise<void> {
    this.#running = await until('the server is back', () => this.#start().catch(() => null))
  }

  async stop(): Promise<void> {
    if (isAlive(this.#running.pid)) this.thaw()
    await this.#running.stop()
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** All at once; what was started is stopped when one fails. */
export async function startFaultServers(options: FaultServersOptions = {}): Promise<FaultServers> {
  await obtainZookeeperClient()
  const folders: DataFolder[] = []
  const started: { stop(): Promise<void> }[] = []
  const keep = async <S extends { stop(): Promise<void> }>(starting: Promise<S>): Promise<S> => {
    const server = await starting
    started.push(server)
    return server
  }
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(server => server.stop()))
    await Promise.all(folders.map(folder => folder.remove()))
  }
  // A folder of its own for each: PostgreSQL runs as another user.
  const server = async (name: string, start: (given: { dataFolder: string; port: number }) => Promise<Running>) => {
    const folder = await openDataFolder(name, undefined)
    folders.push(folder)
    const place = { dataFolder: folder.path, port: await freePort() }
    return new Server(place.port, await start(place), () => start(place))
  }
  const { brokers = 1, kafka: settings = {}, ways = [] } = options
  const starts = [
    keep(startKafka({ brokers, settings, ways })),
    keep(server('zookeeper', startZookeeper)),
    keep(server('redis', startRedis)),
    // The operating system outlives what is killed here.
    keep(server('postgres', place => startPostgres({ ...place, flush: false }))),
  ] as const
  try {
    const [kafka, zookeeper, redis, postgres] = await Promise.all(starts)
    const ports = { zookeeper: zookeeper.port, redis: redis.port, postgres: postgres.port }
    const engine = engineOf(kafka.addresses, ports, options.sessionTimeoutMs)
    return { kafka, zookeeper, redis, postgres, engine, stop }
  } catch (error) {
    await Promise.allSettled(starts)
    await stop()
    throw error
  }
}

export interface Ports {
  readonly zookeeper: number
  readonly redis: number
  readonly postgres: number
}

/** The `engine` part of a configuration whose servers are found at these ports. */
export function engineOf(brokers: readonly string[], ports: Ports, sessionTimeoutMs = 5_000): EngineSettings {
  const topics = { replication: { partitions: 4 }, status: { partitions: 2 } }
  const connectionString = `127.0.0.1:${ports.zookeeper}/crossbeat`
  return {
    metadata: { postgres: { url: `postgres://postgres@127.0.0.1:${ports.postgres}/postgres`, poolMax: 5 } },
    log: { kafka: { brokers, topics } },
    state: { zookeeper: { connectionString, sessionTimeoutMs } },
    signals: { redis: { url: `redis://127.0.0.1:${ports.redis}` } },
  }
}
