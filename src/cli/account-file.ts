// What the commands below `crossbeat account` have in common: the accounts file that the configuration names, one rewrite of it, and how it is told.

import type { newAccountKey } from '../accounts/account-key.ts'
import { type AccountsEdit, AccountsEditError } from '../accounts/accounts-edit.ts'
import { rewriteAccounts } from '../accounts/accounts-rewrite.ts'
import type { Random } from '../base/world.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { Config } from '../config/types.ts'
import { AccountsError } from '../engine/accounts.ts'
import { exitCodes, UsageError } from './control-access.ts'
import type { Output } from './output.ts'

export interface AccountOptions {
  readonly config?: string
  readonly json?: boolean
}

/** What the commands work with. */
export interface AccountTools {
  readonly output: Output
  readonly random: Random
}

/** Tells what has changed: the sentence, or with --json the facts. */
export function showChange(sentence: string, facts: object, options: AccountOptions, output: Output): void {
  if (options.json === true) output.stdout(JSON.stringify(facts))
  else output.stdout(`${sentence} Running servers take it within seconds.`)
}

/** Tells what has changed and the key that was made for it: the only time that its secret is shown. */
export function showKey(
  sentence: string,
  key: ReturnType<typeof newAccountKey>,
  facts: object,
  options: AccountOptions,
  output: Output,
): void {
  showChange(sentence, { ...facts, accessKey: key.access, secretKey: key.secret }, options, output)
  if (options.json === true) return
  output.stdout('Its keys, shown this once:')
  output.stdout(`  aws_access_key_id     ${key.access}`)
  output.stdout(`  aws_secret_access_key ${key.secret}`)
}

/** Changes the accounts file, and gives what it holds now. */
export async function change(options: AccountOptions, edit: AccountsEdit): Promise<unknown> {
  return rewriteAccounts(await accountsFile(options), edit)
}

export async function accountsFile(options: AccountOptions): Promise<string> {
  const { accountsFile: file, dataDir } = await configOf(options)
  if (file !== undefined) return file
  throw new UsageError(
    `${options.config} names no accounts file: its one administrator has the keys in ${dataDir}/credentials. ` +
      'To have accounts, run `crossbeat account init accounts.json` with this configuration; it says how to go on',
  )
}

export async function configOf({ config }: AccountOptions): Promise<Config> {
  if (config === undefined) throw new UsageError("this command needs '--config <file>'")
  const result = await loadConfig(config)
  if (result.ok) return result.config
  const [first] = result.problems
  throw new UsageError(`${config} cannot be used: ${first === undefined ? '' : formatProblem(first)}`)
}

export async function reporting(output: Output, command: () => Promise<void>): Promise<number> {
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
