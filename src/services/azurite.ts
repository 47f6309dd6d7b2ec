// Azurite, Microsoft's emulator of Azure Blob Storage: the stand-in for Azure in `npm start` and in the tests. It is too
// large for package.json (190 MB), so it is installed by npm into the cache folder on first use, at a pinned version.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { npmEnvironment, runCommand } from './command.ts'
import { type Obtained, obtainFolder, ServiceUnavailable } from './service-cache.ts'
import { openDataFolder, type Running, type ServiceOptions, startService } from './service-process.ts'

/** 3.37 asks for a package that the registry does not have. */
export const azuriteVersion = '3.36.0'

/** The account that every Azurite has; its key is printed in Azurite's own documentation and is no secret. */
export const azuriteAccount = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
} as const

export interface RunningAzurite extends Running {
  readonly accountName: string
  readonly accountKey: string
  /** `http://127.0.0.1:<port>/devstoreaccount1`, what Azure's clients call the blob endpoint. */
  readonly blobEndpoint: string
}

/** Finds Azurite in the cache or installs it; throws ServiceUnavailable with npm's last words if that fails. */
export async function obtainAzurite(installing?: (what: string) => void): Promise<Obtained> {
  return obtainFolder(`azurite-${azuriteVersion}`, async folder => {
    installing?.(`Azurite ${azuriteVersion} with npm (once, about 190 MB, into a cache outside of the project)`)
    const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    try {
      await runCommand('npm', [...args, `azurite@${azuriteVersion}`], { cwd: folder, env: npmEnvironment() })
    } catch (error) {
      throw new ServiceUnavailable(
        `Azurite ${azuriteVersion}`,
        error instanceof Error ? error.message : String(error),
        'a connection to the npm registry; for the tests also AZURE_ENDPOINT, set to an Azurite that is running',
      )
    }
    await mkdir(join(folder, 'compile-cache'), { recursive: true })
  })
}

/** Installs Azurite if necessary and starts its blob service. `logFile` is in the data folder, `azurite.log`. */
export async function startAzurite(options: ServiceOptions = {}): Promise<RunningAzurite> {
  const { path } = await obtainAzurite(options.installing)
  const data = await openDataFolder('azurite', options.dataFolder)
  const running = await startService({
    name: 'Azurite',
    command: process.execPath,
    args: [
      join(path, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js'),
      ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', '--disableProductStyleUrl'],
      ...['--blobHost', '127.0.0.1', '--blobPort', String(options.port ?? 0), '--location', data.path],
    ],
    // Compiled code is kept beside the installation: half of the start-up time is parsing.
    env: { ...process.env, NODE_COMPILE_CACHE: join(path, 'compile-cache') },
    logFile: join(data.path, 'azurite.log'),
    ready: async log => {
      const lines = [...log().matchAll(/successfully listens on http:\/\/127\.0\.0\.1:(\d+)/g)]
      const port = lines.at(-1)?.[1]
      return port === undefined ? undefined : Number(port)
    },
    cleanUp: data.remove,
  })
  return {
    ...running,
    accountName: azuriteAccount.name,
    accountKey: azuriteAccount.key,
    blobEndpoint: `${running.endpoint}/${azuriteAccount.name}`,
  }
}
