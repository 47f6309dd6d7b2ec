// `npm start`: the newcomer's run. Starts two stand-in clouds and Crossbeat, makes a bucket that replicates to both, uploads a few files, shows
// them arrive, says what to try next, and keeps running. A second run finds its data again.
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { realWorld } from '../base/world.ts'
import type { Config } from '../config/types.ts'
import { type StandIns, startStandIns } from '../demo/stand-ins.ts'
import { startEmbedded } from '../engine/embedded.ts'
import type { WholeEngine } from '../engine/engine.ts'
import { cloudSites, configOf, portNear, projectRoot, runDemo } from './demo-run.ts'
import type { Output } from './output.ts'
import { runUntilStopped } from './start.ts'

const exitFailed = 1

export interface DemoOptions {
  /** Where everything is kept; left out: the folder `data` of the project. */
  readonly dataDir?: string
}

export async function demo(options: DemoOptions, output: Output): Promise<number> {
  const dataFolder = resolve(options.dataDir ?? join(projectRoot, 'data'))
  await mkdir(dataFolder, { recursive: true })
  output.stdout('Starting two stand-in clouds (a second Crossbeat as S3, Azurite as Azure) and Crossbeat itself.')
  const [s3Port, controlPort, cloudPort, azurePort] = [
    await portNear(8000),
    await portNear(8900),
    await portNear(8001),
    await portNear(10_000),
  ]
  let clouds: StandIns | undefined
  try {
    clouds = await startStandIns({
      dataFolder,
      s3Port: cloudPort,
      azurePort,
      installing: what => output.stdout(`Installing ${what}.`),
    })
    const engine = await startEmbedded({
      config: demoConfig(dataFolder, s3Port, controlPort, clouds),
      world: realWorld,
    })
    return await runUntilStopped(engine, output, run(engine, clouds, dataFolder, output))
  } catch (error) {
    // What was to be downloaded or started and is not there: the message says what, why and what would help.
    output.stderr(`crossbeat: ${error instanceof Error ? error.message : String(error)}`)
    output.stderr(`If the data of an earlier run is in the way, remove ${dataFolder} and start again.`)
    return exitFailed
  } finally {
    await clouds?.stop()
  }
}

function demoConfig(dataFolder: string, s3Port: number, controlPort: number, clouds: StandIns): Config {
  return configOf({
    dataDir: join(dataFolder, 'crossbeat'),
    s3: { listen: `127.0.0.1:${s3Port}` },
    control: { listen: `127.0.0.1:${controlPort}` },
    log: { level: 'warn' },
    ...cloudSites(clouds),
  })
}

function run(engine: WholeEngine, clouds: StandIns, dataFolder: string, output: Output): Promise<void> {
  const key = engine.accounts.administratorKey
  if (key === undefined) throw new Error('the demo has no administrator')
  const { s3, control, store } = engine
  const keys = { accessKey: key.access, secretKey: key.secret }
  return runDemo({ command: 'npm start', s3, control, keys, store, clouds, dataFolder, output })
}
