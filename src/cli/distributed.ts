// `npm run distributed`: the whole distributed layout on this machine. Starts Kafka, ZooKeeper, Redis and PostgreSQL, two stand-in clouds, and a
// process for each role (two S3 front ends, a populator, two queue processors per site, status); plays the role control itself; then does what
// `npm start` does on it, and keeps running. A second run finds its data again.
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { realWorld } from '../base/world.ts'
import { type EngineServers, startEngineServers } from '../demo/engine-servers.ts'
import { type RolePlan, type RunningRole, startRoles, stopRoles } from '../demo/role-processes.ts'
import { startStandIns } from '../demo/stand-ins.ts'
import { startEngine } from '../engine/start-engine.ts'
import type { DemoOptions } from './demo.ts'
import { cloudSites, configOf, portNear, projectRoot, runDemo } from './demo-run.ts'
import type { Output } from './output.ts'
import { runUntilStopped } from './start.ts'

const exitFailed = 1
const waitMs = 60_000

export async function distributed(options: DemoOptions, output: Output): Promise<number> {
  const folder = resolve(options.dataDir ?? join(projectRoot, 'data', 'distributed'))
  await mkdir(folder, { recursive: true })
  const closings: (() => Promise<void>)[] = []
  try {
    return await start(folder, output, closing => closings.push(closing))
  } catch (error) {
    // What was to be downloaded or started and is not there: the message says what, why and what would help.
    output.stderr(`crossbeat: ${error instanceof Error ? error.message : String(error)}`)
    output.stderr(`If the data of an earlier run is in the way, remove ${folder} and start again.`)
    return exitFailed
  } finally {
    for (const closing of closings.toReversed()) await closing()
  }
}

async function start(folder: string, output: Output, closing: (close: () => Promise<void>) => void): Promise<number> {
  const installing = (what: string): void => output.stdout(`Installing ${what}.`)
  output.stdout('Starting Kafka, ZooKeeper, Redis and PostgreSQL, and two stand-in clouds.')
  const [firstPort, secondPort, controlPort, cloudPort, azurePort] = [
    await portNear(8000),
    await portNear(8002),
    await portNear(8900),
    await portNear(8001),
    await portNear(10_000),
  ]
  // The stand-ins first: they find out whether another run has the folder.
  const clouds = await startStandIns({ dataFolder: folder, s3Port: cloudPort, azurePort, installing })
  closing(() => clouds.stop())
  const servers = await startEngineServers({ dataFolder: join(folder, 'engine'), installing })
  closing(() => servers.stop())
  const account = await administrator(join(folder, 'authdata.json'))
  const common = {
    control: { listen: `127.0.0.1:${controlPort}` },
    accounts: account.file,
    log: { level: 'warn' },
    ...cloudSites(clouds),
    engine: servers.engine,
  }
  output.stdout('Starting the processes of Crossbeat.')
  const roles = await startRoles(layout(firstPort, secondPort), { folder, common })
  closing(() => stopRoles(roles))
  const engine = await startEngine({
    config: configOf({ ...common, dataDir: join(folder, 'control') }),
    world: realWorld,
    choice: { roles: ['control'] },
    waitMs,
    waiting: line => output.stderr(`crossbeat: ${line}`),
  })
  output.stdout(listed(roles, servers, controlPort))
  const run = runDemo({
    command: 'npm run distributed',
    s3: { host: '127.0.0.1', port: firstPort },
    control: { host: '127.0.0.1', port: controlPort },
    keys: account,
    store: engine.store,
    clouds,
    dataFolder: folder,
    output,
  })
  return runUntilStopped(engine, output, run)
}

function layout(firstPort: number, secondPort: number): readonly RolePlan[] {
  return [
    { name: 's3-1', role: 's3', s3Port: firstPort },
    { name: 's3-2', role: 's3', s3Port: secondPort },
    { name: 'populator', role: 'populator' },
    { name: 'awsbackend-1', role: 'processor', site: 'awsbackend' },
    { name: 'awsbackend-2', role: 'processor', site: 'awsbackend' },
    { name: 'azurebackend-1', role: 'processor', site: 'azurebackend' },
    { name: 'azurebackend-2', role: 'processor', site: 'azurebackend' },
    { name: 'status', role: 'status' },
  ]
}

interface Administrator {
  readonly file: string
  readonly accessKey: string
  readonly secretKey: string
}

/** All processes need the same accounts: a file in CloudServer's format, made on the first run. */
async function administrator(file: string): Promise<Administrator> {
  const stored = await readFile(file, 'utf8').catch(() => null)
  if (stored !== null) {
    const parsed: { accounts?: { keys?: { access?: string; secret?: string }[] }[] } = JSON.parse(stored)
    const key = parsed.accounts?.[0]?.keys?.[0]
    if (key?.access === undefined || key.secret === undefined) throw new Error(`${file} holds no keys`)
    return { file, accessKey: key.access, secretKey: key.secret }
  }
  const accessKey = randomBytes(10).toString('hex').toUpperCase()
  const secretKey = randomBytes(20).toString('hex')
  const account = {
    name: 'administrator',
    email: 'administrator@example.com',
    arn: 'arn:aws:iam::100000000001:root',
    canonicalID: randomBytes(32).toString('hex'),
    shortid: '100000000001',
    admin: true,
    keys: [{ access: accessKey, secret: secretKey }],
  }
  await writeFile(file, `${JSON.stringify({ accounts: [account] }, null, 2)}\n`, { mode: 0o600 })
  return { file, accessKey, secretKey }
}

function listed(roles: readonly RunningRole[], servers: EngineServers, controlPort: number): string {
  const line = (name: string, pid: number, where: string): string =>
    `  ${name.padEnd(16)}  ${String(pid).padStart(8)}  ${where}`
  const { kafka, zookeeper, redis, postgres } = servers
  return [
    '  process                pid  where',
    ...kafka.brokers.map(broker => line('Kafka', broker.pid, broker.address)),
    line('ZooKeeper', zookeeper.pid, zookeeper.connectionString),
    line('Redis', redis.pid, redis.url),
    line('PostgreSQL', postgres.pid, postgres.url),
    ...roles.map(({ plan, pid, s3Port, probesPort }) => {
      const probes = `probes on http://127.0.0.1:${probesPort}/ready`
      return line(plan.name, pid, plan.role === 's3' ? `S3 on http://127.0.0.1:${s3Port}, ${probes}` : probes)
    }),
    line('control', process.pid, `http://127.0.0.1:${controlPort}`),
  ].join('\n')
}
