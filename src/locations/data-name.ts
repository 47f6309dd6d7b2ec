// Names of data in data stores: `<writer>.<hex>`. The writer is the process start that made the name, so that what dead processes left can be
// told from writes under way: an epoch, or, where many nodes share a store or read each other's, `<node>-<epoch>`.

/** Identity of a data folder, for as long as the folder lives. */
const nodeForm = 'n[0-9a-f]{16}'
const nodePattern = new RegExp(`^${nodeForm}$`)
const ownedPattern = new RegExp(`^(${nodeForm})-[A-Za-z0-9-]+\\.`)

/** Names are ours or refused: nothing that came from outside may lead out of a folder. */
export function isDataName(name: string): boolean {
  return name.length <= 200 && /^[A-Za-z0-9-]+\.[0-9a-f]{4,}$/.test(name)
}

export function isNodeId(text: string): boolean {
  return nodePattern.test(text)
}

/** What the names begin with that a process start of a node makes; `epoch` is letters, digits and hyphens. */
export function writerOf(nodeId: string, epoch: string): string {
  return `${nodeId}-${epoch}`
}

/** The node whose process made this name; null for a name without a node. */
export function nodeOf(name: string): string | null {
  return (isDataName(name) ? ownedPattern.exec(name)?.[1] : undefined) ?? null
}
