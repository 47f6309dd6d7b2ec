// Runs another program to its end, for installing the stand-in clouds. Guarantees: a failure says which command it
// was, how it ended and the last lines it wrote.
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

const outputBytesMax = 256 * 1024
const tailLines = 25

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Ends the program when aborted; the command then fails. */
  readonly signal?: AbortSignal
}

/** A program that could not be started or did not succeed; the message holds the end of its output. */
export class CommandFailed extends Error {
  readonly output: string

  constructor(message: string, output: string) {
    super(message)
    this.name = 'CommandFailed'
    this.output = output
  }
}

/** Resolves with what the program wrote (both streams); rejects with CommandFailed unless it exits with 0. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const line = [command, ...args].join(' ')
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? process.env,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    let output = ''
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-outputBytesMax)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', error => {
      const missing = 'code' in error && error.code === 'ENOENT'
      const why = missing ? `there is no program "${command}" on the PATH` : error.message
      reject(new CommandFailed(`"${line}" could not run: ${why}`, output))
    })
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output)
      const how = signal === null ? `exit code ${code}` : signal
      reject(new CommandFailed(`"${line}" ended with ${how}:\n${tail(output)}`, output))
    })
  })
}

/** The last lines of a program's output, indented for an error message. */
export function tail(output: string): string {
  const lines = output.trimEnd().split('\n').slice(-tailLines)
  return lines.map(line => `    ${line}`).join('\n')
}

/**
 * The environment for npm and the programs it starts: this very Node first on the PATH (npm picks releases by the Node
 * it finds), and a cache folder that can be written even when the home folder cannot.
 */
export function npmEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  env['PATH'] = [dirname(process.execPath), env['PATH'] ?? ''].join(delimiter)
  if (!isWritable(homedir())) env['npm_config_cache'] = join(tmpdir(), `crossbeat-npm-${process.getuid?.() ?? 'user'}`)
  return env
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
