// A pipeline on virtual time with one location that keeps versions (`aws`) and one that does not (`azure`), for tests that tell a story step
// by step: faults are set by hand, the process can be killed and started again, and nothing happens between the steps.
import assert from 'node:assert/strict'
import type { ObjectMetadata } from '../../src/domain/object-metadata.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import { createMemoryCloud, type MemoryCloud } from '../../src/locations/memory/cloud.ts'
import type { LocationCall, LocationFault } from '../../src/locations/memory/faults.ts'
import { createMemoryLocation } from '../../src/locations/memory/location.ts'
import type { LedgerRow, SiteBacklog } from '../../src/metadata/ledger.ts'
import { MemoryDatabase } from '../../src/metadata/sqlite/engine.ts'
import type { SiteProcessor } from '../../src/replicate/site-processor-options.ts'
import { bucket, type Clients, changeList, changeTags, createBucket, deleteObject, putObject } from './client.ts'
import { type Pipeline, startPipeline, topics } from './pipeline.ts'
import { seededRandom, type VirtualProcess, VirtualTime } from './virtual-world.ts'

export type Site = 'aws' | 'azure'

export const sites: readonly Site[] = ['aws', 'azure']
const hour = 3_600_000

export interface Call extends LocationCall {
  readonly site: Site
}

interface Process {
  readonly process: VirtualProcess
  readonly pipeline: Pipeline
}

export class Scenario {
  readonly time = new VirtualTime()
  readonly clouds: Readonly<Record<Site, MemoryCloud>>
  /** What was asked of the locations, in order. */
  readonly calls: Call[] = []
  /** Decides about each call. */
  faults: (call: Call) => LocationFault | undefined = () => undefined
  /** Sites that are paused when a process starts. */
  readonly paused = new Set<Site>()
  /** Whether a process that starts folds its results itself. */
  results: 'folded' | 'sent' = 'folded'
  /** Whether the rules would still send changes of stored versions. */
  isCovered = true
  /** Results on their way to the status processor get lost. */
  losesResults = false
  partBytesMax = 1_500
  latencyMs = 5
  readonly database = new MemoryDatabase()
  readonly disk = new Map<string, Uint8Array>()
  #running: Process | null = null
  #starts = 0

  constructor() {
    const { world } = this.time.process(seededRandom(0))
    this.clouds = {
      aws: createMemoryCloud(world, { versions: true }),
      azure: createMemoryCloud(world, { versions: false }),
    }
  }

  get pipeline(): Pipeline {
    assert.ok(this.#running, 'the scenario was not started')
    return this.#running.pipeline
  }

  get #clients(): Clients {
    return { store: this.pipeline.store, dataStore: this.pipeline.dataStore, sites, now: () => this.time.now }
  }

  processor(site: Site): SiteProcessor {
    const processor = this.pipeline.processors.get(site)
    assert.ok(processor)
    return processor
  }

  /** Starts a process; the first one makes the bucket. */
  async start(): Promise<void> {
    this.#starts += 1
    const process = this.time.process(seededRandom(this.#starts))
    const locations = sites.map(site => this.#location(site, process))
    const { paused, results, database, disk } = this
    const loses = (topic: string): boolean => this.losesResults && topic === topics.status
    const options = {
      database,
      world: process.world,
      disk,
      locations,
      paused,
      results,
      loses,
      isCovered: () => this.isCovered,
    }
    const pipeline = await this.run(startPipeline(options))
    this.#running = { process, pipeline }
    if (this.#starts === 1) await this.run(createBucket(pipeline.store))
  }

  /** As by kill -9. */
  kill(): void {
    this.#running?.process.kill()
    this.#running = null
  }

  #location(site: Site, process: VirtualProcess) {
    const flat = { versions: false, conditionalWrites: true, clientMadeUploadIds: true }
    return createMemoryLocation({
      name: site,
      cloud: this.clouds[site],
      world: process.world,
      capabilities: { partBytesMin: 1, partBytesMax: this.partBytesMax, ...(site === 'azure' ? flat : {}) },
      latencyMs: () => this.latencyMs,
      onCall: call => this.calls.push({ ...call, site }),
      faults: call => this.faults({ ...call, site }),
    })
  }

  /** Lets the world go on until the promise has settled. */
  async run<Answer>(promise: Promise<Answer>): Promise<Answer> {
    let settled = false
    const done = (): void => {
      settled = true
    }
    promise.then(done, done)
    assert.ok(await this.time.run(() => settled, hour), 'a step did not end within an hour')
    return promise
  }

  /** Lets this much time pass. */
  async pass(ms: number): Promise<void> {
    await this.time.run(() => false, ms)
  }

  /** Lets the world go on until a condition holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    assert.ok(await this.time.run(condition, hour), `within an hour: ${what}`)
  }

  /** Until every row of the sites has ended. */
  async drained(...which: readonly Site[]): Promise<void> {
    const { reader } = this.pipeline.engine
    const open = (site: Site) => reader.get('SELECT 1 FROM ledger WHERE site = ? AND state <= 5 LIMIT 1', site)
    const wanted = which.length === 0 ? sites : which
    await this.until(() => wanted.every(site => open(site) === undefined), `${wanted} is drained`)
  }

  async put(key: string, text: string): Promise<VersionId> {
    const result = await this.run(putObject(this.#clients, key, Buffer.from(text)))
    assert.ok(result.outcome === 'stored')
    return result.versionId
  }

  async deleteObject(key: string): Promise<VersionId> {
    const result = await this.run(deleteObject(this.#clients, key))
    assert.ok(result.outcome === 'stored')
    return result.versionId
  }

  async deleteVersion(key: string, version: VersionId): Promise<void> {
    const { outcome } = await this.run(this.pipeline.store.deleteVersion({ bucket, key, version }))
    assert.equal(outcome, 'deleted')
  }

  async tag(key: string, version: VersionId, tags: Readonly<Record<string, string>>): Promise<void> {
    assert.ok(await this.run(changeTags(this.#clients, key, version, tags)))
  }

  /** Lets everybody read a version. */
  async share(key: string, version: VersionId): Promise<void> {
    assert.ok(await this.run(changeList(this.#clients, key, version, 'public-read')))
  }

  async metadata(key: string, version: VersionId): Promise<ObjectMetadata> {
    const record = await this.run(this.pipeline.store.version({ bucket, key, version }))
    assert.ok(record)
    return record.metadata
  }

  /** Status of each site, and the overall one. */
  async statuses(key: string, version: VersionId): Promise<Record<string, string>> {
    const { replicationInfo } = await this.metadata(key, version)
    const backends = replicationInfo.backends.map(({ site, status }) => [site, status])
    return Object.fromEntries([['overall', replicationInfo.status], ...backends])
  }

  async row(site: Site, key: string, versionId: VersionId): Promise<LedgerRow> {
    const row = await this.run(this.pipeline.store.ledger.row({ bucket, key, versionId, site }))
    assert.ok(row)
    return row
  }

  async backlog(site: Site): Promise<SiteBacklog> {
    const all = await this.run(this.pipeline.store.ledger.backlog())
    const found = all.find(backlog => backlog.site === site)
    assert.ok(found)
    return found
  }

  /** What lies at the site under the key, newest first; null for a delete marker. */
  texts(site: Site, key: string): (string | null)[] {
    const versions = this.clouds[site].versionsOf(`${bucket}/${key}`)
    return versions.map(version => (version.isDeleteMarker ? null : Buffer.from(version.bytes).toString()))
  }

  /** Operations asked of one site since the last look. */
  operations(site: Site): string[] {
    const found = this.calls.filter(call => call.site === site).map(call => call.operation)
    this.calls.splice(0)
    return found
  }
}

/** A started scenario. */
export async function startScenario(results: Scenario['results'] = 'folded'): Promise<Scenario> {
  const scenario = new Scenario()
  scenario.results = results
  await scenario.start()
  return scenario
}

/** A fault for one operation at one site, until it is taken away. */
export function faultAt(site: Site, operation: LocationCall['operation'], fault: LocationFault): Scenario['faults'] {
  return call => (call.site === site && call.operation === operation ? fault : undefined)
}

export const unavailable: LocationFault = { kind: 'error', class: 'transient', code: 'InternalError', status: 500 }
export const refused: LocationFault = { kind: 'error', class: 'object', code: 'InvalidArgument', status: 400 }
export const denied: LocationFault = { kind: 'error', class: 'location', code: 'AccessDenied', status: 403 }
