// Goal: a configuration file is either complete and usable or answered with everything that is wrong with it at once, in
// words that help and never with a secret. Method: files in memory, a table of bad ones, and arbitrary values.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { fc } from '../../test/properties.ts'
import { buildConfig, loadConfig } from './load.ts'
import { memoryEnvironment } from './memory-environment.ts'
import { formatProblem } from './problem.ts'
import type { Config, Problem } from './types.ts'

const local = { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} }
const aws = {
  type: 'aws_s3',
  objectId: 'aws1',
  legacyAwsBehavior: true,
  details: { bucketName: 'copies', credentials: { accessKey: 'AK', secretKey: 'hunter2' } },
}
const azure = {
  type: 'azure',
  objectId: 'az1',
  legacyAwsBehavior: false,
  details: {
    azureStorageEndpoint: 'https://acct.blob.core.windows.net',
    azureContainerName: 'copies',
    azureStorageAccountName: 'acct',
    azureStorageAccessKey: 'aHVudGVyMg==',
  },
}

function build(value: unknown, files = {}, variables = {}) {
  return buildConfig(value, { environment: memoryEnvironment(files, variables) })
}

function good(value: unknown, files = {}, variables = {}): Config {
  const result = build(value, files, variables)
  if (!result.ok) assert.fail(result.problems.map(formatProblem).join('\n'))
  return result.config
}

function problems(value: unknown, files = {}, variables = {}): readonly Problem[] {
  const result = build(value, files, variables)
  assert.ok(!result.ok, 'the configuration should be refused')
  return result.problems
}

test('the data of all buckets may lie in an S3 location, which may be a site as well', () => {
  const sites = { env_replication_endpoints: [{ site: 'us-east-1', type: 'aws_s3' }] }
  const config = good({ locations: { 'us-east-1': { ...aws, objectId: 'us-east-1' } }, ...sites })
  assert.deepEqual(
    config.locations.map(location => [location.name, location.type]),
    [['us-east-1', 'aws_s3']],
  )
})

test('an empty configuration is complete: every key has a default', () => {
  const config = good({})
  assert.equal(config.dataDir, '/work/data')
  assert.deepEqual(config.s3, {
    listen: { host: '127.0.0.1', port: 8000 },
    advertise: undefined,
    // By the machine's cores.
    workers: config.s3.workers,
    encryption: undefined,
    lifecycle: { intervalMs: 3_600_000, dayMs: 86_400_000 },
    region: 'us-east-1',
    endpoints: [],
    websiteEndpoints: [],
    tls: undefined,
  })
  assert.deepEqual(config.control.listen, { host: '127.0.0.1', port: 8900 })
  assert.equal(config.accountsFile, undefined)
  assert.deepEqual(
    config.locations.map(location => [location.name, location.type]),
    [['us-east-1', 'file']],
  )
  assert.deepEqual(config.sites, [])
  assert.equal(config.replicationGroupId, 'RG001  ')
  assert.equal(config.replication.memory.inFlightBytes, 96_000_000)
  assert.deepEqual(config.replication.queueProcessor.retry.azure, {
    minMs: 1000,
    maxMs: 300_000,
    jitter: 0.1,
    factor: 1.5,
  })
})

test('the example file is good once its secrets are set', async () => {
  const text = await readFile(new URL('../../examples/crossbeat.yaml', import.meta.url), 'utf8')
  const variables = { AWS_KEY: 'a', AWS_SECRET: 'b', AZURE_KEY: 'YWJj', PEER_KEY: 'c', PEER_SECRET: 'd' }
  const result = await loadConfig('crossbeat.yaml', memoryEnvironment({ '/work/crossbeat.yaml': text }, variables))
  assert.ok(result.ok)
  assert.deepEqual(
    result.config.sites.map(site => [site.site, site.kind, site.isDefault]),
    [
      ['awsbackend', 'cloud', true],
      ['azurebackend', 'cloud', false],
      ['peer', 'servers', false],
    ],
  )
  const without = await loadConfig('crossbeat.yaml', memoryEnvironment({ '/work/crossbeat.yaml': text }))
  assert.ok(!without.ok)
  assert.equal(without.problems.length, 5)
  assert.ok(
    without.problems.every(
      problem => /which is not set$/.test(problem.found) && /^crossbeat.yaml:\d+:\d+$/.test(problem.at ?? ''),
    ),
  )
})

test('locations get the defaults of CloudServer', () => {
  const config = good({ locations: { 'us-east-1': local, aws, azure } })
  const [, s3, blob] = config.locations
  assert.ok(s3?.type === 'aws_s3' && blob?.type === 'azure')
  const { credentials, ...rest } = s3.details
  assert.equal(credentials.secretKey.reveal(), 'hunter2')
  assert.deepEqual(rest, {
    awsEndpoint: 's3.amazonaws.com',
    bucketName: 'copies',
    bucketMatch: false,
    region: 'us-east-1',
    https: true,
    pathStyle: false,
    serverSideEncryption: false,
    supportsVersioning: true,
    supportsObjectLock: false,
  })
  assert.equal(blob.details.azureStorageEndpoint, 'https://acct.blob.core.windows.net/')
  assert.ok(blob.details.auth.kind === 'sharedKey' && blob.details.auth.account === 'acct')
})

test('secrets come from variables and files, and an escaped reference is a literal', () => {
  const dollar = '$'
  const credentials = {
    accessKey: `${dollar}{KEY}`,
    secretKey: `${dollar}{file:/run/aws}`,
    sessionToken: `${dollar}${dollar}{x}`,
  }
  const details = { ...aws.details, credentials }
  const config = good(
    { locations: { 'us-east-1': local, aws: { ...aws, details } } },
    { '/run/aws': 's3cret\n' },
    { KEY: 'AK' },
  )
  const location = config.locations[1]
  assert.ok(location?.type === 'aws_s3')
  assert.equal(location.details.credentials.accessKey, 'AK')
  assert.equal(location.details.credentials.secretKey.reveal(), 's3cret')
  assert.equal(location.details.credentials.sessionToken?.reveal(), `${dollar}{x}`)
})

test('a named profile is read from the shared credentials file', () => {
  const details = { bucketName: 'copies', credentialsProfile: 'backup' }
  const value = { locations: { 'us-east-1': local, aws: { ...aws, details } } }
  const file = '[backup]\naws_access_key_id=AK9\naws_secret_access_key=SK9\n'
  for (const [files, variables] of [
    [{ '/home/user/.aws/credentials': file }, {}],
    [{ '/etc/aws': file }, { AWS_SHARED_CREDENTIALS_FILE: '/etc/aws' }],
  ]) {
    const location = good(value, files, variables).locations[1]
    assert.ok(location?.type === 'aws_s3')
    assert.equal(location.details.credentials.secretKey.reveal(), 'SK9')
  }
})

test('environment variables of a location win over its Azure details', () => {
  const value = { locations: { 'us-east-1': local, azure } }
  const variables = {
    azure_AZURE_STORAGE_ACCOUNT_NAME: 'other',
    azure_AZURE_STORAGE_ENDPOINT: 'http://127.0.0.1:10000/other',
  }
  const location = good(value, {}, variables).locations[1]
  assert.ok(location?.type === 'azure' && location.details.auth.kind === 'sharedKey')
  assert.equal(location.details.auth.account, 'other')
  assert.equal(location.details.azureStorageEndpoint, 'http://127.0.0.1:10000/other/')
})

test('locations may be a file of CloudServer, and its problems name that file', async () => {
  const files = {
    '/work/crossbeat.yaml': 'locations: conf/loc.json\n',
    '/work/conf/loc.json': '{"us-east-1":\n {"type": "fle"}}',
  }
  const result = await loadConfig('crossbeat.yaml', memoryEnvironment(files))
  assert.ok(!result.ok)
  const type = result.problems.find(problem => problem.path === 'locations.us-east-1.type')
  assert.equal(type?.nearest, 'file')
  assert.equal(type?.at, 'loc.json:2:3')
})

test('master keys are wrapped, and their problems never show them', () => {
  const [one, two] = [1, 2].map(fill => Buffer.alloc(32, fill).toString('base64'))
  const keys = [
    { id: 'k1', key: one },
    { id: 'k2', key: ['$', '{file:/run/k2}'].join('') },
  ]
  const { encryption } = good({ s3: { encryption: { keys, current: 'k2' } } }, { '/run/k2': `${two}\n` }).s3
  assert.equal(encryption?.current, 'k2')
  assert.deepEqual(
    encryption?.keys.map(({ id, key }) => [id, key.reveal()]),
    [
      ['k1', one],
      ['k2', two],
    ],
  )
  for (const [wrong, path] of [
    [{ keys: [], current: 'k1' }, 's3.encryption.keys'],
    [{ keys }, 's3.encryption.current'],
    [{ keys: [keys[0]], current: 'k2' }, 's3.encryption.current'],
    [{ keys: [keys[0], keys[0]], current: 'k1' }, 's3.encryption.keys[1].id'],
    [{ keys: [{ id: 'k1', key: 'hunter2' }], current: 'k1' }, 's3.encryption.keys[0].key'],
    [{ keys: [{ id: 'k1', key: one?.slice(4) }], current: 'k1' }, 's3.encryption.keys[0].key'],
    [{ keys: [{ id: '../k', key: one }], current: 'k1' }, 's3.encryption.keys[0].id'],
  ] as const) {
    const found = problems({ s3: { encryption: wrong } }, { '/run/k2': `${two}` })
    assert.ok(found.map(problem => problem.path).includes(path), JSON.stringify(found))
    assert.ok(!JSON.stringify(found).includes('hunter2'))
    assert.ok(!JSON.stringify(found).includes(one ?? ''))
  }
})

test('a file that is missing or no YAML is one problem', async () => {
  const environment = memoryEnvironment({ '/work/bad.yaml': 'a: [1,\nb' })
  const missing = await loadConfig('none.yaml', environment)
  assert.ok(!missing.ok && missing.problems.length === 1 && missing.problems[0]?.found.includes('ENOENT'))
  const bad = await loadConfig('bad.yaml', environment)
  assert.ok(!bad.ok && /line \d+, column \d+/.test(bad.problems[0]?.found ?? ''))
})

test('the HTTP gateway signs as an account of the accounts file', () => {
  const account = { name: 'repl', email: 'r@x.y', arn: 'arn:aws:iam::123456789015:root', shortid: '123456789015' }
  const keys = [{ access: 'RK', secret: 'RS' }]
  const authdata = JSON.stringify({
    accounts: [{ ...account, canonicalID: 'http://acs.zenko.io/accounts/service/replication', keys }],
  })
  const source = {
    transport: 'http',
    s3: { host: '127.0.0.1', port: 8000 },
    auth: { type: 'service', account: 'repl' },
  }
  const value = { accounts: 'authdata.json', replication: { gateway: 'http', source } }
  const { gateway } = good(value, { '/work/authdata.json': authdata }).replication
  assert.ok(gateway.kind === 'http' && gateway.source?.credentials !== undefined)
  assert.equal(gateway.source.credentials.accessKey, 'RK')
  assert.deepEqual(good({ replication: { gateway: 'http' } }).replication.gateway, { kind: 'http', source: undefined })
  const typo = { ...source, auth: { type: 'service', account: 'rpel' } }
  const [problem] = problems(
    { ...value, replication: { gateway: 'http', source: typo } },
    { '/work/authdata.json': authdata },
  )
  assert.equal(problem?.nearest, 'repl')
})

test('all problems are reported at once, in the order of the file', async () => {
  const text =
    'dataDr: x\ns3: {listen: 8000}\nlog: {level: 7}\nlocations: {a: 1}\nenv_replication_endpoints: [{site: x, type: gcp}]\n'
  const result = await loadConfig('c.yaml', memoryEnvironment({ '/work/c.yaml': text }))
  assert.ok(!result.ok)
  assert.deepEqual(
    result.problems.map(problem => problem.path),
    [
      'dataDr',
      's3.listen',
      'log.level',
      'locations.us-east-1',
      'locations',
      'locations.a',
      'env_replication_endpoints[0].type',
    ],
  )
})

const anything = fc.anything({ maxDepth: 5, withNullPrototype: true, withBigInt: true, withDate: true })

test('no value at all makes the check throw', () => {
  fc.assert(
    fc.property(anything, value => void build(value)),
    { numRuns: 300 },
  )
})

test('no value under a known key makes the check throw', () => {
  const key = fc.constantFrom(
    'dataDir',
    's3',
    'control',
    'accounts',
    'locations',
    'env_replication_endpoints',
    'replicationGroupId',
    'replication',
    'log',
    'engine',
  )
  const inner = fc.constantFrom(
    'listen',
    'token',
    'tls',
    'us-east-1',
    'type',
    'site',
    'servers',
    'details',
    'credentials',
    'queueProcessor',
    'source',
    'auth',
    's3',
    'gateway',
    'metadata',
    'postgres',
    'kafka',
    'zookeeper',
    'redis',
    'connectionString',
    'brokers',
  )
  const value = fc.oneof(
    anything,
    fc.dictionary(inner, fc.oneof(anything, fc.dictionary(inner, anything))),
    fc.array(fc.dictionary(inner, anything)),
  )
  fc.assert(
    fc.property(fc.dictionary(key, value), sample => void build(sample)),
    { numRuns: 500 },
  )
})

test('a cyclic object is answered and not walked for ever', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['locations'] = cyclic
  cyclic['s3'] = cyclic
  assert.ok(!build(cyclic).ok)
})
