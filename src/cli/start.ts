// `crossbeat start --config FILE [--role ROLE]`: runs the whole program, or some roles of it, until it is told to stop, and says where it listens.
import { DependencyError } from '../base/dependency.ts'
import { realWorld } from '../base/world.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { HostPort } from '../config/types.ts'
import { AccountsError } from '../engine/accounts.ts'
import type { Engine } from '../engine/engine.ts'
import { type RoleChoice, roleNames } from '../engine/parts.ts'
import { startEngine } from '../engine/start-engine.ts'
import type { Output } from './output.ts'
import { type RoleOptions, readRoleChoice } from './role-choice.ts'

const exitOk = 0
const exitUsage = 1
const exitFatal = 3

export interface StartOptions extends RoleOptions {
  readonly config: string
}

export async function start(options: StartOptions, output: Output): Promise<number> {
  const result = await loadConfig(options.config)
  if (!result.ok) {
    output.stderr(`crossbeat: ${options.config} cannot be used; nothing was started:`)
    for (const problem of result.problems) output.stderr(`  ${formatProblem(problem)}`)
    return exitUsage
  }
  const read = readRoleChoice(options, result.config)
  if (!read.ok) {
    for (const problem of read.problems) output.stderr(`crossbeat: ${problem}`)
    return exitUsage
  }
  let engine: Engine
  try {
    engine = await startEngine({
      config: result.config,
      world: realWorld,
      choice: read.choice,
      waitMs: read.waitMs,
      waiting: line => output.stderr(`crossbeat: ${line}`),
    })
  } catch (error) {
    output.stderr(startFailure(error, result.config.dataDir))
    return exitUsage
  }
  // A signal that comes as soon as the first line is out is listened to already.
  const code = await runUntilStopped(
    engine,
    output,
    Promise.resolve().then(() => announce(engine, read.choice, output)),
  )
  // What can write no more must neither go on listening nor wait for anything.
  if (code === exitFatal) process.exit(code)
  return code
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

function announce(engine: Engine, { roles }: RoleChoice, output: Output): void {
  const { accounts, s3, control, health, controlTls } = engine
  const places = [
    ...(s3 === null ? [] : [`S3 on ${urlOf(s3)}`]),
    ...(control === null ? [] : [`control API on ${urlOf(control, controlTls)}`]),
    ...(health === null ? [] : [`probes on ${urlOf(health)}`]),
  ]
  const what = roles.length === roleNames.length ? '' : ` as ${roles.join(', ')}`
  output.stdout(`Crossbeat is ready${what}. ${sentence(places.join(', '))}`)
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

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function startFailure(error: unknown, dataDir: string): string {
  if (error instanceof AccountsError || error instanceof DependencyError) return `crossbeat: ${error.message}`
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `crossbeat: cannot listen: ${message}. Another program has this address; choose another \`listen\`.`
  if (code === 'EACCES') return `crossbeat: not allowed: ${message}. The data folder is ${dataDir}.`
  return `crossbeat: cannot start: ${message}`
}
