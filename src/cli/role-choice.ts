// Reads what `start` is told about roles: `--role`, `--site`, `--health`, `--wait`. All that is wrong is told at once, before anything starts.
import { parseHostPort } from '../config/address.ts'
import { nearestName } from '../config/problem.ts'
import type { Config } from '../config/types.ts'
import { type Role, type RoleChoice, roleNames } from '../engine/parts.ts'

export interface RoleOptions {
  readonly role?: readonly string[]
  readonly site?: readonly string[]
  readonly health?: string
  /** Seconds. */
  readonly wait?: string
}

export type ChoiceResult =
  | { readonly ok: true; readonly choice: RoleChoice; readonly waitMs: number }
  | { readonly ok: false; readonly problems: readonly string[] }

const waitSecondsDefault = 60
const waitSecondsMax = 86_400

export function readRoleChoice(options: RoleOptions, config: Config): ChoiceResult {
  const problems: string[] = []
  const tell = (problem: string): void => void problems.push(problem)
  const roles = readRoles(options.role, tell)
  const sites = readSites(options.site, config, tell)
  if (config.engine.kind === 'embedded') tellIfNotWhole(roles, options, tell)
  if (options.site !== undefined && !roles.includes('processor')) {
    tell('--site narrows the role processor, which is not among the roles')
  }
  const health = readHealth(options.health, roles, tell)
  const waitMs = readWait(options.wait, tell)
  if (problems.length > 0) return { ok: false, problems }
  const choice = { roles, ...(sites === undefined ? {} : { sites }), ...(health === undefined ? {} : { health }) }
  return { ok: true, choice, waitMs }
}

type Tell = (problem: string) => void

function readRoles(given: readonly string[] | undefined, tell: Tell): readonly Role[] {
  if (given === undefined) return roleNames
  for (const name of given) {
    if (roleNames.some(role => role === name)) continue
    tell(`--role ${JSON.stringify(name)} is none of ${roleNames.join(', ')}${hint(name, roleNames)}`)
  }
  return roleNames.filter(role => given.includes(role))
}

function readSites(given: readonly string[] | undefined, config: Config, tell: Tell): readonly string[] | undefined {
  const known = config.sites.map(site => site.site)
  for (const site of given ?? []) {
    if (known.includes(site)) continue
    const list = known.length === 0 ? 'there are no sites' : `the sites are ${known.join(', ')}`
    tell(`--site ${JSON.stringify(site)} is not in env_replication_endpoints (${list})${hint(site, known)}`)
  }
  return given
}

function tellIfNotWhole(roles: readonly Role[], options: RoleOptions, tell: Tell): void {
  const isWhole = roleNames.every(role => roles.includes(role)) && options.site === undefined
  if (isWhole) return
  tell(
    'a process for some roles or sites needs the distributed engine: with the embedded one a single process owns the dataDir and plays all roles (see `engine` in docs/reference/configuration.md)',
  )
}

function readHealth(text: string | undefined, roles: readonly Role[], tell: Tell): RoleChoice['health'] {
  if (text === undefined) return undefined
  const address = parseHostPort(text, { zero: true })
  if (address === undefined) tell(`--health ${JSON.stringify(text)} is no host:port, such as 127.0.0.1:8901`)
  if (roles.includes('control'))
    tell('--health is for a process without the role control, which answers probes on its own port')
  return address
}

function readWait(text: string | undefined, tell: Tell): number {
  const seconds = Number(text ?? waitSecondsDefault)
  if (Number.isFinite(seconds) && seconds >= 0 && seconds <= waitSecondsMax) return seconds * 1000
  tell(`--wait ${JSON.stringify(text)} is no number of seconds from 0 to ${waitSecondsMax}`)
  return 0
}

function hint(name: string, known: readonly string[]): string {
  const near = nearestName(name, known)
  return near === undefined ? '' : `; did you mean ${near}?`
}
