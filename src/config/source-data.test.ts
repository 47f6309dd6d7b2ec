// Goal: data of buckets goes only where no copy can have its name. Method: a table of locations and sites.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../base/secret.ts'
import { holdsSourceData } from './source-data.ts'
import type { LocationConfig, S3LocationDetails, SiteConfig } from './types.ts'

const common = { name: 'place', objectId: 'place', legacyAwsBehavior: false }
const site: SiteConfig = { kind: 'cloud', site: 'place', isDefault: true, type: 'aws_s3', location: 'place' }

function s3(more: Partial<S3LocationDetails>): LocationConfig {
  const credentials = { accessKey: 'a', secretKey: new Secret('s'), sessionToken: undefined }
  const details: S3LocationDetails = {
    awsEndpoint: 's3.example',
    bucketName: 'data',
    bucketMatch: false,
    region: 'us-east-1',
    https: true,
    pathStyle: false,
    serverSideEncryption: false,
    supportsVersioning: true,
    supportsObjectLock: false,
    credentials,
    ...more,
  }
  return { ...common, type: 'aws_s3', details }
}

const azure: LocationConfig = {
  ...common,
  type: 'azure',
  details: {
    azureStorageEndpoint: 'https://a.example/',
    azureContainerName: 'data',
    bucketMatch: false,
    auth: { kind: 'sas', token: new Secret('t') },
  },
}

const cases: readonly [string, LocationConfig, readonly SiteConfig[], boolean][] = [
  ['a file location holds data', { ...common, type: 'file' }, [], true],
  ['an S3 location holds data', s3({}), [], true],
  ['an S3 location that is a site holds data beside the copies', s3({}), [site], true],
  ['an S3 location that is no site holds data whatever its keys would be', s3({ bucketMatch: true }), [], true],
  ['an S3 location whose copies may have any key holds no data', s3({ bucketMatch: true }), [site], false],
  ['an Azure location holds no data', azure, [], false],
]

for (const [name, location, sites, expected] of cases) {
  test(name, () => assert.equal(holdsSourceData(location, sites), expected))
}
