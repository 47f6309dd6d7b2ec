// Real clients that the tests drive our server with: the aws CLI and rclone, taken from the PATH if they work there, else from where the
// machine's package manager or pip puts them, and Python packages of pinned versions.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../../src/services/command.ts'
import { aptInstall } from '../../src/services/debian.ts'
import { type Obtained, obtainFolder, ServiceUnavailable } from '../../src/services/service-cache.ts'

/** The newest of version 1: one pip package, no installer; it speaks the same S3 as version 2. */
const awsVersion = '1.45.11'

const awsWrapper = `#!/bin/sh
folder=$(dirname "$0")
PYTHONPATH="$folder" exec python3 "$folder/bin/aws" "$@"
`

/** Python packages with the versions that the tests use. */
const pythonPackages = { boto3: '1.44.5', s3cmd: '2.4.0', minio: '7.2.20' } as const

export type PythonPackage = keyof typeof pythonPackages

export const pythonPackageNames: readonly PythonPackage[] = ['boto3', 's3cmd', 'minio']

/** `path` is a folder with the package and what it needs, for PYTHONPATH. Throws ServiceUnavailable. */
export async function obtainPython(name: PythonPackage): Promise<Obtained> {
  const version = pythonPackages[name]
  try {
    return await obtainFolder(`${name}-${version}`, async folder => {
      // As with the aws CLI: no virtual environment, because its folder is renamed.
      await runCommand('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, `${name}==${version}`])
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ServiceUnavailable(`${name} ${version}`, reason, 'Python 3 with pip, and a way to PyPI')
  }
}

/** Version 2 where the machine has it. `path` is a program that answered `--version`. Throws ServiceUnavailable otherwise. */
export async function obtainAws(): Promise<Obtained> {
  const started = performance.now()
  for (const path of ['aws', '/usr/bin/aws', '/usr/local/bin/aws']) {
    const version = await runCommand(path, ['--version']).catch(() => '')
    if (version.startsWith('aws-cli/2')) return { path, fromCache: true, tookMs: performance.now() - started }
  }
  return obtainClient('aws', ['--version'], 'awscli', async () => {
    const { path } = await obtainFolder(`awscli-${awsVersion}`, async folder => {
      // A virtual environment would hold the absolute path of the folder that is renamed in a moment.
      await runCommand('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, `awscli==${awsVersion}`])
      await writeFile(join(folder, 'aws'), awsWrapper, { mode: 0o755 })
    })
    return join(path, 'aws')
  })
}

export async function obtainRclone(): Promise<Obtained> {
  return obtainClient('rclone', ['version'], 'rclone', undefined)
}

async function obtainClient(
  program: string,
  probe: readonly string[],
  debianPackage: string,
  otherwise: (() => Promise<string>) | undefined,
): Promise<Obtained> {
  const started = performance.now()
  const found = (path: string, fromCache: boolean): Obtained => ({
    path,
    fromCache,
    tookMs: performance.now() - started,
  })
  const reasons: string[] = []
  const works = async (path: string): Promise<boolean> => {
    try {
      await runCommand(path, probe)
      return true
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
      return false
    }
  }
  if (await works(program)) return found(program, true)
  try {
    await aptInstall(debianPackage)
    // The PATH may begin with a shim of the same name that does not work.
    for (const path of [program, `/usr/bin/${program}`]) if (await works(path)) return found(path, false)
  } catch (error) {
    reasons.push(error instanceof Error ? error.message : String(error))
  }
  if (otherwise !== undefined) {
    try {
      const path = await otherwise()
      if (await works(path)) return found(path, false)
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new ServiceUnavailable(
    program,
    reasons.join('\n'),
    `install ${program} so that "${[program, ...probe].join(' ')}" works`,
  )
}
