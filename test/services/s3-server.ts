// versitygw, an S3 server of someone else's make: the destination that the tests and the bench replicate to. Built by
// `go install` into the cache at a pinned version, started with bucket versioning and keys made up for each start.
import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailed, runCommand } from '../../src/services/command.ts'
import { type Obtained, obtainFolder, ServiceUnavailable } from '../../src/services/service-cache.ts'
import {
  freePort,
  onFreePorts,
  openDataFolder,
  type Running,
  type ServiceOptions,
  startService,
} from '../../src/services/service-process.ts'

const version = '1.8.0'
const module = `github.com/versity/versitygw/cmd/versitygw@v${version}`

export interface RunningS3 extends Running {
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

export interface S3Options extends ServiceOptions {
  /** Made up unless given. */
  readonly accessKey?: string
  readonly secretKey?: string
}

/** Finds versitygw in the cache or builds it; `path` is the program. Throws ServiceUnavailable without a good Go. */
export async function obtainS3Server(): Promise<Obtained> {
  const obtained = await obtainFolder(`versitygw-${version}`, build)
  return { ...obtained, path: join(obtained.path, 'versitygw') }
}

async function build(folder: string): Promise<void> {
  const work = join(folder, 'build')
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    GOBIN: folder,
    GOPATH: join(work, 'path'),
    GOCACHE: join(work, 'cache'),
    // Modules are unpacked read-only otherwise, and the build folder could not be removed.
    GOFLAGS: `${process.env['GOFLAGS'] ?? ''} -modcacherw`.trim(),
  }
  try {
    await checkGo()
    await runCommand('go', ['install', '-trimpath', '-ldflags=-s -w', module], { cwd: folder, env })
  } catch (error) {
    throw new ServiceUnavailable(
      `versitygw ${version} (the S3 server of the tests)`,
      error instanceof Error ? error.message : String(error),
      'Go 1.21 or newer with a connection to a Go module proxy, or S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY of ' +
        'an S3 server that is running',
    )
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function checkGo(): Promise<void> {
  const output = await runCommand('go', ['version'])
  const match = /go(\d+)\.(\d+)/.exec(output)
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)]
  if (major > 1 || (major === 1 && minor >= 21)) return
  throw new CommandFailed(`"go version" says ${output.trim()}, which is too old to fetch what the module needs`, output)
}

/** Installs versitygw if necessary and starts it on an empty data folder with versioning at hand for every bucket. */
export async function startS3Server(options: S3Options = {}): Promise<RunningS3> {
  const { path } = await obtainS3Server()
  return onFreePorts(() => startOnce(path, options), options.port !== undefined)
}

async function startOnce(program: string, options: S3Options): Promise<RunningS3> {
  const port = options.port ?? (await freePort())
  const accessKey = options.accessKey ?? `TEST${randomBytes(8).toString('hex').toUpperCase()}`
  const secretKey = options.secretKey ?? randomBytes(20).toString('hex')
  const data = await openDataFolder('versitygw', options.dataFolder)
  const [objects, versions] = [join(data.path, 'objects'), join(data.path, 'versions')]
  await mkdir(objects, { recursive: true })
  await mkdir(versions, { recursive: true })
  const running = await startService({
    name: `versitygw ${version}`,
    command: program,
    args: [
      ...['--port', `127.0.0.1:${port}`, '--health', '/health', '--keep-alive', '--quiet'],
      ...['posix', '--versioning-dir', versions, objects],
    ],
    env: { ...process.env, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    logFile: join(data.path, 'versitygw.log'),
    ready: () => answersHealth(port),
    cleanUp: data.remove,
  })
  return { ...running, accessKey, secretKey, region: 'us-east-1' }
}

async function answersHealth(port: number): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`)
    await response.arrayBuffer()
    return response.ok ? port : undefined
  } catch {
    return undefined
  }
}
