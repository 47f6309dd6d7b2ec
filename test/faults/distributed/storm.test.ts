// Goal: the promises hold when everything fails at once. Method: clients load while processes are killed, frozen and ended in good order, servers
// are killed and frozen, and an operator pauses and resumes, all by a seed; then the count. FAULT_ROUNDS makes the storm longer.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { RoleProcess } from '../../process/role-process.ts'
import type { Server } from './servers.ts'
import { openStage, rounds, type Stage, seed } from './stage.ts'

/** Of each kind. */
const faultsOfRound = 5
const available = await openStage()

after(() => available.stop())

type Fault = (stage: Stage, random: () => number) => Promise<void>

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

function someProcess({ layout }: Stage, random: () => number): RoleProcess {
  const names = [...layout.processes.keys()]
  return layout.process(names[Math.floor(random() * names.length)] ?? 'control')
}

function hasNotCrashed(one: RoleProcess): void {
  assert.ok(!one.hasCrashed, `${one.options.name} ended by itself (${one.exit}):\n${one.log()}`)
}

/** One that has ended by itself (a server went away while it started) is started instead. */
async function frozenProcess(one: RoleProcess, ms: number): Promise<void> {
  hasNotCrashed(one)
  if (one.hasEnded) one.launch()
  else await frozen(one, ms)
}

async function frozen(one: Pick<RoleProcess, 'freeze' | 'thaw'>, ms: number): Promise<void> {
  one.freeze()
  await sleep(ms).finally(() => one.thaw())
}

async function crashServer(server: Server, downMs: number): Promise<void> {
  await server.kill()
  await sleep(downMs)
  await server.restart()
}

const killed: Fault = async (stage, random) => {
  const one = someProcess(stage, random)
  await one.kill()
  // Others may fail before it is back: it is waited for at the end.
  one.launch()
}

/** One of them at a time, so that nobody is signalled who has ended. The likely ones are there more than once. */
const ofProcesses: readonly Fault[] = [
  killed,
  killed,
  killed,
  (stage, random) => frozenProcess(someProcess(stage, random), 500 + random() * 9_000),
  (stage, random) => frozenProcess(someProcess(stage, random), 500 + random() * 9_000),
  async (stage, random) => {
    const one = someProcess(stage, random)
    const code = await one.end()
    one.launch()
    // One that had not begun to listen for signals ends by them.
    assert.ok(
      code === 0 || code === null || code === 1,
      `${one.options.name} ended with ${code}:\n${one.log().slice(-2_000)}`,
    )
  },
]

/** Beside those, one at a time. */
const ofServers: readonly Fault[] = [
  ({ servers }, random) => crashServer(servers.postgres, random() * 2_000),
  ({ servers }, random) => crashServer(servers.zookeeper, random() * 6_000),
  ({ servers }, random) => frozen(servers.zookeeper, random() * 8_000),
  ({ servers }) => crashServer(servers.redis, 500),
  async ({ servers }) => {
    const [broker] = servers.kafka.brokers
    broker?.kill()
    await broker?.restart()
  },
  async ({ layout }, random) => {
    const site = random() < 0.5 ? 'awsbackend' : 'azurebackend'
    await layout.pause(site).catch(() => {})
    await sleep(random() * 3_000)
    await layout.resume(site).catch(() => {})
  },
]

/** One that was starting when a server went away may end and say so; now that all are there, it starts. */
async function running(one: RoleProcess): Promise<void> {
  hasNotCrashed(one)
  if (!one.hasEnded) await one.untilReady().catch(error => assert.ok(one.hasEnded, error))
  if (one.hasEnded) await one.start()
}

describe(`a storm (FAULT_SEED=${seed})`, { skip: available.skip }, () => {
  test('after everything has failed at once all is everywhere once', { timeout: 14 * 60_000 }, async () => {
    const stage = available.get()
    const { random, layout } = stage
    const story = await stage.story('storm')
    const load = story.load({ large: 0.03, paceMs: 60 })
    const storm = async (faults: readonly Fault[]): Promise<void> => {
      for (let count = 0; count < faultsOfRound * rounds; count += 1) {
        await faults[Math.floor(random() * faults.length)]?.(stage, random)
        await sleep(random() * 1_000)
      }
    }
    await Promise.all([storm(ofProcesses), storm(ofServers)])
    await Promise.all([...layout.processes.values()].map(running))
    for (const site of ['awsbackend', 'azurebackend']) await stage.resume(site)
    await load.more(20)
    await story.end(load)
  })
})
