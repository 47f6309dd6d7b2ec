// What the newcomer's runs have in common, whatever the engine: the places for copies in the two stand-in clouds, the bucket, the uploads, the
// live table, and what to try next.
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createHttpClient } from '../base/http-client.ts'
import { realWorld } from '../base/world.ts'
import { buildConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { Config, HostPort } from '../config/types.ts'
import { createContainer } from '../demo/azure-container.ts'
import { ensureVersionedBucket, openBucket, replicateTo, upload } from '../demo/bucket.ts'
import { demoFiles } from '../demo/files.ts'
import { nextSteps } from '../demo/next-steps.ts'
import { openProgress } from '../demo/progress.ts'
import type { StandIns } from '../demo/stand-ins.ts'
import type { Engine } from '../engine/engine.ts'
import { freePort } from '../services/service-process.ts'
import type { Output } from './output.ts'
import { urlOf } from './start.ts'

const bucket = 'demo'
const copies = 'crossbeat-copies'
const sites = ['awsbackend', 'azurebackend']

export const projectRoot = join(import.meta.dirname, '..', '..')

/** The configuration of a demo, as it is read from a file; throws with all problems, which would be defects of the demo. */
export function configOf(value: object): Config {
  const result = buildConfig(value)
  if (result.ok) return result.config
  throw new Error(result.problems.map(formatProblem).join('\n'))
}

/** The usual port, or a free one if something else has it. */
export async function portNear(port: number): Promise<number> {
  const usable = await new Promise<boolean>(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
  return usable ? port : freePort()
}

/** The part of a configuration that leads to the two clouds. */
export function cloudSites(clouds: StandIns): {
  readonly locations: object
  readonly env_replication_endpoints: readonly object[]
} {
  const aws = {
    awsEndpoint: `127.0.0.1:${clouds.s3.port}`,
    bucketName: copies,
    region: 'us-east-1',
    https: false,
    pathStyle: true,
    credentials: { accessKey: clouds.s3.accessKey, secretKey: clouds.s3.secretKey },
  }
  const azure = {
    azureStorageEndpoint: `${clouds.azure.blobEndpoint}/`,
    azureContainerName: copies,
    azureStorageAccountName: clouds.azure.accountName,
    azureStorageAccessKey: clouds.azure.accountKey,
  }
  return {
    locations: {
      'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
      awsbackend: { type: 'aws_s3', objectId: 'aws1', legacyAwsBehavior: true, details: aws },
      azurebackend: { type: 'azure', objectId: 'az1', legacyAwsBehavior: false, details: azure },
    },
    env_replication_endpoints: [
      { site: 'awsbackend', type: 'aws_s3', default: true },
      { site: 'azurebackend', type: 'azure' },
    ],
  }
}

export interface DemoRun {
  /** The command that starts this again. */
  readonly command: string
  readonly s3: HostPort
  readonly control: HostPort
  readonly keys: { readonly accessKey: string; readonly secretKey: string }
  readonly store: Engine['store']
  readonly clouds: StandIns
  /** Remembers in a file that the uploads have been made. */
  readonly dataFolder: string
  readonly output: Output
}

/** Makes the bucket, uploads on the first run, shows the copies until all have ended, and says what to try next. */
export async function runDemo(run: DemoRun): Promise<void> {
  const { clouds, output, keys } = run
  const http = createHttpClient()
  const cloudKeys = { accessKey: clouds.s3.accessKey, secretKey: clouds.s3.secretKey }
  const cloudAddress = { host: '127.0.0.1', port: clouds.s3.port }
  await ensureVersionedBucket(openBucket({ address: cloudAddress, bucket: copies, ...cloudKeys }, http, realWorld))
  await createContainer(clouds.azure, copies, http, realWorld)
  const source = openBucket({ address: run.s3, bucket, ...keys }, http, realWorld)
  await ensureVersionedBucket(source)
  // A first run that was stopped in the middle is done again.
  const uploaded = join(run.dataFolder, 'uploaded')
  if (!existsSync(uploaded)) {
    await replicateTo(source, bucket, sites)
    const progress = openProgress({ store: run.store, bucket, world: realWorld, out: process.stdout })
    output.stdout(`Uploading to bucket ${bucket}, which replicates to ${sites.join(' and ')}:`)
    for (const file of await demoFiles(projectRoot)) progress.add(await upload(source, file))
    const all = await progress.finished()
    await writeFile(uploaded, '')
    output.stdout(
      all ? 'All COMPLETED: every object is in both clouds.' : 'Some copies FAILED; the log above says why.',
    )
  } else {
    output.stdout(
      `Found the data of the last run: bucket ${bucket} is there and goes on replicating to ${sites.join(' and ')}.`,
    )
  }
  await http.close()
  const facts = {
    s3: urlOf(run.s3),
    control: urlOf(run.control),
    ...keys,
    bucket,
    command: run.command,
    copies: [
      `S3    ${clouds.s3.endpoint}   bucket ${copies}   keys ${cloudKeys.accessKey} ${cloudKeys.secretKey}`,
      `Azure ${clouds.azure.blobEndpoint}   container ${copies}   (Azurite's well-known account and key)`,
    ],
  }
  output.stdout(nextSteps(facts))
}
