// Converts the locations of locationConfig.json. A location that can't be used here is left out with the consequence;
// every key of every location gets a finding.

import type { Path } from '../problem.ts'
import { asMapping, ownValue } from '../shape.ts'
import { leaves } from './catalogue.ts'
import type { Findings } from './finding.ts'

/** Locations in the format of crossbeat.yaml, still unchecked. */
export type ImportedLocations = Record<string, Record<string, unknown>>

const source = 'locations'

/** Keys of an entry that are taken as they are, beside `type` and `details`. */
const plainKeys = ['objectId', 'legacyAwsBehavior']

const detailKeys: Readonly<Record<string, readonly string[]>> = {
  aws_s3: [
    'awsEndpoint',
    'bucketName',
    'bucketMatch',
    'region',
    'https',
    'pathStyle',
    'serverSideEncryption',
    'supportsVersioning',
    'supportsObjectLock',
    'credentials',
    'credentialsProfile',
  ],
  azure: [
    'azureStorageEndpoint',
    'azureContainerName',
    'bucketMatch',
    'authMethod',
    'azureStorageAccountName',
    'azureStorageAccessKey',
    'sasToken',
  ],
  file: [],
}

const leftOut: Readonly<Record<string, string>> = {
  gcp: 'type gcp is not supported yet',
  scality: 'type scality (sproxyd, hdclient) is not supported: an S3 endpoint of the ring can be used as aws_s3',
  mongodb: 'type mongodb is not supported',
  pfs: 'type pfs is not supported',
  dmf: 'type dmf (cold storage) is not supported',
  azure_archive: 'type azure_archive (cold storage) is not supported: azure is',
}

/** The locations that can be used; findings about all of them. */
export function importLocations(root: unknown, findings: Findings): ImportedLocations {
  const locations: ImportedLocations = {}
  for (const [name, entry] of Object.entries(asMapping(root) ?? {})) {
    if (asMapping(entry) === undefined) {
      findings.add(source, [name], 'not supported', 'it is no mapping, so the location is left out')
      continue
    }
    const reason = reasonToLeaveOut(entry)
    if (reason === undefined) {
      Object.defineProperty(locations, name, {
        value: importLocation(name, entry, findings),
        enumerable: true,
        configurable: true,
      })
    } else leaveOut(name, entry, reason, findings)
  }
  addRequired(locations, root, findings)
  return locations
}

/** Reports every key of a location that is not taken over, the reason at its type. */
export function leaveOut(name: string, entry: unknown, reason: string, findings: Findings): void {
  const consequence = 'the location is left out, and buckets and sites that name it do not work'
  findings.add(source, [name, 'type'], 'not supported', `${reason}; ${consequence}`)
  for (const { path } of leaves(entry, [name])) {
    if (path.length !== 2 || path[1] !== 'type') findings.add(source, path, 'not supported', 'its location is left out')
  }
}

function reasonToLeaveOut(entry: unknown): string | undefined {
  const type = ownValue(entry, 'type')
  if (typeof type !== 'string') return 'there is no type'
  if (ownValue(entry, 'isCold') === true) return 'cold locations (isCold) are not supported'
  if (type !== 'mem' && !Object.hasOwn(detailKeys, type)) {
    return Object.hasOwn(leftOut, type) ? leftOut[type] : 'the type is unknown'
  }
  return type === 'azure' && azureMethod(ownValue(entry, 'details')) === 'client-secret'
    ? 'signing with a client secret is not supported yet (an account key or a SAS token is)'
    : undefined
}

/** The method CloudServer would use: shared-key unless something else is said or only something else is there. */
function azureMethod(details: unknown): string {
  const method = ownValue(details, 'authMethod')
  if (typeof method === 'string') return method
  if (ownValue(details, 'azureStorageAccessKey') !== undefined) return 'shared-key'
  if (ownValue(details, 'sasToken') !== undefined) return 'shared-access-signature'
  return ownValue(details, 'clientKey') === undefined ? 'shared-key' : 'client-secret'
}

function importLocation(name: string, entry: unknown, findings: Findings): Record<string, unknown> {
  const type = String(ownValue(entry, 'type'))
  const location: Record<string, unknown> = { type: type === 'mem' ? 'file' : type }
  for (const [key, value] of Object.entries(asMapping(entry) ?? {})) {
    if (key === 'type' || key === 'details' || plainKeys.includes(key)) {
      if (key !== 'details') findings.add(source, [name, key], 'converted')
      if (plainKeys.includes(key)) location[key] = value
    } else importOption(key, value, [name, key], findings)
  }
  const details = ownValue(entry, 'details')
  location['details'] =
    asMapping(details) === undefined ? {} : importDetails(type, details, [name, 'details'], findings)
  if (Object.keys(asMapping(details) ?? { none: 0 }).length === 0) findings.add(source, [name, 'details'], 'converted')
  if (asMapping(details) === undefined && details !== undefined) {
    findings.add(source, [name, 'details'], 'not supported', 'it is no mapping')
  }
  return location
}

function importOption(key: string, value: unknown, path: Path, findings: Findings): void {
  if (key === 'sizeLimitGB') {
    if (value === null) findings.add(source, path, 'not needed', 'there is no limit')
    else findings.add(source, path, 'not supported', 'the location takes any number of bytes')
  } else if (key === 'isTransient' && value === true) {
    findings.add(source, path, 'not supported', 'the data stays in the location after it has arrived everywhere')
  } else if (key === 'isTransient' || key === 'isCold') {
    findings.add(source, path, 'not needed', 'it is off')
  } else if (key === 'locationType') {
    findings.add(source, path, 'not needed', '`type` says what the location is')
  } else if (key === 'legacy_aws_behavior') {
    findings.add(source, path, 'not needed', 'the original does not read this spelling')
  } else findings.add(source, path, 'unknown', 'it has no effect here')
}

function importDetails(type: string, value: unknown, path: Path, findings: Findings): Record<string, unknown> {
  const details: Record<string, unknown> = {}
  const method = type === 'azure' ? azureMethod(value) : undefined
  for (const [key, item] of Object.entries(asMapping(value) ?? {})) {
    const otherMethod = method !== undefined && isOfOtherMethod(key, method)
    if (otherMethod) findings.add(source, [...path, key], 'not needed', `it is not used when signing by ${method}`)
    else if (detailKeys[type]?.includes(key) === true) details[key] = importDetail(key, item, [...path, key], findings)
    else if (type === 'file' || type === 'mem') {
      for (const leaf of leaves(item, [...path, key]))
        findings.add(source, leaf.path, 'not needed', 'data is kept in dataDir')
    } else
      for (const leaf of leaves(item, [...path, key]))
        findings.add(source, leaf.path, 'unknown', 'it has no effect here')
  }
  return details
}

function isOfOtherMethod(key: string, method: string): boolean {
  if (['tenantId', 'clientId', 'clientKey'].includes(key)) return true
  if (method === 'shared-access-signature') return ['azureStorageAccountName', 'azureStorageAccessKey'].includes(key)
  return key === 'sasToken'
}

/** Credentials are the one detail with parts. */
function importDetail(key: string, value: unknown, path: Path, findings: Findings): unknown {
  const parts = asMapping(value)
  if (key !== 'credentials' || parts === undefined) {
    findings.add(source, path, 'converted')
    return value
  }
  const credentials: Record<string, unknown> = {}
  for (const [part, item] of Object.entries(parts)) {
    const known = ['accessKey', 'secretKey', 'sessionToken'].includes(part)
    if (known) credentials[part] = item
    findings.add(source, [...path, part], known ? 'converted' : 'unknown', known ? '' : 'it has no effect here')
  }
  return credentials
}

/** A configuration needs us-east-1, and a place of its own for data. */
export function addRequired(locations: ImportedLocations, root: unknown, findings: Findings): void {
  if (!Object.hasOwn(locations, 'us-east-1')) {
    const entry = ownValue(root, 'us-east-1')
    const objectId = ownValue(entry, 'objectId')
    locations['us-east-1'] = localLocation(typeof objectId === 'string' && objectId !== '' ? objectId : 'us-east-1')
    if (entry === undefined) {
      findings.add(
        source,
        [],
        'contradictory',
        'there is no us-east-1, which every configuration needs: one of type file is added',
      )
    } else {
      const text = 'the data it names is not taken over: buckets of us-east-1 start in a new location of type file'
      findings.add(source, ['us-east-1', 'type'], 'not supported', text)
    }
  }
  if (Object.values(locations).some(location => location['type'] === 'file')) return
  locations['crossbeat-local'] = localLocation('crossbeat-local')
  findings.add(
    source,
    [],
    'contradictory',
    'no location is of type file: crossbeat-local is added, for data that is replicated',
  )
}

function localLocation(objectId: string): Record<string, unknown> {
  return { type: 'file', objectId, legacyAwsBehavior: true, details: {} }
}
