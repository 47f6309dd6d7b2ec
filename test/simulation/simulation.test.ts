// Goal: the promises hold under faults and crashes at any point. Method: many short seeded runs (see simulation.ts); a failure names its seed.
// SIM_SEED runs one seed and tells what happens; SIM_RUNS says how many, SIM_FROM where to begin.
import { test } from 'node:test'
import { Simulation } from './simulation.ts'

const { SIM_SEED: only, SIM_RUNS: runs, SIM_FROM: from } = process.env
const runsDefault = 150
const operations = 40

if (only !== undefined) {
  test(`the promises hold for seed ${only}`, async () => {
    await new Simulation({ seed: Number(only), operations, verbose: true }).run()
  })
} else {
  test('the promises hold for every seed, whatever fails and whenever a process dies', async () => {
    const first = Number(from ?? 1)
    for (let seed = first; seed < first + Number(runs ?? runsDefault); seed += 1)
      await new Simulation({ seed, operations }).run()
  })
}
