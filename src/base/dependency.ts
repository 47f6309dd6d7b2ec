// What the parts of the program say about the servers they stand on (Kafka, ZooKeeper, Redis, PostgreSQL): how they are, and why they cannot be used.

/** The state of one server that the process needs, for health routes and for the log. */
export interface DependencyHealth {
  /** `Kafka`, `ZooKeeper`, `Redis` or `PostgreSQL`. */
  readonly name: string
  readonly ok: boolean
  /** What is wrong and what to do about it; left out when nothing is. */
  readonly problem?: string
}

/** A server that the process cannot start or go on without; the message says what was found and what would be right. Never carries a secret. */
export class DependencyError extends Error {
  override readonly name = 'DependencyError'
  readonly dependency: string
  readonly remedy: string
  /** It does not pass by itself: there is nothing to wait for. */
  readonly lasting: boolean

  constructor(
    dependency: string,
    problem: string,
    remedy: string,
    options: { readonly cause?: unknown; readonly lasting?: boolean } = {},
  ) {
    super(`${dependency}: ${problem}. ${remedy}`, options)
    this.dependency = dependency
    this.remedy = remedy
    this.lasting = options.lasting ?? false
  }
}
