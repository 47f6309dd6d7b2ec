// Turns the events of node:test into counts and readable text. Guarantees: every test is counted once; a file that
// crashed, or that holds no test at all, or that ended early, counts as a failure; what a failing file wrote is shown, and what a passing one has to show.
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { saysLeftOpen, shownLines } from './shown.ts'

const outputLinesMax = 80
const slowestShown = 10

/** One finished test, as node:test reports it; only what is read here. */
interface Finished {
  readonly name: string
  readonly nesting: number
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly skip?: string | boolean | undefined
  readonly details: { readonly duration_ms: number; readonly type?: string | undefined; readonly error?: unknown }
}

interface Timing {
  readonly name: string
  readonly durationMs: number
}

/** What a run came to; `lastLine` is what CI reads. */
export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Collects the events of any number of runs. `print` gets lines of text. */
export class Report {
  readonly #root: string
  readonly #print: (line: string) => void
  #passed = 0
  readonly #failures: string[] = []
  readonly #skips = new Map<string, number>()
  readonly #timings: Timing[] = []
  readonly #output = new Map<string, string[]>()
  readonly #failedFiles = new Set<string>()
  readonly #endedFiles = new Set<string>()

  constructor(root: string, print: (line: string) => void) {
    this.#root = root
    this.#print = print
  }

  /** Takes one event of the stream that `run()` of node:test returns. */
  take(event: TestEvent): void {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      this.#keepOutput(event.data.file, event.data.message)
    } else if (event.type === 'test:pass') {
      this.#pass(event.data)
    } else if (event.type === 'test:fail') {
      this.#fail(event.data)
    } else if (event.type === 'test:summary') {
      this.#fileDone(event.data.file, event.data.counts.tests, event.data.duration_ms)
    }
  }

  /** A file whose process ended without an error and without saying that this is all may have had more tests, failing ones among them. */
  checkAllEnded(files: readonly string[]): void {
    for (const file of files.filter(name => !this.#endedFiles.has(name) && !this.#failedFiles.has(name))) {
      const output = this.#output.get(file) ?? []
      if (saysLeftOpen(output)) this.#print(`ok      ${this.#short(file)}\n${indent(shownLines(output).join('\n'))}`)
      else this.fail(this.#short(file), 'Its process ended before it had told of all its tests.')
    }
  }

  /** Counts something as failed that is no test, such as a server that could not be had under CI=true. */
  fail(name: string, why: string): void {
    this.#failures.push(name)
    this.#print(`FAILED  ${name}\n${indent(why)}`)
  }

  totals(): Totals {
    let skipped = 0
    for (const count of this.#skips.values()) skipped += count
    return { passed: this.#passed, failed: this.#failures.length, skipped }
  }

  /** The slowest tests, the reasons for skipping, and the names of the failures. */
  printSummary(): void {
    const slowest = this.#timings.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, slowestShown)
    this.#print('\nSlowest tests:')
    for (const { name, durationMs } of slowest) this.#print(`  ${seconds(durationMs).padStart(8)}  ${name}`)
    if (this.#skips.size > 0) this.#print('\nSkipped:')
    for (const [reason, count] of this.#skips) this.#print(`  ${count} x ${reason}`)
    if (this.#failures.length > 0) this.#print('\nFailed:')
    for (const name of this.#failures) this.#print(`  ${name}`)
  }

  #keepOutput(file: string | undefined, text: string): void {
    const key = file ?? ''
    const lines = this.#output.get(key) ?? []
    lines.push(...text.replace(/\n$/, '').split('\n'))
    this.#output.set(key, lines.slice(-outputLinesMax))
  }

  #pass(test: Finished): void {
    if (test.skip !== undefined && test.skip !== false) {
      const reason = typeof test.skip === 'string' && test.skip !== '' ? test.skip : 'no reason given'
      this.#skips.set(reason, (this.#skips.get(reason) ?? 0) + 1)
      return
    }
    if (test.details.type === 'suite') return
    if (this.#isWholeFile(test)) {
      this.fail(this.#short(test.file), 'The file holds no test.')
      return
    }
    this.#passed += 1
    this.#timings.push({ name: this.#nameOf(test), durationMs: test.details.duration_ms })
  }

  #fail(test: Finished): void {
    const error = unwrapped(test.details.error)
    // A suite fails when one of its tests does; that one is reported by itself.
    if (test.details.type === 'suite' && failureTypeOf(test.details.error) === 'subtestsFailed') return
    if (test.file !== undefined) this.#failedFiles.add(test.file)
    if (this.#isWholeFile(test)) {
      const output = this.#output.get(test.file ?? '')?.join('\n') ?? ''
      this.#output.delete(test.file ?? '')
      this.fail(this.#short(test.file), `The process of this file did not end well.\n${output}`)
      return
    }
    this.fail(this.#nameOf(test), describe(error))
    this.#timings.push({ name: this.#nameOf(test), durationMs: test.details.duration_ms })
  }

  #fileDone(file: string | undefined, tests: number, durationMs: number): void {
    if (file === undefined) return
    this.#endedFiles.add(file)
    const failed = this.#failedFiles.has(file)
    const output = this.#output.get(file)
    if (failed && output !== undefined) this.#print(`  What ${this.#short(file)} wrote:\n${indent(output.join('\n'))}`)
    this.#output.delete(file)
    const mark = failed ? 'FAILED' : 'ok    '
    this.#print(`${mark}  ${this.#short(file)}  ${tests} tests, ${seconds(durationMs)}`)
    const shown = failed ? [] : shownLines(output ?? [])
    if (shown.length > 0) this.#print(indent(shown.join('\n')))
  }

  // A file is reported as a test of its own only if it holds no test or its process failed.
  #isWholeFile(test: Finished): boolean {
    return test.nesting === 0 && test.file !== undefined && test.name === test.file
  }

  #nameOf(test: Finished): string {
    const place = test.line === undefined ? '' : `:${test.line}`
    return `${this.#short(test.file)}${place}  ${test.name}`
  }

  #short(file: string | undefined): string {
    return file === undefined ? 'unknown file' : relative(this.#root, file)
  }
}

/** `3 passed, 0 failed`, with `, 2 skipped` when there are any. */
export function lastLine(totals: Totals): string {
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
  return `${totals.passed} passed, ${totals.failed} failed${skipped}`
}

/** Zero only if something ran and nothing failed. */
export function exitCode(totals: Totals): number {
  return totals.failed === 0 && totals.passed > 0 ? 0 : 1
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(durationMs < 10_000 ? 2 : 1)} s`
}

// node:test wraps what was thrown; the cause is the thing itself.
function unwrapped(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined && failureTypeOf(error) !== undefined ? error.cause : error
}

function failureTypeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('failureType' in error)) return undefined
  return String(error.failureType)
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stack = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line) && !line.includes('node:'))
  const cause = error.cause === undefined ? [] : [`caused by: ${describe(error.cause)}`]
  return [`${error.name}: ${error.message}`, ...stack.slice(0, 8), ...cause].join('\n')
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map(line => `    ${line}`)
    .join('\n')
}
