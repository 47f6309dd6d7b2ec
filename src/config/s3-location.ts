// The `details` of an `aws_s3` location, with the defaults of CloudServer and its two ways to give credentials: inline,
// or as a profile of the AWS shared credentials file, which is read now so that a missing one is found at once.

import { Secret } from '../base/secret.ts'
import { parseHostPort } from './address.ts'
import type { LocationSource } from './location-list.ts'
import { nearestName, type Path, type Report } from './problem.ts'
import { findProfile, profileNames } from './profile.ts'
import { errorCode } from './references.ts'
import { type RawCredentials, type RawS3Details, s3DetailsSchema } from './schema.ts'
import { hasShape } from './shape.ts'
import type { Credentials, S3LocationDetails } from './types.ts'

const defaultEndpoint = 's3.amazonaws.com'

/** The details with every default filled in; undefined if something is wrong, which is in the report. */
export function s3Details(
  value: unknown,
  path: Path,
  source: LocationSource,
  report: Report,
): S3LocationDetails | undefined {
  if (!hasShape(s3DetailsSchema, value, path, report)) return undefined
  const awsEndpoint = value.awsEndpoint ?? defaultEndpoint
  let good = true
  if (parseHostPort(awsEndpoint, { defaultPort: 443 }) === undefined) {
    const at = [...path, 'awsEndpoint']
    const expected = 'host or host:port, without scheme and path (`https` is a key of its own)'
    report.add(at, report.found(at, awsEndpoint), expected)
    good = false
  }
  const credentials = readCredentials(value, path, source, report)
  if (!good || credentials === undefined) return undefined
  return {
    awsEndpoint,
    bucketName: value.bucketName,
    bucketMatch: value.bucketMatch ?? false,
    region: value.region ?? 'us-east-1',
    https: value.https ?? true,
    pathStyle: value.pathStyle ?? false,
    serverSideEncryption: value.serverSideEncryption ?? false,
    supportsVersioning: value.supportsVersioning ?? true,
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

function readCredentials(
  value: RawS3Details,
  path: Path,
  source: LocationSource,
  report: Report,
): Credentials | undefined {
  const { credentials, credentialsProfile } = value
  if (credentials !== undefined && credentialsProfile !== undefined) {
    report.add(path, 'both `credentials` and `credentialsProfile`', 'one of the two')
    return undefined
  }
  if (credentials !== undefined) return wrapCredentials(credentials)
  if (credentialsProfile === undefined) {
    const expected = 'credentials {accessKey, secretKey}, or credentialsProfile'
    report.add([...path, 'credentials'], 'nothing', expected)
    return undefined
  }
  return readProfile(credentialsProfile, [...path, 'credentialsProfile'], source, report)
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
