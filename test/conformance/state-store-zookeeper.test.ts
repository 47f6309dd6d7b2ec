// The state store's suite on a real ZooKeeper.
import { after } from 'node:test'
import { realWorld } from '../../src/base/world.ts'
import type { StateStore } from '../../src/control/state-store.ts'
import { openZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'
import { uniqueName, zookeeperServer } from '../services/available.ts'
import { type StateStoreSubject, stateStoreConformance } from './state-store.ts'

const zookeeper = await zookeeperServer()
after(() => zookeeper.stop())

// The suite closes what it opened first; a session that stays open would keep the process alive.
async function openSubject(folder: string, opened: StateStore[] = []): Promise<StateStoreSubject> {
  const store = await openZookeeperStateStore({
    connectionString: `${zookeeper.get().connectionString}/${folder}`,
    sessionTimeoutMs: 20_000,
    world: realWorld,
  })
  opened.push(store)
  return {
    store,
    reopen: async () => {
      await store.close()
      return openSubject(folder, opened)
    },
    close: async () => {
      for (const one of opened) await one.close()
    },
  }
}

stateStoreConformance({
  name: 'ZooKeeper',
  skip: zookeeper.skip,
  open: () => openSubject(`${uniqueName('conformance')}/deeper`),
})
