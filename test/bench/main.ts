// `npm run bench [-- --engine embedded|distributed] [--only drain,cpu] [--scale 0.1]`: measures speed and memory side by side with the limits, on
// this machine in this run. JSON lines as it goes, a table at the end; exit code 2 when a limit was missed.
import { parseArgs } from 'node:util'
import { type S3Address, s3Server } from '../services/available.ts'
import { benchDistributedCpu } from './distributed-cpu-rows.ts'
import { benchPause } from './distributed-pause-rows.ts'
import { benchKill, benchProcessors } from './distributed-processor-rows.ts'
import { benchDrain } from './drain-rows.ts'
import { benchMemory } from './memory-row.ts'
import { benchBacklog, benchCpu, benchDurablePut, benchLag } from './object-rows.ts'
import { printTable } from './result.ts'
import { benchList } from './s3-list-row.ts'
import { benchTransferMemory } from './s3-memory-row.ts'
import { benchSpeed } from './s3-rows.ts'

type Rows = Readonly<Record<string, (server: S3Address, scale: number) => Promise<void>>>

const engines: Readonly<Record<string, Rows>> = {
  embedded: {
    cpu: benchCpu,
    lag: benchLag,
    durable: (_, scale) => benchDurablePut(scale),
    drain: benchDrain,
    memory: (_, scale) => benchMemory(scale),
    backlog: benchBacklog,
    put: (server, scale) => benchSpeed('put', server, scale),
    get: (server, scale) => benchSpeed('get', server, scale),
    'put-large': (server, scale) => benchSpeed('put-large', server, scale),
    'get-large': (server, scale) => benchSpeed('get-large', server, scale),
    list: (_, scale) => benchList(scale),
    transfers: (_, scale) => benchTransferMemory(scale),
  },
  distributed: {
    cpu: benchDistributedCpu,
    processors: (_, scale) => benchProcessors(scale),
    pause: (_, scale) => benchPause(scale),
    kill: (_, scale) => benchKill(scale),
  },
}

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'embedded' },
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
  },
})
const scale = Number(values.scale)
const rows = engines[values.engine] ?? {}
const chosen = values.only?.split(',') ?? Object.keys(rows)
if (chosen.length === 0 || chosen.some(name => rows[name] === undefined) || !(scale > 0 && scale <= 1)) {
  const names = Object.entries(engines).map(([engine, known]) => `${Object.keys(known).join(', ')} (${engine})`)
  console.error(`--engine takes ${Object.keys(engines).join(' or ')}; --only a comma list of ${names.join(' or ')};`)
  console.error('--scale a number above 0, at most 1')
  process.exit(1)
}

const service = await s3Server()
if (service.skip) {
  console.error(`no destination to measure against: ${service.skip}`)
  process.exit(1)
}
try {
  for (const [name, bench] of Object.entries(rows)) if (chosen.includes(name)) await bench(service.get(), scale)
} finally {
  await service.stop()
}
process.exit(printTable() ? 0 : 2)
