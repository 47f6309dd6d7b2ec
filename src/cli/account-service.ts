// `crossbeat account service rotate`: another key for the processes of the distributed engine, which sign requests to each other with one that they share.

import { accountsOf } from '../accounts/accounts-edit.ts'
import { readAccountsJson } from '../accounts/accounts-rewrite.ts'
import { DependencyError } from '../base/dependency.ts'
import type { World } from '../base/world.ts'
import { renewServiceKeys } from '../engine/service-keys.ts'
import { type AccountOptions, configOf, reporting } from './account-file.ts'
import { exitCodes, UsageError } from './control-access.ts'
import type { Output } from './output.ts'

export interface RotateOptions extends AccountOptions {
  readonly now?: boolean
}

/** Shows the name of the key, never its secret: nobody needs it. */
export async function serviceRotate(options: RotateOptions, output: Output, world: World): Promise<number> {
  try {
    return await reporting(output, async () => {
      const { engine, accountsFile } = await configOf(options)
      if (engine.kind !== 'distributed') {
        throw new UsageError(
          'one process makes a key for itself at each start; only those of the distributed engine share one',
        )
      }
      const configured = await configuredService(accountsFile)
      if (configured !== undefined) {
        throw new UsageError(
          `the processes sign with the first key of the account ${configured} of the accounts file: ` +
            'change it with account key add, and account key remove some seconds later',
        )
      }
      const { accepted } = await renewServiceKeys(engine.postgres, world, options.now === true ? 'at once' : 'anew')
      const made = accepted.at(-1)?.access
      if (options.json === true) output.stdout(JSON.stringify({ accessKey: made, now: options.now === true }))
      else output.stdout(`There is the key ${made} now. ${options.now === true ? atOnce : inTime}`)
    })
  } catch (error) {
    if (!(error instanceof DependencyError)) throw error
    output.stderr(`crossbeat: ${error.message}`)
    return exitCodes.unreachable
  }
}

const atOnce =
  'All others have ended; until every process has looked (within 10 s), requests between processes may fail and are tried again.'
const inTime = 'Processes sign with it in 5 minutes, and the former one ends in 30.'

/** The name of the service account that the file has, if it has one. */
async function configuredService(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  return accountsOf(await readAccountsJson(file)).find(
    ({ service, keys }) => service === 'replication' && keys.length > 0,
  )?.name
}
