// Seeded choices: the same seed makes the same ones.
import { seededRandom } from '../faults/seeded-random.ts'

export interface Dice {
  /** Uniform in [0, below). */
  int(below: number): number
  chance(probability: number): boolean
  /** Throws when there is nothing to pick from. */
  pick<T>(list: readonly T[]): T
  bytes(count: number): Buffer
}

export function seededDice(seed: number): Dice {
  const random = seededRandom(seed)
  const int = (below: number): number => Math.floor(random() * below)
  return {
    int,
    chance: probability => random() < probability,
    pick(list) {
      const item = list[int(list.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    bytes: count => Buffer.from(Array.from({ length: count }, () => int(256))),
  }
}
