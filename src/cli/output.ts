// Where a command prints: injected, so that a test can read it. Each call is one line (or a block of lines) of output.

/** `stdout` is for the result, `stderr` for reports about it. */
export type Output = {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
}
