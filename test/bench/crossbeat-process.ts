// A Crossbeat of our own for the benchmark, as a process apart: started on free ports with a new data folder, driven by its control API.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuMs, processTree } from './measure.ts'

export interface Keys {
  readonly accessKey: string
  readonly secretKey: string
}

export interface S3Destination extends Keys {
  /** host:port */
  readonly endpoint: string
  readonly bucket: string
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
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}

export class CrossbeatProcess {
  readonly dataDir: string
  readonly s3: string
  readonly control: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, dataDir: string, s3: string, control: string) {
    this.#child = child
    this.dataDir = dataDir
    this.s3 = s3
    this.control = control
  }

  static async start(options: CrossbeatOptions): Promise<CrossbeatProcess> {
    const dataDir = mkdtempSync(join(tmpdir(), 'crossbeat-bench-'))
    const [s3, control] = [await freePort(), await freePort()]
    const config = join(dataDir, 'crossbeat.yaml')
    writeFileSync(config, JSON.stringify(configuration(options, dataDir, s3, control)))
    const entry = join(import.meta.dirname, 'server.ts')
    const child = spawn(process.execPath, [entry, config, options.flush === false ? 'no-flush' : 'flush'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const started = new CrossbeatProcess(child, dataDir, `127.0.0.1:${s3}`, `127.0.0.1:${control}`)
    await started.#ready()
    return started
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + 30_000
    while (Date.now() < deadline) {
      if (this.#child.exitCode !== null)
        throw new Error(`Crossbeat ended with code ${this.#child.exitCode} while starting`)
      const answer = await fetch(`http://${this.control}/ready`).catch(() => null)
      if (answer?.ok) return
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    throw new Error('Crossbeat was not ready within 30 s')
  }

  /** The administrator's keys, made at the first start. */
  get keys(): Keys {
    const text = readFileSync(join(this.dataDir, 'data', 'credentials'), 'utf8')
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
    const deadline = Date.now() + 1_800_000
    while (Date.now() < deadline) {
      const backlog = await this.backlog(site)
      if (backlog <= remaining) return backlog
      await new Promise(resolve => setTimeout(resolve, everyMs))
    }
    throw new Error(`${site} was not drained within 30 minutes`)
  }

  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve))
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM')
      await ended
    }
    rmSync(this.dataDir, { recursive: true, force: true })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

function readPath(value: unknown, path: readonly string[]): unknown {
  let current = value
  for (const name of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = Reflect.get(current, name)
  }
  return current
}

function configuration(options: CrossbeatOptions, dataDir: string, s3: number, control: number): unknown {
  const locations: Record<string, unknown> = {
    'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
  }
  const sites: unknown[] = []
  if (options.s3 !== undefined) {
    const { endpoint, bucket, accessKey, secretKey } = options.s3
    const details = {
      awsEndpoint: endpoint,
      bucketName: bucket,
      region: 'us-east-1',
      https: false,
      pathStyle: true,
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
    dataDir: join(dataDir, 'data'),
    s3: { listen: `127.0.0.1:${s3}` },
    control: { listen: `127.0.0.1:${control}` },
    log: { level: 'error' },
    locations,
    env_replication_endpoints: sites,
  }
}
