// A child process of the benchmark that answers one command at a time over IPC: keeps load and proxies out of the measured processes.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

export class WorkerProcess {
  readonly #child: ChildProcess

  constructor(file: string) {
    this.#child = fork(join(import.meta.dirname, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  /** Sends a command and waits for its answer; rejects with the child's error. */
  ask<Answer>(command: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`benchmark process ended with code ${code}`))
      this.#child.once('exit', onExit)
      this.#child.once('message', (message: { answer?: Answer; error?: string }) => {
        this.#child.off('exit', onExit)
        if (message.error !== undefined || message.answer === undefined) reject(new Error(message.error ?? 'no answer'))
        else resolve(message.answer)
      })
      this.#child.send(command)
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  stop(): void {
    this.#child.disconnect()
    this.#child.kill('SIGKILL')
  }
}

/** The child's side: handles commands one after another. */
export function serveCommands<Command>(handle: (command: Command) => Promise<unknown>): void {
  process.on('message', (command: Command) => {
    handle(command).then(
      answer => process.send?.({ answer: answer ?? {} }),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}
