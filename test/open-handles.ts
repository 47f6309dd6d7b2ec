// Loaded before each test file: a handle that its tests leave open must not hold up everything behind it, so the process says what is open and
// ends. Node's own way (--test-force-exit) ends it before it has told of all its tests.
import { AsyncResource } from 'node:async_hooks'
import { after } from 'node:test'
import { isMainThread } from 'node:worker_threads'
import { showLeftOpen } from './shown.ts'

/** From the end of the last hook. */
const exitAfterMs = 20_000

function exitLater(): void {
  // Before it ends by itself, Node closes what is left, and goes round for ever if something cannot be closed.
  process.once('exit', () => process.exit())
  const exit = (): never => {
    showLeftOpen(process.getActiveResourcesInfo())
    process.exit()
  }
  setTimeout(exit, exitAfterMs).unref()
}

// Threads and processes that a test starts load this, too.
if (isMainThread && process.argv[1]?.endsWith('.test.ts') === true) {
  const outside = new AsyncResource('test file')
  // Hooks run in the order of their registration, and this one is the first: the file's own hooks may take their time.
  after(() => outside.runInAsyncScope(() => after(exitLater)))
}
