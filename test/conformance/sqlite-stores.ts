// The embedded engine as the suites see it: once as it runs in production (threads, a file), once as simulations run it (inline, in memory).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from '../../src/base/world.ts'
import { MemoryDatabase, openSqlite, type SqliteEngine, type SqliteOptions } from '../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import type { StoreAdapter, StoreSubject } from './store-subject.ts'

export interface SqliteSubject {
  readonly engine: SqliteEngine
  /** Closes in order, opens the same database again. */
  reopen(options?: Partial<SqliteOptions>): Promise<SqliteSubject>
  /** As after kill -9: nothing is closed in order. */
  crash(options?: Partial<SqliteOptions>): Promise<SqliteSubject>
  close(): Promise<void>
}

export interface SqliteAdapter {
  readonly name: string
  open(world: World, options?: Partial<SqliteOptions>): Promise<SqliteSubject>
}

async function subject(options: SqliteOptions, cleanUp: () => void): Promise<SqliteSubject> {
  let engine = await openSqlite(options)
  let closed = false
  const again = async (changes: Partial<SqliteOptions> = {}): Promise<SqliteSubject> => {
    engine = await openSqlite({ ...options, ...changes })
    return made
  }
  const made: SqliteSubject = {
    get engine() {
      return engine
    },
    async reopen(changes) {
      await engine.close()
      return again(changes)
    },
    async crash(changes) {
      await engine.closeAbruptly()
      return again(changes)
    },
    async close() {
      if (closed) return
      closed = true
      await engine.close()
      cleanUp()
    },
  }
  return made
}

export const threadedSqlite: SqliteAdapter = {
  name: 'SQLite, threads and a file',
  open(world, options = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'crossbeat-sqlite-'))
    const path = join(folder, 'crossbeat.db')
    return subject({ path, world, group: 'RG001', bootId: 'boot-1', ...options }, () =>
      rmSync(folder, { recursive: true }),
    )
  },
}

export const inlineSqlite: SqliteAdapter = {
  name: 'SQLite, inline and in memory',
  open(world, options = {}) {
    const path = new MemoryDatabase()
    return subject({ path, world, group: 'RG001', bootId: 'boot-1', ...options }, () => path.connection.close())
  },
}

export const sqliteAdapters: readonly SqliteAdapter[] = [threadedSqlite, inlineSqlite]

/** The same as a metadata store. */
export function storeAdapter(adapter: SqliteAdapter): StoreAdapter {
  const form = (opened: SqliteSubject): StoreSubject => ({
    store: sqliteMetadataStore(opened.engine),
    reopen: async () => form(await opened.reopen()),
    close: () => opened.close(),
  })
  return { name: adapter.name, open: async world => form(await adapter.open(world)) }
}
