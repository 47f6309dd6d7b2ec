// Goal: processes of a layout that are killed or frozen at any moment, and woken, lose nothing, double nothing and leave nothing PENDING.
// Method: one layout of real processes and servers under load; each story ends with the count. FAULT_SEED repeats the choices of a run,
// FAULT_ROUNDS plays the stories of chance more often.
import { after, describe, test } from 'node:test'
import type { RoleProcess } from '../../process/role-process.ts'
import { until } from '../../until.ts'
import { crash, openStage, roleOf, rounds, seed, shortTimes } from './stage.ts'

const hourMs = 3_600_000
const available = await openStage({
  // One front end's clock is an hour off in every story.
  times: name => ({ ...shortTimes, clockMs: name === 's3-2' ? (seed % 2 === 0 ? hourMs : -hourMs) : 0 }),
})

after(() => available.stop())

describe(`processes that are killed and frozen (FAULT_SEED=${seed})`, { skip: available.skip }, () => {
  const process = (name: string): RoleProcess => available.get().layout.process(name)

  async function elected(): Promise<{ leader: RoleProcess; standby: RoleProcess }> {
    const both = [process('populator-1'), process('populator-2')] as const
    return until('one populator is elected', async () => {
      const states = await Promise.all(both.map(one => roleOf(one, 'populator')))
      if (states[0] === 'elected' && states[1] === 'standby') return { leader: both[0], standby: both[1] }
      if (states[1] === 'elected' && states[0] === 'standby') return { leader: both[1], standby: both[0] }
      return null
    })
  }

  test('front ends whose clocks are an hour apart make versions in the order in which they were acknowledged', async () => {
    const story = await available.get().story('clocks')
    const load = story.load()
    await load.more(100)
    await story.end(load)
  })

  test('a killed processor is replaced by the other one of its site, and what it had claimed goes on', async () => {
    const story = await available.get().story('killed')
    const load = story.load({ large: 0.03 })
    await load.more(60)
    await process('awsbackend-1').kill()
    const acknowledged = await load.stop()
    await story.ended()
    const more = story.load({ large: 0.03 })
    await process('awsbackend-1').start()
    await crash(process('azurebackend-1'))
    await more.more(20)
    await story.end(more, acknowledged)
  })

  test('a processor that is frozen past its leases wakes without its claims, and does nothing twice', async () => {
    const story = await available.get().story('frozen')
    const load = story.load({ large: 0.03 })
    await load.more(40)
    process('awsbackend-1').freeze()
    await load.more(40)
    const acknowledged = await load.stop()
    // Its partitions and its claims are the other one's by then.
    await story.ended().finally(() => process('awsbackend-1').thaw())
    const more = story.load({ large: 0.03 })
    await more.more(40)
    await story.end(more, acknowledged)
  })

  test('a frozen populator finds another in its place when it wakes, and stands by', async () => {
    const story = await available.get().story('populators')
    const { leader, standby } = await elected()
    const load = story.load()
    await load.more(20)
    leader.freeze()
    await until('the other is elected', async () => (await roleOf(standby, 'populator')) === 'elected')
    await load.more(20)
    leader.thaw()
    // Looked at from its waking on: later on, on a busy machine, the other may have lost its session, too.
    await until('it stands by', async () => (await roleOf(leader, 'populator')) === 'standby')
    await load.more(20)
    await story.end(load)
    await elected()
  })

  test('front ends that are killed between data and metadata keep what they acknowledged, and leave no open row', async () => {
    const story = await available.get().story('frontends')
    const { random } = available.get()
    const load = story.load({ large: 0.2, paceMs: 40 })
    for (let kill = 0; kill < 4 * rounds; kill += 1) {
      await load.more(4 + Math.floor(random() * 12))
      await crash(process(kill % 2 === 0 ? 's3-1' : 's3-2'))
    }
    await load.more(10)
    await story.end(load)
  })

  test('whatever process is killed next, everything arrives', async () => {
    const stage = available.get()
    const story = await stage.story('chance')
    const load = story.load({ paceMs: 100 })
    const names = [...stage.layout.processes.keys()]
    for (let kill = 0; kill < 3 * rounds; kill += 1) {
      await load.more(5 + Math.floor(stage.random() * 20))
      const name = names[Math.floor(stage.random() * names.length)] ?? 'control'
      await crash(process(name))
    }
    await story.end(load)
  })
})
