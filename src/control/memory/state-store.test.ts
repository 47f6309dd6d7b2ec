// The state store's suite on the store in memory, so that what is shown on it holds for the others.
import { type StateStoreSubject, stateStoreConformance } from '../../../test/conformance/state-store.ts'
import { realWorld } from '../../base/world.ts'
import { SharedState } from './state-store.ts'

function subject(shared: SharedState): StateStoreSubject {
  const store = shared.session()
  return {
    store,
    reopen: async () => {
      await store.close()
      return subject(shared)
    },
    close: () => store.close(),
  }
}

stateStoreConformance({ name: 'in memory', open: async () => subject(new SharedState(realWorld.timers)) })
