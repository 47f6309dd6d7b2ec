// Goal: the invariants of SPEC.md over any sequence of commands, passing time, clock jumps, restarts and races. Method: fast-check runs random
// sequences against two controllers and two gates (one of which hears no signal) and against a model of a few lines.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ControlPlane,
  createControlPlane,
  deafBus,
  nobody,
  type RecordingProcessor,
} from '../../test/control/control-plane.ts'
import { fc } from '../../test/properties.ts'
import type { SiteController } from './site-controller.ts'

const site = 'awsbackend'
const reconcileMs = 3_000
const recheckMs = 5_000

interface Model {
  paused: boolean
  /** By the wall clock. */
  resumeAt: number | null
  generation: number
}

interface Real {
  readonly plane: ControlPlane
  readonly controllers: SiteController[]
  readonly processors: readonly RecordingProcessor[]
}

type Command = fc.AsyncCommand<Model, Real>

function change(model: Model, next: Partial<Model>): void {
  Object.assign(model, next)
  model.generation += 1
}

// The due schedules of the model fire when the wall clock has passed them and the controllers have had time to look.
function passTime(model: Model, real: Real): void {
  if (model.resumeAt !== null && model.resumeAt <= real.plane.world.clock.now())
    change(model, { paused: false, resumeAt: null })
}

async function check(model: Model, real: Real): Promise<void> {
  await real.plane.world.settle()
  for (const controller of real.controllers) {
    const { desired } = await controller.state(site)
    assert.deepEqual(
      { paused: desired.reasons.length > 0, resumeAt: desired.resumeAt, generation: desired.generation },
      { ...model },
    )
    assert.ok(desired.reasons.length > 0 || desired.resumeAt === null)
  }
  for (const processor of real.processors) {
    assert.equal(processor.state().consumers, model.paused ? 'paused' : 'running')
  }
}

function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real)
      await check(model, real)
    },
    toString: () => name,
  }
}

const which = fc.nat({ max: 1 })
const pick = (real: Real, index: number): SiteController => {
  const controller = real.controllers[index]
  if (controller === undefined) throw new Error('no such controller')
  return controller
}

const pause = which.map(index =>
  command(`pause@${index}`, async (model, real) => {
    await pick(real, index).pause(site, nobody)
    if (!model.paused || model.resumeAt !== null) change(model, { paused: true, resumeAt: null })
  }),
)
const resume = which.map(index =>
  command(`resume@${index}`, async (model, real) => {
    await pick(real, index).resume(site, nobody)
    if (model.paused) change(model, { paused: false, resumeAt: null })
  }),
)
const schedule = fc.tuple(which, fc.integer({ min: 1, max: 30_000 })).map(([index, delay]) =>
  command(`schedule@${index}+${delay}`, async (model, real) => {
    const at = real.plane.world.clock.now() + delay
    const outcome = await pick(real, index).schedule(site, at, nobody)
    assert.equal(outcome === 'not-paused', !model.paused)
    if (model.paused && model.resumeAt !== at) change(model, { resumeAt: at })
  }),
)
const cancel = which.map(index =>
  command(`cancel@${index}`, async (model, real) => {
    await pick(real, index).cancelSchedule(site, nobody)
    if (model.resumeAt !== null) change(model, { resumeAt: null })
  }),
)
const advance = fc.integer({ min: 0, max: 40_000 }).map(ms =>
  command(`advance ${ms}`, async (model, real) => {
    await real.plane.world.advance(ms)
    passTime(model, real)
  }),
)
const jump = fc.integer({ min: -20_000, max: 20_000 }).map(ms =>
  command(`jump ${ms}`, async (model, real) => {
    real.plane.world.jump(ms)
    await real.plane.world.advance(recheckMs + reconcileMs)
    passTime(model, real)
  }),
)
const restart = which.map(index =>
  command(`restart ${index}`, async (_model, real) => {
    await pick(real, index).close()
    const controller = real.plane.addController()
    await controller.start()
    real.controllers[index] = controller
  }),
)
const backToBack = fc.array(fc.constantFrom('pause', 'resume'), { minLength: 2, maxLength: 5 }).map(words =>
  command(`back to back ${words.join(' ')}`, async (model, real) => {
    const controller = pick(real, 0)
    await Promise.all(
      words.map(word => (word === 'pause' ? controller.pause(site, nobody) : controller.resume(site, nobody))),
    )
    for (const word of words) {
      if (word === 'pause' && (!model.paused || model.resumeAt !== null))
        change(model, { paused: true, resumeAt: null })
      if (word === 'resume' && model.paused) change(model, { paused: false, resumeAt: null })
    }
  }),
)
// Who wins is open; what counts is that the outcome is one of the two orders, and that all agree on it.
const race = fc.constant(
  command('race of pause and resume', async (model, real) => {
    const [first, second] = [pick(real, 0), pick(real, 1)]
    await Promise.all([first.pause(site, nobody), second.resume(site, nobody)])
    const { reasons, resumeAt, generation } = await first.desired(site)
    const paused = reasons.length > 0
    // Each order's generation counts the commands that had something to change when their turn came.
    const before = paused ? Number(model.paused) : Number(!model.paused || model.resumeAt !== null)
    assert.deepEqual({ resumeAt, generation }, { resumeAt: null, generation: model.generation + before + 1 })
    Object.assign(model, { paused, resumeAt, generation })
  }),
)

test('any sequence of commands, time, jumps, restarts and races keeps the invariants', async () => {
  const commands = fc.commands([pause, resume, schedule, schedule, cancel, advance, jump, restart, backToBack, race], {
    maxCommands: 15,
  })
  await fc.assert(
    fc.asyncProperty(commands, async sequence => {
      const plane = createControlPlane([site])
      const second = plane.addController(deafBus)
      await plane.controller.start()
      await second.start()
      const gates = [plane.addGate(site), plane.addGate(site, deafBus)]
      for (const { gate } of gates) await gate.start()
      const real: Real = {
        plane,
        controllers: [plane.controller, second],
        processors: gates.map(gate => gate.processor),
      }
      try {
        await fc.asyncModelRun(() => ({ model: { paused: false, resumeAt: null, generation: 0 }, real }), sequence)
      } finally {
        await plane.close()
      }
    }),
    { numRuns: 250 },
  )
})
