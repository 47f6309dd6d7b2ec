// The conformance suite of data stores, run by every adapter.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realWorld } from '../../src/base/world.ts'
import { openFileDataStore } from '../../src/locations/file/data-store.ts'
import { createMemoryDataStore } from '../../src/locations/memory/data-store.ts'
import { dataStoreConformance } from './data-store.ts'

const { random } = realWorld

dataStoreConformance({
  name: 'memory',
  async make() {
    const disk = new Map<string, Uint8Array>()
    return {
      open: async epoch => createMemoryDataStore({ name: 'us-east-1', epoch, random, disk }),
      close: async () => {},
    }
  },
})

for (const flush of [true, false]) {
  dataStoreConformance({
    name: `file ${flush ? 'with' : 'without'} flushing`,
    async make() {
      const folder = await mkdtemp(join(tmpdir(), 'crossbeat-data-'))
      return {
        open: epoch => openFileDataStore({ name: 'us-east-1', folder: join(folder, 'a/b'), epoch, random, flush }),
        close: () => rm(folder, { recursive: true }),
      }
    },
  })
}
