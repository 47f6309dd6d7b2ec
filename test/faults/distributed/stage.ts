// The stage of the fault tests of the distributed engine: its servers, a layout of processes, two clouds. A story loads a bucket of its own while
// something fails, and ends with the count.
import assert from 'node:assert/strict'
import type { S3Client } from '@aws-sdk/client-s3'
import type { EngineSettings } from '../../../src/demo/engine-servers.ts'
import { ServiceUnavailable } from '../../../src/services/service-cache.ts'
import { destinationBucket } from '../../bench/stage.ts'
import { quickRetries, replicatedBucket, sdkClient, sites } from '../../integration/two-clouds.ts'
import type { AzureDestination, S3Destination } from '../../process/crossbeat.ts'
import { type Distributed, startDistributed } from '../../process/distributed.ts'
import { environmentFor, type TestTimes } from '../../process/preload.ts'
import type { RoleProcess } from '../../process/role-process.ts'
import { type Available, azureServer, s3Server, uniqueName } from '../../services/available.ts'
import { show } from '../../shown.ts'
import { until } from '../../until.ts'
import { azureContainer } from '../azure-side.ts'
import { seededRandom } from '../seeded-random.ts'
import { type CountOptions, count, untilEnded, untilPublished } from './count.ts'
import { type Acknowledged, boundedClient, Load, type LoadOptions } from './load.ts'
import { type FaultServers, type FaultServersOptions, startFaultServers } from './servers.ts'

export const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000)
/** How often a story that is about chance is played; more than one only when asked for. */
export const rounds = Number(process.env['FAULT_ROUNDS'] ?? 1)

/** How copies go: `direct`, or by the routes of a front end and the status topic. */
const gateway = process.env['FAULT_GATEWAY'] ?? 'direct'

export interface StageOptions extends FaultServersOptions {
  /** What a process finds where it looks for its servers, if not the servers. */
  readonly engine?: (process: string, servers: FaultServers) => EngineSettings
  /** The servers run, the processes not yet. */
  readonly before?: (servers: FaultServers) => Promise<void>
  /** See `DistributedOptions`. */
  readonly advertise?: (process: string, listen: string) => Promise<string>
  readonly times?: (process: string) => TestTimes
  /** Two unless given. */
  readonly populators?: number
}

export interface Stage {
  readonly servers: FaultServers
  readonly layout: Distributed
  readonly random: () => number
  readonly s3: S3Destination
  /** By a client that gives up in time. */
  readonly frontEnds: readonly S3Client[]
  /** The first front end, by a client that waits for an answer as long as it takes: for what has to be answered. */
  readonly source: S3Client
  /** A new bucket that is copied to both sites. */
  story(name: string): Promise<Story>
  /** Resolves when the site is paused, and each of its processors has said that it stands still. */
  pause(site: string): Promise<void>
  resume(site: string): Promise<void>
  close(): Promise<void>
}

/** Times of a layout under test: as short as honest servers under load allow. */
export const shortTimes: TestTimes = {
  limits: { claimLeaseMs: 6_000, sweepMs: 2_000, strandedAfterMs: 4_000, dueCheckMs: 1_000 },
  kafka: {
    ...{ sessionTimeoutMs: 6_000, heartbeatMs: 1_000, rebalanceTimeoutMs: 6_000, connectTimeoutMs: 2_000 },
    ...{ requestTimeoutMs: 3_000, appendTimeoutMs: 10_000, stallMs: 10_000, mirrorMs: 2_000, backoffMaxMs: 1_000 },
  },
}

const endedWithinMs = 180_000

/** Starts everything, for one test file; says why not where a server cannot be had on this machine. */
export async function openStage(options: StageOptions = {}): Promise<Available<Stage>> {
  const s3 = await s3Server()
  const azure = await azureServer()
  const stop = (): Promise<unknown> => Promise.all([s3.stop(), azure.stop()])
  const skip = s3.skip || azure.skip
  if (skip !== false) return absent(skip)
  const servers = await startFaultServers(options).catch(async error => {
    await stop()
    if (error instanceof ServiceUnavailable && process.env['CI'] !== 'true') return error.message
    throw error
  })
  if (typeof servers === 'string') return absent(servers)
  try {
    await options.before?.(servers)
    const destinations = {
      s3: await destinationBucket(s3.get()),
      azure: await azureContainer(azure.get(), uniqueName('copies')),
    }
    const stage = new OpenStage(servers, destinations, await startLayout(servers, destinations, options), options)
    return {
      skip: false,
      get: () => stage,
      stop: async () => {
        await stage.close()
        await stop()
      },
    }
  } catch (error) {
    await servers.stop()
    await stop()
    throw error
  }
}

function absent(skip: string): Available<never> {
  const get = (): never => {
    throw new Error(skip)
  }
  return { skip, get, stop: async () => {} }
}

interface Destinations {
  readonly s3: S3Destination
  readonly azure: AzureDestination
}

function startLayout(servers: FaultServers, destinations: Destinations, options: StageOptions): Promise<Distributed> {
  const { engine, times = () => shortTimes, populators = 2, advertise } = options
  return startDistributed({
    ...destinations,
    engine: name => engine?.(name, servers) ?? servers.engine,
    environment: name => environmentFor(times(name)),
    replication: { gateway, queueProcessor: { ...quickRetries.queueProcessor, minMPUSizeMB: 5, concurrency: 8 } },
    processors: { awsbackend: 2, azurebackend: 1 },
    populators,
    ...(advertise === undefined ? {} : { advertise }),
    together: true,
  })
}

class OpenStage implements Stage {
  readonly servers: FaultServers
  readonly layout: Distributed
  readonly random = seededRandom(seed)
  readonly frontEnds: readonly S3Client[]
  readonly source: S3Client
  readonly s3: S3Destination
  readonly #azure: AzureDestination
  readonly #far: S3Client

  constructor(servers: FaultServers, { s3, azure }: Destinations, layout: Distributed, { times }: StageOptions) {
    this.servers = servers
    this.layout = layout
    this.s3 = s3
    this.#azure = azure
    this.#far = sdkClient(s3.endpoint, s3)
    const [first] = layout.s3
    assert.ok(first !== undefined)
    this.source = sdkClient(first, layout.keys)
    this.frontEnds = layout.s3.map((address, at) =>
      boundedClient(address, layout.keys, times?.(`s3-${at + 1}`).clockMs),
    )
  }

  async story(name: string): Promise<Story> {
    await Promise.all([...running].map(load => load.stop()))
    running.clear()
    const bucket = uniqueName(name)
    const { source } = this
    const [endpoint] = this.layout.s3
    assert.ok(endpoint !== undefined)
    await replicatedBucket(source, bucket)
    const sourceAt = { endpoint, bucket, ...this.layout.keys }
    const databaseUrl = this.servers.engine.metadata.postgres.url
    const places = { bucket, source, sourceAt, far: this.#far, s3: this.s3, azure: this.#azure, databaseUrl }
    return new Story(this, places)
  }

  async pause(site: string): Promise<void> {
    await this.#command('pause', site)
    await until(`${site} stands still`, () => this.#standsStill(site))
  }

  resume(site: string): Promise<void> {
    return this.#command('resume', site)
  }

  /** Tried again while the state store cannot be reached. */
  async #command(command: 'pause' | 'resume', site: string): Promise<void> {
    const done = () =>
      this.layout[command](site).then(
        () => true,
        () => false,
      )
    await until(`${command} is taken`, done)
  }

  async #standsStill(site: string): Promise<boolean> {
    const answer = await fetch(`http://${this.layout.control}/api/v1/locations/${site}`).catch(() => null)
    const body: unknown = await answer?.json().catch(() => null)
    const count = [...this.layout.processes.keys()].filter(name => name.startsWith(`${site}-`)).length
    return isObject(body) && body['standsStill'] === true && body['processors'] === count
  }

  async close(): Promise<void> {
    // One of a story that failed would go on for ever.
    await Promise.all([...running].map(load => load.stop()))
    for (const client of [...this.frontEnds, this.source, this.#far]) client.destroy()
    await this.layout.stop()
    await this.servers.stop()
  }
}

/** Of all stories: one that has failed leaves its load running, and the next would count it. */
const running = new Set<Load>()

export class Story {
  readonly bucket: string
  readonly #stage: Stage
  readonly #places: CountOptions

  constructor(stage: Stage, places: CountOptions) {
    this.bucket = places.bucket
    this.#stage = stage
    this.#places = places
  }

  load(options: Partial<LoadOptions> = {}): Load {
    const { frontEnds, random } = this.#stage
    const load = new Load({ bucket: this.bucket, frontEnds, random, ...options })
    running.add(load)
    return load
  }

  /** Resolves when the processors can know of everything that was loaded; call it when no load runs. */
  published(): Promise<void> {
    return untilPublished(this.#places)
  }

  /** Resolves when no row of the bucket is open any more. */
  async ended(withinMs = endedWithinMs): Promise<void> {
    try {
      await untilEnded(this.#places, withinMs)
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.#logs()}`, { cause: error })
    }
  }

  /**
   * Stops the load, waits until all is done, and counts that and what was acknowledged `before`. No process may have ended by itself; those that
   * the story has killed run again.
   */
  async end(load: Load, before: readonly Acknowledged[] = []): Promise<void> {
    const acknowledged = [...before, ...(await load.stop())]
    this.#checkProcesses()
    const began = performance.now()
    await this.ended()
    const endedMs = performance.now() - began
    const counted = await count(this.#places, acknowledged)
    this.#checkProcesses()
    await until('the sums say so, too', () => this.#sumsAreZero())
    const { versions, markers } = counted
    const sizes = `${versions} versions (${markers} of them delete markers) are everywhere once`
    const requests = `${acknowledged.length} acknowledged, ${load.failures} refused`
    const [name = ''] = this.bucket.split('-')
    show(
      `${name.padEnd(10)} ${requests}; ${sizes}, ${(endedMs / 1000).toFixed(1)} s after the load (FAULT_SEED=${seed})`,
    )
  }

  async #sumsAreZero(): Promise<boolean> {
    for (const site of sites) if ((await this.#stage.layout.backlog(site).catch(() => 1)) > 0) return false
    return true
  }

  #checkProcesses(): void {
    for (const [name, process] of this.#stage.layout.processes)
      assert.equal(
        process.hasEnded,
        false,
        `${name} has ended by itself (${process.exit}):\n${process.log().slice(-3_000)}`,
      )
  }

  #logs(): string {
    const tails = [...this.#stage.layout.processes].map(
      ([name, process]) => `--- ${name}\n${process.log().slice(-1_500)}`,
    )
    return tails.join('\n')
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Ends a process as a crash would, and starts it again. */
export async function crash(process: RoleProcess): Promise<void> {
  await process.kill()
  await process.start()
}

/** What a process says of one of its roles. */
export async function roleOf(process: RoleProcess, role: string): Promise<unknown> {
  const body = (await process.ready())?.body
  const roles: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'roles') : undefined
  return typeof roles === 'object' && roles !== null ? Reflect.get(roles, role) : undefined
}
