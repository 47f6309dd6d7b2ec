// Goal: of many processes one does the work, another takes over when it ends, resigns or loses its lease, and no failure ends an election.
// Method: sessions over one memory on a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { createElection } from './election.ts'
import { SharedState } from './memory/state-store.ts'
import type { Lease } from './state-store.ts'

function setUp() {
  const world = createManualWorld()
  const shared = new SharedState(world.timers)
  const log: string[] = []
  const open = (owner: string, failures = 0) => {
    let left = failures
    const stateStore = shared.session()
    let resign = (): void => {}
    let held: Lease | null = null
    const election = createElection({
      stateStore,
      path: '/lease',
      owner,
      world,
      what: 'a test',
      begin: async (lease, over) => {
        if (left > 0) {
          left -= 1
          throw new Error('not now')
        }
        resign = over
        held = lease
        log.push(`${owner} begins`)
        return { close: async () => void log.push(`${owner} ends`) }
      },
    })
    return { election, stateStore, resign: () => resign(), epoch: () => held?.epoch }
  }
  return { world, log, open }
}

test('one is elected, the other takes over when it closes, with a higher epoch', async () => {
  const { world, log, open } = setUp()
  const [first, second] = [open('first'), open('second')]
  await first.election.start()
  await second.election.start()
  assert.deepEqual([first.election.state, second.election.state], ['elected', 'standby'])
  await first.election.close()
  await world.advance(2_000)
  assert.deepEqual(log, ['first begins', 'first ends', 'second begins'])
  assert.ok(Number(second.epoch()) > Number(first.epoch()))
  await second.election.close()
})

test('who loses its session ends its work', async () => {
  const { world, log, open } = setUp()
  const [first, second] = [open('first'), open('second')]
  await first.election.start()
  await second.election.start()
  await first.stateStore.close()
  await world.advance(2_000)
  assert.equal(second.election.state, 'elected')
  assert.deepEqual(log.toSorted(), ['first begins', 'first ends', 'second begins'])
  await second.election.close()
})

test('who resigns gives the lease to whoever asks first', async () => {
  const { world, log, open } = setUp()
  const only = open('only')
  await only.election.start()
  only.resign()
  only.resign()
  await world.settle()
  assert.equal(only.election.state, 'standby')
  await world.advance(2_000)
  assert.deepEqual(log, ['only begins', 'only ends', 'only begins'])
  await only.election.close()
})

test('work that cannot begin is tried again, and its lease is free meanwhile', async () => {
  const { world, log, open } = setUp()
  const [failing, other] = [open('failing', 1), open('other')]
  await failing.election.start()
  assert.equal(failing.election.state, 'standby')
  await other.election.start()
  assert.equal(other.election.state, 'elected')
  await other.election.close()
  await world.advance(2_000)
  assert.deepEqual(log, ['other begins', 'other ends', 'failing begins'])
  await failing.election.close()
})
