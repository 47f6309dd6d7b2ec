// ZooKeeper's own C client as a module of Node: the npm package `zookeeper` holds its source, which is compiled once for this version of Node
// into the cache, outside of node_modules, so that an installation without a compiler works as long as nobody wants ZooKeeper.
import { existsSync } from 'node:fs'
import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { npmEnvironment, runCommand } from './command.ts'
import { type Obtained, obtainFolder, ServiceUnavailable } from './service-cache.ts'

const moduleName = 'zookeeper.node'
/**
 * Places in which the source leaves a socket watched that is no longer ours. The number of the socket then belongs to another one: Node aborts,
 * or a connection that has nothing to do with ZooKeeper falls silent, or is woken without end.
 */
const patches = [
  {
    file: 'deps/zookeeper-client-c/src/zookeeper.c',
    // A failed write: reading will find the end of the connection, where the binding looks after the socket.
    find: 'close_zsock(zh->fd);\n            zh->state = ZOO_NOTCONNECTED_STATE;',
    replace: 'shutdown(zh->fd->sock, SHUT_RDWR);',
  },
  {
    file: 'src/node-zk.cpp',
    // A connection that timed out: the socket is closed already, so it must not be watched until the next attempt.
    find: 'zookeeper_interest returned error: %d - %s\\n", rc, zerror(rc));\n',
    replace:
      'zookeeper_interest returned error: %d - %s\\n", rc, zerror(rc));\n' +
      'if (zk_io) { uv_close((uv_handle_t*) zk_io, delete_on_close); zk_io = NULL; }\nfd = -1;\n',
  },
  {
    file: 'scripts/build.js',
    // Sockets that child processes do not inherit: a child keeps them open after we closed them, and the kernel goes on reporting their events.
    find: '--without-cppunit`',
    replace: '--without-cppunit --with-sock-cloexec`',
  },
]
/** Counts our changes to the source. */
const revision = 3
const tools = ['g++', 'gcc', 'make', 'python3']
const help =
  'gcc, make and Python 3 (Debian: apt-get install build-essential python3), and a connection to the npm registry'

/** Finds the compiled client or compiles it (about 20 s of CPU); `path` is the module. Throws ServiceUnavailable if that fails. */
export async function obtainZookeeperClient(installing?: (what: string) => void): Promise<Obtained> {
  const source = await findSource()
  const target = `node-${process.versions.modules}-${process.platform}-${process.arch}`
  const obtained = await obtainFolder(`zookeeper-client-${source.version}-${revision}-${target}`, async folder => {
    installing?.(`ZooKeeper's client ${source.version} with the C compiler (once, about 20 s, into a cache)`)
    const work = await mkdtemp(join(tmpdir(), 'crossbeat-zookeeper-client-'))
    try {
      for (const tool of tools) await runCommand(tool, ['--version'])
      await copyFile(await compile(source.folder, work), join(folder, moduleName))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new ServiceUnavailable(`ZooKeeper's client ${source.version}`, `it could not be compiled: ${why}`, help)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return { ...obtained, path: join(obtained.path, moduleName) }
}

async function findSource(): Promise<{ readonly folder: string; readonly version: string }> {
  try {
    const description = createRequire(import.meta.url).resolve('zookeeper/package.json')
    const parsed: unknown = JSON.parse(await readFile(description, 'utf8'))
    const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : ''
    return { folder: dirname(description), version }
  } catch {
    const why = 'the npm package "zookeeper" is not installed'
    throw new ServiceUnavailable(
      "ZooKeeper's client",
      why,
      'npm ci (it is an optional dependency: without --omit=optional)',
    )
  }
}

// In a copy: files of node_modules may be shared with other checkouts by hard links.
async function compile(source: string, work: string): Promise<string> {
  const copy = join(work, 'zookeeper')
  await cp(source, copy, { recursive: true })
  await rm(join(copy, 'build'), { recursive: true, force: true })
  const modules = dirname(source)
  const env = npmEnvironment()
  env['NODE_PATH'] = modules
  env['PATH'] = [env['PATH'] ?? '', join(modules, '.bin')].join(delimiter)
  env['npm_config_nodedir'] = await findHeaders(work, env)
  await runCommand('node', [join('scripts', 'prepublish.js')], { cwd: copy, env })
  for (const patch of patches) await apply(patch, copy)
  await runCommand('npm', ['run', 'build', '--ignore-scripts=false'], { cwd: copy, env })
  return join(copy, 'build', 'Release', moduleName)
}

async function apply(patch: (typeof patches)[number], folder: string): Promise<void> {
  const path = join(folder, patch.file)
  const text = await readFile(path, 'utf8')
  const [before = '', after, ...more] = text.split(patch.find)
  if (after === undefined || more.length > 0)
    throw new Error(`${patch.file} is not what our change of it was written for`)
  await writeFile(path, `${before}${patch.replace}${after}`)
}

/** A folder with `include/node` of exactly this Node: beside its program, else from its npm package. */
async function findHeaders(work: string, env: NodeJS.ProcessEnv): Promise<string> {
  const beside = dirname(dirname(process.execPath))
  if (await hasHeaders(beside)) return beside
  const name = `node-${process.platform}-${process.arch}`
  const args = [
    'install',
    '--prefix',
    work,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--loglevel=error',
  ]
  await runCommand('npm', [...args, `${name}@${process.versions.node}`], { cwd: work, env })
  return join(work, 'node_modules', name)
}

async function hasHeaders(folder: string): Promise<boolean> {
  const file = join(folder, 'include', 'node', 'node_version.h')
  if (!existsSync(file)) return false
  const text = await readFile(file, 'utf8')
  const [major, minor] = process.versions.node.split('.')
  return (
    text.includes(`#define NODE_MAJOR_VERSION ${major}\n`) && text.includes(`#define NODE_MINOR_VERSION ${minor}\n`)
  )
}
