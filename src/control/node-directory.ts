// Where the S3 roles listen that have data on their disks, by the id of their node: announced by each at its start, kept when it ends. An address
// that is out of date costs an attempt, one that is missing would look like data that nobody has.
import type { HostPort } from '../config/types.ts'
import { isJsonObject, jsonObject } from '../domain/backbeat-wire.ts'
import type { DataHolders } from '../locations/data-holders.ts'
import { nodePath } from './paths.ts'
import type { StateStore } from './state-store.ts'

/** Tells everybody where this node's S3 role listens. Writes nothing when that is known already. */
export async function announceNode(
  stateStore: Pick<StateStore, 'get' | 'set'>,
  nodeId: string,
  { host, port }: HostPort,
): Promise<void> {
  const path = nodePath(nodeId)
  const value = JSON.stringify({ host, port })
  for (;;) {
    const current = await stateStore.get(path)
    if (current?.value === value) return
    const { ok } = await stateStore.set(path, value, current?.version ?? 0)
    if (ok) return
  }
}

/** Remembers what it was told: the state store is asked once per node, and again when somebody was not found there. */
export function createNodeDirectory(stateStore: Pick<StateStore, 'get'>): DataHolders {
  const known = new Map<string, HostPort>()
  return {
    async addressOf(nodeId, { afresh = false } = {}) {
      const remembered = known.get(nodeId)
      if (remembered !== undefined && !afresh) return remembered
      const found = readAddress((await stateStore.get(nodePath(nodeId)))?.value)
      if (found === null) known.delete(nodeId)
      else known.set(nodeId, found)
      return found
    },
  }
}

function readAddress(text: string | undefined): HostPort | null {
  const value = text === undefined ? null : jsonObject(text)
  if (!isJsonObject(value)) return null
  const { host, port } = value
  return typeof host === 'string' && typeof port === 'number' ? { host, port } : null
}
