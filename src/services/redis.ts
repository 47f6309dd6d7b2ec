// Redis as a child process, for `npm run distributed` and the tests: the machine's own program, or Debian's if we may install it.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { realWorld } from '../base/world.ts'
import { runCommand } from './command.ts'
import { aptInstall } from './debian.ts'
import { type Obtained, ServiceUnavailable } from './service-cache.ts'
import {
  freePort,
  onFreePorts,
  openDataFolder,
  type Running,
  type ServiceOptions,
  startService,
} from './service-process.ts'

const programs = ['redis-server', '/usr/bin/redis-server']

export interface RunningRedis extends Running {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
}

export interface RedisOptions extends ServiceOptions {
  /** Lines of redis.conf in addition. */
  readonly settings?: readonly string[]
  /** Runs as a sentinel, which watches over other servers and knows which of them is the master. */
  readonly sentinel?: boolean
}

/** `path` is a program that works; throws ServiceUnavailable if there is none and none can be installed. */
export async function obtainRedis(installing?: (what: string) => void): Promise<Obtained> {
  const started = realWorld.clock.monotonic()
  const found = (path: string, fromCache: boolean): Obtained => ({
    path,
    fromCache,
    tookMs: realWorld.clock.monotonic() - started,
  })
  const reasons: string[] = []
  const working = async (): Promise<string | undefined> => {
    for (const program of programs) {
      try {
        await runCommand(program, ['--version'])
        return program
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error))
      }
    }
    return undefined
  }
  const present = await working()
  if (present !== undefined) return found(present, true)
  try {
    installing?.('redis-server with apt-get')
    await aptInstall('redis-server')
    const installed = await working()
    if (installed !== undefined) return found(installed, false)
  } catch (error) {
    reasons.push(error instanceof Error ? error.message : String(error))
  }
  const help = 'redis-server 6 or newer on the PATH, or REDIS_URL, set to a Redis that is running'
  throw new ServiceUnavailable('Redis', reasons.join('\n'), help)
}

/** Installs Redis if necessary and starts it without persistence: signals need none. */
export async function startRedis(options: RedisOptions = {}): Promise<RunningRedis> {
  const { path } = await obtainRedis(options.installing)
  return onFreePorts(() => startOnce(path, options), options.port !== undefined)
}

async function startOnce(program: string, options: RedisOptions): Promise<RunningRedis> {
  const port = options.port ?? (await freePort())
  const data = await openDataFolder('redis', options.dataFolder)
  const file = join(data.path, 'redis.conf')
  const own = options.sentinel === true ? [] : ['save ""', 'appendonly no']
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${data.path}`, ...own, ...(options.settings ?? [])]
  await writeFile(file, `${lines.join('\n')}\n`)
  const running = await startService({
    name: 'Redis',
    command: program,
    args: [file, ...(options.sentinel === true ? ['--sentinel'] : [])],
    logFile: join(data.path, 'redis.log'),
    ready: async log => (/eady to accept connections|Sentinel ID is/.test(log()) ? port : undefined),
    cleanUp: data.remove,
  })
  return { ...running, url: `redis://127.0.0.1:${port}` }
}
