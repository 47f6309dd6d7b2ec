// Which adapter stands behind which port of the distributed engine, and what of the configuration it gets.
import { DependencyError } from '../base/dependency.ts'
import type { World } from '../base/world.ts'
import type { Config, DistributedEngineConfig } from '../config/types.ts'
import { createInProcessSignalBus } from '../control/in-process/signal-bus.ts'
import type { SignalBus } from '../control/signal-bus.ts'
import type { StateStore } from '../control/state-store.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { TopicLog } from '../queue/topic-log.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Dependency, RoleChoice } from './parts.ts'
import type { Patience } from './waiting.ts'

export interface Opening {
  readonly config: Config
  readonly engine: DistributedEngineConfig
  readonly world: World
  readonly choice: RoleChoice
  readonly patience: Patience
  readonly lifecycle: Lifecycle
}

/** An open port, and how the server behind it is asked for its health. */
export interface OpenPort<Port> {
  readonly port: Port
  readonly dependency?: Dependency
}

export async function openDatabase(
  _opening: Opening,
  _onFatal: (error: Error) => void,
): Promise<OpenPort<MetadataStore> & { readonly epoch: string }> {
  throw missing('PostgreSQL')
}

export async function openState(_opening: Opening): Promise<OpenPort<StateStore>> {
  throw missing('ZooKeeper')
}

/** Without Redis signals stay in the process, and others find out by watching and asking. */
export async function openSignals({ engine, world }: Opening): Promise<OpenPort<SignalBus>> {
  if (engine.redis === undefined) return { port: createInProcessSignalBus(world.timers) }
  throw missing('Redis')
}

export async function openLog(
  _opening: Opening,
  _offsets: StateStore,
  _store: MetadataStore,
  _signals: SignalBus,
): Promise<OpenPort<TopicLog>> {
  throw missing('Kafka')
}

function missing(name: string): DependencyError {
  return new DependencyError(name, 'there is no adapter for it in this build', 'Leave `engine` out')
}
