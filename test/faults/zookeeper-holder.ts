// A process of its own that keeps a lease: connection string, path. Takes it whenever it can, and prints a line for each look at it: the wall
// time, whether it takes the lease for valid, and its epoch.
import { realWorld, sleep } from '../../src/base/world.ts'
import type { Lease } from '../../src/control/state-store.ts'
import { openZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'

const [connectionString = '', path = ''] = process.argv.slice(2)
const store = await openZookeeperStateStore({ connectionString, sessionTimeoutMs: 2_000, world: realWorld })
let lease: Lease | null = null
for (;;) {
  // Several looks in one turn: a process that was frozen goes on in the middle of one.
  for (let look = 0; look < 5; look += 1) {
    const at = realWorld.clock.now()
    const valid = lease !== null && !lease.lost.aborted
    console.log(JSON.stringify({ at, valid, epoch: lease?.epoch ?? 0 }))
  }
  if (lease === null || lease.lost.aborted) lease = await store.lease(path, 'holder').catch(() => null)
  await sleep(realWorld.timers, 20)
}
