// The ledger's suite on the embedded engine and on PostgreSQL.
import { after } from 'node:test'
import { postgresServer } from '../services/available.ts'
import { ledgerConformance } from './ledger.ts'
import { postgresStores } from './postgres-stores.ts'
import { sqliteAdapters, storeAdapter } from './sqlite-stores.ts'

const server = await postgresServer()
after(() => server.stop())

for (const adapter of sqliteAdapters) ledgerConformance(storeAdapter(adapter))
ledgerConformance(
  postgresStores(() => server.get().url),
  server.skip,
)
