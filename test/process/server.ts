// Entry point of a Crossbeat process under test: as `crossbeat start`, and the one place that can switch flushing off, for the benchmark.
import { realWorld } from '../../src/base/world.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startEmbedded } from '../../src/engine/embedded.ts'

const [file = '', flush = 'flush'] = process.argv.slice(2)
const result = await loadConfig(file)
if (!result.ok) {
  console.error(JSON.stringify(result.problems))
  process.exit(1)
}
const engine = await startEmbedded({ config: result.config, world: realWorld, flush: flush !== 'no-flush' })
process.once('SIGTERM', () => {
  engine.close().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
