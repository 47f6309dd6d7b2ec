// Goal: a processor follows the desired state whatever messages are lost, and reports truthfully. Method: gates over a state store in memory,
// on a clock that the test moves; buses and watches that tell nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createControlPlane, deafBus, nobody, RecordingProcessor, topic } from '../../test/control/control-plane.ts'
import { reportsPath } from './paths.ts'
import { SiteGate } from './site-gate.ts'
import type { StateStore } from './state-store.ts'

const site = 'awsbackend'

test('a gate is closed until the state store was read', async () => {
  const plane = createControlPlane()
  let answer: () => void = () => undefined
  const asked = new Promise<void>(resolve => {
    answer = resolve
  })
  const slow: StateStore = {
    ...plane.stateStore,
    async get(path) {
      await asked
      return plane.stateStore.get(path)
    },
  }
  const processor = new RecordingProcessor()
  const gate = new SiteGate({ site, topic, processor, stateStore: slow, signals: deafBus, world: plane.world })
  const started = gate.start()
  await plane.world.settle()
  assert.deepEqual(processor.calls, ['pause'])
  answer()
  await started
  assert.deepEqual(processor.calls, ['pause', 'resume'])
  await gate.close()
  await plane.close()
})

test('a gate whose state store does not answer stays closed and opens when it does', async () => {
  const plane = createControlPlane()
  let down = true
  const unreliable: StateStore = {
    ...plane.stateStore,
    get: path => (down ? Promise.reject(new Error('down')) : plane.stateStore.get(path)),
  }
  const processor = new RecordingProcessor()
  const gate = new SiteGate({ site, topic, processor, stateStore: unreliable, signals: deafBus, world: plane.world })
  await gate.start()
  assert.equal(processor.state().consumers, 'paused')
  down = false
  await plane.world.advance(3_000)
  assert.equal(processor.state().consumers, 'running')
  await gate.close()
  await plane.close()
})

test('with every signal lost a pause is applied by the watch', async () => {
  const plane = createControlPlane()
  const controller = plane.addController(deafBus)
  await controller.start()
  const { gate, processor } = plane.addGate(site, deafBus)
  await gate.start()
  await controller.pause(site, nobody)
  await plane.world.settle()
  assert.equal(processor.state().consumers, 'paused')
  await plane.close()
})

test('with signals and watches lost a pause is applied within seconds', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const blind: StateStore = { ...plane.stateStore, watch: () => () => undefined }
  const processor = new RecordingProcessor()
  const gate = new SiteGate({ site, topic, processor, stateStore: blind, signals: deafBus, world: plane.world })
  await gate.start()
  await plane.controller.pause(site, nobody)
  await plane.world.settle()
  assert.equal(processor.state().consumers, 'running')
  assert.equal((await plane.controller.state(site)).applied, 'pausing')
  await plane.world.advance(3_000)
  assert.equal(processor.state().consumers, 'paused')
  assert.equal((await plane.controller.state(site)).applied, 'paused')
  await gate.close()
  await plane.close()
})

test('a site stands still only when the last task of every processor has ended', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const first = plane.addGate(site)
  const second = plane.addGate(site)
  await first.gate.start()
  await second.gate.start()
  second.processor.inFlight = 2
  await plane.controller.pause(site, nobody)
  await plane.world.settle()
  const pausing = await plane.controller.state(site)
  assert.deepEqual(
    [pausing.applied, pausing.inFlight, pausing.standsStill, pausing.processors],
    ['paused', 2, false, 2],
  )
  second.processor.inFlight = 0
  await plane.world.advance(100)
  assert.equal((await plane.controller.state(site)).standsStill, true)
  await plane.close()
})

test('the report of a processor disappears when it closes, and when its session is lost', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const { gate } = plane.addGate(site)
  await gate.start()
  assert.equal((await plane.stateStore.children(reportsPath(site))).length, 1)
  await gate.close()
  assert.equal((await plane.stateStore.children(reportsPath(site))).length, 0)

  const session = plane.shared.session()
  const processor = new RecordingProcessor()
  const killed = new SiteGate({ site, topic, processor, stateStore: session, signals: deafBus, world: plane.world })
  await killed.start()
  assert.equal((await plane.controller.state(site)).processors, 1)
  await session.close()
  assert.equal((await plane.controller.state(site)).processors, 0)
  await killed.close()
  await plane.close()
})
