// `crossbeat account ...`: the accounts of the file that the configuration names. Every change is one rewrite of that file, which running
// servers notice; a secret is shown when it is made and never again.
import { resolve } from 'node:path'
import type { Random } from '../base/world.ts'
import { newAccountKey } from '../config/account-key.ts'
import {
  type AccountsEdit,
  AccountsEditError,
  accountsOf,
  addAccount,
  addKey,
  removeAccount,
  removeKey,
} from '../config/accounts-edit.ts'
import { createAccounts, readAccountsJson, rewriteAccounts } from '../config/accounts-rewrite.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { Config } from '../config/types.ts'
import { AccountsError, storedAdministrator } from '../engine/accounts.ts'
import { exitCodes, UsageError } from './control-access.ts'
import type { Output } from './output.ts'
import { type Paint, table } from './render.ts'

export interface AccountOptions {
  readonly config?: string
  readonly json?: boolean
}

/** What the commands work with. */
export interface AccountTools {
  readonly output: Output
  readonly random: Random
}

const taken = 'Running servers take it within seconds.'

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
    if (options.json !== true) output.stdout(`Account ${name} (${shortId}) is there. ${taken}`)
    showKey(key, { name, accountId: shortId, canonicalId }, options, output)
  })
}

export async function accountRemove(name: string, options: AccountOptions, { output }: AccountTools): Promise<number> {
  return reporting(output, async () => {
    await change(options, removeAccount(name))
    output.stdout(
      `Account ${name} is gone; its buckets stay, closed to everybody their policies do not let in. ${taken}`,
    )
  })
}

export async function keyAdd(name: string, options: AccountOptions, tools: AccountTools): Promise<number> {
  return reporting(tools.output, async () => {
    const key = newAccountKey(tools.random)
    await change(options, addKey(name, key))
    if (options.json !== true) tools.output.stdout(`${name} has one key more. ${taken}`)
    showKey(key, { name }, options, tools.output)
  })
}

export async function keyRotate(
  name: string,
  access: string | undefined,
  options: AccountOptions,
  tools: AccountTools,
): Promise<number> {
  return reporting(tools.output, async () => {
    const key = newAccountKey(tools.random)
    await change(options, removeKey(name, access, key))
    if (options.json !== true) tools.output.stdout(`${name} has a new key, the former one ends. ${taken}`)
    showKey(key, { name }, options, tools.output)
  })
}

export async function keyRemove(
  name: string,
  access: string,
  options: AccountOptions,
  { output }: AccountTools,
): Promise<number> {
  return reporting(output, async () => {
    await change(options, removeKey(name, access))
    output.stdout(`The key ${access} of ${name} ends. ${taken}`)
  })
}

function showKey(key: ReturnType<typeof newAccountKey>, about: object, options: AccountOptions, output: Output): void {
  if (options.json === true) {
    output.stdout(JSON.stringify({ ...about, accessKey: key.access, secretKey: key.secret }))
    return
  }
  output.stdout('Its keys, shown this once:')
  output.stdout(`  aws_access_key_id     ${key.access}`)
  output.stdout(`  aws_secret_access_key ${key.secret}`)
}

async function change(options: AccountOptions, edit: AccountsEdit): Promise<void> {
  await rewriteAccounts(await accountsFile(options), edit)
}

async function accountsFile(options: AccountOptions): Promise<string> {
  const { accountsFile: file, dataDir } = await configOf(options)
  if (file !== undefined) return file
  throw new UsageError(
    `${options.config} names no accounts file: its one administrator has the keys in ${dataDir}/credentials. ` +
      'To have accounts, run `crossbeat account init accounts.json` with this configuration; it says how to go on',
  )
}

async function configOf({ config }: AccountOptions): Promise<Config> {
  if (config === undefined) throw new UsageError("this command needs '--config <file>'")
  const result = await loadConfig(config)
  if (result.ok) return result.config
  const [first] = result.problems
  throw new UsageError(`${config} cannot be used: ${first === undefined ? '' : formatProblem(first)}`)
}

async function reporting(output: Output, command: () => Promise<void>): Promise<number> {
  try {
    await command()
    return exitCodes.ok
  } catch (error) {
    const known = error instanceof UsageError || error instanceof AccountsEditError || error instanceof AccountsError
    if (!known) throw error
    output.stderr(`crossbeat: ${error.message}`)
    return exitCodes.usage
  }
}
