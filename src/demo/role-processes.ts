// The processes of a distributed layout: `crossbeat start --role ...` for each, with a configuration file and a log of its own, all below one
// folder. Guarantees: none outlives us; a process that does not start says why, with the end of its log.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, type Running, startService } from '../services/service-process.ts'

export interface RolePlan {
  /** Names its files. */
  readonly name: string
  readonly role: 's3' | 'populator' | 'processor' | 'status' | 'control'
  /** Of a processor. */
  readonly site?: string
  /** Where its S3 port is to be; a free one if left out. */
  readonly s3Port?: number
}

export interface RunningRole extends Running {
  readonly plan: RolePlan
  readonly s3Port: number
  /** Of `/live`, `/ready` and `/metrics`. */
  readonly probesPort: number
}

export interface RolesOptions {
  readonly folder: string
  /** What all configurations have in common: locations, sites, engine, accounts, control. */
  readonly common: object
}

/** All start at once, and each waits a while for servers that are not there yet. */
const readyWithinMs = 180_000

const program = join(import.meta.dirname, '..', 'main.ts')

/** Starts all at once; if one fails the others are stopped. */
export async function startRoles(plans: readonly RolePlan[], options: RolesOptions): Promise<readonly RunningRole[]> {
  const results = await Promise.allSettled(plans.map(plan => startRole(plan, options)))
  const running = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find(result => result.status === 'rejected')
  if (failed === undefined) return running
  await stopRoles(running)
  throw failed.reason
}

/** All at once: each finishes what it has begun. */
export async function stopRoles(roles: readonly RunningRole[]): Promise<void> {
  await Promise.all(roles.map(role => role.stop()))
}

async function startRole(plan: RolePlan, { folder, common }: RolesOptions): Promise<RunningRole> {
  const s3Port = plan.s3Port ?? (await freePort())
  const probesPort = await freePort()
  const config = join(folder, `${plan.name}.yaml`)
  const dataDir = join(folder, plan.name)
  await mkdir(dataDir, { recursive: true })
  const content = { ...common, dataDir, s3: { listen: `127.0.0.1:${s3Port}` } }
  // The clouds' keys are in it.
  await writeFile(config, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  const site = plan.site === undefined ? [] : ['--site', plan.site]
  const health = plan.role === 'control' ? [] : ['--health', `127.0.0.1:${probesPort}`]
  const running = await startService({
    name: `The process ${plan.name}`,
    command: process.execPath,
    args: [program, 'start', '--config', config, '--role', plan.role, ...site, ...health],
    logFile: join(folder, `${plan.name}.log`),
    ready: async log => (log().includes('Crossbeat is ready') ? probesPort : undefined),
    withinMs: readyWithinMs,
    cleanUp: async () => {},
  })
  return { ...running, plan, s3Port, probesPort }
}
