// The id of a data folder: made once, kept in the file `node` of it, carried by the names of data that others must be able to trace back here.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { realFiles, systemErrorCode } from '../base/files.ts'
import type { Random } from '../base/world.ts'
import { isNodeId } from '../locations/data-name.ts'

/** Thrown for a file that holds no id; the message says what to do. */
export class NodeIdError extends Error {}

/** The folder must be there and belong to this process. */
export async function openNodeId(dataDir: string, random: Random): Promise<string> {
  const file = join(dataDir, 'node')
  const stored = await readStored(file)
  if (stored === null) return makeNodeId(file, dataDir, random)
  const nodeId = stored.trim()
  if (isNodeId(nodeId)) return nodeId
  throw new NodeIdError(`${file} holds no node id: restore it, as data that was written under it is found by it`)
}

async function readStored(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}

/** On disk before a name is made with it. */
async function makeNodeId(file: string, dataDir: string, random: Random): Promise<string> {
  const nodeId = `n${Buffer.from(random.bytes(8)).toString('hex')}`
  const temporary = `${file}.new`
  await realFiles.remove(temporary)
  const made = await realFiles.create(temporary)
  try {
    await made.append([Buffer.from(`${nodeId}\n`)])
    await made.flush()
  } finally {
    await made.close()
  }
  await realFiles.rename(temporary, file)
  await realFiles.flushFolder(dataDir)
  return nodeId
}
