// One timer for all attempts: which are told of, when, and how often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, VirtualTime } from '../../test/simulation/virtual-world.ts'
import { createLastingAttempts } from './lasting-attempts.ts'

test('tells once of each attempt that lasts, and of none that has ended', async () => {
  const time = new VirtualTime()
  const { world } = time.process(seededRandom(1))
  const told: string[] = []
  const attempts = createLastingAttempts<string>(world, 1_000, attempt => told.push(attempt))
  attempts.began('long')
  attempts.began('short')
  await time.run(() => false, 800)
  attempts.ended('short')
  attempts.began('late')
  assert.deepEqual(told, [])
  await time.run(() => false, 700)
  assert.deepEqual(told, ['long'])
  await time.run(() => false, 5_000)
  assert.deepEqual(told, ['long', 'late'])
  attempts.close()
})
