// `crossbeat account user list`, `add` and `remove`: who works for an account, with keys of their own.
import { newAccountKey } from '../accounts/account-key.ts'
import { addUser, type NewUser, removeUser, usersOf } from '../accounts/accounts-edit.ts'
import { readAccountsJson } from '../accounts/accounts-rewrite.ts'
import {
  type AccountOptions,
  type AccountTools,
  accountsFile,
  change,
  reporting,
  showChange,
  showKey,
} from './account-file.ts'
import type { Output } from './output.ts'
import { type Paint, table } from './render.ts'

export async function userList(
  account: string,
  options: AccountOptions,
  output: Output,
  paint: Paint,
): Promise<number> {
  return reporting(output, async () => {
    const { known, users } = usersOf(await readAccountsJson(await accountsFile(options)), account)
    const shown = users.map(({ name, arn, rights, keys }) => {
      return { name, account: known.name, arn, rights, keys: keys.map(({ access }) => access) }
    })
    if (options.json === true) for (const user of shown) output.stdout(JSON.stringify(user))
    else {
      const columns = ['USER', 'ARN', 'RIGHTS', 'KEYS'].map(title => ({ title }))
      const rows = shown.map(({ name, arn, rights, keys }) => [name, arn, rights, keys.join(' ') || '-'])
      for (const line of table(columns, rows, paint)) output.stdout(line)
    }
  })
}

export interface UserAddOptions extends AccountOptions {
  readonly rights: NewUser['rights']
}

export async function userAdd(
  account: string,
  name: string,
  options: UserAddOptions,
  { output, random }: AccountTools,
): Promise<number> {
  return reporting(output, async () => {
    const { rights } = options
    const key = newAccountKey(random)
    const json = await change(options, addUser(account, { name, rights, key }))
    const { known, users } = usersOf(json, account)
    const arn = users.find(user => user.name === name)?.arn ?? ''
    const may =
      rights === 'account'
        ? `may do with buckets and objects what ${known.name} may`
        : `may do nothing but what bucket policies allow to ${arn} or to everybody`
    const facts = { name, account: known.name, arn, rights }
    showKey(`User ${name} of ${known.name} is there and ${may}.`, key, facts, options, output)
  })
}

export async function userRemove(
  account: string,
  name: string,
  options: AccountOptions,
  { output }: AccountTools,
): Promise<number> {
  return reporting(output, async () => {
    await change(options, removeUser(account, name))
    showChange(`User ${name} of ${account} is gone, with its keys.`, { name, account, removed: true }, options, output)
  })
}
