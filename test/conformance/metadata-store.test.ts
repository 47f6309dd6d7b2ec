// The metadata store's suite on the embedded engine and on PostgreSQL.
import { after } from 'node:test'
import { postgresServer } from '../services/available.ts'
import { metadataStoreConformance } from './metadata-store.ts'
import { postgresStores } from './postgres-stores.ts'
import { sqliteAdapters, storeAdapter } from './sqlite-stores.ts'

const server = await postgresServer()
after(() => server.stop())

for (const adapter of sqliteAdapters) metadataStoreConformance(storeAdapter(adapter))
metadataStoreConformance(
  postgresStores(() => server.get().url),
  server.skip,
)
