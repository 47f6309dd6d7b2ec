// What was started, to be closed in the opposite order: once, and all of it even when a step fails.

export class Lifecycle {
  readonly #steps: (() => unknown)[] = []
  #closing: Promise<void> | undefined

  /** Remembers how to close what was just started. */
  add(step: () => unknown): void {
    this.#steps.push(step)
  }

  /** Closes everything; rejects with the first failure after all steps were tried. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll()
    return this.#closing
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
