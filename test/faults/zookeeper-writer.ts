// A process of its own that raises a counter in ZooKeeper by compare-and-set: connection string, path, its name, how many times at least; it goes on
// until there is a value at `<path>-enough`. Prints how many of its changes were acknowledged, and how many had an unknown outcome.
import { realWorld } from '../../src/base/world.ts'
import type { SetResult, StateStore } from '../../src/control/state-store.ts'
import { openZookeeperStateStore } from '../../src/control/zookeeper/state-store.ts'
import { ZookeeperError } from '../../src/control/zookeeper/zookeeper-error.ts'

/** Raises the number kept at `path` by one, as `writer`; tries until a change is acknowledged. Answers how many outcomes were unknown. */
async function raise(store: StateStore, path: string, writer: string): Promise<number> {
  let unknown = 0
  for (;;) {
    try {
      const stored = await store.get(path)
      const count: unknown = stored === null ? 0 : JSON.parse(stored.value).count
      const next = JSON.stringify({ count: Number(count) + 1, writer })
      const result: SetResult = await store.set(path, next, stored?.version ?? 0)
      if (result.ok) return unknown
    } catch (error) {
      if (!(error instanceof ZookeeperError)) throw error
      if (error.code === 'outcome-unknown') unknown += 1
      else if (error.code !== 'unavailable') throw error
    }
  }
}

const [connectionString = '', path = '', writer = '', times = '0'] = process.argv.slice(2)
const store = await openZookeeperStateStore({
  connectionString,
  sessionTimeoutMs: 4_000,
  openTimeoutMs: 60_000,
  world: realWorld,
})
const isEnough = (): Promise<boolean> =>
  store.get(`${path}-enough`).then(
    stored => stored !== null,
    () => false,
  )
let [acknowledged, unknown] = [0, 0]
for (; acknowledged < Number(times) || !(await isEnough()); acknowledged += 1)
  unknown += await raise(store, path, writer)
await store.close()
console.log(JSON.stringify({ acknowledged, unknown }))
