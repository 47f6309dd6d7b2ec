// Compare-and-set on nodes. The version of a value is the number of the transaction that wrote it: it grows over the whole server and so never
// comes again, not even when a value is deleted and made anew. A write whose outcome is unknown (the connection was lost) is settled by
// reading, and by trying it again on the same version: of the two at most one can take effect.
import type { SetResult, StateValue } from '../state-store.ts'
import type { Node, Nodes } from './nodes.ts'
import { ZookeeperError } from './zookeeper-error.ts'

/** Reads a value; null for none, and for a folder. */
export function storedValue(node: Node | null): StateValue | null {
  return node === null || node.text === null ? null : { value: node.text, version: node.stat.mzxid }
}

export async function setValue(
  nodes: Nodes,
  path: string,
  value: string,
  expectedVersion: number,
  deadline: number,
): Promise<SetResult> {
  /** What the node was when a write of unknown outcome was sent. */
  let unsettled: { readonly before: Node | null } | null = null
  for (;;) {
    const node = await readOrUnknown(nodes, path, deadline, unsettled !== null)
    if (unsettled !== null && node !== null && isSuccessor(node, unsettled.before, value)) {
      return { ok: true, version: node.stat.mzxid }
    }
    const current = storedValue(node)
    if ((current?.version ?? 0) !== expectedVersion) {
      if (unsettled !== null && isLater(node, unsettled.before)) throw unknownOutcome(path)
      return { ok: false, current }
    }
    const written =
      node === null
        ? { outcome: await nodes.create(path, value, deadline, 'persistent'), stat: null }
        : await nodes.write(path, value, node.stat.version, deadline)
    if (written.outcome === 'done') {
      return { ok: true, version: written.stat?.mzxid ?? (await versionMade(nodes, path, value, deadline)) }
    }
    if (written.outcome === 'unknown') unsettled = { before: node }
  }
}

export async function deleteValue(
  nodes: Nodes,
  path: string,
  expectedVersion: number,
  deadline: number,
): Promise<SetResult> {
  let unsettled = false
  for (;;) {
    const node = await readOrUnknown(nodes, path, deadline, unsettled)
    const current = storedValue(node)
    if (unsettled && current === null) return { ok: true, version: 0 }
    if ((current?.version ?? 0) !== expectedVersion) return { ok: false, current }
    if (node === null || current === null) return { ok: true, version: 0 }
    let outcome = await nodes.remove(path, node.stat.version, deadline)
    // What has something below it stays as a folder.
    if (outcome === 'not-empty') outcome = (await nodes.write(path, null, node.stat.version, deadline)).outcome
    if (outcome === 'done') return { ok: true, version: 0 }
    unsettled ||= outcome === 'unknown'
  }
}

async function readOrUnknown(nodes: Nodes, path: string, deadline: number, unsettled: boolean): Promise<Node | null> {
  try {
    return await nodes.get(path, deadline)
  } catch (error) {
    if (!unsettled || !(error instanceof ZookeeperError) || error.code !== 'unavailable') throw error
    throw unknownOutcome(path)
  }
}

function unknownOutcome(path: string): ZookeeperError {
  return new ZookeeperError('outcome-unknown', `the connection was lost while ${path} was written`)
}

/** Whether the node has been changed more than once since `before`: the first of the changes may have been ours. */
function isLater(node: Node | null, before: Node | null): boolean {
  if (node === null) return true
  if (before === null) return node.stat.version > 0
  return node.stat.czxid !== before.stat.czxid || node.stat.version > before.stat.version + 1
}

/** Whether the node is what `before` became by writing `value`. If another wrote the very same text meanwhile, that is as good. */
function isSuccessor(node: Node, before: Node | null, value: string): boolean {
  if (node.text !== value) return false
  if (before === null) return node.stat.version === 0
  return node.stat.czxid === before.stat.czxid && node.stat.version === before.stat.version + 1
}

/**
 * The version of a value just made. ZooKeeper's answer to a creation does not tell it, so the node is read; where that fails, or another has
 * changed the node already, the answer is a number that is its version no longer.
 */
async function versionMade(nodes: Nodes, path: string, value: string, deadline: number): Promise<number> {
  try {
    const node = await nodes.get(path, deadline)
    if (node === null) return 1
    return isSuccessor(node, null, value) ? node.stat.mzxid : node.stat.mzxid - 1
  } catch (error) {
    if (error instanceof ZookeeperError && error.code === 'unavailable') return 1
    throw error
  }
}
