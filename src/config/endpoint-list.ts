// Reads `env_replication_endpoints`, the one list behind both halves of replication: as a list, or as the single mapping
// that stands for one entry (the loose form with repeated keys has become a list in yaml.ts). Checks everything that the
// list shows by itself; whether a site has its location is checked where the locations are known.

import { parseHostPort } from './address.ts'
import { nearestName, type Path, type Report } from './problem.ts'
import { endpointSchema, type RawCredentials } from './schema.ts'
import { asMapping, hasShape, ownValue } from './shape.ts'
import type { HostPort } from './types.ts'

/** One entry that passed all checks of the list itself. */
export type Endpoint = {
  readonly path: Path
  readonly site: string
  readonly isDefault: boolean
} & (
  | { readonly kind: 'cloud'; readonly type: string }
  | {
      readonly kind: 'servers'
      readonly servers: readonly HostPort[]
      /** The texts of `servers` as they were written. */
      readonly serverTexts: readonly string[]
      readonly https: boolean
      readonly credentials: RawCredentials | undefined
    }
)

/** `types`: the cloud types that are allowed; `credentials`: whether a site with servers must have them. */
export type EndpointRules = { readonly types: readonly string[]; readonly credentials: 'required' | 'optional' }

/** Names that replication rules use for the default site, and the one that the control API uses for all sites. */
const reservedSites = ['STANDARD', 'STANDARD_IA', 'REDUCED_REDUNDANCY', 'all']

/** Types of the original programs that no rule set here allows, with what to do. */
const refusedTypes: Readonly<Record<string, string>> = {
  gcp: 'gcp is not supported yet',
  pfs: 'pfs is not supported: use a server (`servers`) or a cloud',
  dmf: 'dmf is not supported: cold storage is no replication target',
  azure_archive: 'azure_archive is not supported: use azure',
  file: 'a file location is no replication target',
}

/** The good entries; what is wrong with the others is in the report. */
export function readEndpoints(value: unknown, path: Path, rules: EndpointRules, report: Report): readonly Endpoint[] {
  if (value === undefined || value === null) return []
  const single = asMapping(value)
  const list: unknown = single === undefined ? value : [single]
  if (!Array.isArray(list)) {
    report.add(path, report.found(path, value), 'a list of {site, type} and {site, servers, credentials}')
    return []
  }
  const endpoints: Endpoint[] = []
  for (const [index, item] of list.entries()) {
    const endpoint = readEndpoint(item, [...path, index], rules, report)
    if (endpoint !== undefined) endpoints.push(endpoint)
  }
  checkTogether(list, path, report)
  return endpoints
}

/** What no entry shows alone: names that stand twice, more than one default. Looks at bad entries too. */
function checkTogether(list: readonly unknown[], path: Path, report: Report): void {
  const seen = new Map<string, number>()
  let defaultIndex: number | undefined
  for (const [index, item] of list.entries()) {
    const site = ownValue(item, 'site')
    if (typeof site === 'string' && site !== '') {
      const first = seen.get(site)
      if (first === undefined) seen.set(site, index)
      else
        report.add(
          [...path, index, 'site'],
          `${JSON.stringify(site)} again`,
          `a site that entry [${first}] does not have`,
        )
    }
    if (ownValue(item, 'default') !== true) continue
    if (defaultIndex === undefined) defaultIndex = index
    else
      report.add(
        [...path, index, 'default'],
        'a second default',
        `one default at most (entry [${defaultIndex}] has it)`,
      )
  }
}

function readEndpoint(item: unknown, path: Path, rules: EndpointRules, report: Report): Endpoint | undefined {
  const type = ownValue(item, 'type')
  const servers = ownValue(item, 'servers')
  let good = hasShape(endpointSchema, item, path, report)
  if (!hasNeighbours(item, path, report)) good = false
  if (type !== undefined && servers !== undefined) {
    report.add(path, 'both `type` and `servers`', '`type` (a cloud) or `servers` (another server of this family)')
    good = false
  } else if (type === undefined && servers === undefined && asMapping(item) !== undefined) {
    report.add(path, 'neither `type` nor `servers`', '`type` (a cloud) or `servers` (another server of this family)')
    good = false
  }
  if (type !== undefined && !isAllowedType(type, [...path, 'type'], rules, report)) good = false
  const addresses = readServers(servers, [...path, 'servers'], ownValue(item, 'https') === true, report)
  if (servers !== undefined && rules.credentials === 'required' && ownValue(item, 'credentials') === undefined) {
    report.add([...path, 'credentials'], 'nothing', 'credentials {accessKey, secretKey} that the servers know')
    good = false
  }
  if (!good || addresses === undefined || !hasShape(endpointSchema, item, path, report)) return undefined
  const common = { path, site: item.site, isDefault: item.default === true }
  if (typeof type === 'string') return { ...common, kind: 'cloud', type }
  const serverTexts = item.servers ?? []
  return {
    ...common,
    kind: 'servers',
    servers: addresses,
    serverTexts,
    https: item.https === true,
    credentials: item.credentials,
  }
}

/** Reserved names, and keys that have a function only beside `servers`. */
function hasNeighbours(item: unknown, path: Path, report: Report): boolean {
  let good = true
  const site = ownValue(item, 'site')
  if (typeof site === 'string' && reservedSites.includes(site)) {
    report.add(
      [...path, 'site'],
      JSON.stringify(site),
      `another name: ${reservedSites.join(', ')} have meanings of their own`,
    )
    good = false
  }
  if (ownValue(item, 'servers') !== undefined) return good
  for (const key of ['https', 'credentials']) {
    if (ownValue(item, key) === undefined) continue
    report.add(
      [...path, key],
      'a key that has no place here',
      `${key} only beside \`servers\`; a cloud's are in its location`,
    )
    good = false
  }
  return good
}

function isAllowedType(type: unknown, path: Path, rules: EndpointRules, report: Report): boolean {
  if (typeof type === 'string' && rules.types.includes(type)) return true
  const allowed = `one of ${rules.types.join(', ')}`
  const hint = typeof type === 'string' && Object.hasOwn(refusedTypes, type) ? refusedTypes[type] : undefined
  const nearest = typeof type === 'string' && hint === undefined ? nearestName(type, rules.types) : undefined
  report.add(path, report.found(path, type), hint === undefined ? allowed : `${allowed}; ${hint}`, nearest)
  return false
}

/** Addresses of a site's servers; undefined if one of them is bad. */
function readServers(value: unknown, path: Path, https: boolean, report: Report): readonly HostPort[] | undefined {
  if (!Array.isArray(value)) return []
  const addresses: HostPort[] = []
  let good = true
  for (const [index, text] of value.entries()) {
    if (typeof text !== 'string') continue
    const address = parseHostPort(text, { defaultPort: https ? 443 : 80 })
    if (address !== undefined) addresses.push(address)
    else {
      report.add([...path, index], report.found([...path, index], text), 'host:port, such as peer.example:8000')
      good = false
    }
  }
  return good ? addresses : undefined
}
