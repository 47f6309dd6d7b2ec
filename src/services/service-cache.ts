// The folder outside the repository where the stand-in clouds and test servers are kept, each under a name that holds
// its version. Guarantees: a folder that is there is complete (installed aside, then renamed), and two processes that
// want the same one install it once. Nothing is ever changed in an installed folder.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { realWorld, sleep } from '../base/world.ts'

const lockPollMs = 200
/** A lock without a readable owner is being written this instant, or its owner died while writing it. */
const lockEmptyAgeMaxMs = 5_000

/** Where something was found or installed, and what that cost. */
export interface Obtained {
  readonly path: string
  readonly tookMs: number
  readonly fromCache: boolean
}

/** A component that cannot be had on this machine; the message says what, why and what would help. */
export class ServiceUnavailable extends Error {
  constructor(what: string, why: string, help: string) {
    super(`${what} is not available: ${why}\n  What would help: ${help}`)
    this.name = 'ServiceUnavailable'
  }
}

/** `$CROSSBEAT_SERVICES`, else `~/.cache/crossbeat-services`, else a folder of this user among the temporary files. */
export async function cacheFolder(): Promise<string> {
  const chosen = process.env['CROSSBEAT_SERVICES']
  const user = process.getuid?.() ?? 'user'
  const candidates = chosen
    ? [chosen]
    : [join(homedir(), '.cache', 'crossbeat-services'), join(tmpdir(), `crossbeat-services-${user}`)]
  let refusal: unknown
  for (const folder of candidates) {
    try {
      await mkdir(folder, { recursive: true })
      // mkdir succeeds on an existing folder that cannot be written, so try what an installation will do.
      await rm(await mkdtemp(join(folder, '.probe-')), { recursive: true })
      return folder
    } catch (error) {
      refusal = error
    }
  }
  throw new ServiceUnavailable(
    'the folder for downloaded servers',
    `${candidates.join(' and ')} cannot be written: ${String(refusal)}`,
    'set CROSSBEAT_SERVICES to a folder that can',
  )
}

/**
 * The folder `name` of the cache, installed by `install` into an empty folder if it is not there yet. What `install`
 * throws is passed on, and nothing is left behind.
 */
export async function obtainFolder(name: string, install: (folder: string) => Promise<void>): Promise<Obtained> {
  const started = realWorld.clock.monotonic()
  const cache = await cacheFolder()
  const path = join(cache, name)
  const done = (fromCache: boolean): Obtained => ({
    path,
    tookMs: realWorld.clock.monotonic() - started,
    fromCache,
  })
  if (existsSync(path)) return done(true)
  const release = await lock(join(cache, `${name}.lock`))
  try {
    if (existsSync(path)) return done(true)
    const aside = await mkdtemp(join(cache, `.${name}-`))
    try {
      await install(aside)
      await rename(aside, path)
    } catch (error) {
      await rm(aside, { recursive: true, force: true })
      throw error
    }
    return done(false)
  } finally {
    await release()
  }
}

async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await writeFile(path, `${process.pid} ${hostname()}\n`, { flag: 'wx' })
      return () => rm(path, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = await readFile(path, 'utf8').catch(() => undefined)
    if (owner !== undefined && (await isAbandoned(path, owner))) await takeAside(path, owner)
    await sleep(realWorld.timers, lockPollMs)
  }
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const [pid, host] = owner.trim().split(' ')
  if (host === undefined) {
    const status = await stat(path).catch(() => undefined)
    return status !== undefined && realWorld.clock.now() - status.mtimeMs > lockEmptyAgeMaxMs
  }
  // Another machine's process on a shared folder cannot be looked at: its lock is waited for.
  if (host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

// Renaming first and reading again keeps two waiters from both taking over the same dead lock.
async function takeAside(path: string, owner: string): Promise<void> {
  const aside = `${path}.${process.pid}`
  try {
    await rename(path, aside)
    if ((await readFile(aside, 'utf8')) === owner) await rm(aside)
    else await rename(aside, path)
  } catch {
    // Somebody else was quicker; the caller looks again.
  }
}
