// A distributed layout that a test uses as if it were one process: the integration tests run on either engine. One queue processor of each site is
// killed as soon as there is something to replicate, and stays dead: the other does its work.
import { type EngineServers, startEngineServers } from '../../src/demo/engine-servers.ts'
import type { CrossbeatOptions, Keys } from './crossbeat.ts'
import { type Distributed, startDistributed } from './distributed.ts'

/** What the integration tests ask of a Crossbeat, be it one process or many. */
export interface Crossbeat {
  /** host:port */
  readonly s3: string
  /** host:port */
  readonly control: string
  readonly keys: Keys
  pause(site: string): Promise<void>
  resume(site: string): Promise<void>
  backlog(site: string): Promise<number>
  drained(site: string, everyMs: number): Promise<unknown>
  /** kill -9 of everything; the data stays. */
  kill(): Promise<void>
  /** Ends in good order; the data stays. Resolves with the exit code. */
  end(): Promise<number | null>
  /** With what changes of its configuration. */
  restart(changed?: Partial<CrossbeatOptions>): Promise<void>
  /** Ends and removes the data. */
  stop(): Promise<void>
}

const drainWithinMs = 300_000

export async function startWholeLayout(
  options: Pick<CrossbeatOptions, 's3' | 'azure' | 'replication'>,
): Promise<Crossbeat> {
  const servers = await startEngineServers({ flush: false, sessionTimeoutMs: 4_000 })
  try {
    const { s3, azure, replication } = options
    const layout = await startDistributed({
      engine: servers.engine,
      ...(s3 === undefined ? {} : { s3 }),
      ...(azure === undefined ? {} : { azure }),
      ...(replication === undefined ? {} : { replication: { ...replication } }),
    })
    return new WholeLayout(layout, servers)
  } catch (error) {
    await servers.stop()
    throw error
  }
}

class WholeLayout implements Crossbeat {
  readonly #layout: Distributed
  readonly #servers: EngineServers
  #isComplete = true

  constructor(layout: Distributed, servers: EngineServers) {
    this.#layout = layout
    this.#servers = servers
  }

  get s3(): string {
    const [first] = this.#layout.s3
    if (first === undefined) throw new Error('the layout has no S3 front end')
    return first
  }

  get control(): string {
    return this.#layout.control
  }

  get keys(): Keys {
    return this.#layout.keys
  }

  async #loseProcessors(): Promise<void> {
    if (!this.#isComplete) return
    this.#isComplete = false
    const second = [...this.#layout.processes].filter(([name]) => name.endsWith('backend-2'))
    await Promise.all(second.map(([, process]) => process.kill()))
  }

  async pause(site: string): Promise<void> {
    await this.#layout.pause(site)
  }

  async resume(site: string): Promise<void> {
    await this.#layout.resume(site)
  }

  async backlog(site: string): Promise<number> {
    await this.#loseProcessors()
    return this.#layout.backlog(site)
  }

  async drained(site: string): Promise<void> {
    await this.#loseProcessors()
    await this.#layout.drained(site, drainWithinMs)
  }

  async kill(): Promise<void> {
    await Promise.all([...this.#layout.processes.values()].map(process => process.kill()))
  }

  async end(): Promise<number | null> {
    const codes = await Promise.all([...this.#layout.processes.values()].map(process => process.end()))
    return codes.find(code => code !== 0) ?? 0
  }

  async restart(changed?: Partial<CrossbeatOptions>): Promise<void> {
    if (changed !== undefined) throw new Error('a layout keeps its configuration')
    await Promise.all([...this.#layout.processes.values()].map(process => process.start()))
  }

  async stop(): Promise<void> {
    await this.#layout.stop()
    await this.#servers.stop()
  }
}
