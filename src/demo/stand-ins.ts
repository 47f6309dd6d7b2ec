// The two stand-in clouds of the newcomer's run: a second Crossbeat as S3 (own process, port, keys and data) and Azurite as Azure.
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunningAzurite, startAzurite } from '../services/azurite.ts'
import { type Running, startService } from '../services/service-process.ts'

export interface StandInS3 extends Running {
  readonly accessKey: string
  readonly secretKey: string
}

export interface StandIns {
  readonly s3: StandInS3
  readonly azure: RunningAzurite
  stop(): Promise<void>
}

/** Starts both at once; if one fails the other is stopped. Throws when another demo runs on the folder, without touching its data. */
export async function startStandIns(options: {
  readonly dataFolder: string
  readonly s3Port: number
  readonly azurePort: number
  /** Told what is about to be downloaded. */
  readonly installing: (what: string) => void
}): Promise<StandIns> {
  const s3Folder = join(options.dataFolder, 's3-cloud')
  const starting = startStandInS3(s3Folder, options.s3Port)
  // Azurite locks nothing: if the folder may be in use, the other one finds that out first.
  if (existsSync(join(s3Folder, 'data', 'lock'))) await starting
  const [s3, azure] = await Promise.allSettled([
    starting,
    startAzurite({
      port: options.azurePort,
      dataFolder: join(options.dataFolder, 'azure-cloud'),
      installing: options.installing,
    }),
  ])
  if (s3.status === 'fulfilled' && azure.status === 'fulfilled') {
    const stop = async (): Promise<void> => {
      await Promise.all([s3.value.stop(), azure.value.stop()])
    }
    return { s3: s3.value, azure: azure.value, stop }
  }
  if (s3.status === 'fulfilled') await s3.value.stop()
  if (azure.status === 'fulfilled') await azure.value.stop()
  throw s3.status === 'rejected' ? s3.reason : azure.status === 'rejected' ? azure.reason : new Error('unreachable')
}

async function startStandInS3(folder: string, port: number): Promise<StandInS3> {
  await mkdir(folder, { recursive: true })
  const config = join(folder, 'crossbeat.yaml')
  const content = {
    dataDir: join(folder, 'data'),
    s3: { listen: `127.0.0.1:${port}` },
    control: { listen: '127.0.0.1:0' },
  }
  await writeFile(config, `${JSON.stringify(content, null, 2)}\n`)
  const running = await startService({
    name: 'The stand-in S3 cloud',
    command: process.execPath,
    args: [join(import.meta.dirname, '..', 'main.ts'), 'start', '--config', config],
    logFile: join(folder, 'crossbeat.log'),
    ready: async log => {
      const found = /S3 on http:\/\/127\.0\.0\.1:(\d+)/.exec(log())?.[1]
      return found === undefined ? undefined : Number(found)
    },
    cleanUp: async () => {},
  })
  const keys = await readFile(join(folder, 'data', 'credentials'), 'utf8')
  const read = (name: string): string => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(keys)?.[1] ?? ''
  return { ...running, accessKey: read('aws_access_key_id'), secretKey: read('aws_secret_access_key') }
}
