// PostgreSQL as the machine has it: found in the PATH or where Debian puts it, else installed with apt-get by root, and started on a data folder
// of its own. It refuses to run as root, so root starts it as the user `postgres`.
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdir, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { realWorld } from '../base/world.ts'
import { CommandFailed, runCommand } from './command.ts'
import { aptInstall } from './debian.ts'
import { type Obtained, ServiceUnavailable } from './service-cache.ts'
import {
  type DataFolder,
  freePort,
  onFreePorts,
  openDataFolder,
  type Running,
  type ServiceOptions,
  startService,
} from './service-process.ts'

export interface RunningPostgres extends Running {
  /** `postgres://postgres@127.0.0.1:<port>/postgres`; everybody on this machine is trusted. */
  readonly url: string
}

export interface PostgresServerOptions extends ServiceOptions {
  /** False only for tests that need no safety from power loss: commits are not flushed to the disk. */
  readonly flush?: boolean
  /** Further settings, as `name=value`. */
  readonly settings?: readonly string[]
}

const debianFolder = '/usr/lib/postgresql'

/** The folder with `initdb` and `postgres`; undefined when this machine has none. */
function programs(): string | undefined {
  const versions = existsSync(debianFolder) ? readdirSync(debianFolder) : []
  const newestFirst = versions
    .map(Number)
    .filter(Number.isInteger)
    .toSorted((a, b) => b - a)
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...newestFirst.map(version => join(debianFolder, String(version), 'bin')),
  ]
  return folders.find(folder => folder !== '' && ['initdb', 'postgres'].every(name => existsSync(join(folder, name))))
}

/** Finds PostgreSQL or, as root, installs it; throws ServiceUnavailable with the reason. */
export async function obtainPostgres(installing?: (what: string) => void): Promise<Obtained> {
  const started = realWorld.clock.monotonic()
  const answer = (path: string, fromCache: boolean): Obtained => ({
    path,
    fromCache,
    tookMs: realWorld.clock.monotonic() - started,
  })
  const found = programs()
  if (found !== undefined) return answer(found, true)
  const help =
    'the package "postgresql" of this system; for the tests also POSTGRES_URL, set to a server that is running'
  installing?.('PostgreSQL with apt-get (once)')
  try {
    await aptInstall('postgresql')
  } catch (error) {
    throw new ServiceUnavailable('PostgreSQL', error instanceof Error ? error.message : String(error), help)
  }
  const installed = programs()
  if (installed === undefined) throw new ServiceUnavailable('PostgreSQL', 'the package has brought no server', help)
  return answer(installed, false)
}

/** Obtains PostgreSQL if necessary and starts one. The data folder keeps what a former start left in it. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<RunningPostgres> {
  const { path: bin } = await obtainPostgres(options.installing)
  const as = await owner(bin)
  const data = await openDataFolder('postgres', await reachable(options.dataFolder, as))
  const cluster = join(data.path, 'cluster')
  try {
    if (as !== null) await chown(data.path, as.uid, as.gid)
    if (!existsSync(join(cluster, 'PG_VERSION'))) {
      await mkdir(data.path, { recursive: true })
      const args = ['-D', cluster, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']
      await runCommand(...command(as, join(bin, 'initdb'), args), { cwd: data.path, env: environment() })
    }
  } catch (error) {
    await data.remove()
    const reason = error instanceof CommandFailed ? error.output : String(error)
    throw new ServiceUnavailable(
      'PostgreSQL',
      `initdb failed: ${reason}`,
      'POSTGRES_URL, set to a server that is running',
    )
  }
  try {
    return await onFreePorts(() => startOnce(bin, as, data, options), options.port !== undefined)
  } catch (error) {
    await data.remove()
    throw error
  }
}

async function startOnce(
  bin: string,
  as: Owner | null,
  data: DataFolder,
  options: PostgresServerOptions,
): Promise<RunningPostgres> {
  const port = options.port ?? (await freePort())
  const settings = [
    ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'],
    ...(options.flush === false ? ['fsync=off'] : []),
    ...(options.settings ?? []),
  ]
  const [program, args] = command(as, join(bin, 'postgres'), [
    ...['-D', join(data.path, 'cluster'), '-p', String(port)],
    ...settings.flatMap(setting => ['-c', setting]),
  ])
  const running = await startService({
    name: 'PostgreSQL',
    command: program,
    args,
    env: environment(),
    logFile: join(data.path, 'postgres.log'),
    // Its own words, in English whatever the system speaks (see `environment`); after a crash it says them when it has recovered.
    ready: async log => (log().includes('ready to accept connections') ? port : undefined),
    cleanUp: async () => {},
  })
  const stop = async (): Promise<void> => {
    // SIGTERM would let it wait for its clients.
    signal(running.pid, 'SIGINT')
    await running.stop()
    await data.remove()
  }
  return { ...running, stop, url: `postgres://postgres@127.0.0.1:${port}/postgres` }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' }
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Whom root lets run the server: the user that the package has made. */
async function owner(bin: string): Promise<Owner | null> {
  if (process.getuid?.() !== 0) return null
  try {
    const id = async (flag: string): Promise<number> =>
      Number(await runCommand('id', [flag, 'postgres'], { cwd: dirname(bin) }))
    return { uid: await id('-u'), gid: await id('-g') }
  } catch {
    throw new ServiceUnavailable(
      'PostgreSQL',
      'it does not run as root, and there is no user "postgres"',
      'useradd --system postgres, or another user than root',
    )
  }
}

function command(as: Owner | null, program: string, args: readonly string[]): [string, readonly string[]] {
  if (as === null) return [program, args]
  return ['setpriv', [`--reuid=${as.uid}`, `--regid=${as.gid}`, '--clear-groups', program, ...args]]
}

/**
 * Where the data can lie. Root's folders are closed to the user that root lets run the server: then it lies below /var/tmp, and the given folder
 * says where, so that the next start finds it.
 */
async function reachable(given: string | undefined, as: Owner | null): Promise<string | undefined> {
  if (given === undefined || as === null) return given
  await mkdir(given, { recursive: true })
  if (await isOpen(dirname(resolve(given)))) return given
  const note = join(given, 'elsewhere')
  const noted = await readFile(note, 'utf8').catch(() => null)
  if (noted !== null) return noted.trim()
  const folder = await mkdtemp('/var/tmp/crossbeat-postgres-')
  await writeFile(note, `${folder}\n`)
  return folder
}

/** Everybody may pass through this folder and all above it. */
async function isOpen(folder: string): Promise<boolean> {
  const { mode } = await stat(folder)
  if ((mode & 0o001) === 0) return false
  return dirname(folder) === folder || isOpen(dirname(folder))
}
