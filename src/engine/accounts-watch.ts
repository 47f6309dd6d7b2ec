// Takes a changed accounts file into a running process. A file that cannot be used changes nothing: the former accounts stay, the log says why, and
// so do the probes until it is good again.
import { pipelineNotices } from '../base/channels.ts'
import type { DependencyHealth } from '../base/dependency.ts'
import { pollFiles } from '../base/file-poll.ts'
import type { Timers } from '../base/world.ts'
import type { Accounts } from './accounts.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Dependency } from './parts.ts'

/** The watched file as something that probes ask after; nothing where there is no file. `taken`: the accounts are others now. */
export function watchAccounts(
  accounts: Accounts,
  timers: Timers,
  lifecycle: Lifecycle,
  taken: () => void = () => undefined,
): readonly Dependency[] {
  const { source } = accounts
  if (source === undefined) return []
  let problem: string | undefined
  const take = async (): Promise<void> => {
    try {
      await source.renew()
      problem = undefined
      taken()
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
      pipelineNotices.publish({ kind: 'failed', what: 'taking the changed accounts file (the former stays)', error })
    }
  }
  lifecycle.add(pollFiles([source.file], timers, take))
  const health = async (): Promise<DependencyHealth> =>
    problem === undefined ? { name: 'accounts', ok: true } : { name: 'accounts', ok: false, problem }
  // The process works on with the accounts it has.
  return [{ name: 'accounts', required: false, health }]
}
