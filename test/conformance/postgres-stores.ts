// The distributed engine's store as the suites see it, on a real PostgreSQL; a database for each test.
import { openPostgres, type PostgresEngine, type PostgresOptions } from '../../src/metadata/postgres/engine.ts'
import { makeDatabase } from '../services/postgres.ts'
import type { ManualWorld } from './manual-clock.ts'
import type { StoreAdapter, StoreSubject } from './store-subject.ts'

export interface PostgresSubject extends StoreSubject {
  readonly engine: PostgresEngine
  /** As after kill -9 of the process: nothing is closed in order. */
  crash(): Promise<PostgresSubject>
}

async function subject(options: PostgresOptions, drop: () => Promise<void>): Promise<PostgresSubject> {
  const engine = await openPostgres(options)
  return {
    engine,
    store: engine.store,
    reopen: async () => {
      await engine.close()
      return subject(options, drop)
    },
    crash: async () => {
      await engine.closeAbruptly()
      return subject(options, drop)
    },
    close: async () => {
      await engine.close()
      await drop()
    },
  }
}

/** Tests of other files make databases in the same cluster, each in a transaction that holds back the journal for a while. */
export const heldByOthersMs = 60_000

export interface PostgresAdapter extends StoreAdapter {
  open(world: ManualWorld): Promise<PostgresSubject>
}

/** `world`: the manual clock decides, as in the suites; the database's own cannot be moved. */
export function postgresStores(server: () => string): PostgresAdapter {
  return {
    name: 'PostgreSQL',
    async open(world) {
      const database = await makeDatabase(server())
      const options: PostgresOptions = {
        url: database.url,
        world,
        group: 'RG001',
        clock: 'world',
        poolMax: 4,
        heldMs: heldByOthersMs,
      }
      return subject(options, () => database.drop())
    },
  }
}
