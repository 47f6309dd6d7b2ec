// What a call to ZooKeeper ends with when it neither succeeded nor was answered by what the port has words for.

/**
 * `unavailable`: nothing was done. `outcome-unknown`: it may have been done, may still be, or not. `refused`: the server does not allow it.
 * `invalid`: no server would take it. `closed`: the store was closed.
 */
export type ZookeeperFailure = 'unavailable' | 'outcome-unknown' | 'refused' | 'invalid' | 'closed'

export class ZookeeperError extends Error {
  override readonly name = 'ZookeeperError'
  readonly code: ZookeeperFailure
  /** The message without the name of the server. */
  readonly problem: string

  constructor(code: ZookeeperFailure, message: string) {
    super(`ZooKeeper: ${message}`)
    this.code = code
    this.problem = message
  }
}
