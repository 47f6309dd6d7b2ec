// `npm test`: obtains the real servers while the unit tests run, then runs everything else against them. The last line
// is `N passed, N failed` and nothing else; the exit code is 0 only if something ran and nothing failed.
// For developers: `npm test -- --only <part of a path>` (may be repeated), `--concurrency <files at once>`.
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { run } from 'node:test'
import { parseArgs } from 'node:util'
import { exitCode, lastLine, Report, seconds } from './report.ts'
import { type Group, selectGroups } from './selection.ts'
import { type SharedServices, startSharedServices } from './services/shared.ts'

const root = dirname(import.meta.dirname)
const openHandles = new URL('open-handles.ts', import.meta.url).href
const isCi = process.env['CI'] === 'true'
const minuteMs = 60_000
/**
 * A test or a hook that hangs fails by itself, and the others of its file go on; the slowest honest one takes two minutes.
 * No limit by hand: there, loops may be made as long as one likes.
 */
const testTimeoutMs = isCi ? 5 * minuteMs : 0
/** From when the services are there: what has not ended by then fails by its name, before CI itself ends the run without a word. */
const allWithinMs = 26 * minuteMs
/** Aborted by a signal: ends the test processes too. */
const stopped = new AbortController()

async function main(): Promise<number> {
  const started = performance.now()
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, concurrency: { type: 'string' } },
  })
  const asked = values.concurrency === undefined ? null : Number(values.concurrency)
  const concurrency = Math.max(2, availableParallelism())
  const groups = selectGroups(root, values.only ?? [])
  const print = (line: string): void => console.log(line)
  const report = new Report(root, print)

  // Unit tests need no server, so they start at once; everything in a folder of test/ may ask for one.
  const services = groups.some(group => group.name !== 'unit') ? startSharedServices(print) : undefined
  // A rejection is seen when the services are awaited, not before.
  services?.catch(() => {})
  stopOnSignal(services)
  for (const group of groups) {
    if (group.name !== 'unit' && services !== undefined) handOver(await services, report, print)
    await runGroup(group, asked ?? (group.waits ? concurrency + 1 : concurrency), report, print)
  }
  await (await services)?.stop()

  report.printSummary()
  const totals = report.totals()
  if (totals.passed === 0) print('\nNo test ran.')
  print(`\nTook ${seconds(performance.now() - started)}`)
  print(lastLine(totals))
  return exitCode(totals)
}

async function runGroup(
  group: Group,
  concurrency: number,
  report: Report,
  print: (line: string) => void,
): Promise<void> {
  print(`\n== ${group.name}: ${group.files.length} files`)
  const events = run({
    execArgv: [...process.execArgv, `--import=${openHandles}`, `--test-timeout=${testTimeoutMs}`],
    files: [...group.files],
    concurrency,
    cwd: root,
    signal: stopped.signal,
  })
  for await (const event of events) report.take(event)
  report.checkAllEnded(group.files)
}

let handedOver = false

// The test processes inherit the environment: addresses of what runs, reasons for what does not.
function handOver(services: SharedServices, report: Report, print: (line: string) => void): void {
  if (handedOver) return
  handedOver = true
  Object.assign(process.env, services.environment)
  if (!isCi) return
  for (const { name, reason } of services.missing)
    report.fail(name, `CI=true, and this component is missing: ${reason}`)
  const outOfTime = (): void => {
    print(`\nOut of time after ${seconds(allWithinMs)}: what has not ended fails.`)
    stopped.abort()
  }
  setTimeout(outOfTime, allWithinMs).unref()
}

function stopOnSignal(services: Promise<SharedServices> | undefined): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      console.log(`\nStopped by ${signal}`)
      stopped.abort()
      const exit = (): never => process.exit(130)
      if (services === undefined) exit()
      else services.then(shared => shared.stop()).then(exit, exit)
    })
  }
}

process.exitCode = await main()
