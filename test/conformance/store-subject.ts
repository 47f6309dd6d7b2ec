// What a suite of the metadata store or the ledger runs on: an adapter names itself and says how its store is opened, and opened again.
import type { TestContext } from 'node:test'
import type { ListOptions, MetadataStore } from '../../src/metadata/metadata-store.ts'
import { type ManualWorld, manualWorld } from './manual-clock.ts'

export interface StoreSubject {
  readonly store: MetadataStore
  /** Closes and opens the same data again. */
  reopen(): Promise<StoreSubject>
  close(): Promise<void>
}

export interface StoreAdapter {
  readonly name: string
  /** A store without data. */
  open(world: ManualWorld): Promise<StoreSubject>
}

export interface Fixture {
  readonly world: ManualWorld
  readonly store: MetadataStore
  readonly subject: StoreSubject
}

export async function opened(adapter: StoreAdapter, test: TestContext): Promise<Fixture> {
  const world = manualWorld()
  const subject = await adapter.open(world)
  test.after(() => subject.close())
  return { world, store: subject.store, subject }
}

/** A listing of everything. */
export const page: Omit<ListOptions, 'bucket'> = {
  prefix: '',
  delimiter: '',
  after: '',
  maxKeys: 1000,
  what: 'current',
}
