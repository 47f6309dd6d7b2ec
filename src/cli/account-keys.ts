// `crossbeat account key ...` and `crossbeat account user key ...`: keys of accounts and of their users, added, rotated and taken away.
import { newAccountKey } from '../accounts/account-key.ts'
import { addKey, type KeysOf, removeKey } from '../accounts/accounts-edit.ts'
import { type AccountOptions, type AccountTools, change, reporting, showChange, showKey } from './account-file.ts'

export async function keyAdd(of: KeysOf, options: AccountOptions, { output, random }: AccountTools): Promise<number> {
  return reporting(output, async () => {
    const key = newAccountKey(random)
    await change(options, addKey(of, key))
    showKey(`${ownerName(of)} has one key more.`, key, factsOf(of), options, output)
  })
}

/** Without `access` the only key. */
export async function keyRotate(
  of: KeysOf,
  access: string | undefined,
  options: AccountOptions,
  { output, random }: AccountTools,
): Promise<number> {
  return reporting(output, async () => {
    const key = newAccountKey(random)
    await change(options, removeKey(of, access, key))
    showKey(`${ownerName(of)} has a new key, the former one ends.`, key, factsOf(of), options, output)
  })
}

export async function keyRemove(
  of: KeysOf,
  access: string,
  options: AccountOptions,
  { output }: AccountTools,
): Promise<number> {
  return reporting(output, async () => {
    await change(options, removeKey(of, access))
    const facts = { ...factsOf(of), accessKey: access, removed: true }
    showChange(`The key ${access} of ${ownerName(of)} ends.`, facts, options, output)
  })
}

function ownerName({ account, user }: KeysOf): string {
  return user === undefined ? account : `${user} (of ${account})`
}

function factsOf({ account, user }: KeysOf): object {
  return user === undefined ? { name: account } : { name: user, account }
}
