// Goal: an import converts every key or says what became of it, never loses one silently, never prints a value that may be
// a secret, and always gives a configuration that passes the check. Method: every key of the original programs' files in
// one set of files, single changes of it, and arbitrary JSON.

import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../../test/properties.ts'
import { buildConfig, loadConfig } from '../load.ts'
import { memoryEnvironment } from '../memory-environment.ts'
import { formatPath } from '../problem.ts'
import { formatYaml } from '../yaml.ts'
import { leaves } from './catalogue.ts'
import { importConfig } from './convert.ts'
import { type Finding, formatFinding } from './finding.ts'
import { authdata, backbeat, cloudserver, locations } from './samples.ts'

const authdataFile = '/work/authdata.json'
const environment = memoryEnvironment({ [authdataFile]: JSON.stringify(authdata) })
const everything = { cloudserver, locations, authdata, authdataFile, backbeat }

function lines(findings: readonly Finding[], verdict: Finding['verdict']): readonly string[] {
  return findings.filter(finding => finding.verdict === verdict).map(formatFinding)
}

test('the sample of all files gives the expected configuration', () => {
  const { config } = importConfig(everything, environment)
  assert.deepEqual(config, {
    dataDir: './data',
    s3: { listen: '127.0.0.1:8000' },
    control: { listen: '127.0.0.1:8900' },
    accounts: authdataFile,
    replicationGroupId: 'RG001',
    locations: {
      'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: true, details: {} },
      awsbackend: {
        type: 'aws_s3',
        objectId: 'aws',
        legacyAwsBehavior: true,
        details: locations.awsbackend.details,
      },
      azurebackend: {
        type: 'azure',
        objectId: 'az',
        legacyAwsBehavior: false,
        details: { ...locations.azurebackend.details, azureStorageAccessKey: 'aHVudGVyMg==' },
      },
    },
    env_replication_endpoints: [
      {
        site: 'zenko',
        servers: ['127.0.0.1:9443'],
        credentials: { accessKey: 'LISA', secretKey: 'hunter2' },
        default: true,
      },
      { site: 'awsbackend', type: 'aws_s3' },
      { site: 'azurebackend', type: 'azure' },
    ],
    replication: {
      topic: 'backbeat-replication',
      replicationStatusTopic: 'backbeat-replication-status',
      queueProcessor: {
        concurrency: 11,
        mpuPartsConcurrency: 12,
        minMPUSizeMB: 21,
        retry: { aws_s3: { backoff: { min: 60_000, max: 900_000, jitter: 0.1, factor: 1.5 } } },
      },
    },
    log: { level: 'info' },
  })
})

test('the YAML of the result passes the check and means the same', async () => {
  const { config } = importConfig(everything, environment)
  const files = { '/work/crossbeat.yaml': formatYaml(config), [authdataFile]: JSON.stringify(authdata) }
  const result = await loadConfig('crossbeat.yaml', memoryEnvironment(files))
  assert.ok(result.ok)
})

test('every key of every file has a finding, or one for each of its parts', () => {
  const { findings } = importConfig(everything, environment)
  for (const [source, root] of Object.entries({ cloudserver, locations, authdata, backbeat })) {
    const reported = findings.filter(finding => finding.source === source).map(finding => formatPath(finding.path))
    for (const { path, value } of leaves(root, [])) {
      const text = formatPath(path)
      const parts = Array.isArray(value) && value.length > 0
      const known = parts ? reported.some(each => each.startsWith(text)) : reported.includes(text)
      assert.ok(known, `${source}: ${text} has no finding`)
    }
  }
})

test('the sample has nothing unknown and no contradiction, and what is not supported is told with its consequence', () => {
  const { findings } = importConfig(everything, environment)
  assert.deepEqual(lines(findings, 'unknown'), [])
  assert.deepEqual(lines(findings, 'contradictory'), [])
  const unsupported = lines(findings, 'not supported')
  for (const line of [
    'cloudserver: websiteEndpoints: not supported: buckets are not served as web sites',
    'cloudserver: outboundProxy.url: not supported: clouds are reached directly, not through a proxy',
    'locations: awsbackend.isTransient: not supported: the data stays in the location after it has arrived everywhere',
    'locations: gcpbackend.type: not supported: type gcp is not supported yet; the location is left out, and buckets and sites that name it do not work',
    'backbeat: extensions.ingestion.topic: not supported: buckets of other servers are not ingested',
  ]) {
    assert.ok(unsupported.includes(line), unsupported.join('\n'))
  }
  assert.ok(findings.every(finding => finding.verdict === 'converted' || finding.text !== ''))
})

test('no finding shows a secret', () => {
  const broken = {
    ...locations,
    azurebackend: {
      ...locations.azurebackend,
      details: { ...locations.azurebackend.details, azureStorageAccessKey: 'hunter2!' },
    },
  }
  for (const set of [everything, { ...everything, locations: broken }]) {
    const shown = importConfig(set, environment).findings.map(formatFinding).join('\n')
    assert.ok(!shown.includes('hunter2') && !shown.includes('aHVudGVy') && !shown.includes('geheim'))
  }
})

test('contradictions between the files are told, with the side that counts', () => {
  const replication = backbeat.extensions.replication
  const bootstrapList = [
    { site: 'zenko', servers: ['10.0.0.1:8000'] },
    { site: 'awsbackend', type: 'azure', default: true },
    { site: 'only', type: 'aws_s3' },
  ]
  const other = {
    ...backbeat,
    replicationGroupId: 'RG002  ',
    log: { logLevel: 'debug' },
    extensions: { replication: { ...replication, destination: { ...replication.destination, bootstrapList } } },
  }
  const { config, findings } = importConfig({ ...everything, backbeat: other }, environment)
  const list = 'backbeat: extensions.replication.destination.bootstrapList'
  assert.deepEqual([...lines(findings, 'contradictory')].sort(), [
    `${list}[1].default: contradictory: the default site is another one in CloudServer, whose "zenko" counts`,
    `${list}[1].type: contradictory: the site has another type in CloudServer, which counts (a site without a type has servers)`,
    `${list}[2].type: contradictory: there is no usable location of that name; the site is left out`,
    `${list}[2]: contradictory: the site is in bootstrapList only, not in replicationEndpoints of CloudServer`,
    'backbeat: log.logLevel: contradictory: the level is another one in CloudServer, which counts',
    'backbeat: replicationGroupId: contradictory: the id is another one in CloudServer, which counts',
    'cloudserver: replicationEndpoints[0].servers: contradictory: the servers are others in Backbeat, which count',
    'cloudserver: replicationEndpoints[2]: contradictory: the site is in replicationEndpoints only, not in bootstrapList of Backbeat',
  ])
  const sites = config['env_replication_endpoints']
  assert.ok(Array.isArray(sites) && sites.length === 3)
  assert.deepEqual(sites[0].servers, ['10.0.0.1:8000'])
})

test('a site with servers is left out if nothing can sign for it', () => {
  const { config, findings } = importConfig(
    { ...everything, authdata: undefined, authdataFile: undefined },
    environment,
  )
  const sites = config['env_replication_endpoints']
  assert.ok(Array.isArray(sites) && sites.every(site => site.servers === undefined))
  const unsupported = lines(findings, 'not supported')
  assert.ok(
    unsupported.includes(
      'cloudserver: replicationEndpoints[0].servers: not supported: the account is not in the accounts file (--authdata); the site is left out',
    ),
    unsupported.join('\n'),
  )
  assert.ok(
    unsupported.includes(
      'cloudserver: replicationEndpoints[0].site: not supported: the default site is left out; "awsbackend" is the default instead',
    ),
  )
})

test('what the check refuses is taken out and told', () => {
  const bad = { ...cloudserver, listenOn: ['no port', '127.0.0.1:8000'], replicationGroupId: 7 }
  const { config, findings } = importConfig({ ...everything, cloudserver: bad }, environment)
  assert.equal(config['replicationGroupId'], undefined)
  const unsupported = lines(findings, 'not supported')
  assert.ok(
    unsupported.some(line => line.startsWith('cloudserver: listenOn: not supported: found "no port"')),
    unsupported.join('\n'),
  )
  assert.ok(unsupported.some(line => line.startsWith('cloudserver: replicationGroupId: not supported: found 7')))
})

test('an unknown key is told', () => {
  const { findings } = importConfig(
    { ...everything, cloudserver: { ...cloudserver, wharrgarbl: { a: 1 } } },
    environment,
  )
  assert.deepEqual(lines(findings, 'unknown'), ['cloudserver: wharrgarbl.a: unknown: it has no effect here'])
})

test('a file without us-east-1 gets one', () => {
  const { awsbackend } = locations
  const { config, findings } = importConfig({ ...everything, locations: { awsbackend } }, environment)
  assert.ok(buildConfig(config, { environment }).ok)
  assert.ok(lines(findings, 'contradictory').some(line => line.includes('there is no us-east-1')))
})

const postgres = 'postgres://crossbeat:hunter2@db/crossbeat'

test("with a PostgreSQL, Backbeat's servers become the engine", () => {
  const { config, findings } = importConfig({ ...everything, postgres }, environment)
  assert.deepEqual(config['engine'], {
    metadata: { postgres: { url: postgres } },
    log: { kafka: { brokers: ['127.0.0.1:9092'] } },
    state: { zookeeper: { connectionString: '127.0.0.1:2181/backbeat' } },
    signals: {
      redis: { sentinels: ['a:1'], name: 'backbeat', password: 'hunter2', sentinelPassword: 'hunter2' },
    },
  })
  assert.ok(buildConfig(config, { environment }).ok)
  assert.ok(lines(findings, 'converted').includes('backbeat: kafka.hosts: converted'))
  assert.ok(lines(findings, 'not needed').includes('backbeat: redis.host: not needed: the sentinels count'))
  assert.ok(!findings.map(formatFinding).join('\n').includes('hunter2'))
})

test('a Redis without sentinels is named by its address', () => {
  const one = { ...backbeat, redis: { host: 'cache', port: 6380 } }
  const { config } = importConfig({ ...everything, backbeat: one, postgres }, environment)
  assert.deepEqual(Object.values(config['engine'] ?? {}).at(-1), { redis: { url: 'redis://cache:6380' } })
})

test('an engine that lacks something is left out and told', () => {
  const rows: readonly (readonly [object, string])[] = [
    [{ authdata: undefined, authdataFile: undefined }, 'authdata: the file: not supported: many processes need'],
    [{ backbeat: { ...backbeat, kafka: {} } }, 'backbeat: kafka.hosts: not supported: it is no text'],
    [{ backbeat: { ...backbeat, kafka: { hosts: 'http://a' } } }, 'backbeat: kafka.hosts: not supported: found'],
    [
      { backbeat: { ...backbeat, zookeeper: { connectionString: '!' } } },
      'backbeat: zookeeper.connectionString: not supported: found',
    ],
  ]
  for (const [change, line] of rows) {
    const { config, findings } = importConfig({ ...everything, postgres, ...change }, environment)
    assert.equal(config['engine'], undefined)
    assert.ok(buildConfig(config, { environment }).ok)
    const unsupported = lines(findings, 'not supported')
    assert.ok(
      unsupported.some(each => each.startsWith(line)),
      `${line}\n${unsupported.join('\n')}`,
    )
  }
})

test('a text that looks like a reference stays what it is', () => {
  const dollar = '$'
  const details = { ...locations.awsbackend.details, credentials: { accessKey: 'AK', secretKey: `a${dollar}{b}` } }
  const set = { ...everything, locations: { ...locations, awsbackend: { ...locations.awsbackend, details } } }
  const result = buildConfig(importConfig(set, environment).config, { environment })
  const location = result.ok ? result.config.locations.find(each => each.name === 'awsbackend') : undefined
  assert.ok(location?.type === 'aws_s3')
  assert.equal(location.details.credentials.secretKey.reveal(), `a${dollar}{b}`)
})

test('whatever the files hold, nothing throws and the result passes the check', () => {
  const json = fc.jsonValue({ maxDepth: 3 })
  const mutate = (root: object) =>
    fc
      .tuple(fc.constantFrom(...[...leaves(root, [])].map(leaf => leaf.path)), json)
      .map(([path, value]) => changed(root, path, value))
  const maybe = <T>(sample: fc.Arbitrary<T>) => fc.option(sample, { nil: undefined, freq: 9 })
  const set = fc.record({
    cloudserver: maybe(
      fc.oneof(mutate(cloudserver), fc.dictionary(fc.constantFrom('port', 'listenOn', 'replicationEndpoints'), json)),
    ),
    locations: maybe(
      fc.oneof(mutate(locations), fc.dictionary(fc.constantFrom('us-east-1', 'awsbackend', '__proto__'), json)),
    ),
    authdata: maybe(fc.oneof(fc.constant(authdata), json)),
    backbeat: maybe(fc.oneof(mutate(backbeat), json)),
    postgres: maybe(fc.oneof(fc.constant(postgres), fc.string())),
  })
  fc.assert(
    fc.property(set, sources => {
      const result = importConfig({ ...sources, authdataFile }, environment)
      assert.ok(buildConfig(result.config, { environment }).ok)
    }),
    { numRuns: 100 },
  )
})

function changed(root: object, path: readonly (string | number)[], value: unknown): object {
  const [first, ...rest] = path
  const entries = Object.entries(root).map(([key, item]): [string, unknown] => {
    if (key !== first) return [key, item]
    return [key, rest.length === 0 || typeof item !== 'object' ? value : changed(item, rest, value)]
  })
  return Object.fromEntries(entries)
}
