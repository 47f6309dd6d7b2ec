// Goal: each way to get a configuration wrong is answered with the message that helps. Method: a table from a change of a
// good configuration to the lines that must be among the problems. No line may show the secrets that stand in it.

import assert from 'node:assert/strict'
import test from 'node:test'
import { buildConfig } from './load.ts'
import { memoryEnvironment } from './memory-environment.ts'
import { formatProblem } from './problem.ts'

const secrets = ['hunter2', 'aHVudGVyMg', 'sig=geheim']

const credentials = { accessKey: 'AK', secretKey: 'hunter2' }
const local = { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} }
const awsDetails = { awsEndpoint: 's3.amazonaws.com', bucketName: 'copies', credentials }
const azureDetails = {
  azureStorageEndpoint: 'https://acct.blob.core.windows.net/',
  azureContainerName: 'copies',
  azureStorageAccountName: 'acct',
  azureStorageAccessKey: 'aHVudGVyMg==',
}

function withAws(change: object): object {
  const details = { ...awsDetails, ...change }
  return { locations: { 'us-east-1': local, aws: { type: 'aws_s3', objectId: 'a', legacyAwsBehavior: true, details } } }
}

function withAzure(change: object): object {
  const details = { ...azureDetails, ...change }
  return { locations: { 'us-east-1': local, az: { type: 'azure', objectId: 'z', legacyAwsBehavior: true, details } } }
}

function withLocal(change: object): object {
  return { locations: { 'us-east-1': { ...local, ...change } } }
}

function withSites(...sites: readonly unknown[]): object {
  return { ...withAws({}), env_replication_endpoints: sites }
}

const dollar = '$'
const peer = { site: 'peer', servers: ['peer:8000'], credentials }

/** Title, configuration, and a line for each problem it must have. */
const cases: readonly (readonly [string, unknown, ...string[]])[] = [
  ['a list at the top', [], 'the file: found an empty list, expected a mapping'],
  ['a text at the top', 'hunter2', 'the file: found a string (not shown), expected a mapping'],
  [
    'an unknown key',
    { dataDr: 'x' },
    'dataDr: found an unknown key, expected one of dataDir, s3, control, accounts, locations, env_replication_endpoints, replicationGroupId, replication, engine, notifications, health, log; did you mean "dataDir"?',
  ],
  [
    "CloudServer's name of the sites",
    { replicationEndpoints: [] },
    'replicationEndpoints: found a key that has no place here, expected env_replication_endpoints',
  ],
  [
    'a number as address',
    { s3: { listen: 8000 } },
    's3.listen: found 8000, expected host:port, such as 127.0.0.1:8000',
  ],
  [
    'an address without port',
    { s3: { listen: 'localhost' } },
    's3.listen: found "localhost", expected host:port, such as 127.0.0.1:8000',
  ],
  [
    'TLS on the S3 port without its files',
    { s3: { tls: {} } },
    's3.tls.cert: found nothing, expected path of a PEM certificate',
  ],
  [
    'an S3 endpoint with a port',
    { s3: { endpoints: ['s3.example.com:80'] } },
    's3.endpoints[0]: found "s3.example.com:80", expected a host name without port, such as s3.example.com',
  ],
  [
    'a region that is none',
    { s3: { region: 'eu west' } },
    's3.region: found "eu west", expected a region such as us-east-1, or \'*\'',
  ],
  [
    'one address twice',
    { s3: { listen: '0.0.0.0:8900' } },
    'control.listen: found 127.0.0.1:8900, expected another address than s3.listen',
  ],
  [
    'control off loopback',
    { control: { listen: '0.0.0.0:8901' } },
    'control.token: found nothing, expected a token, because 0.0.0.0:8901 can be reached from other machines (or `insecure: true`)',
    'control.tls: found nothing, expected {cert, key}, because 0.0.0.0:8901 can be reached from other machines (or `insecure: true`)',
  ],
  [
    'a short token',
    { control: { token: 'hunter2' } },
    'control.token: found a string (not shown), expected a token of at least 16 visible ASCII characters',
  ],
  [
    'a missing certificate',
    { control: { tls: { cert: 'c.pem', key: 'k.pem' } } },
    'control.tls.cert: found "c.pem", which cannot be read (ENOENT), expected a file that can be read',
    'control.tls.key: found "k.pem", which cannot be read (ENOENT), expected a file that can be read',
  ],
  [
    'a missing accounts file',
    { accounts: 'auth.json' },
    'accounts: found "auth.json", which cannot be read (ENOENT), expected a file in the format of CloudServer\'s authdata.json',
  ],
  [
    'a missing locations file',
    { locations: 'loc.json', env_replication_endpoints: [{ site: 'aws', type: 'aws_s3' }] },
    'locations: found "loc.json", which cannot be read (ENOENT), expected a file with locations, or the locations themselves',
  ],
  [
    'a long group id',
    { replicationGroupId: 'RG000001' },
    'replicationGroupId: found "RG000001", expected 1 to 7 printable ASCII characters',
  ],
  [
    'a log level',
    { log: { level: 'inf' } },
    'log.level: found "inf", expected one of trace, debug, info, warn, error, fatal, silent; did you mean "info"?',
  ],
  [
    'no us-east-1',
    { locations: { local } },
    'locations.us-east-1: found nothing, expected a location us-east-1, where buckets without a location go',
  ],
  [
    'no location for data',
    withLocal({ type: 'azure', details: azureDetails }),
    'locations: found no location of type file or aws_s3, expected at least one, for the data that is replicated',
  ],
  [
    'copies of any name in the only location',
    {
      locations: { 'us-east-1': { ...local, type: 'aws_s3', details: { ...awsDetails, bucketMatch: true } } },
      env_replication_endpoints: [{ site: 'us-east-1', type: 'aws_s3' }],
    },
    'locations: found no location that can hold the data of buckets, expected one of type file, or one of type aws_s3 that is no site with bucketMatch',
  ],
  [
    'no objectId',
    withLocal({ objectId: undefined }),
    'locations.us-east-1.objectId: found nothing, expected a string that no other location has',
  ],
  [
    'an objectId twice',
    { locations: { 'us-east-1': local, b: local } },
    'locations.b.objectId: found "us-east-1", expected an objectId that location "us-east-1" does not have',
  ],
  [
    'a text for a boolean',
    withLocal({ legacyAwsBehavior: 'no' }),
    'locations.us-east-1.legacyAwsBehavior: found "no", expected true or false',
  ],
  [
    'another spelling',
    withLocal({ legacy_aws_behavior: true }),
    'locations.us-east-1.legacy_aws_behavior: found a key that has no place here, expected legacyAwsBehavior (this spelling)',
  ],
  [
    'a transient location',
    withLocal({ isTransient: true }),
    'locations.us-east-1.isTransient: found true, expected false or nothing; removing the data once it has arrived everywhere is not supported yet',
  ],
  [
    'a size limit',
    withLocal({ sizeLimitGB: 5 }),
    'locations.us-east-1.sizeLimitGB: found 5, expected null or nothing; limiting how much a location may hold is not supported yet',
  ],
  [
    'no details',
    withLocal({ details: undefined }),
    'locations.us-east-1.details: found nothing, expected a mapping, {} for a file location',
  ],
  [
    'a location that is no mapping',
    { locations: { 'us-east-1': local, b: 7 } },
    'locations.b: found 7, expected a mapping',
  ],
  [
    'a location name',
    { locations: { 'us-east-1': local, 'a,b': { ...local, objectId: 'b' } } },
    'locations["a,b"]: found a name with other characters, expected a name of 1 to 63 letters, digits, dots, hyphens and underscores',
  ],
  [
    'gcp',
    { locations: { 'us-east-1': local, g: { ...local, objectId: 'g', type: 'gcp' } } },
    'locations.g.type: found "gcp", expected one of file, aws_s3, azure; gcp is not supported yet',
  ],
  [
    'mem',
    { locations: { 'us-east-1': local, g: { ...local, objectId: 'g', type: 'mem' } } },
    'locations.g.type: found "mem", expected one of file, aws_s3, azure; mem is not supported: use file, which keeps its data in dataDir',
  ],
  [
    'a type with a typo',
    { locations: { 'us-east-1': local, g: { ...local, objectId: 'g', type: 'aws-s3' } } },
    'locations.g.type: found "aws-s3", expected one of file, aws_s3, azure; did you mean "aws_s3"?',
  ],
  [
    'a scheme in an endpoint',
    withAws({ awsEndpoint: 'https://s3.amazonaws.com' }),
    'locations.aws.details.awsEndpoint: found "https://s3.amazonaws.com", expected host or host:port, without scheme and path (`https` is a key of its own)',
  ],
  [
    'a key of S3 details',
    withAws({ bucket: 'x' }),
    'locations.aws.details.bucket: found an unknown key, expected one of awsEndpoint, bucketName, bucketMatch, region, https, pathStyle, serverSideEncryption, supportsVersioning, supportsObjectLock, credentials, credentialsProfile',
  ],
  [
    'no credentials',
    withAws({ credentials: undefined }),
    'locations.aws.details.credentials: found nothing, expected credentials {accessKey, secretKey}, or credentialsProfile',
  ],
  [
    'a secret of another type',
    withAws({ credentials: { accessKey: 'AK', secretKey: 7 } }),
    'locations.aws.details.credentials.secretKey: found a number (not shown), expected a string',
  ],
  [
    'a secret in place of credentials',
    withAws({ credentials: 'AK:hunter2' }),
    'locations.aws.details.credentials: found a string (not shown), expected a mapping',
  ],
  [
    'a secret in an endpoint',
    withAws({ awsEndpoint: 'AK:hunter2@s3.example' }),
    'locations.aws.details.awsEndpoint: found "***@s3.example", expected host or host:port, without scheme and path (`https` is a key of its own)',
  ],
  [
    'a secret as key',
    withAws({ credentials: { ...credentials, 'hunter2-hunter2': null } }),
    'locations.aws.details.credentials: found an unknown key (not shown), expected one of accessKey, secretKey, sessionToken',
  ],
  [
    'two kinds of credentials',
    withAws({ credentialsProfile: 'x' }),
    'locations.aws.details: found both `credentials` and `credentialsProfile`, expected one of the two',
  ],
  [
    'a missing profile',
    withAws({ credentials: undefined, credentialsProfile: 'bakup' }),
    'locations.aws.details.credentialsProfile: found "bakup", expected a profile of the credentials file; did you mean "backup"?',
  ],
  [
    'an unset variable',
    withAws({ region: `${dollar}{REGION}` }),
    `locations.aws.details.region: found ${dollar}{REGION}, which is not set, expected a variable of the environment`,
  ],
  [
    'an empty variable',
    withAws({ region: `${dollar}{EMPTY}` }),
    `locations.aws.details.region: found ${dollar}{EMPTY}, which is empty, expected a variable that is not empty`,
  ],
  [
    'a missing secret file',
    withAws({ region: `${dollar}{file:/none}` }),
    `locations.aws.details.region: found ${dollar}{file:/none}, which cannot be read (ENOENT), expected a file that can be read and is not empty`,
  ],
  [
    'a broken reference',
    withAws({ region: `${dollar}{a-hunter2` }),
    `locations.aws.details.region: found a reference without its closing brace, expected ${dollar}{NAME} or ${dollar}{file:/path}; ${dollar}${dollar}{ is a literal ${dollar}{`,
  ],
  [
    'a bad value from a variable',
    withAws({ region: `${dollar}{SECRET}` }),
    `locations.aws.details.region: found what ${dollar}{SECRET} stands for, expected a region such as eu-west-1`,
  ],
  [
    'an account name',
    withAzure({ azureStorageAccountName: 'A' }),
    'locations.az.details.azureStorageAccountName: found "A", expected an account name: 3 to 24 lower-case letters and digits',
  ],
  [
    'a key that is not base64',
    withAzure({ azureStorageAccessKey: 'hunter2!' }),
    'locations.az.details.azureStorageAccessKey: found a string (not shown), expected a key in base64',
  ],
  [
    'a container name',
    withAzure({ azureContainerName: 'a_b' }),
    'locations.az.details.azureContainerName: found "a_b", expected a container name: 3 to 63 lower-case letters, digits and single hyphens',
  ],
  [
    'a signature in an endpoint',
    withAzure({ azureStorageEndpoint: 'https://a.b/?sig=geheim' }),
    'locations.az.details.azureStorageEndpoint: found "https://a.b/?***", expected a URL such as https://account.blob.core.windows.net/, without user and query',
  ],
  [
    'a missing parameter',
    withAzure({ azureStorageAccessKey: undefined }),
    'locations.az.details.azureStorageAccessKey: found nothing, expected a value here or in az_AZURE_STORAGE_ACCESS_KEY',
  ],
  [
    'a bad SAS token',
    withAzure({ authMethod: 'shared-access-signature', sasToken: 'hunter2' }),
    'locations.az.details.sasToken: found a string (not shown), expected a query string with a signature (sig=...)',
  ],
  [
    'two ways to sign',
    withAzure({ sasToken: 'sig=geheim' }),
    'locations.az.details.sasToken: found a string (not shown), expected one of azureStorageAccessKey and sasToken, or authMethod to choose',
  ],
  [
    'a client secret',
    withAzure({ authMethod: 'client-secret', clientKey: 'hunter2' }),
    'locations.az.details.authMethod: found "client-secret", expected one of shared-key, shared-access-signature; client-secret is not supported yet',
  ],
  [
    'sites that are no list',
    { env_replication_endpoints: 7 },
    'env_replication_endpoints: found 7, expected a list of {site, type} and {site, servers, credentials}',
  ],
  [
    'a site twice',
    withSites({ site: 'aws', type: 'aws_s3' }, { site: 'aws', type: 'aws_s3' }),
    'env_replication_endpoints[1].site: found "aws" again, expected a site that entry [0] does not have',
  ],
  [
    'two defaults',
    withSites({ site: 'aws', type: 'aws_s3', default: true }, { ...peer, default: true }),
    'env_replication_endpoints[1].default: found a second default, expected one default at most (entry [0] has it)',
  ],
  [
    'no location of that name',
    withSites({ site: 'asw', type: 'aws_s3' }),
    'env_replication_endpoints[0].site: found "asw", expected the name of a location of type aws_s3 (there is aws); did you mean "aws"?',
  ],
  [
    'a location of another type',
    withSites({ site: 'aws', type: 'azure' }),
    'env_replication_endpoints[0].type: found "azure", expected the type of location "aws", "aws_s3"',
  ],
  [
    'neither type nor servers',
    withSites({ site: 'aws' }),
    'env_replication_endpoints[0]: found neither `type` nor `servers`, expected `type` (a cloud) or `servers` (another server of this family)',
  ],
  [
    'type and servers',
    withSites({ ...peer, type: 'aws_s3' }),
    'env_replication_endpoints[0]: found both `type` and `servers`, expected `type` (a cloud) or `servers` (another server of this family)',
  ],
  [
    'servers without credentials',
    withSites({ site: 'peer', servers: ['peer:8000'] }),
    'env_replication_endpoints[0].credentials: found nothing, expected credentials {accessKey, secretKey} that the servers know',
  ],
  [
    'a bad server',
    withSites({ ...peer, servers: ['http://peer:8000'] }),
    'env_replication_endpoints[0].servers[0]: found "http://peer:8000", expected host:port, such as peer.example:8000',
  ],
  [
    'no servers',
    withSites({ ...peer, servers: [] }),
    'env_replication_endpoints[0].servers: found an empty list, expected a list of host:port',
  ],
  [
    'credentials of a cloud',
    withSites({ site: 'aws', type: 'aws_s3', credentials }),
    "env_replication_endpoints[0].credentials: found a key that has no place here, expected credentials only beside `servers`; a cloud's are in its location",
  ],
  [
    'a site of type gcp',
    withSites({ site: 'g', type: 'gcp' }),
    'env_replication_endpoints[0].type: found "gcp", expected one of aws_s3, azure; gcp is not supported yet',
  ],
  [
    'a reserved name',
    withSites({ ...peer, site: 'STANDARD' }),
    'env_replication_endpoints[0].site: found "STANDARD", expected another name: STANDARD, STANDARD_IA, REDUCED_REDUNDANCY, all have meanings of their own',
  ],
  [
    'a name with a comma',
    withSites({ ...peer, site: 'a,b' }),
    'env_replication_endpoints[0].site: found "a,b", expected a name of 1 to 63 letters, digits, dots, hyphens and underscores',
  ],
  [
    'echo',
    withSites({ ...peer, echo: true }),
    'env_replication_endpoints[0].echo: found a key that has no place here, expected no such key; echo mode is not supported',
  ],
  [
    'no concurrency',
    { replication: { queueProcessor: { concurrency: 0 } } },
    'replication.queueProcessor.concurrency: found 0, expected a whole number from 1 to 1000',
  ],
  [
    'a number as text',
    { replication: { queueProcessor: { minMPUSizeMB: '20' } } },
    'replication.queueProcessor.minMPUSizeMB: found "20", expected a whole number from 1 to 5000',
  ],
  [
    'an end of retries',
    { replication: { queueProcessor: { retry: { azure: { maxRetries: 5 } } } } },
    'replication.queueProcessor.retry.azure.maxRetries: found a key that has no place here, expected no such key; transient and throttled failures are retried until they succeed, at the pace of `backoff`',
  ],
  [
    'a backoff upside down',
    { replication: { queueProcessor: { retry: { azure: { backoff: { min: 5, max: 4 } } } } } },
    'replication.queueProcessor.retry.azure.backoff.min: found 5, expected at most max, which is 4 (milliseconds)',
  ],
  [
    'one topic twice',
    { replication: { topic: 'x', replicationStatusTopic: 'x' } },
    'replication.replicationStatusTopic: found "x", expected another topic than that of topic',
  ],
  [
    'a topic name',
    { replication: { topic: 'a/b' } },
    'replication.topic: found "a/b", expected a topic name: 1 to 249 letters, digits, dots, hyphens and underscores',
  ],
  [
    'a source without its gateway',
    { replication: { source: { s3: { host: 'a', port: 1 } } } },
    'replication.source: found a key that has no place here, expected no source, or `gateway: http`, which reads the source through it',
  ],
  [
    'an assumed role',
    { replication: { gateway: 'http', source: { s3: { host: 'a', port: 1 }, auth: { type: 'role', account: 'x' } } } },
    'replication.source.auth.type: found "role", expected service or account; there is no Vault here whose roles could be assumed',
  ],
  [
    'an account without a file',
    {
      replication: { gateway: 'http', source: { s3: { host: 'a', port: 1 }, auth: { type: 'service', account: 'x' } } },
    },
    'replication.source.auth.account: found "x", expected an account of the file that `accounts` names, but there is none',
  ],
  [
    'a destination',
    { replication: { destination: {} } },
    'replication.destination: found a key that has no place here, expected no such key; the sites are env_replication_endpoints at the top level',
  ],
  [
    'a gateway',
    { replication: { gateway: 'htp' } },
    'replication.gateway: found "htp", expected one of direct, http; did you mean "http"?',
  ],
  [
    'a target that is neither webhook nor topic',
    { notifications: { targets: { audit: {} } } },
    'notifications.targets.audit: found neither webhook nor kafka, expected one of the two',
  ],
  [
    'a webhook of another scheme',
    { notifications: { targets: { audit: { webhook: { url: 'ftp://hunter2.example/' } } } } },
    'notifications.targets.audit.webhook.url: found a string (not shown), expected an http or https URL without user, password and fragment (`authorization` is a key of its own)',
  ],
  [
    'a target whose name cannot stand in an ARN',
    { notifications: { targets: { 'a:b': { webhook: { url: 'http://127.0.0.1/' } } } } },
    'notifications.targets["a:b"]: found a name with other characters, expected letters, digits, dots, hyphens and underscores, at most 256',
  ],
  [
    'a broker that is no address',
    { notifications: { targets: { audit: { kafka: { brokers: ['a b'], topic: 't' } } } } },
    'notifications.targets.audit.kafka.brokers[0]: found "a b", expected host or host:port (port 9092 if left out)',
  ],
  [
    'a day that is too long',
    { s3: { lifecycle: { dayLengthSeconds: 90_000 } } },
    's3.lifecycle.dayLengthSeconds: found 90000, expected a whole number from 1 to 86400',
  ],
]

const profiles = '[backup]\naws_access_key_id=AK\naws_secret_access_key=hunter2\n'
const files = { '/home/user/.aws/credentials': profiles }
const environment = memoryEnvironment(files, { EMPTY: '', SECRET: 'hunter2 hunter2' })

for (const [title, value, ...expected] of cases) {
  test(`refused with a helpful line: ${title}`, () => {
    const result = buildConfig(value, { environment })
    assert.ok(!result.ok)
    const lines = result.problems.map(formatProblem)
    for (const line of expected) assert.ok(lines.includes(line), `missing: ${line}\nfound:\n${lines.join('\n')}`)
    for (const secret of secrets) {
      const shown = lines.filter(line => line.includes(secret))
      assert.deepEqual(shown, [], 'a secret is shown')
    }
  })
}
