// ZooKeeper as a child process, for `npm run distributed` and the tests: its jars from Maven, one server, or one of a quorum, on 127.0.0.1.
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { obtainJars } from './maven.ts'
import type { Obtained } from './service-cache.ts'
import {
  freePort,
  onFreePorts,
  openDataFolder,
  type Running,
  type ServiceOptions,
  startService,
} from './service-process.ts'

export const zookeeperVersion = '3.9.4'

// The server does not start without the next three, its command line not without the last: they are declared as provided.
const coordinates = [
  `org.apache.zookeeper:zookeeper:${zookeeperVersion}`,
  'io.dropwizard.metrics:metrics-core:4.1.12.1',
  'org.xerial.snappy:snappy-java:1.1.10.5',
  'org.slf4j:slf4j-simple:2.0.13',
  'commons-cli:commons-cli:1.5.0',
]
const answerWithinMs = 1_000

export interface RunningZookeeper extends Running {
  /** `127.0.0.1:<port>`, without a folder. */
  readonly connectionString: string
}

export interface ZookeeperOptions extends ServiceOptions {
  /** The shortest session time-out that a client may ask for is two ticks. */
  readonly tickMs?: number
  readonly quorum?: Quorum
}

/** A server as one of several; they become ready when most of them have begun. */
interface Quorum {
  /** Counts from 1. */
  readonly id: number
  /** `host:port:port` of every server, in the order of their ids: for the leader's followers, and for elections. */
  readonly members: readonly string[]
}

/** Finds ZooKeeper's jars in the cache or fetches them; throws ServiceUnavailable without Java or Maven. */
export function obtainZookeeper(installing?: (what: string) => void): Promise<Obtained> {
  const otherwise = 'ZOOKEEPER, set to the address of one that is running'
  return obtainJars({ name: `zookeeper-${zookeeperVersion}-cli`, coordinates, otherwise }, installing)
}

/** Installs ZooKeeper if necessary and starts it; a data folder that is given keeps its data over restarts. */
export async function startZookeeper(options: ZookeeperOptions = {}): Promise<RunningZookeeper> {
  const { path } = await obtainZookeeper(options.installing)
  return onFreePorts(() => startOnce(path, options), options.port !== undefined)
}

async function startOnce(jars: string, options: ZookeeperOptions): Promise<RunningZookeeper> {
  const port = options.port ?? (await freePort())
  const { tickMs = 500, quorum } = options
  const data = await openDataFolder('zookeeper', options.dataFolder)
  const settings = {
    ...(quorum === undefined ? {} : await quorumSettings(quorum, join(data.path, 'data'))),
    tickTime: tickMs,
    minSessionTimeout: 2 * tickMs,
    dataDir: join(data.path, 'data'),
    clientPort: port,
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': false,
    '4lw.commands.whitelist': '*',
    maxClientCnxns: 0,
  }
  const file = join(data.path, 'zoo.cfg')
  await writeFile(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const main = quorum === undefined ? 'ZooKeeperServerMain' : 'quorum.QuorumPeerMain'
  const jvm = ['-Xmx64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const running = await startService({
    name: `ZooKeeper ${zookeeperVersion}`,
    command: 'java',
    args: [...jvm, '-cp', `${jars}/*`, `org.apache.zookeeper.server.${main}`, file],
    logFile: join(data.path, 'zookeeper.log'),
    ready: async () => ((await zookeeperAnswers(port)) ? port : undefined),
    cleanUp: data.remove,
  })
  return { ...running, connectionString: `127.0.0.1:${port}` }
}

async function quorumSettings({ id, members }: Quorum, dataDir: string): Promise<Record<string, string | number>> {
  await mkdir(dataDir, { recursive: true })
  await writeFile(join(dataDir, 'myid'), `${id}\n`)
  const servers = members.map((member, index) => [`server.${index + 1}`, member] as const)
  return { initLimit: 20, syncLimit: 5, ...Object.fromEntries(servers) }
}

/** Whether a ZooKeeper on this port of 127.0.0.1 serves clients. One that is starting may take the question and never answer. */
export async function zookeeperAnswers(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.setTimeout(answerWithinMs, () => socket.destroy(new Error('no answer')))
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk.toString('latin1')
  })
  try {
    await once(socket, 'connect')
    // Not `ruok`: to that a server says that it is well also while there is no quorum.
    socket.write('srvr')
    await once(socket, 'close')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
  return /^Mode: /m.test(answer)
}
