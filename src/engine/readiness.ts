// Whether this process can do its work: begun, not ending, and what it stands on answers. Asked by probes and by operators, so it says what is
// wrong, and never waits long.
import type { ReadyReport } from '../api/probes.ts'
import type { DependencyHealth } from '../base/dependency.ts'
import type { World } from '../base/world.ts'
import type { Dependency, Role } from './parts.ts'

const answerWithinMs = 3_000

export class Readiness {
  readonly #dependencies: readonly Dependency[]
  readonly #world: World
  readonly #roles = new Map<Role, () => string>()
  #phase: 'starting' | 'working' | 'stopping' = 'starting'

  constructor(dependencies: readonly Dependency[], world: World) {
    this.#dependencies = dependencies
    this.#world = world
  }

  /** A role has begun; `describe` says what it does at the moment. */
  began(role: Role, describe: () => string): void {
    this.#roles.set(role, describe)
  }

  /** All roles have begun. */
  working(): void {
    this.#phase = 'working'
  }

  /** From now on nothing new should be sent here. */
  stopping(): void {
    this.#phase = 'stopping'
  }

  async report(): Promise<ReadyReport> {
    const dependencies = await Promise.all(this.#dependencies.map(dependency => this.#ask(dependency)))
    const missing = dependencies.filter(({ ok }, index) => !ok && this.#dependencies[index]?.required !== false)
    const roles = Object.fromEntries([...this.#roles].map(([role, describe]) => [role, describe()]))
    const why = this.#why(missing)
    return { ok: why === null, why, roles, dependencies }
  }

  #why(missing: readonly DependencyHealth[]): string | null {
    if (this.#phase !== 'working') return `the process is ${this.#phase}`
    if (missing.length === 0) return null
    return missing.map(({ name, problem }) => `${name}: ${problem ?? 'not usable'}`).join('; ')
  }

  async #ask({ name, health }: Dependency): Promise<DependencyHealth> {
    const late = Promise.withResolvers<DependencyHealth>()
    const problem = `no answer within ${answerWithinMs / 1000} s`
    const timer = this.#world.timers.after(answerWithinMs, () => late.resolve({ name, ok: false, problem }))
    try {
      return await Promise.race([health(), late.promise])
    } catch (error) {
      return { name, ok: false, problem: error instanceof Error ? error.message : String(error) }
    } finally {
      timer.cancel()
    }
  }
}
