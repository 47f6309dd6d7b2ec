// The `details` of an `aws_s3` location, with the defaults of CloudServer and its two ways to give credentials: inline,
// or as a profile of the AWS shared credentials file, which is read now so that a missing one is found at once.

import { Secret } from '../base/secret.ts'
import { parseHostPort } from './address.ts'
import type { LocationSource } from './location-source.ts'
import { nearestName, type Path, type Report } from './problem.ts'
import { findProfile, profileNames } from './profile.ts'
import { errorCode } from './references.ts'
import { credentialsSchema, type RawCredentials, s3DetailsSchema } from './schema.ts'
import { asMapping, fitsShape, hasShape, ownValue } from './shape.ts'
import type { Credentials, S3LocationDetails } from './types.ts'

const defaultEndpoint = 's3.amazonaws.com'

/** The details with every default filled in; undefined if something is wrong, which is in the report. */
export function s3Details(
  value: unknown,
  path: Path,
  source: LocationSource,
  report: Report,
): S3LocationDetails | undefined {
  const good = hasShape(s3DetailsSchema, value, path, report)
  const awsEndpoint = ownValue(value, 'awsEndpoint') ?? defaultEndpoint
  const reachable = isEndpoint(awsEndpoint, [...path, 'awsEndpoint'], report)
  const credentials = readCredentials(value, path, source, report)
  if (!good || !reachable || credentials === undefined || !fitsShape(s3DetailsSchema, value)) return undefined
  return {
    awsEndpoint: value.awsEndpoint ?? defaultEndpoint,
    bucketName: value.bucketName,
    bucketMatch: value.bucketMatch ?? false,
    region: value.region ?? 'us-east-1',
    https: value.https ?? true,
    pathStyle: value.pathStyle ?? false,
    serverSideEncryption: value.serverSideEncryption ?? false,
    supportsVersioning: value.supportsVersioning ?? true,
    supportsObjectLock: value.supportsObjectLock ?? false,
    credentials,
  }
}

/** Inline credentials with their secrets wrapped. */
export function wrapCredentials(raw: RawCredentials): Credentials {
  const { accessKey, secretKey, sessionToken } = raw
  return {
    accessKey,
    secretKey: new Secret(secretKey),
    sessionToken: sessionToken === undefined ? undefined : new Secret(sessionToken),
  }
}

/** Only the text is judged here; that it is one, the schema says. */
function isEndpoint(value: unknown, path: Path, report: Report): boolean {
  if (typeof value !== 'string' || parseHostPort(value, { defaultPort: 443 }) !== undefined) return true
  report.add(
    path,
    report.found(path, value),
    'host or host:port, without scheme and path (`https` is a key of its own)',
  )
  return false
}

function readCredentials(value: unknown, path: Path, source: LocationSource, report: Report): Credentials | undefined {
  const credentials = ownValue(value, 'credentials')
  const profile = ownValue(value, 'credentialsProfile')
  if (credentials !== undefined && profile !== undefined) {
    report.add(path, 'both `credentials` and `credentialsProfile`', 'one of the two')
    return undefined
  }
  if (credentials !== undefined) {
    return fitsShape(credentialsSchema, credentials) ? wrapCredentials(credentials) : undefined
  }
  if (typeof profile === 'string') return readProfile(profile, [...path, 'credentialsProfile'], source, report)
  if (profile === undefined && asMapping(value) !== undefined) {
    const expected = 'credentials {accessKey, secretKey}, or credentialsProfile'
    report.add([...path, 'credentials'], 'nothing', expected)
  }
  return undefined
}

function readProfile(name: string, path: Path, source: LocationSource, report: Report): Credentials | undefined {
  let text: string
  try {
    text = source.readProfiles()
  } catch (error) {
    const expected = 'a readable file ~/.aws/credentials, or AWS_SHARED_CREDENTIALS_FILE'
    report.add(
      path,
      `${report.found(path, name)}, but the credentials file cannot be read (${errorCode(error)})`,
      expected,
    )
    return undefined
  }
  const keys = findProfile(text, name)
  if (keys !== undefined) return wrapCredentials(withoutUndefined(keys))
  const names = profileNames(text)
  const expected = names.includes(name)
    ? 'aws_access_key_id and aws_secret_access_key in that profile'
    : 'a profile of the credentials file'
  report.add(path, report.found(path, name), expected, names.includes(name) ? undefined : nearestName(name, names))
  return undefined
}

function withoutUndefined(keys: NonNullable<ReturnType<typeof findProfile>>): RawCredentials {
  const { accessKey, secretKey, sessionToken } = keys
  return sessionToken === undefined ? { accessKey, secretKey } : { accessKey, secretKey, sessionToken }
}
