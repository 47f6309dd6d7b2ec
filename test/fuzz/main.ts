// The fuzzer by hand: `npm run fuzz -- --seconds N --seed S`. The seed is printed, and drawn when none is given.
import { parseArgs } from 'node:util'
import { initHashes } from '../../src/base/hash.ts'
import { fuzz } from './fuzzer.ts'
import { reportText } from './report.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } })
const seconds = Number(values.seconds ?? 60)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
console.log(`seed ${seed}, ${seconds} s`)
await initHashes()
console.log(reportText(await fuzz({ seconds, seed })))
