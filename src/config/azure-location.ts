// The `details` of an `azure` location. As in CloudServer, environment variables with the location's name in front
// (`<location>_AZURE_STORAGE_ACCESS_KEY` and so on) win over the file, and the parameters of the chosen way of signing
// must all be there and well formed.

import { Secret } from '../base/secret.ts'
import type { LocationSource } from './location-source.ts'
import { nearestName, type Path, type Report } from './problem.ts'
import { azureDetailsSchema } from './schema.ts'
import { asMapping, fitsShape, hasShape, ownValue } from './shape.ts'
import type { AzureAuth, AzureLocationDetails } from './types.ts'

type Parameter =
  | 'azureStorageEndpoint'
  | 'authMethod'
  | 'azureStorageAccountName'
  | 'azureStorageAccessKey'
  | 'sasToken'

const variableNames: Readonly<Record<Parameter, string>> = {
  azureStorageEndpoint: 'AZURE_STORAGE_ENDPOINT',
  authMethod: 'AZURE_AUTH_METHOD',
  azureStorageAccountName: 'AZURE_STORAGE_ACCOUNT_NAME',
  azureStorageAccessKey: 'AZURE_STORAGE_ACCESS_KEY',
  sasToken: 'AZURE_SAS_TOKEN',
}

/** One parameter, wherever it came from. */
type Lookup = {
  /** Its value; a missing one is reported. */
  need(parameter: Parameter): string | undefined
  /** Its value, or undefined. */
  has(parameter: Parameter): string | undefined
  refuse(parameter: Parameter, expected: string, nearest?: string): undefined
}

/** The details with every default filled in; undefined if something is wrong, which is in the report. */
export function azureDetails(
  name: string,
  value: unknown,
  path: Path,
  source: LocationSource,
  report: Report,
): AzureLocationDetails | undefined {
  const good = hasShape(azureDetailsSchema, value, path, report)
  if (asMapping(value) === undefined) return undefined
  const lookup = lookupIn(name, value, path, source, report)
  const azureStorageEndpoint = readEndpoint(lookup)
  const auth = readAuth(lookup)
  if (azureStorageEndpoint === undefined || auth === undefined) return undefined
  if (!good || !fitsShape(azureDetailsSchema, value)) return undefined
  const { azureContainerName, bucketMatch } = value
  return { azureStorageEndpoint, azureContainerName, bucketMatch: bucketMatch ?? false, auth }
}

function lookupIn(name: string, value: unknown, path: Path, source: LocationSource, report: Report): Lookup {
  const variable = (parameter: Parameter) => `${name}_${variableNames[parameter]}`
  const fromVariable = (parameter: Parameter) => source.variables[variable(parameter)] || undefined
  const has = (parameter: Parameter) => {
    const own = ownValue(value, parameter)
    return fromVariable(parameter) ?? (typeof own === 'string' ? own : undefined)
  }
  return {
    has,
    need(parameter) {
      const text = has(parameter)
      if (text === undefined && ownValue(value, parameter) === undefined) {
        report.add([...path, parameter], 'nothing', `a value here or in ${variable(parameter)}`)
      }
      return text
    },
    refuse(parameter, expected, nearest) {
      const at = [...path, parameter]
      const secret = parameter === 'azureStorageAccessKey' || parameter === 'sasToken'
      const overridden = fromVariable(parameter) !== undefined
      const found = overridden
        ? `what ${variable(parameter)} holds`
        : report.found(at, ownValue(value, parameter), secret)
      report.add(at, found, expected, nearest)
      return undefined
    },
  }
}

function readEndpoint(lookup: Lookup): string | undefined {
  const text = lookup.need('azureStorageEndpoint')
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:') && url.hostname !== ''
  if (!plain || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const expected = 'a URL such as https://account.blob.core.windows.net/, without user and query'
    return lookup.refuse('azureStorageEndpoint', expected)
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}

/** Left out, the method is the one whose parameter is there. */
function readAuth(lookup: Lookup): AzureAuth | undefined {
  const method = lookup.has('authMethod')
  if (method === undefined) {
    const sas = lookup.has('sasToken') !== undefined
    if (sas && lookup.has('azureStorageAccessKey') !== undefined) {
      return lookup.refuse('sasToken', 'one of azureStorageAccessKey and sasToken, or authMethod to choose')
    }
    return sas ? readSas(lookup) : readSharedKey(lookup)
  }
  if (method === 'shared-key') return readSharedKey(lookup)
  if (method === 'shared-access-signature') return readSas(lookup)
  const methods = ['shared-key', 'shared-access-signature']
  const hint = method === 'client-secret' ? '; client-secret is not supported yet' : ''
  return lookup.refuse('authMethod', `one of ${methods.join(', ')}${hint}`, nearestName(method, methods))
}

function readSharedKey(lookup: Lookup): AzureAuth | undefined {
  const account = lookup.need('azureStorageAccountName')
  const key = lookup.need('azureStorageAccessKey')
  if (account !== undefined && !/^[a-z0-9]{3,24}$/.test(account)) {
    return lookup.refuse('azureStorageAccountName', 'an account name: 3 to 24 lower-case letters and digits')
  }
  if (key !== undefined && !isBase64(key)) return lookup.refuse('azureStorageAccessKey', 'a key in base64')
  return account === undefined || key === undefined ? undefined : { kind: 'sharedKey', account, key: new Secret(key) }
}

function readSas(lookup: Lookup): AzureAuth | undefined {
  const token = lookup.need('sasToken')?.replace(/^\?/, '')
  if (token === undefined) return undefined
  if (!/(?:^|&)sig=[^&]/.test(token) || /[\s?#]/.test(token)) {
    return lookup.refuse('sasToken', 'a query string with a signature (sig=...)')
  }
  return { kind: 'sas', token: new Secret(token) }
}

function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && text !== ''
}
