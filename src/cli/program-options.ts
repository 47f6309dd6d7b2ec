// What every command is given: where it prints, and the world it runs in.
import type { World } from '../base/world.ts'
import type { Output } from './output.ts'

export interface ProgramOptions {
  readonly output: Output
  readonly world: World
  /** Whether standard output shows colours. */
  readonly colours: boolean
  readonly version: string
}
