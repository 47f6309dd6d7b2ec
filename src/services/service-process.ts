// A server of someone else's make as a child of this process: started, watched until it is ready, stopped by process id.
// Guarantees: what it writes goes to a log file that a failure quotes; it never outlives us (see watchdog.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realWorld, sleep } from '../base/world.ts'
import { tail } from './command.ts'
import { unwatchFolder, unwatchProcess, watchFolder, watchProcess } from './watchdog.ts'

const readyPollMs = 20
const readyWithinMs = 180_000
const stopWithinMs = 5_000

/** A started server. */
export interface Running {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string
  readonly port: number
  readonly pid: number
  /** Ends the server in its own good order, after five seconds by force; removes a data folder that was ours. */
  stop(): Promise<void>
  /** SIGKILL, as a crash would. The data folder stays; `stop` still cleans up. */
  kill(): void
}

export interface ServiceOptions {
  /** A free one unless given. */
  readonly port?: number
  /** Kept if given; else a new one under the temporary files, removed by `stop`. */
  readonly dataFolder?: string
  /** Told what is about to be downloaded, if anything is. */
  readonly installing?: (what: string) => void
}

/** How to start one kind of server. */
export interface ServiceStart {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly logFile: string
  /** Looks once; resolves with the port when the server answers, with undefined while it does not yet. */
  readonly ready: (log: () => string) => Promise<number | undefined>
  /** How long it may take; three minutes unless given. */
  readonly withinMs?: number
  /** Runs when the server has been stopped. */
  readonly cleanUp: () => Promise<void>
}

/** The folder for a server's data and log, with the function that removes it if it is a temporary one. */
export interface DataFolder {
  readonly path: string
  readonly remove: () => Promise<void>
}

export async function openDataFolder(name: string, given: string | undefined): Promise<DataFolder> {
  if (given !== undefined) {
    await mkdir(given, { recursive: true })
    return { path: given, remove: async () => {} }
  }
  const path = await mkdtemp(join(tmpdir(), `crossbeat-${name}-`))
  watchFolder(path)
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
    unwatchFolder(path)
  }
  return { path, remove }
}

// Below the ports that the kernel gives to outgoing connections (32768 and up on Linux, 49152 on others): one of those may be taken by a
// connection of anybody between being found and listened on, or while a server that is started again is down.
// (`fetch` refuses 10080.)
const lowestPort = 10_100
const beyondPorts = 32_000
const portTrials = 1_000
const givenPorts = new Set<number>()

/** A port of 127.0.0.1 that nothing listens on at this moment, and that neither this process nor (on Linux) another living one was given. */
export async function freePort(): Promise<number> {
  for (let trial = 0; trial < portTrials; trial += 1) {
    const port = randomInt(lowestPort, beyondPorts)
    if (givenPorts.has(port) || !(await reserve(port)) || !(await isFree(port))) continue
    givenPorts.add(port)
    return port
  }
  throw new Error(`none of ${portTrials} ports from ${lowestPort} to ${beyondPorts} of 127.0.0.1 could be listened on`)
}

/**
 * Marks the port as ours for as long as we live, also while nothing listens on it: before its server has started, and while that is down. The mark
 * is an abstract socket, which Linux has; elsewhere there is none.
 */
async function reserve(port: number): Promise<boolean> {
  const mark = createServer()
  try {
    mark.listen(`\0crossbeat-port-${port}`)
    await once(mark, 'listening')
    mark.unref()
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}

const portAttempts = 3

/**
 * Starts what finds its ports by `freePort`: between finding one and listening on it somebody else may have taken it, and then it is started
 * again. Not where the port was given (`isGiven`).
 */
export async function onFreePorts<Server>(start: () => Promise<Server>, isGiven = false): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start()
    } catch (error) {
      const taken = error instanceof Error && /address already in use|BindException/i.test(error.message)
      if (!taken || isGiven || attempt === portAttempts) throw error
    }
  }
}

/** Starts the server and resolves when it is ready; if it ends or is not ready in three minutes, rejects quoting its log. */
export async function startService(start: ServiceStart): Promise<Running> {
  const log = openSync(start.logFile, 'w')
  const child = spawn(start.command, start.args, {
    stdio: ['ignore', log, log],
    env: start.env ?? process.env,
    // Its own process group: a Ctrl-C is for us, who end the server when nothing needs it any more.
    detached: true,
  })
  closeSync(log)
  let failure: string | undefined
  child.on('error', error => {
    failure = error.message
  })
  child.on('exit', (code, signal) => {
    failure ??= signal === null ? `exit code ${code}` : signal
    if (child.pid !== undefined) unwatchProcess(child.pid)
  })
  if (child.pid !== undefined) watchProcess(child.pid)
  try {
    const port = await waitUntilReady(start, () => failure)
    return running(child, port, start.cleanUp)
  } catch (error) {
    await end(child)
    await start.cleanUp()
    throw error
  }
}

async function waitUntilReady(start: ServiceStart, failure: () => string | undefined): Promise<number> {
  const { withinMs = readyWithinMs } = start
  const deadline = realWorld.clock.monotonic() + withinMs
  const readLog = (): string => readFileSync(start.logFile, 'utf8')
  for (;;) {
    const ended = failure()
    const log = readLog()
    if (ended !== undefined) throw new Error(`${start.name} ended while it started (${ended}):\n${tail(log)}`)
    const port = await start.ready(readLog)
    if (port !== undefined) return port
    if (realWorld.clock.monotonic() > deadline) {
      throw new Error(`${start.name} was not ready within ${withinMs / 1000} s:\n${tail(log)}`)
    }
    await sleep(realWorld.timers, readyPollMs)
  }
}

function running(child: ChildProcess, port: number, cleanUp: () => Promise<void>): Running {
  // The server's life must not keep ours going; the watchdog ends it with us.
  child.unref()
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    stop: async () => {
      await end(child)
      await cleanUp()
    },
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const force = realWorld.timers.after(stopWithinMs, () => child.kill('SIGKILL'))
  await exited
  force.cancel()
}
