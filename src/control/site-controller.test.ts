// Goal: commands are never lost or swapped, schedules fire once whatever happens to clocks, processes and messages. Method: the real
// controller and gates over a state store in memory, on a clock that the test moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createControlPlane, deafBus, nobody } from '../../test/control/control-plane.ts'
import { decodeControl, encodeControl, untouchedSite } from '../domain/site-control.ts'
import { statePath } from './paths.ts'
import { SiteController } from './site-controller.ts'
import type { StateStore } from './state-store.ts'

const hourMs = 3_600_000
const site = 'awsbackend'

test('a pause reaches the processor, a resume lets it run again', async () => {
  const plane = createControlPlane()
  const { gate, processor } = plane.addGate(site)
  await plane.controller.start()
  await gate.start()
  assert.equal(processor.state().consumers, 'running')
  await plane.controller.pause(site, nobody)
  await plane.world.settle()
  assert.equal(processor.state().consumers, 'paused')
  assert.equal((await plane.controller.state(site)).applied, 'paused')
  await plane.controller.resume(site, nobody)
  await plane.world.settle()
  assert.equal(processor.state().consumers, 'running')
  assert.equal((await plane.controller.state(site)).applied, 'running')
  await plane.close()
})

test('of commands given back to back without waiting the last one wins', async () => {
  const plane = createControlPlane()
  const { gate, processor } = plane.addGate(site)
  await plane.controller.start()
  await gate.start()
  const { controller, world } = plane
  await Promise.all([controller.pause(site, nobody), controller.resume(site, nobody), controller.pause(site, nobody)])
  await world.settle()
  assert.equal((await controller.state(site)).applied, 'paused')
  await Promise.all([controller.resume(site, nobody), controller.pause(site, nobody), controller.resume(site, nobody)])
  await world.settle()
  assert.equal((await controller.state(site)).applied, 'running')
  assert.equal(processor.state().consumers, 'running')
  await plane.close()
})

test('a command that loses its compare-and-set is repeated on the newer state', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  await plane.controller.pause(site, nobody)
  let intruded = false
  const racing: StateStore = {
    ...plane.stateStore,
    async set(path, value, version) {
      if (!intruded && path === statePath(site)) {
        intruded = true
        await plane.controller.schedule(site, plane.world.clock.now() + hourMs, nobody)
      }
      return plane.stateStore.set(path, value, version)
    },
  }
  const other = new SiteController({
    sites: [site],
    topic: 't',
    stateStore: racing,
    signals: deafBus,
    world: plane.world,
  })
  assert.equal(await other.resume(site, nobody), 'changed')
  const desired = await other.desired(site)
  assert.deepEqual([desired.reasons, desired.resumeAt, desired.generation], [[], null, 3])
  await plane.close()
})

test('a schedule fires once at its time, also with two controllers over one store', async () => {
  const plane = createControlPlane()
  const second = plane.addController()
  await plane.controller.start()
  await second.start()
  const { gate, processor } = plane.addGate(site)
  await gate.start()
  await plane.controller.pause(site, nobody)
  await plane.controller.schedule(site, plane.world.clock.now() + hourMs, nobody)
  await plane.world.advance(hourMs - 1)
  assert.equal(processor.state().consumers, 'paused')
  const before = await plane.controller.desired(site)
  await plane.world.advance(1)
  assert.equal(processor.state().consumers, 'running')
  const after = await plane.controller.desired(site)
  assert.equal(after.generation, before.generation + 1)
  assert.equal(after.by, 'schedule')
  await plane.controller.pause(site, nobody)
  await plane.world.advance(2 * hourMs)
  assert.equal(processor.state().consumers, 'paused')
  await plane.close()
})

test('a new schedule replaces the old one, whose time then passes without effect', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const now = plane.world.clock.now()
  await plane.controller.pause(site, nobody)
  await plane.controller.schedule(site, now + hourMs, nobody)
  await plane.controller.schedule(site, now + 3 * hourMs, nobody)
  await plane.world.advance(2 * hourMs)
  assert.equal((await plane.controller.desired(site)).resumeAt, now + 3 * hourMs)
  await plane.world.advance(hourMs)
  assert.deepEqual((await plane.controller.desired(site)).reasons, [])
  await plane.close()
})

test('a pause clears the schedule of a paused site', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  await plane.controller.pause(site, nobody)
  await plane.controller.schedule(site, plane.world.clock.now() + hourMs, nobody)
  await plane.controller.pause(site, nobody)
  await plane.world.advance(2 * hourMs)
  const desired = await plane.controller.desired(site)
  assert.deepEqual([desired.reasons, desired.resumeAt], [['manual'], null])
  await plane.close()
})

test('a schedule for a running site stores nothing', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const before = await plane.stateStore.get(statePath(site))
  assert.equal(await plane.controller.schedule(site, plane.world.clock.now() + hourMs, nobody), 'not-paused')
  assert.deepEqual(await plane.stateStore.get(statePath(site)), before)
  await plane.close()
})

test('a schedule that fell due while nobody was there fires at start', async () => {
  const plane = createControlPlane()
  const past = plane.world.clock.now() - 1000
  const due = { ...untouchedSite, reasons: ['manual' as const], resumeAt: past, generation: 4 }
  await plane.stateStore.set(statePath(site), encodeControl(due), 0)
  await plane.controller.start()
  const desired = await plane.controller.desired(site)
  assert.deepEqual([desired.reasons, desired.resumeAt, desired.generation], [[], null, 5])
  await plane.close()
})

test('a clock that jumps past the schedule fires it within seconds, one that jumps back does not fire it early', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const { controller, world } = plane
  await controller.pause(site, nobody)
  await controller.schedule(site, world.clock.now() + 6 * hourMs, nobody)
  world.jump(-2 * hourMs)
  await world.advance(7 * hourMs)
  assert.notEqual((await controller.desired(site)).resumeAt, null)
  world.jump(4 * hourMs)
  await world.advance(5_000)
  assert.deepEqual((await controller.desired(site)).reasons, [])
  await plane.close()
})

test('state survives the controllers: a new one finds the pause and the schedule', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const at = plane.world.clock.now() + hourMs
  await plane.controller.pause(site, nobody)
  await plane.controller.schedule(site, at, nobody)
  await plane.controller.close()
  const { gate, processor } = plane.addGate(site)
  await gate.start()
  assert.equal(processor.state().consumers, 'paused')
  const next = plane.addController()
  await next.start()
  assert.equal((await next.desired(site)).resumeAt, at)
  await plane.world.advance(hourMs)
  assert.equal(processor.state().consumers, 'running')
  await plane.close()
})

test('what is stored has the form that Backbeat reads', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const stored = async (): Promise<unknown> => JSON.parse((await plane.stateStore.get(statePath(site)))?.value ?? '')
  assert.partialDeepStrictEqual(await stored(), { paused: false })
  await plane.controller.pause(site, nobody)
  assert.partialDeepStrictEqual(await stored(), { paused: true, scheduledResume: null })
  await plane.controller.schedule(site, Date.UTC(2030, 0, 2), nobody)
  assert.partialDeepStrictEqual(await stored(), { paused: true, scheduledResume: '2030-01-02T00:00:00.000Z' })
  assert.deepEqual(
    decodeControl('{"paused":true,"scheduledResume":"2030-01-02T00:00:00.000Z"}').resumeAt,
    Date.UTC(2030, 0, 2),
  )
  await plane.close()
})

test('each command is told on the channel of its site', async () => {
  const plane = createControlPlane()
  await plane.controller.start()
  const heard: string[] = []
  plane.signals.subscribe('backbeat-replication-awsbackend', message => heard.push(message))
  await plane.controller.pause(site, nobody)
  await plane.controller.schedule(site, Date.UTC(2030, 0, 2), nobody)
  await plane.controller.cancelSchedule(site, nobody)
  await plane.controller.resume(site, nobody)
  await plane.world.settle()
  assert.deepEqual(heard, [
    '{"action":"pauseService"}',
    '{"action":"resumeService","date":"2030-01-02T00:00:00.000Z"}',
    '{"action":"deleteScheduledResumeService"}',
    '{"action":"resumeService"}',
  ])
  await plane.close()
})
