// The state store's suite on the embedded engine.
import { realWorld } from '../../src/base/world.ts'
import { openStateStore } from '../../src/control/sqlite/sqlite-state-store.ts'
import { type SqliteAdapter, type SqliteSubject, sqliteAdapters } from './sqlite-stores.ts'
import { type StateStoreAdapter, type StateStoreSubject, stateStoreConformance } from './state-store.ts'

function stateStoreAdapter(adapter: SqliteAdapter): StateStoreAdapter {
  const form = (opened: SqliteSubject): StateStoreSubject => {
    const store = openStateStore(opened.engine)
    return {
      store,
      reopen: async () => {
        await store.close()
        return form(await opened.reopen())
      },
      close: () => opened.close(),
    }
  }
  return { name: adapter.name, open: async () => form(await adapter.open(realWorld)) }
}

for (const adapter of sqliteAdapters) stateStoreConformance(stateStoreAdapter(adapter))
