// `npm start`: the newcomer's run. Starts two stand-in clouds and Crossbeat, makes a bucket that replicates to both, uploads a few files, shows
// them arrive, says what to try next, and keeps running. A second run finds its data again.

import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { createHttpClient } from '../base/http-client.ts'
import { realWorld } from '../base/world.ts'
import { buildConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { Config } from '../config/types.ts'
import { createContainer } from '../demo/azure-container.ts'
import { ensureVersionedBucket, openBucket, replicateTo, upload } from '../demo/bucket.ts'
import { demoFiles } from '../demo/files.ts'
import { nextSteps } from '../demo/next-steps.ts'
import { openProgress } from '../demo/progress.ts'
import { freePort } from '../demo/service-process.ts'
import { type StandIns, startStandIns } from '../demo/stand-ins.ts'
import { startEmbedded } from '../engine/embedded.ts'
import type { WholeEngine } from '../engine/engine.ts'
import type { Output } from './output.ts'
import { runUntilStopped, urlOf } from './start.ts'

const exitFailed = 1
const bucket = 'demo'
const copies = 'crossbeat-copies'
const projectRoot = join(import.meta.dirname, '..', '..')

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
    return await runUntilStopped(engine, output, run(engine, clouds, { dataFolder, output }))
  } catch (error) {
    // What was to be downloaded or started and is not there: the message says what, why and what would help.
    output.stderr(`crossbeat: ${error instanceof Error ? error.message : String(error)}`)
    output.stderr(`If the data of an earlier run is in the way, remove ${dataFolder} and start again.`)
    return exitFailed
  } finally {
    await clouds?.stop()
  }
}

/** The usual port, or a free one if something else has it. */
async function portNear(port: number): Promise<number> {
  const usable = await new Promise<boolean>(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
  return usable ? port : freePort()
}

function demoConfig(dataFolder: string, s3Port: number, controlPort: number, clouds: StandIns): Config {
  const result = buildConfig({
    dataDir: join(dataFolder, 'crossbeat'),
    s3: { listen: `127.0.0.1:${s3Port}` },
    control: { listen: `127.0.0.1:${controlPort}` },
    log: { level: 'warn' },
    locations: {
      'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
      awsbackend: {
        type: 'aws_s3',
        objectId: 'aws1',
        legacyAwsBehavior: true,
        details: {
          awsEndpoint: `127.0.0.1:${clouds.s3.port}`,
          bucketName: copies,
          region: 'us-east-1',
          https: false,
          pathStyle: true,
          credentials: { accessKey: clouds.s3.accessKey, secretKey: clouds.s3.secretKey },
        },
      },
      azurebackend: {
        type: 'azure',
        objectId: 'az1',
        legacyAwsBehavior: false,
        details: {
          azureStorageEndpoint: `${clouds.azure.blobEndpoint}/`,
          azureContainerName: copies,
          azureStorageAccountName: clouds.azure.accountName,
          azureStorageAccessKey: clouds.azure.accountKey,
        },
      },
    },
    env_replication_endpoints: [
      { site: 'awsbackend', type: 'aws_s3', default: true },
      { site: 'azurebackend', type: 'azure' },
    ],
  })
  if (result.ok) return result.config
  throw new Error(result.problems.map(formatProblem).join('\n'))
}

interface Place {
  readonly dataFolder: string
  readonly output: Output
}

async function run(engine: WholeEngine, clouds: StandIns, { dataFolder, output }: Place): Promise<void> {
  const http = createHttpClient()
  const key = engine.accounts.administratorKey
  if (key === undefined) throw new Error('the demo has no administrator')
  const keys = { accessKey: key.access, secretKey: key.secret }
  const cloudKeys = { accessKey: clouds.s3.accessKey, secretKey: clouds.s3.secretKey }
  const cloudAddress = { host: '127.0.0.1', port: clouds.s3.port }
  await ensureVersionedBucket(openBucket({ address: cloudAddress, bucket: copies, ...cloudKeys }, http, realWorld))
  await createContainer(clouds.azure, copies, http, realWorld)
  const source = openBucket({ address: engine.s3, bucket, ...keys }, http, realWorld)
  await ensureVersionedBucket(source)
  // A first run that was stopped in the middle is done again.
  const uploaded = join(dataFolder, 'uploaded')
  if (!existsSync(uploaded)) {
    await replicateTo(source, bucket, ['awsbackend', 'azurebackend'])
    const progress = openProgress({ store: engine.store, bucket, world: realWorld, out: process.stdout })
    output.stdout(`Uploading to bucket ${bucket}, which replicates to awsbackend and azurebackend:`)
    for (const file of await demoFiles(projectRoot)) progress.add(await upload(source, file))
    const all = await progress.finished()
    await writeFile(uploaded, '')
    output.stdout(
      all ? 'All COMPLETED: every object is in both clouds.' : 'Some copies FAILED; the log above says why.',
    )
  } else {
    output.stdout(
      `Found the data of the last run: bucket ${bucket} is there and goes on replicating to awsbackend and azurebackend.`,
    )
  }
  await http.close()
  const facts = {
    s3: urlOf(engine.s3),
    control: urlOf(engine.control),
    ...keys,
    bucket,
    copies: [
      `S3    ${clouds.s3.endpoint}   bucket ${copies}   keys ${cloudKeys.accessKey} ${cloudKeys.secretKey}`,
      `Azure ${clouds.azure.blobEndpoint}   container ${copies}   (Azurite's well-known account and key)`,
    ],
  }
  output.stdout(nextSteps(facts))
}
