// `npm run bench [-- --only drain,cpu,lag,durable,backlog,memory] [--scale 0.1]`: measures speed and memory side by side with the limits, on
// this machine in this run. JSON lines as it goes, a table at the end; exit code 2 when a limit was missed.
import { parseArgs } from 'node:util'
import { s3Server } from '../services/available.ts'
import { benchDrain } from './drain-rows.ts'
import { benchMemory } from './memory-row.ts'
import { benchBacklog, benchCpu, benchDurablePut, benchLag } from './object-rows.ts'
import { printTable } from './result.ts'

const { values } = parseArgs({ options: { only: { type: 'string' }, scale: { type: 'string', default: '1' } } })
const scale = Number(values.scale)
const names = ['drain', 'cpu', 'lag', 'durable', 'memory', 'backlog']
const chosen = values.only?.split(',') ?? names
const unknown = chosen.filter(name => !names.includes(name))
if (unknown.length > 0 || !(scale > 0 && scale <= 1)) {
  console.error(`--only takes a comma list of ${names.join(', ')}; --scale a number above 0, at most 1`)
  process.exit(1)
}

const service = await s3Server()
if (service.skip) {
  console.error(`no destination to measure against: ${service.skip}`)
  process.exit(1)
}
try {
  const server = service.get()
  if (chosen.includes('cpu')) await benchCpu(server, scale)
  if (chosen.includes('lag')) await benchLag(server, scale)
  if (chosen.includes('durable')) await benchDurablePut(scale)
  if (chosen.includes('drain')) await benchDrain(server, scale)
  if (chosen.includes('memory')) await benchMemory(scale)
  if (chosen.includes('backlog')) await benchBacklog(server, scale)
} finally {
  await service.stop()
}
process.exit(printTable() ? 0 : 2)
