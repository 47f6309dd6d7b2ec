// Loaded before each test file: a handle that its tests leave open must not hold up everything behind it, so the process says what is open and
// ends. Node's own way (--test-force-exit) ends it before it has told of all its tests.
import { after } from 'node:test'
import { isMainThread } from 'node:worker_threads'
import { showLeftOpen } from './shown.ts'

/** Hooks of the file itself run after this one. */
const exitAfterMs = 40_000

// Threads and processes that a test starts load this, too.
if (isMainThread && process.argv[1]?.endsWith('.test.ts') === true)
  after(() => {
    const exit = (): never => {
      showLeftOpen(process.getActiveResourcesInfo())
      process.exit()
    }
    setTimeout(exit, exitAfterMs).unref()
  })
