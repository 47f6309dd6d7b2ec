// Processes that share data must have the same master keys: each current one is known to all by its id and a check of it (never the key), so that a
// process with another key under that id, or without it, ends at its start with words instead of failing at each object later.

import type { Random } from '../base/world.ts'
import { isKeyOfCheck, keyCheck } from '../base/wrapped-key.ts'
import type { EncryptionConfig } from '../config/types.ts'
import { masterKeyPath, masterKeysPath } from '../control/paths.ts'
import type { StateStore } from '../control/state-store.ts'
import { MasterKeyError } from './master-keys.ts'

/** Throws MasterKeyError where this process lacks a key that others encrypt with, or has another one under its id. */
export async function agreeOnKeys(
  stateStore: Pick<StateStore, 'get' | 'set' | 'children'>,
  encryption: EncryptionConfig | undefined,
  random: Random,
): Promise<void> {
  const own = new Map(encryption?.keys.map(({ id, key }) => [id, Buffer.from(key.reveal(), 'base64')]))
  for (const id of await stateStore.children(masterKeysPath)) {
    const check = (await stateStore.get(masterKeyPath(id)))?.value
    if (check !== undefined) requireSame(id, own.get(id), check)
  }
  const current = own.get(encryption?.current ?? '')
  if (encryption === undefined || current === undefined) return
  const path = masterKeyPath(encryption.current)
  const told = await stateStore.set(path, keyCheck(current, random), 0)
  // Another one has told it: at some other time, or in this moment.
  if (!told.ok) requireSame(encryption.current, current, told.current?.value ?? '')
}

function requireSame(id: string, key: Uint8Array | undefined, check: string): void {
  if (key === undefined) {
    throw new MasterKeyError(
      `s3.encryption.keys lacks the key ${id}, which other processes encrypt with (if nothing is encrypted with it any more, ` +
        `delete ${masterKeyPath(id)} in the state store)`,
    )
  }
  if (isKeyOfCheck(key, check)) return
  throw new MasterKeyError(`The key ${id} of s3.encryption.keys is not the one that other processes have under this id`)
}
