// A distributed layout on one machine: a process for each role (two S3 front ends, two queue processors for each site, two populators of which
// one stands by, status, control) over servers that are running already.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineSettings } from '../../src/demo/engine-servers.ts'
import { freePort } from '../../src/services/service-process.ts'
import type { AzureDestination, Keys, S3Destination } from './crossbeat.ts'
import { RoleProcess } from './role-process.ts'

export interface DistributedOptions {
  /** The same for all processes, or what each finds where it looks for its servers. */
  readonly engine: EngineSettings | ((process: string) => EngineSettings)
  /** What a process has in its environment beside ours. */
  readonly environment?: (process: string) => Readonly<Record<string, string>>
  readonly s3?: S3Destination
  readonly azure?: AzureDestination
  /** The `replication` part of the configuration. */
  readonly replication?: Readonly<Record<string, unknown>>
  readonly frontEnds?: number
  /** Where other processes reach the S3 role that listens there, if not there: a proxy. */
  readonly advertise?: (process: string, listen: string) => Promise<string>
  readonly populators?: number
  /** Of each site, or by site. */
  readonly processors?: number | Readonly<Record<string, number>>
  /** Status and control are roles of one process, `control`: for tests of something else. */
  readonly together?: boolean
  readonly logLevel?: string
}

const keys: Keys = { accessKey: 'distributedKey1', secretKey: 'distributedSecretOfTheTests1' }

export interface Distributed {
  /** Addresses (host:port) of the S3 front ends. */
  readonly s3: readonly string[]
  /** host:port */
  readonly control: string
  /** Of the administrator. */
  readonly keys: Keys
  readonly processes: ReadonlyMap<string, RoleProcess>
  process(name: string): RoleProcess
  pause(site: string): Promise<void>
  resume(site: string): Promise<void>
  backlog(site: string): Promise<number>
  /** Everything has ended at the site; rejects after a while. */
  drained(site: string, withinMs?: number): Promise<void>
  stop(): Promise<void>
}

/** Starts all processes; when it resolves all are ready. */
export async function startDistributed(options: DistributedOptions): Promise<Distributed> {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-distributed-'))
  writeFileSync(join(folder, 'authdata.json'), JSON.stringify({ accounts: [administrator] }))
  const control = `127.0.0.1:${await freePort()}`
  const processes = new Map<string, RoleProcess>()
  const s3: string[] = []
  const add = async (name: string, roles: readonly string[], sites?: readonly string[]): Promise<void> => {
    const listen = `127.0.0.1:${await freePort()}`
    if (roles.includes('s3')) s3.push(listen)
    const probes = roles.includes('control') ? control : `127.0.0.1:${await freePort()}`
    const advertise = roles.includes('s3') ? await options.advertise?.(name, listen) : undefined
    const config = configuration(options, { folder, name, s3: listen, control, source: s3[0] ?? listen, advertise })
    processes.set(
      name,
      new RoleProcess({
        ...{ name, folder, config, roles, probes },
        ...(sites === undefined ? {} : { sites }),
        ...(options.environment === undefined ? {} : { environment: options.environment(name) }),
      }),
    )
  }
  for (const count of numbers(options.frontEnds ?? 2)) await add(`s3-${count}`, ['s3'])
  for (const count of numbers(options.populators ?? 2)) await add(`populator-${count}`, ['populator'])
  for (const site of sitesOf(options))
    for (const count of numbers(processorsOf(options, site))) await add(`${site}-${count}`, ['processor'], [site])
  if (options.together !== true) await add('status', ['status'])
  await add('control', options.together === true ? ['status', 'control'] : ['control'])
  const layout = new Layout({ folder, s3, control, processes })
  try {
    await Promise.all([...processes.values()].map(process => process.start()))
    return layout
  } catch (error) {
    await layout.stop()
    throw error
  }
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

function processorsOf({ processors = 2 }: DistributedOptions, site: string): number {
  return typeof processors === 'number' ? processors : (processors[site] ?? 2)
}

const administrator = {
  name: 'administrator',
  email: 'administrator@example.com',
  arn: 'arn:aws:iam::123456789012:root',
  canonicalID: '79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be',
  shortid: '123456789012',
  admin: true,
  keys: [{ access: keys.accessKey, secret: keys.secretKey }],
}

interface Place {
  readonly folder: string
  readonly s3: readonly string[]
  readonly control: string
  readonly processes: ReadonlyMap<string, RoleProcess>
}

class Layout implements Distributed {
  readonly keys = keys
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  get s3(): readonly string[] {
    return this.#place.s3
  }

  get control(): string {
    return this.#place.control
  }

  get processes(): ReadonlyMap<string, RoleProcess> {
    return this.#place.processes
  }

  process(name: string): RoleProcess {
    const found = this.#place.processes.get(name)
    if (found === undefined) throw new Error(`there is no process ${name}`)
    return found
  }

  async #ask(method: string, path: string): Promise<unknown> {
    const answer = await fetch(`http://${this.control}${path}`, { method })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  async pause(site: string): Promise<void> {
    await this.#ask('POST', `/_/crr/pause/${site}`)
  }

  async resume(site: string): Promise<void> {
    await this.#ask('POST', `/_/crr/resume/${site}`)
  }

  async backlog(site: string): Promise<number> {
    const body: unknown = await this.#ask('GET', `/_/metrics/crr/${site}/backlog`)
    const count = ['backlog', 'results', 'count'].reduce<unknown>(
      (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
      body,
    )
    if (typeof count !== 'number') throw new Error(`no backlog in ${JSON.stringify(body)}`)
    return count
  }

  async drained(site: string, withinMs = 240_000): Promise<void> {
    const deadline = performance.now() + withinMs
    let left: unknown = Number.NaN
    while (performance.now() < deadline) {
      // What it asks may be away for a moment.
      left = await this.backlog(site).catch(error => error)
      if (left === 0) return
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    throw new Error(`${site} still has ${left} objects to get after ${withinMs / 1000} s`)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.processes.values()].map(process => process.end()))
    rmSync(this.#place.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

interface ProcessPlace {
  readonly folder: string
  readonly name: string
  readonly s3: string
  readonly control: string
  readonly advertise: string | undefined
  /** The front end that the gateway http reads and patches through. */
  readonly source: string
}

function configuration(options: DistributedOptions, place: ProcessPlace): Readonly<Record<string, unknown>> {
  const dataDir = join(place.folder, place.name)
  mkdirSync(dataDir)
  return {
    dataDir,
    s3: { listen: place.s3, ...(place.advertise === undefined ? {} : { advertise: place.advertise }) },
    control: { listen: place.control },
    accounts: join(place.folder, 'authdata.json'),
    log: { level: options.logLevel ?? 'warn' },
    locations: locationsOf(options),
    env_replication_endpoints: [
      ...(options.s3 === undefined ? [] : [{ site: 'awsbackend', type: 'aws_s3' }]),
      ...(options.azure === undefined ? [] : [{ site: 'azurebackend', type: 'azure' }]),
    ],
    engine: typeof options.engine === 'function' ? options.engine(place.name) : options.engine,
    ...(options.replication === undefined ? {} : { replication: replicationOf(options.replication, place.source) }),
  }
}

function replicationOf(replication: Readonly<Record<string, unknown>>, source: string): object {
  if (replication['gateway'] !== 'http') return replication
  const [host, port] = source.split(':')
  return { ...replication, source: { transport: 'http', s3: { host, port: Number(port) } } }
}

function sitesOf({ s3, azure }: DistributedOptions): readonly string[] {
  return [...(s3 === undefined ? [] : ['awsbackend']), ...(azure === undefined ? [] : ['azurebackend'])]
}

function locationsOf({ s3, azure }: DistributedOptions): Readonly<Record<string, unknown>> {
  const locations: Record<string, unknown> = {
    'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
  }
  if (s3 !== undefined) {
    const { endpoint, bucket, accessKey, secretKey, objectLock: supportsObjectLock = false } = s3
    const credentials = { accessKey, secretKey }
    const details = {
      ...{ awsEndpoint: endpoint, bucketName: bucket, https: false, pathStyle: true },
      ...{ supportsObjectLock, credentials },
    }
    locations['awsbackend'] = { type: 'aws_s3', objectId: 'aws1', legacyAwsBehavior: true, details }
  }
  if (azure !== undefined) {
    const details = {
      azureStorageEndpoint: azure.endpoint,
      azureContainerName: azure.container,
      azureStorageAccountName: azure.account,
      azureStorageAccessKey: azure.key,
    }
    locations['azurebackend'] = { type: 'azure', objectId: 'az1', legacyAwsBehavior: false, details }
  }
  return locations
}
