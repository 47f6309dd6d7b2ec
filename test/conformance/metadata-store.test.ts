// The metadata store's suite on the embedded engine.
import { metadataStoreConformance } from './metadata-store.ts'
import { sqliteAdapters, storeAdapter } from './sqlite-stores.ts'

for (const adapter of sqliteAdapters) metadataStoreConformance(storeAdapter(adapter))
