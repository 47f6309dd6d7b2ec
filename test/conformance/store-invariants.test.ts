// The invariants of the stores (see store-invariants.ts) on the embedded engine and on PostgreSQL.
import { after } from 'node:test'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { postgresServer } from '../services/available.ts'
import { postgresStores } from './postgres-stores.ts'
import { inlineSqlite, type SqliteSubject } from './sqlite-stores.ts'
import { type CrashableStore, storeInvariants } from './store-invariants.ts'

const server = await postgresServer()
after(() => server.stop())

function crashable(subject: SqliteSubject): CrashableStore {
  return {
    store: sqliteMetadataStore(subject.engine),
    crash: async () => crashable(await subject.crash()),
    close: () => subject.close(),
  }
}

storeInvariants({
  name: 'SQLite',
  skip: false,
  runs: 60,
  open: async world => crashable(await inlineSqlite.open(world)),
})
storeInvariants({
  name: 'PostgreSQL',
  skip: server.skip,
  runs: 5,
  open: world => postgresStores(() => server.get().url).open(world),
})
