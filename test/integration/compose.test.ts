// Goal: the compose file of examples/distributed says what the program understands. Method: its secrets are made in a temporary folder, its YAML is
// read, and every command line and configuration in it goes through the program's own readers. Containers are not started.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { readRoleChoice } from '../../src/cli/role-choice.ts'
import { buildConfig } from '../../src/config/load.ts'
import { memoryEnvironment } from '../../src/config/memory-environment.ts'
import { formatProblem } from '../../src/config/problem.ts'
import type { Config } from '../../src/config/types.ts'
import { roleNames } from '../../src/engine/parts.ts'

interface Service {
  readonly command?: readonly string[]
  readonly depends_on?: unknown
  readonly environment?: Readonly<Record<string, unknown>>
  readonly volumes?: readonly string[]
}

const folder = join(import.meta.dirname, '..', '..', 'examples', 'distributed')
const made = mkdtempSync(join(tmpdir(), 'crossbeat-compose-'))
after(() => rmSync(made, { recursive: true }))
execFileSync(join(folder, 'prepare.sh'), { env: { ...process.env, FOLDER: made } })

const text = (name: string): string => readFileSync(join(folder, name), 'utf8')
const compose: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(text('compose.yaml'), {
  merge: true,
})
const variables = Object.fromEntries(
  readFileSync(join(made, '.env'), 'utf8')
    .trim()
    .split('\n')
    .map(line => line.split(/=(.*)/).slice(0, 2)),
)

function configOf(name: string, accounts: string): Config {
  const files = { [`/etc/crossbeat/${accounts}`]: readFileSync(join(made, accounts), 'utf8') }
  const environment = memoryEnvironment(files, { ...variables, AZURE_KEY: 'a2V5' })
  const result = buildConfig(parse(text(name)), { environment })
  if (!result.ok) assert.fail(result.problems.map(formatProblem).join('\n'))
  return result.config
}

/** The options of a `start` command line. */
function optionsOf(command: readonly string[]): { role?: string[]; site?: string[] } {
  const values = (name: string): string[] =>
    command.flatMap((word, index) => (word === name ? [command[index + 1] ?? ''] : []))
  const [role, site] = [values('--role'), values('--site')]
  return { ...(role.length === 0 ? {} : { role }), ...(site.length === 0 ? {} : { site }) }
}

const crossbeats = Object.entries(compose.services).filter(([, service]) => service.command?.[0] === 'start')

test('every role is played, every site has two queue processors, and there are two S3 front ends', () => {
  const config = configOf('crossbeat.yaml', 'authdata.json')
  const played: string[] = []
  for (const [name, { command = [] }] of crossbeats) {
    if (name === 's3-cloud') continue
    const read = readRoleChoice(optionsOf(command), config)
    if (!read.ok) assert.fail(`${name}: ${read.problems.join('\n')}`)
    for (const role of read.choice.roles)
      for (const site of read.choice.sites ?? ['']) played.push(role === 'processor' ? `${role} ${site}` : role)
  }
  assert.deepEqual(new Set(played.map(what => what.split(' ')[0])), new Set(roleNames))
  const twice = ['s3', 'processor awsbackend', 'processor azurebackend']
  for (const what of twice) assert.equal(played.filter(one => one === what).length, 2, what)
})

test('the stand-in cloud is a whole Crossbeat with accounts of its own', () => {
  const config = configOf('cloud.yaml', 'cloud-authdata.json')
  const read = readRoleChoice(optionsOf(compose.services['s3-cloud']?.command ?? []), config)
  assert.ok(read.ok)
})

test('what services keep is in volumes that the file declares', () => {
  for (const [name, { volumes = [] }] of Object.entries(compose.services))
    for (const volume of volumes) assert.ok((volume.split(':')[0] ?? '') in compose.volumes, `${name}: ${volume}`)
})

test('what the servers of the engine must keep is where they write it', () => {
  const kept = (name: string) => (compose.services[name]?.volumes ?? []).map(volume => volume.split(':')[1]).sort()
  assert.deepEqual(kept('postgres'), ['/var/lib/postgresql/data'])
  // Snapshots and the log of transactions: either is nothing without the other.
  assert.deepEqual(kept('zookeeper'), ['/data', '/datalog'])
  assert.deepEqual(kept('kafka'), [compose.services['kafka']?.environment?.['KAFKA_LOG_DIRS']])
})

test('the image has a client of ZooKeeper, which the program compiles, and not npm', () => {
  const steps = text('Dockerfile')
  assert.match(steps, /^RUN node examples\/distributed\/compile-client\.ts$/m)
  const folder = /^ENV CROSSBEAT_SERVICES=(\S+)$/gm
  assert.deepEqual(
    [...steps.matchAll(folder)].map(([, path]) => path),
    ['/services', '/services'],
  )
  assert.match(steps, /^COPY --from=build --chown=node:node \/services \/services$/m)
})

test('secrets are made anew for each installation and never over those that are there', () => {
  assert.throws(() =>
    execFileSync(join(folder, 'prepare.sh'), { env: { ...process.env, FOLDER: made }, stdio: 'pipe' }),
  )
  assert.match(variables['POSTGRES_PASSWORD'] ?? '', /^[0-9a-f]{32}$/)
})
