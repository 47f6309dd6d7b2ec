// Goal: what was commanded holds over restarts of the whole program, on the store that the program uses. Method: controller and gate over a
// database file that is closed and opened again, on a clock that the test moves.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nobody, RecordingProcessor, topic } from '../../../test/control/control-plane.ts'
import { createManualWorld, type ManualWorld } from '../../../test/control/manual-world.ts'
import { openSqlite } from '../../metadata/sqlite/engine.ts'
import { createInProcessSignalBus } from '../in-process/signal-bus.ts'
import { SiteController } from '../site-controller.ts'
import { SiteGate } from '../site-gate.ts'
import { openStateStore } from './sqlite-state-store.ts'

const site = 'azurebackend'
const hourMs = 3_600_000

interface Program {
  readonly controller: SiteController
  readonly processor: RecordingProcessor
  stop(): Promise<void>
}

// Writes wait for the world's turn, which comes only while the test lets it: so every step is driven.
async function driven<T>(world: ManualWorld, step: Promise<T>): Promise<T> {
  let done = false
  const ended = (): void => {
    done = true
  }
  step.then(ended, ended)
  while (!done) await world.settle()
  return step
}

async function startProgram(world: ManualWorld, path: string): Promise<Program> {
  const engine = await openSqlite({ path, world, group: 'RG001', bootId: 'boot', inline: true })
  const stateStore = openStateStore(engine)
  const signals = createInProcessSignalBus(world.timers)
  const controller = new SiteController({ sites: [site], topic, stateStore, signals, world })
  await driven(world, controller.start())
  const processor = new RecordingProcessor()
  const gate = new SiteGate({ site, topic, processor, stateStore, signals, world })
  await driven(world, gate.start())
  return {
    controller,
    processor,
    async stop() {
      await driven(world, gate.close())
      assert.equal((await controller.state(site)).processors, 0)
      await driven(world, controller.close())
      await stateStore.close()
      await driven(world, engine.close())
    },
  }
}

async function withDatabase(run: (world: ManualWorld, path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-control-'))
  try {
    await run(createManualWorld(), join(folder, 'crossbeat.db'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a pause with its schedule holds over a restart, and the schedule fires after it', async () => {
  await withDatabase(async (world, path) => {
    const first = await startProgram(world, path)
    assert.equal(first.processor.state().consumers, 'running')
    const { controller } = first
    await driven(world, Promise.all([controller.pause(site, nobody), controller.resume(site, nobody)]))
    await driven(world, controller.pause(site, nobody))
    await driven(world, controller.schedule(site, world.clock.now() + hourMs, nobody))
    await first.stop()

    const second = await startProgram(world, path)
    assert.equal(second.processor.state().consumers, 'paused')
    assert.equal((await second.controller.state(site)).standsStill, true)
    await world.advance(hourMs - 1)
    assert.equal(second.processor.state().consumers, 'paused')
    await world.advance(1)
    assert.equal(second.processor.state().consumers, 'running')
    await second.stop()
  })
})

test('a schedule that fell due while the program was down fires at its start', async () => {
  await withDatabase(async (world, path) => {
    const first = await startProgram(world, path)
    await driven(world, first.controller.pause(site, nobody))
    await driven(world, first.controller.schedule(site, world.clock.now() + hourMs, nobody))
    await first.stop()
    world.jump(2 * hourMs)
    const second = await startProgram(world, path)
    assert.equal(second.processor.state().consumers, 'running')
    assert.equal((await second.controller.desired(site)).by, 'schedule')
    await second.stop()
  })
})
