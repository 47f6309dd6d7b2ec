// `crossbeat account list`, `init`, `add` and `remove`: the accounts of the file that the configuration names, and the first such file. Every change is
// one rewrite of that file, which running servers notice; a secret is shown when it is made and never again.
import { resolve } from 'node:path'
import { newAccountKey } from '../accounts/account-key.ts'
import { accountsOf, addAccount, removeAccount } from '../accounts/accounts-edit.ts'
import { createAccounts, readAccountsJson } from '../accounts/accounts-rewrite.ts'
import { storedAdministrator } from '../engine/accounts.ts'
import {
  type AccountOptions,
  type AccountTools,
  accountsFile,
  change,
  configOf,
  reporting,
  showChange,
  showKey,
} from './account-file.ts'
import { UsageError } from './control-access.ts'
import type { Output } from './output.ts'
import { type Paint, table } from './render.ts'

export async function accountList(options: AccountOptions, output: Output, paint: Paint): Promise<number> {
  return reporting(output, async () => {
    const accounts = accountsOf(await readAccountsJson(await accountsFile(options)))
    const shown = accounts.map(({ name, shortId, canonicalId, email, admin, keys, users = [] }) => ({
      ...{ name, accountId: shortId, canonicalId, email, admin },
      keys: keys.map(({ access }) => access),
      users: users.map(user => ({ name: user.name, keys: user.keys.map(({ access }) => access) })),
    }))
    if (options.json === true) for (const account of shown) output.stdout(JSON.stringify(account))
    else {
      const columns = ['ACCOUNT', 'NUMBER', 'ADMIN', 'KEYS', 'USERS'].map(title => ({ title }))
      const rows = shown.map(({ name, accountId, admin, keys, users }) => [
        ...[name, accountId, admin ? 'yes' : 'no', keys.join(' ') || '-'],
        users.map(user => user.name).join(' ') || '-',
      ])
      for (const line of table(columns, rows, paint)) output.stdout(line)
    }
  })
}

/** Makes an accounts file that goes on where `<dataDir>/credentials` ends: the same administrator with the same key. */
export async function accountInit(file: string, options: AccountOptions, { output }: AccountTools): Promise<number> {
  return reporting(output, async () => {
    const config = await configOf(options)
    if (config.accountsFile !== undefined) {
      throw new UsageError(`the configuration has an accounts file already: ${config.accountsFile}`)
    }
    const administrator = await storedAdministrator(config.dataDir)
    if (administrator === null) {
      throw new UsageError(
        `there are no keys in ${config.dataDir} yet: start the server once, or write ${file} yourself`,
      )
    }
    const { name, email, shortId, canonicalId, admin, keys } = administrator
    const [key] = keys
    if (key === undefined) throw new UsageError('the administrator has no key')
    await createAccounts(resolve(file), addAccount({ name, email, shortId, canonicalId, admin, key }))
    output.stdout(`${file} holds the administrator with the keys it has had. Now:`)
    output.stdout(`  1. write   accounts: ${file}   into ${options.config} (a path relative to that file)`)
    output.stdout('  2. start the server again; from then on accounts change without a restart')
  })
}

export interface AddOptions extends AccountOptions {
  readonly email?: string
  readonly admin?: boolean
}

export async function accountAdd(name: string, options: AddOptions, tools: AccountTools): Promise<number> {
  const { output, random } = tools
  return reporting(output, async () => {
    const shortId = Array.from(random.bytes(12), byte => String(byte % 10)).join('')
    const canonicalId = Buffer.from(random.bytes(32)).toString('hex')
    const key = newAccountKey(random)
    const email = options.email ?? `${name.toLowerCase().replace(/[^a-z0-9.-]+/g, '-')}@crossbeat.invalid`
    const admin = options.admin === true
    await change(options, addAccount({ name, email, shortId, canonicalId, admin, key }))
    showKey(`Account ${name} (${shortId}) is there.`, key, { name, accountId: shortId, canonicalId }, options, output)
  })
}

export async function accountRemove(name: string, options: AccountOptions, { output }: AccountTools): Promise<number> {
  return reporting(output, async () => {
    await change(options, removeAccount(name))
    const sentence = `Account ${name} is gone; its buckets stay, closed to everybody their policies do not let in.`
    showChange(sentence, { name, removed: true }, options, output)
  })
}
