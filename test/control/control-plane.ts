// A control plane for tests: two sites on a manual clock, a state store in memory, queue processors that only remember what they were told,
// and a ledger whose rows a test writes down.
import { buildConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/types.ts'
import { createInProcessSignalBus } from '../../src/control/in-process/signal-bus.ts'
import { SharedState } from '../../src/control/memory/state-store.ts'
import type { SignalBus } from '../../src/control/signal-bus.ts'
import { SiteController } from '../../src/control/site-controller.ts'
import { type GatedProcessor, SiteGate } from '../../src/control/site-gate.ts'
import type { StateStore } from '../../src/control/state-store.ts'
import { createManualWorld, type ManualWorld } from './manual-world.ts'

export const topic = 'backbeat-replication'
export const nobody = { by: 'test', why: '' }

/** A configuration with the sites awsbackend and azurebackend, control on a free loopback port. */
export function twoSiteConfig(control: Readonly<Record<string, unknown>> = {}): Config {
  const result = buildConfig(
    {
      dataDir: './data',
      control: { listen: '127.0.0.1:0', ...control },
      locations: {
        'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
        awsbackend: {
          type: 'aws_s3',
          objectId: 'aws1',
          legacyAwsBehavior: true,
          details: {
            awsEndpoint: '127.0.0.1:9',
            bucketName: 'copies',
            region: 'us-east-1',
            https: false,
            pathStyle: true,
            credentials: { accessKey: 'access', secretKey: 'secret' },
          },
        },
        azurebackend: {
          type: 'azure',
          objectId: 'az1',
          legacyAwsBehavior: false,
          details: {
            azureStorageEndpoint: 'http://127.0.0.1:9/account/',
            azureContainerName: 'copies',
            azureStorageAccountName: 'account',
            azureStorageAccessKey: 'c2VjcmV0',
          },
        },
      },
      env_replication_endpoints: [
        { site: 'awsbackend', type: 'aws_s3', default: true },
        { site: 'azurebackend', type: 'azure' },
      ],
    },
    { environment: { variables: {}, homeDir: '/nowhere', workingDir: '/nowhere', readText: () => '' } },
  )
  if (result.ok) return result.config
  throw new Error(JSON.stringify(result.problems))
}

/** A queue processor that does nothing but remember. */
export class RecordingProcessor implements GatedProcessor {
  readonly calls: string[] = []
  inFlight = 0
  #consumers: 'running' | 'paused' = 'running'

  pause(): void {
    this.calls.push('pause')
    this.#consumers = 'paused'
  }

  resume(): void {
    this.calls.push('resume')
    this.#consumers = 'running'
  }

  state(): { consumers: 'running' | 'paused'; inFlight: number } {
    return { consumers: this.#consumers, inFlight: this.inFlight }
  }
}

export interface ControlPlane {
  readonly world: ManualWorld
  readonly shared: SharedState
  readonly stateStore: StateStore
  readonly signals: SignalBus
  readonly controller: SiteController
  /** A gate with its processor, for one of the sites. */
  addGate(site: string, signals?: SignalBus): { gate: SiteGate; processor: RecordingProcessor }
  /** One more process over the same state. */
  addController(signals?: SignalBus): SiteController
  close(): Promise<void>
}

export function createControlPlane(sites: readonly string[] = ['awsbackend', 'azurebackend']): ControlPlane {
  const world = createManualWorld()
  const shared = new SharedState(world.timers)
  const stateStore = shared.session()
  const signals = createInProcessSignalBus(world.timers)
  const closers: (() => Promise<void>)[] = []
  const addController = (bus: SignalBus = signals): SiteController => {
    const controller = new SiteController({ sites, topic, stateStore: shared.session(), signals: bus, world })
    closers.push(() => controller.close())
    return controller
  }
  return {
    world,
    shared,
    stateStore,
    signals,
    controller: addController(),
    addController,
    addGate(site, bus = signals) {
      const processor = new RecordingProcessor()
      const gate = new SiteGate({ site, topic, processor, stateStore: shared.session(), signals: bus, world })
      closers.push(() => gate.close())
      return { gate, processor }
    },
    async close() {
      for (const close of closers) await close()
    },
  }
}

/** A bus on which every message is lost. */
export const deafBus: SignalBus = {
  publish: () => Promise.resolve(),
  subscribe: () => () => undefined,
  reconnected: () => () => undefined,
  close: () => Promise.resolve(),
}
