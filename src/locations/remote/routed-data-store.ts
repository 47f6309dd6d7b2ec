// DATA STORE ADAPTER for a location of files in a layout of many processes: what this node wrote is on its own disk, what others wrote is had
// from them. A process without a disk of its own (a processor) only reads and removes.
import { Failure } from '../../domain/failure.ts'
import { failureOf } from '../cloud-failure.ts'
import { isDataName, nodeOf } from '../data-name.ts'
import type { DataStore } from '../data-store.ts'
import type { RemoteData } from './remote-data.ts'

export interface RoutedDataStoreOptions {
  readonly name: string
  /** Null where this process keeps no data. */
  readonly own: { readonly nodeId: string; readonly store: DataStore } | null
  readonly remote: RemoteData
}

export function createRoutedDataStore({ name, own, remote }: RoutedDataStoreOptions): DataStore {
  const isOwn = (dataName: string): boolean => own !== null && nodeOf(dataName) === own.nodeId
  return {
    name,
    type: 'file',
    create(expectedBytes) {
      if (own === null) throw new Error(`this process keeps no data of ${name}`)
      return own.store.create(expectedBytes)
    },
    async *read(dataName, start, end, signal, lent) {
      if (own !== null && isOwn(dataName)) yield* own.store.read(dataName, start, end, signal, lent)
      else if (isNodeless(dataName)) yield* withoutGone(ownOf(own, dataName).read(dataName, start, end, signal))
      else yield* remote.read(dataName, start, end, signal)
    },
    async readInto(dataName, start, target, signal) {
      if (own !== null && isOwn(dataName)) await own.store.readInto(dataName, start, target, signal)
      else if (isNodeless(dataName)) {
        await ownOf(own, dataName).readInto(dataName, start, target, signal).catch(rejectAsAway)
      } else await remote.readInto(dataName, start, target, signal)
    },
    hold(dataNames) {
      return own?.store.hold?.(dataNames) ?? (() => undefined)
    },
    async remove(dataName) {
      // A name without a node is of an embedded engine that this node once was: its own sweep takes what others cannot reach.
      if (own !== null && (isOwn(dataName) || isNodeless(dataName))) await own.store.remove(dataName)
      else await remote.remove(dataName)
    },
    async *orphanCandidates() {
      // Each node sweeps its own disk.
      if (own !== null) yield* own.store.orphanCandidates()
    },
    close: async () => own?.store.close(),
  }
}

/** Written by an embedded engine, before there were nodes. */
function isNodeless(dataName: string): boolean {
  return isDataName(dataName) && nodeOf(dataName) === null
}

function ownOf(own: RoutedDataStoreOptions['own'], dataName: string): DataStore {
  if (own === null) throw away(dataName)
  return own.store
}

async function* withoutGone(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    rejectAsAway(error)
  }
}

function rejectAsAway(error: unknown): never {
  throw error instanceof Failure && error.facts.class === 'source-gone' ? away(error.facts.message) : error
}

/** It may lie on the disk of another node, and nobody knows of which. */
function away(what: string): Failure {
  return failureOf('transient', 'DataHolderAway', `The name does not say which node has the data (${what})`)
}
