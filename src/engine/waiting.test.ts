// Goal: a start waits for servers that are not there, for a bounded time, and says for what. Method: a manual clock and attempts that fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { DependencyError } from '../base/dependency.ts'
import { createPatience } from './waiting.ts'

const away = new DependencyError('Kafka', 'nothing listens at 127.0.0.1:9092', 'Start it.')

test('a server that comes in time is waited for, and each reason is told once', async () => {
  const world = createManualWorld()
  const lines: string[] = []
  const patience = createPatience({ world, waitMs: 10_000, waiting: line => lines.push(line) })
  let failures = 3
  const opened = patience.open(async () => {
    failures -= 1
    if (failures >= 0) throw away
    return 'open'
  })
  await world.advance(3_000)
  assert.equal(await opened, 'open')
  assert.deepEqual(lines, ['waiting up to 10 s for Kafka: nothing listens at 127.0.0.1:9092. Start it.'])
})

test('all waits together end at the same time, with the reason', async () => {
  const world = createManualWorld()
  const patience = createPatience({ world, waitMs: 2_000, waiting: () => {} })
  const first = assert.rejects(
    patience.open(() => Promise.reject(away)),
    away,
  )
  await world.advance(2_000)
  await first
  await assert.rejects(
    patience.open(() => Promise.reject(away)),
    away,
  )
})

test('what is no matter of a server is not waited for', async () => {
  const patience = createPatience({ world: createManualWorld(), waitMs: 2_000, waiting: () => {} })
  await assert.rejects(
    patience.open(() => Promise.reject(new Error('a defect'))),
    /a defect/,
  )
})

test('what does not pass by itself is not waited for', async () => {
  const world = createManualWorld()
  const never = new DependencyError('Kafka', 'its client cannot be loaded', 'Install it.', { lasting: true })
  const patience = createPatience({ world, waitMs: 60_000, waiting: () => assert.fail('it waits') })
  await assert.rejects(
    patience.open(() => Promise.reject(never)),
    never,
  )
})
