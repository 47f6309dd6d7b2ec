// The ledger's suite on the embedded engine.
import { ledgerConformance } from './ledger.ts'
import { sqliteAdapters, storeAdapter } from './sqlite-stores.ts'

for (const adapter of sqliteAdapters) ledgerConformance(storeAdapter(adapter))
