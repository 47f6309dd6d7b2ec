// `npm run services`: starts the servers that the tests use and keeps them until Ctrl-C. Prints the environment by which tests, started in
// another terminal with these variables set, use them instead of starting their own.
import { startSharedServices } from './shared.ts'

const services = await startSharedServices(line => console.error(line))
for (const [name, value] of Object.entries(services.environment)) console.log(`export ${name}=${value}`)
console.error('Running until Ctrl-C.')
await new Promise<void>(resolve => {
  process.once('SIGINT', resolve)
  process.once('SIGTERM', resolve)
})
await services.stop()
process.exit(0)
