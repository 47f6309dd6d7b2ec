// The master keys of a start: those of the configuration; where it has none, one that the embedded engine makes into `<dataDir>/master-key` when
// the first object is to be encrypted. A key that was made stays known when keys are configured later: what it has encrypted can be read.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { realFiles, systemErrorCode } from '../base/files.ts'
import type { Random } from '../base/world.ts'
import type { Config } from '../config/types.ts'
import { createMasterKeys, type MasterKey, type MasterKeys } from '../locations/master-keys.ts'

/** Thrown for a key file that cannot be used; the message says where and what would be right. */
export class MasterKeyError extends Error {}

const keyBytes = 32

export interface MasterKeysChoice {
  readonly config: Pick<Config, 'dataDir'> & { readonly s3: Pick<Config['s3'], 'encryption'> }
  readonly random: Random
  /** The data folder belongs to this process alone: a key may be made in it. Others must be given the same keys. */
  readonly ownsData: boolean
}

/** Throws MasterKeyError. */
export async function openMasterKeys({ config, random, ownsData }: MasterKeysChoice): Promise<MasterKeys> {
  const { encryption } = config.s3
  const configured = (encryption?.keys ?? []).map(({ id, key }) => ({ id, key: Buffer.from(key.reveal(), 'base64') }))
  const made = ownsData ? await readMade(config.dataDir) : null
  const keys = made === null ? configured : [...configured, made]
  const current = configured.find(({ id }) => id === encryption?.current)
  if (current !== undefined) return createMasterKeys({ keys, current: async () => current, random })
  if (!ownsData) return createMasterKeys({ keys, current: null, random })
  let making: Promise<MasterKey> | null = made === null ? null : Promise.resolve(made)
  const makeOnce = (): Promise<MasterKey> => {
    making ??= makeKey(config.dataDir, random).catch(error => {
      making = null
      throw error
    })
    return making
  }
  return createMasterKeys({ keys, current: makeOnce, random })
}

function fileOf(dataDir: string): string {
  return join(dataDir, 'master-key')
}

async function readMade(dataDir: string): Promise<MasterKey | null> {
  const file = fileOf(dataDir)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
  const [, id, base64] = /^(made-[0-9a-f]{16}):([A-Za-z0-9+/]{43}=)\s*$/.exec(text) ?? []
  if (id !== undefined && base64 !== undefined) return { id, key: Buffer.from(base64, 'base64') }
  throw new MasterKeyError(`${file} holds no master key: restore it, as encrypted objects cannot be read without it`)
}

/** On disk before anything is encrypted under it. */
async function makeKey(dataDir: string, random: Random): Promise<MasterKey> {
  const id = `made-${Buffer.from(random.bytes(8)).toString('hex')}`
  const key = Buffer.from(random.bytes(keyBytes))
  const temporary = `${fileOf(dataDir)}.new`
  await realFiles.remove(temporary)
  const made = await realFiles.create(temporary)
  try {
    await made.append([Buffer.from(`${id}:${key.toString('base64')}\n`)])
    await made.flush()
  } finally {
    await made.close()
  }
  await realFiles.rename(temporary, fileOf(dataDir))
  await realFiles.flushFolder(dataDir)
  return { id, key }
}
