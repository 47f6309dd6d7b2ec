// Loaded by Node before a process of a layout begins (`--import`), as CROSSBEAT_TEST_TIMES says: shorter times, so that a fault test need not
// wait for the real ones, and a wall clock that is wrong.
import { limits } from '../../src/domain/limits.ts'
import { defaultTiming, type KafkaTiming } from '../../src/queue/kafka/settings.ts'

export interface TestTimes {
  readonly limits?: Partial<Record<keyof typeof limits, number>>
  readonly kafka?: Partial<KafkaTiming>
  /** How far the wall clock is off; monotonic time is as it is. */
  readonly clockMs?: number
}

const text = process.env['CROSSBEAT_TEST_TIMES']
if (text !== undefined) {
  const times: TestTimes = JSON.parse(text)
  Object.assign(limits, times.limits)
  Object.assign(defaultTiming, times.kafka)
  const { clockMs = 0 } = times
  const rightNow = Date.now
  if (clockMs !== 0) Date.now = () => rightNow() + clockMs
}

/** The environment of a process that keeps to these times. */
export function environmentFor(times: TestTimes): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${import.meta.url}`, CROSSBEAT_TEST_TIMES: JSON.stringify(times) }
}
