// Where the control API is and with which token: from --control and --token, else from a configuration file, else the default address. Also
// turns what goes wrong there into one line and an exit code.
import { type ControlClient, ControlRefusal, ControlUnreachable, createControlClient } from '../api/client.ts'
import type { LocationState } from '../api/schemas.ts'
import { createHttpClient } from '../base/http-client.ts'
import { Secret } from '../base/secret.ts'
import { formatHostPort } from '../config/address.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem, nearestName } from '../config/problem.ts'
import type { Output } from './output.ts'

export const exitCodes = { ok: 0, usage: 1, failed: 2, unreachable: 3 } as const

/** A mistake of the caller, told in one line; ends the command with exit code 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface ControlOptions {
  readonly control?: string
  readonly token?: string
  readonly config?: string
  readonly json?: boolean
}

const defaultUrl = 'http://127.0.0.1:8900'
const connectTimeoutMs = 5_000

/** Runs a command against the control API and answers its exit code. */
export async function withControl(
  options: ControlOptions,
  output: Output,
  command: (client: ControlClient) => Promise<number>,
): Promise<number> {
  const http = createHttpClient({ connectionsMax: 4, connectTimeoutMs, headersTimeoutMs: 30_000 })
  try {
    const { url, token } = await findControl(options)
    return await command(createControlClient({ url, token, http }))
  } catch (error) {
    if (error instanceof UsageError || error instanceof ControlRefusal) {
      const place =
        error instanceof ControlRefusal && error.status === 403 ? ' (--token TOKEN, or --config FILE that has it)' : ''
      output.stderr(`crossbeat: ${error.message}${place}`)
      return exitCodes.usage
    }
    if (error instanceof ControlUnreachable) {
      output.stderr(`crossbeat: ${error.message} (--control URL or --config FILE name another address)`)
      return exitCodes.unreachable
    }
    throw error
  } finally {
    await http.close()
  }
}

async function findControl(options: ControlOptions): Promise<{ url: string; token: Secret | undefined }> {
  const file = options.config === undefined ? undefined : await fromFile(options.config)
  const url = options.control ?? file?.url ?? defaultUrl
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new UsageError(`--control ${JSON.stringify(url)} is no URL such as ${defaultUrl}`)
  }
  return { url, token: options.token === undefined ? file?.token : new Secret(options.token) }
}

async function fromFile(path: string): Promise<{ url: string; token: Secret | undefined }> {
  const result = await loadConfig(path)
  if (!result.ok) {
    const more = result.problems.length > 1 ? `, and ${result.problems.length - 1} more problems` : ''
    const first = result.problems[0]
    throw new UsageError(`${path} cannot be used: ${first === undefined ? '' : formatProblem(first)}${more}`)
  }
  const { listen, tls, token } = result.config.control
  // A server that listens on every address is asked on this machine.
  const host = listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '::1' : listen.host
  return { url: `${tls === undefined ? 'http' : 'https'}://${formatHostPort({ host, port: listen.port })}`, token }
}

/** The locations that a command speaks of: one by its name, or all of them. */
export async function chosenLocations(
  client: ControlClient,
  name: string | undefined,
): Promise<readonly LocationState[]> {
  const all = await client.locations()
  if (name === undefined || name === 'all') return all
  const found = all.filter(location => location.name === name)
  if (found.length > 0) return found
  const names = all.map(location => location.name)
  const near = nearestName(name, names)
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  const known = names.length === 0 ? 'there are no locations to replicate to' : `known: ${names.join(', ')}`
  throw new UsageError(`unknown location ${JSON.stringify(name)} (${known})${hint}`)
}
