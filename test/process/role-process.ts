// One process of a distributed layout: `crossbeat start --role ...` with a configuration file of its own, killed, frozen and restarted by tests.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unwatchProcess, watchProcess } from '../../src/services/watchdog.ts'

export interface RoleOptions {
  /** Names its files in the folder. */
  readonly name: string
  readonly folder: string
  readonly config: Readonly<Record<string, unknown>>
  readonly roles: readonly string[]
  readonly sites?: readonly string[]
  /** host:port of its probes: the control port, or else where it is told to answer them. */
  readonly probes: string
  /** Beside that of this process. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface ReadyAnswer {
  readonly status: number
  readonly body: unknown
}

const program = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const readyWithinMs = 180_000
/** Each answer costs the process a question to each of its servers. */
const pollMs = 100

export class RoleProcess {
  readonly options: RoleOptions
  #child: ChildProcess | null = null
  #isReady = false

  get configFile(): string {
    return this.#file('yaml')
  }

  constructor(options: RoleOptions) {
    this.options = options
    writeFileSync(this.#file('yaml'), JSON.stringify(options.config))
  }

  #file(ending: string): string {
    return join(this.options.folder, `${this.options.name}.${ending}`)
  }

  /** Resolves when the process says that it is ready; rejects with its words when it ends before. */
  async start(): Promise<void> {
    this.launch()
    await this.untilReady()
  }

  /** For one that was launched or woken. */
  async untilReady(): Promise<void> {
    const deadline = performance.now() + readyWithinMs
    let answer: ReadyAnswer | null = null
    while (performance.now() < deadline) {
      if (this.hasEnded) throw new Error(`${this.options.name} ended while starting (${this.exit}):\n${this.log()}`)
      answer = await this.ready()
      if (answer?.status === 200) {
        this.#isReady = true
        return
      }
      await new Promise(resolve => setTimeout(resolve, pollMs))
    }
    const last = answer === null ? 'it does not answer' : JSON.stringify(answer.body)
    throw new Error(`${this.options.name} was not ready within ${readyWithinMs / 1000} s (${last}):\n${this.log()}`)
  }

  /** Starts without waiting. */
  launch(): void {
    const { roles, sites = [], probes, name } = this.options
    const chosen = [...roles.flatMap(role => ['--role', role]), ...sites.flatMap(site => ['--site', site])]
    const health = roles.includes('control') ? [] : ['--health', probes]
    const output = openSync(this.#file('log'), 'a')
    const args = [program, 'start', '--config', this.#file('yaml'), ...chosen, ...health]
    const env = { ...process.env, ...this.options.environment }
    const child = spawn(process.execPath, args, { stdio: ['ignore', output, output], env })
    closeSync(output)
    // A test that fails before it can stop its processes must not hang, nor leave them behind.
    child.unref()
    if (child.pid === undefined) throw new Error(`${name} could not be started`)
    this.#isReady = false
    const { pid } = child
    watchProcess(pid)
    child.once('exit', () => unwatchProcess(pid))
    this.#child = child
  }

  /** What `/ready` says; null when nothing answers. */
  async ready(): Promise<ReadyAnswer | null> {
    const answer = await fetch(`http://${this.options.probes}/ready`).catch(() => null)
    if (answer === null) return null
    // It may be killed in the middle of its answer.
    const body: unknown = await answer.json().catch(() => undefined)
    return body === undefined ? null : { status: answer.status, body }
  }

  /** It had been ready, and has ended although nobody told it to. */
  get hasCrashed(): boolean {
    return this.#isReady && this.hasEnded
  }

  /** It has said so, and nobody has told it to end since. */
  get isReady(): boolean {
    return this.#isReady && !this.hasEnded
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.options.name} does not run`)
    return pid
  }

  get hasEnded(): boolean {
    return this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get exit(): number | string | null {
    return this.#child?.exitCode ?? this.#child?.signalCode ?? null
  }

  /** All that it has printed since the first start. */
  log(): string {
    return readFileSync(this.#file('log'), 'utf8')
  }

  /** SIGTERM, and its exit code. */
  async end(): Promise<number | null> {
    await this.signal('SIGTERM')
    return this.#child?.exitCode ?? null
  }

  async kill(): Promise<void> {
    await this.signal('SIGKILL')
  }

  freeze(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** Resolves when the process has ended. */
  async signal(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#isReady = false
    if (child === null || this.hasEnded) return
    child.ref()
    const ended = once(child, 'exit')
    child.kill(name)
    await ended
  }
}
