// Reads `locations`, in the format of CloudServer's locationConfig.json, with its rules: unique object ids, a location
// `us-east-1`, at least one that can hold the data itself. Location types that exist elsewhere are named in the
// problem with what to do instead.

import { azureDetails } from './azure-location.ts'
import type { LocationSource } from './location-source.ts'
import { nearestName, type Path, type Report } from './problem.ts'
import { s3Details } from './s3-location.ts'
import { fileDetailsSchema, locationSchema, nameExpected, namePattern } from './schema.ts'
import { asMapping, hasShape, ownValue } from './shape.ts'
import type { FileLocationConfig, LocationConfig } from './types.ts'

const supportedTypes = ['file', 'aws_s3', 'azure']

/** Types of locations that buckets can lie in. */
const sourceTypes: ReadonlySet<unknown> = new Set(['file', 'aws_s3'])

const refusedTypes: Readonly<Record<string, string>> = {
  gcp: 'gcp is not supported yet',
  mem: 'mem is not supported: use file, which keeps its data in dataDir',
  scality: 'scality (sproxyd, hdclient) is not supported: use file, or aws_s3 with the S3 endpoint of the ring',
  mongodb: 'mongodb is not supported: use file',
  pfs: 'pfs is not supported: use file',
  dmf: 'dmf is not supported: cold storage is not available',
  azure_archive: 'azure_archive is not supported: use azure',
}

/** What is used when `locations` is left out. */
export const defaultLocation: FileLocationConfig = {
  name: 'us-east-1',
  type: 'file',
  objectId: 'us-east-1',
  legacyAwsBehavior: true,
}

/** The good locations; what is wrong with the others is in the report. */
export function readLocations(
  value: unknown,
  path: Path,
  source: LocationSource,
  report: Report,
): readonly LocationConfig[] {
  if (value === undefined) return [defaultLocation]
  const entries = asMapping(value)
  if (entries === undefined) {
    report.add(path, report.found(path, value), 'a mapping of names to locations, or the path of a file with one')
    return []
  }
  const locations: LocationConfig[] = []
  for (const [name, entry] of Object.entries(entries)) {
    const location = readLocation(name, entry, [...path, name], source, report)
    if (location !== undefined) locations.push(location)
  }
  checkTogether(entries, path, report)
  return locations
}

function checkTogether(entries: Readonly<Record<string, unknown>>, path: Path, report: Report): void {
  const owners = new Map<string, string>()
  for (const [name, entry] of Object.entries(entries)) {
    const objectId = ownValue(entry, 'objectId')
    if (typeof objectId !== 'string' || objectId === '') continue
    const owner = owners.get(objectId)
    const at = [...path, name, 'objectId']
    if (owner === undefined) owners.set(objectId, name)
    else report.add(at, report.found(at, objectId), `an objectId that location ${JSON.stringify(owner)} does not have`)
  }
  if (!Object.hasOwn(entries, 'us-east-1')) {
    const nearest = nearestName('us-east-1', Object.keys(entries))
    const hint = nearest === undefined ? '' : ` (is ${JSON.stringify(nearest)} meant?)`
    report.add([...path, 'us-east-1'], 'nothing', `a location us-east-1, where buckets without a location go${hint}`)
  }
  if (!Object.values(entries).some(entry => sourceTypes.has(ownValue(entry, 'type')))) {
    report.add(path, 'no location of type file or aws_s3', 'at least one, for the data that is replicated')
  }
}

function readLocation(name: string, entry: unknown, path: Path, source: LocationSource, report: Report) {
  let good = hasShape(locationSchema, entry, path, report)
  if (!new RegExp(namePattern).test(name)) {
    report.add(path, 'a name with other characters', nameExpected)
    good = false
  }
  const type = ownValue(entry, 'type')
  if (type === undefined) return undefined
  if (typeof type !== 'string' || !supportedTypes.includes(type)) {
    const hint = typeof type === 'string' && Object.hasOwn(refusedTypes, type) ? `; ${refusedTypes[type]}` : ''
    const nearest = typeof type === 'string' && hint === '' ? nearestName(type, supportedTypes) : undefined
    const at = [...path, 'type']
    report.add(at, report.found(at, type), `one of ${supportedTypes.join(', ')}${hint}`, nearest)
    return undefined
  }
  const location = withDetails(type, name, ownValue(entry, 'details'), [...path, 'details'], source, report)
  if (!good || location === undefined || !hasShape(locationSchema, entry, path, report)) return undefined
  const { objectId, legacyAwsBehavior } = entry
  return { ...location, name, objectId, legacyAwsBehavior }
}

type TypeAndDetails =
  | { readonly type: 'file' }
  | Pick<Extract<LocationConfig, { type: 'aws_s3' }>, 'type' | 'details'>
  | Pick<Extract<LocationConfig, { type: 'azure' }>, 'type' | 'details'>

function withDetails(
  type: string,
  name: string,
  value: unknown,
  path: Path,
  source: LocationSource,
  report: Report,
): TypeAndDetails | undefined {
  if (value === undefined) {
    report.add(path, 'nothing', type === 'file' ? 'a mapping, {} for a file location' : 'a mapping')
    return undefined
  }
  if (type === 'aws_s3') {
    const details = s3Details(value, path, source, report)
    return details === undefined ? undefined : { type, details }
  }
  if (type === 'azure') {
    const details = azureDetails(name, value, path, source, report)
    return details === undefined ? undefined : { type, details }
  }
  return hasShape(fileDetailsSchema, value, path, report) ? { type: 'file' } : undefined
}
