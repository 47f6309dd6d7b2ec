// Starts the chosen roles over the parts, the same way for every engine. What was started is closed in the opposite order.
import { startHealthServer } from '../../api/health-server.ts'
import { createControlServer } from '../../api/server.ts'
import type { HostPort } from '../../config/types.ts'
import type { Engine } from '../engine.ts'
import { createGateway } from '../gateway.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts, RoleChoice } from '../parts.ts'
import { Readiness } from '../readiness.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { startLifecycle } from './lifecycle-rules.ts'
import { startNotifications } from './notifications.ts'
import { startPopulatorRole } from './populator-role.ts'
import { startProcessorRole } from './processor-role.ts'
import { startS3Role } from './s3-role.ts'
import { startHousekeeping, startStatusProcessor } from './status-role.ts'

interface Start {
  readonly parts: Parts
  readonly choice: RoleChoice
  readonly readiness: Readiness
  readonly plane: ControlPlane
  readonly lifecycle: Lifecycle
}

/** All roles have begun when it resolves. */
export async function startRoles(
  parts: Parts,
  choice: RoleChoice,
  lifecycle: Lifecycle,
  failed: Promise<Error>,
): Promise<Engine> {
  const readiness = new Readiness(parts.dependencies, parts.world)
  const plane = await startControlPlane(parts, choice.roles, lifecycle)
  const start = { parts, choice, readiness, plane, lifecycle }
  const health = await startHealth(start)
  const s3 = await startServers(start)
  const control = await startControl(start)
  readiness.working()
  return {
    s3,
    control,
    health,
    controlTls: parts.config.control.tls !== undefined,
    accounts: parts.accounts,
    store: parts.store,
    failed,
    close: () => {
      readiness.stopping()
      return lifecycle.close()
    },
  }
}

/** First to be there and last to go: probes see the start and the end. */
async function startHealth({ parts, choice, readiness, plane, lifecycle }: Start): Promise<HostPort | null> {
  if (choice.roles.includes('control')) return null
  const server = await startHealthServer({
    listen: choice.health ?? parts.config.health.listen ?? { host: '127.0.0.1', port: 0 },
    ready: () => readiness.report(),
    metricsText: () => plane.metrics.text(),
  })
  lifecycle.add(() => server.close())
  return server.address
}

async function startServers(start: Start): Promise<HostPort | null> {
  const { parts, choice, readiness, plane, lifecycle } = start
  if (!choice.roles.includes('s3')) {
    await startPipeline(start, null)
    return null
  }
  const s3 = await startS3Role(parts, plane, lifecycle)
  const { address } = s3
  // The pipeline's last requests go through the S3 port where the gateway is `http`: there it closes after it.
  lifecycle.add(() => s3.close())
  readiness.began('s3', () => `listens on ${address.host}:${address.port}`)
  await startPipeline(start, address)
  if (parts.config.replication.gateway.kind === 'direct') lifecycle.add(() => s3.close())
  return address
}

async function startPipeline({ parts, choice, readiness, lifecycle }: Start, s3: HostPort | null): Promise<void> {
  const has = (role: RoleChoice['roles'][number]): boolean => choice.roles.includes(role)
  if (has('status') || has('processor')) {
    const gateway = createGateway(parts, s3, lifecycle)
    if (has('status')) await startStatusProcessor(parts, gateway, lifecycle)
    if (has('processor')) {
      const sites = choice.sites ?? parts.config.sites.map(site => site.site)
      const processors = await startProcessorRole(parts, gateway, sites, lifecycle)
      const describe = (): string =>
        [...processors].map(([site, processor]) => `${site} ${processor.state().consumers}`).join(', ')
      readiness.began('processor', describe)
    }
  }
  if (has('status')) {
    const housekeeping = await startHousekeeping(parts, lifecycle)
    const lifecycleRules = await startLifecycle(parts, lifecycle)
    const state = (): string => `folds results; housekeeping ${housekeeping.state}, lifecycle ${lifecycleRules.state}`
    readiness.began('status', state)
  }
  if (has('populator')) {
    const election = await startPopulatorRole(parts, lifecycle)
    const notifications = await startNotifications(parts, lifecycle)
    const state = (): string =>
      notifications === null ? election.state : `${election.state}, notifications ${notifications.state}`
    readiness.began('populator', state)
  }
}

async function startControl({ choice, readiness, plane, lifecycle }: Start): Promise<HostPort | null> {
  if (!choice.roles.includes('control')) return null
  readiness.began('control', () => 'listens')
  const server = await createControlServer({ ...plane.context, ready: () => readiness.report() })
  lifecycle.add(() => server.close())
  return server.listen()
}
