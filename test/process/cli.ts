// The command line as an operator uses it: bin/crossbeat.js as a process, its two streams and its exit code.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const program = join(import.meta.dirname, '..', '..', 'bin', 'crossbeat.js')

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended
}

export interface RunningCli {
  readonly pid: number
  /** What it has printed so far. */
  stdout(): string
  stderr(): string
  /** Resolves when standard output matches; rejects when the command ends or the time is over before. */
  printed(pattern: RegExp, withinMs?: number): Promise<void>
  signal(name: NodeJS.Signals): void
  readonly ended: Promise<CliResult>
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const heard = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    heard.stdout += text
    for (const watcher of watchers) watcher()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    heard.stderr += text
  })
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, ...heard }))
  })
  return {
    pid: child.pid ?? 0,
    stdout: () => heard.stdout,
    stderr: () => heard.stderr,
    printed: (pattern, withinMs = 120_000) =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void =>
          reject(new Error(`${args.join(' ')} ${why} before it printed ${pattern}:\n${heard.stdout}${heard.stderr}`))
        const timer = setTimeout(() => fail('took too long'), withinMs)
        const look = (): void => {
          if (!pattern.test(heard.stdout)) return
          clearTimeout(timer)
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        ended.then(
          ({ code }) => {
            clearTimeout(timer)
            fail(`ended with ${code}`)
          },
          error => reject(error),
        )
        look()
      }),
    signal: name => void child.kill(name),
    ended,
  }
}
