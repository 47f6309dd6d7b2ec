// Goal: the three `config` commands answer with the right exit code on the right stream, also for files that are missing
// or broken. Method: real files in a temporary folder for one run of each, files in memory for the rest.

import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { loadConfig } from '../config/load.ts'
import { memoryEnvironment } from '../config/memory-environment.ts'
import { configCheck } from './config-check.ts'
import { configImport } from './config-import.ts'
import { configRender } from './config-render.ts'

function captured() {
  const stdout: string[] = []
  const stderr: string[] = []
  return {
    stdout,
    stderr,
    out: { stdout: (text: string) => void stdout.push(text), stderr: (text: string) => void stderr.push(text) },
  }
}

const credentials = '{accessKey: a, secretKey: hunter2}'
const goodFile = `locations:
  us-east-1: {type: file, objectId: us-east-1, legacyAwsBehavior: false, details: {}}
  aws: {type: aws_s3, objectId: aws, legacyAwsBehavior: true, details: {bucketName: copies, credentials: ${credentials}}}
env_replication_endpoints:
  site: aws
  type: aws_s3
  site: peer
  servers: ["peer:8000"]
  credentials: ${credentials}
`

test('config check says ok in one line, with the sites', async () => {
  const { stdout, stderr, out } = captured()
  const environment = memoryEnvironment({ '/work/c.yaml': goodFile, '/work/empty.yaml': '' })
  assert.equal(await configCheck('c.yaml', out, file => loadConfig(file, environment)), 0)
  assert.equal(await configCheck('empty.yaml', out, file => loadConfig(file, environment)), 0)
  assert.deepEqual(stdout, [
    'c.yaml: ok, 2 locations, sites aws (aws_s3, default), peer (servers)',
    'empty.yaml: ok, 1 location, no sites',
  ])
  assert.deepEqual(stderr, [])
})

test('config check prints every problem with its place and answers 1', async () => {
  const { stdout, stderr, out } = captured()
  const environment = memoryEnvironment({ '/work/c.yaml': 'dataDr: x\nlog: {level: no}\n' })
  assert.equal(await configCheck('c.yaml', out, file => loadConfig(file, environment)), 1)
  assert.deepEqual(stdout, [])
  assert.equal(stderr[0], 'c.yaml: 2 problems')
  assert.match(stderr[1] ?? '', /^ {2}dataDr: found an unknown key, .*did you mean "dataDir"\? \(c\.yaml:1:1\)$/)
  assert.match(stderr[2] ?? '', /^ {2}log\.level: found "no"/)
})

test('the commands read real files, as seen from where they are', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-config-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'crossbeat.yaml')
  await writeFile(file, `\uFEFF${goodFile}dataDir: here\n`)
  const { stdout, stderr, out } = captured()
  assert.equal(await configCheck(file, out), 0, stderr.join('\n'))
  assert.equal(await configRender({ federation: file }, out), 0)
  const result = await loadConfig(file)
  assert.ok(result.ok && result.config.dataDir === join(folder, 'here'))
  assert.equal(stdout.length, 2)
  await chmod(file, 0o000)
  assert.equal(await configCheck(folder, out), 1)
  assert.match(stderr.at(-1) ?? '', /which cannot be read \(EISDIR\)/)
})

test('config render prints one JSON object', async () => {
  const { stdout, out } = captured()
  const environment = memoryEnvironment({
    '/work/all': 'env_replication_endpoints:\n  site: a\n  type: aws_s3\n  site: b\n  type: azure\n',
  })
  assert.equal(await configRender({ federation: 'all' }, out, environment), 0)
  const list = [
    { site: 'a', type: 'aws_s3' },
    { site: 'b', type: 'azure' },
  ]
  assert.deepEqual(JSON.parse(stdout.join('\n')), {
    backbeat: { extensions: { replication: { destination: { bootstrapList: list } } } },
    cloudserver: { replicationEndpoints: list },
  })
})

test('config render answers 1 and prints nothing on stdout for a bad file', async () => {
  const { stdout, stderr, out } = captured()
  const environment = memoryEnvironment({ '/work/all': 'env_replication_endpoints: [{site: a, type: aws}]' })
  assert.equal(await configRender({ federation: 'all' }, out, environment), 1)
  assert.equal(await configRender({ federation: 'none' }, out, environment), 1)
  assert.deepEqual(stdout, [])
  assert.match(stderr[0] ?? '', /type: found "aws"/)
  assert.equal(stderr[1], 'none: cannot be read (ENOENT)')
})

const locations = JSON.stringify({
  'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: true, details: {} },
})

test('config import prints YAML on stdout and the report on stderr', async () => {
  const { stdout, stderr, out } = captured()
  const environment = memoryEnvironment({ '/work/loc.json': locations })
  assert.equal(await configImport({ locations: 'loc.json' }, out, environment), 0)
  assert.match(stdout.join('\n'), /^dataDir: \.\/data\nlocations:\n {2}us-east-1:\n/)
  assert.deepEqual(stderr, ['4 converted, 0 not needed, 0 not supported, 0 contradictory, 0 unknown'])
})

test('config import answers 2 if anything is not supported', async () => {
  const { stdout, stderr, out } = captured()
  const files = { '/work/loc.json': locations, '/work/cs.json': '{"websiteEndpoints": ["x"], "port": 8000}' }
  assert.equal(await configImport({ locations: 'loc.json', cloudserver: 'cs.json' }, out, memoryEnvironment(files)), 2)
  assert.ok(stderr.includes('cloudserver: websiteEndpoints: not supported: buckets are not served as web sites'))
  assert.match(stdout.join('\n'), /listen: 0\.0\.0\.0:8000/)
})

test('config import answers 1 for files that are missing, no JSON or no object, without quoting them', async () => {
  const { stdout, stderr, out } = captured()
  const environment = memoryEnvironment({ '/work/cs.json': '{"secret": "hunter2" hunter2}', '/work/list.json': '[]' })
  assert.equal(await configImport({}, out, environment), 1)
  assert.equal(
    await configImport({ cloudserver: 'cs.json', locations: 'list.json', authdata: 'none.json' }, out, environment),
    1,
  )
  assert.deepEqual(stdout, [])
  assert.equal(stderr[0], 'config import needs --cloudserver or --locations')
  assert.match(stderr[1] ?? '', /^--cloudserver cs\.json: is not JSON \(at position \d+/)
  assert.equal(stderr[2], '--locations list.json: found something else, expected a JSON object')
  assert.equal(stderr[3], '--authdata none.json: cannot be read (ENOENT)')
  assert.ok(!stderr.join('\n').includes('hunter2'))
})
