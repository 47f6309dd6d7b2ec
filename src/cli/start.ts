// `crossbeat start --config FILE`: runs the whole program in this process until it is told to stop, and says where it listens.
import { realWorld } from '../base/world.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { HostPort } from '../config/types.ts'
import { AccountsError } from '../engine/accounts.ts'
import { startEmbedded } from '../engine/embedded.ts'
import type { Engine } from '../engine/engine.ts'
import type { Output } from './output.ts'

const exitOk = 0
const exitUsage = 1
const exitFatal = 3

export async function start(options: { readonly config: string }, output: Output): Promise<number> {
  const result = await loadConfig(options.config)
  if (!result.ok) {
    output.stderr(`crossbeat: ${options.config} cannot be used; nothing was started:`)
    for (const problem of result.problems) output.stderr(`  ${formatProblem(problem)}`)
    return exitUsage
  }
  let engine: Engine
  try {
    engine = await startEmbedded({ config: result.config, world: realWorld })
  } catch (error) {
    output.stderr(startFailure(error, result.config.dataDir))
    return exitUsage
  }
  // A signal that comes as soon as the first line is out is listened to already.
  return runUntilStopped(
    engine,
    output,
    Promise.resolve().then(() => announce(engine, output)),
  )
}

/**
 * Waits for SIGINT or SIGTERM (finishes in good order; a second one ends at once) or for a failure that the process must not survive.
 * `meanwhile` goes on beside; when it fails the engine is closed and its error thrown.
 */
export async function runUntilStopped(engine: Engine, output: Output, meanwhile?: Promise<void>): Promise<number> {
  const stop = Promise.withResolvers<void>()
  let asked = false
  const onSignal = (): void => {
    if (asked) process.exit(130)
    asked = true
    stop.resolve()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    const failure = await Promise.race([
      stop.promise,
      engine.failed,
      meanwhile?.then(() => stop.promise) ?? stop.promise,
    ])
    if (failure instanceof Error) {
      output.stderr(`crossbeat: the store can not write any more, nothing further is acknowledged: ${failure.message}`)
      return exitFatal
    }
    output.stdout('Stopping: running requests and copies finish first (press Ctrl-C again to end at once).')
    await engine.close()
    return exitOk
  } catch (error) {
    await engine.close()
    throw error
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

export function urlOf(address: HostPort, tls = false): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${tls ? 'https' : 'http'}://${host}:${address.port}`
}

function announce(engine: Engine, output: Output): void {
  const { accounts } = engine
  output.stdout(
    `Crossbeat is ready. S3 on ${urlOf(engine.s3)}, control API on ${urlOf(engine.control, engine.controlTls)}`,
  )
  if (accounts.made !== undefined) {
    output.stdout(
      `Keys made for the administrator, shown this once and kept in ${accounts.credentialsFile} (profile crossbeat):`,
    )
    output.stdout(`  aws_access_key_id     ${accounts.made.access}`)
    output.stdout(`  aws_secret_access_key ${accounts.made.secret}`)
  } else if (accounts.credentialsFile !== undefined) {
    // Keys that were made by a start which then failed were never shown.
    output.stdout(`The administrator's keys are in ${accounts.credentialsFile} (profile crossbeat).`)
  }
}

function startFailure(error: unknown, dataDir: string): string {
  if (error instanceof AccountsError) return `crossbeat: ${error.message}`
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `crossbeat: cannot listen: ${message}. Another program has this address; choose another \`listen\`.`
  if (code === 'EACCES') return `crossbeat: not allowed: ${message}. The data folder is ${dataDir}.`
  return `crossbeat: cannot start: ${message}`
}
