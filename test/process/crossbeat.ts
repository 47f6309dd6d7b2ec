// A Crossbeat of our own as a process apart, for the benchmark and the tests that kill it: started on free ports with a data folder that
// outlives the process, driven by its control API.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/services/service-process.ts'
import { unwatchProcess, watchProcess } from '../../src/services/watchdog.ts'
import { cpuMs, processTree } from './measure.ts'

export interface Keys {
  readonly accessKey: string
  readonly secretKey: string
}

export interface S3Destination extends Keys {
  /** host:port */
  readonly endpoint: string
  readonly bucket: string
  /** The bucket has object lock. */
  readonly objectLock?: boolean
}

export interface AzureDestination {
  readonly endpoint: string
  readonly container: string
  readonly account: string
  readonly key: string
}

export interface CrossbeatOptions {
  readonly s3?: S3Destination
  readonly azure?: AzureDestination
  /** False switches flushing off (only the benchmark's own entry point can). */
  readonly flush?: boolean
  /** The `replication` part of the configuration. */
  readonly replication?: Readonly<Record<string, unknown>>
}

interface Place {
  readonly folder: string
  readonly s3Port: number
  readonly controlPort: number
  readonly options: CrossbeatOptions
}

export class CrossbeatProcess {
  #place: Place
  #child: ChildProcess

  private constructor(place: Place, child: ChildProcess) {
    this.#place = place
    this.#child = child
  }

  static async start(options: CrossbeatOptions): Promise<CrossbeatProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'crossbeat-process-'))
    const place = { folder, s3Port: await freePort(), controlPort: await freePort(), options }
    writeFileSync(join(folder, 'crossbeat.yaml'), JSON.stringify(configuration(place)))
    const started = new CrossbeatProcess(place, launch(place))
    await started.#ready()
    return started
  }

  /** Starts again on the same data and ports, after `kill` or `end`, with what changes of its configuration. */
  async restart(changed: Partial<CrossbeatOptions> = {}): Promise<void> {
    this.#place = { ...this.#place, options: { ...this.#place.options, ...changed } }
    writeFileSync(join(this.#place.folder, 'crossbeat.yaml'), JSON.stringify(configuration(this.#place)))
    this.#child = launch(this.#place)
    await this.#ready()
  }

  /** host:port */
  get s3(): string {
    return `127.0.0.1:${this.#place.s3Port}`
  }

  /** host:port */
  get control(): string {
    return `127.0.0.1:${this.#place.controlPort}`
  }

  get dataDir(): string {
    return join(this.#place.folder, 'data')
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + 120_000
    while (Date.now() < deadline) {
      if (this.#child.exitCode !== null)
        throw new Error(`Crossbeat ended with code ${this.#child.exitCode} while starting`)
      const answer = await fetch(`http://${this.control}/ready`).catch(() => null)
      if (answer?.ok) return
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    throw new Error('Crossbeat was not ready within two minutes')
  }

  /** The administrator's keys, made at the first start. */
  get keys(): Keys {
    const text = readFileSync(join(this.dataDir, 'credentials'), 'utf8')
    const read = (name: string): string => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(text)?.[1] ?? ''
    return { accessKey: read('aws_access_key_id'), secretKey: read('aws_secret_access_key') }
  }

  get pid(): number {
    const pid = this.#child.pid
    if (pid === undefined) throw new Error('Crossbeat has no process')
    return pid
  }

  cpuMs(): number {
    return cpuMs(processTree(this.pid))
  }

  /** Waits until the process has nothing of its own to do any more (checkpoints of what was loaded, say). */
  async quiet(): Promise<void> {
    for (let before = this.cpuMs(), calm = 0; calm < 3; ) {
      await new Promise(resolve => setTimeout(resolve, 200))
      const now = this.cpuMs()
      calm = now - before < 10 ? calm + 1 : 0
      before = now
    }
  }

  async #post(path: string): Promise<void> {
    const answer = await fetch(`http://${this.control}${path}`, { method: 'POST' })
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`)
  }

  async pause(site: string): Promise<void> {
    await this.#post(`/_/crr/pause/${site}`)
  }

  async resume(site: string): Promise<void> {
    await this.#post(`/_/crr/resume/${site}`)
  }

  async backlog(site: string): Promise<number> {
    const answer = await fetch(`http://${this.control}/_/metrics/crr/${site}/backlog`)
    const body: unknown = await answer.json()
    const count = readPath(body, ['backlog', 'results', 'count'])
    if (typeof count !== 'number') throw new Error(`no backlog in ${JSON.stringify(body)}`)
    return count
  }

  /** Waits until at most `remaining` objects are left for the site. */
  async drained(site: string, everyMs: number, remaining = 0): Promise<number> {
    const deadline = Date.now() + 900_000
    const startedAt = performance.now()
    let first: number | null = null
    while (Date.now() < deadline) {
      const backlog = await this.backlog(site)
      if (backlog <= remaining) return backlog
      first ??= backlog
      // Asking costs the process it asks: seldom while there is far to go.
      const perObjectMs = (performance.now() - startedAt) / Math.max(1, first - backlog)
      const leftMs = first === backlog ? 0 : (backlog - remaining) * perObjectMs
      await new Promise(resolve => setTimeout(resolve, Math.min(500, Math.max(everyMs, leftMs / 2))))
    }
    throw new Error(`${site} was not drained within 15 minutes`)
  }

  /** Ends in good order and removes the data. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    this.remove()
  }

  /** Ends in good order; the data stays. Resolves with the exit code. */
  async end(): Promise<number | null> {
    await this.#end('SIGTERM')
    return this.#child.exitCode
  }

  /** kill -9; the data stays. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  remove(): void {
    rmSync(this.#place.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    await ended
    unwatchProcess(this.pid)
  }
}

function launch(place: Place): ChildProcess {
  const entry = join(import.meta.dirname, 'server.ts')
  const flush = place.options.flush === false ? 'no-flush' : 'flush'
  const child = spawn(process.execPath, [entry, join(place.folder, 'crossbeat.yaml'), flush], {
    stdio: ['ignore', 'inherit', 'inherit'],
    // As the launcher does.
    env: {
      NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/crossbeat'),
      MALLOC_ARENA_MAX: '2',
      ...process.env,
    },
  })
  // A test that fails before it can stop its server must not hang, nor leave it behind.
  child.unref()
  if (child.pid !== undefined) watchProcess(child.pid)
  return child
}

function readPath(value: unknown, path: readonly string[]): unknown {
  let current = value
  for (const name of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = Reflect.get(current, name)
  }
  return current
}

/** `CROSSBEAT_WORKERS` says how many threads serve the S3 port, to measure and test with another number than the machine would have. */
function workersAsked(): { readonly workers?: number } {
  const asked = process.env['CROSSBEAT_WORKERS']
  return asked === undefined ? {} : { workers: Number(asked) }
}

function configuration({ folder, s3Port, controlPort, options }: Place): unknown {
  const locations: Record<string, unknown> = {
    'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
  }
  const sites: unknown[] = []
  if (options.s3 !== undefined) {
    const { endpoint, bucket, accessKey, secretKey, objectLock = false } = options.s3
    const details = {
      awsEndpoint: endpoint,
      bucketName: bucket,
      region: 'us-east-1',
      https: false,
      pathStyle: true,
      ...(objectLock && { supportsObjectLock: true }),
      credentials: { accessKey, secretKey },
    }
    locations['awsbackend'] = { type: 'aws_s3', objectId: 'aws1', legacyAwsBehavior: true, details }
    sites.push({ site: 'awsbackend', type: 'aws_s3' })
  }
  if (options.azure !== undefined) {
    const { endpoint, container, account, key } = options.azure
    const details = {
      azureStorageEndpoint: endpoint,
      azureContainerName: container,
      azureStorageAccountName: account,
      azureStorageAccessKey: key,
    }
    locations['azurebackend'] = { type: 'azure', objectId: 'az1', legacyAwsBehavior: false, details }
    sites.push({ site: 'azurebackend', type: 'azure' })
  }
  return {
    dataDir: join(folder, 'data'),
    s3: { listen: `127.0.0.1:${s3Port}`, ...workersAsked() },
    control: { listen: `127.0.0.1:${controlPort}` },
    log: { level: 'error' },
    locations,
    env_replication_endpoints: sites,
    ...(options.replication === undefined ? {} : { replication: options.replication }),
  }
}
