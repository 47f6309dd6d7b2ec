// Starts the project's TypeScript under the project's own Node 24, whatever Node the machine has. Uses only what
// Node 18 offers. Guarantees: dependencies match package-lock.json before anything runs; the child gets the same
// arguments, terminal and signals; the child never outlives this process, not even after kill -9.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ensureDependencies } from './dependencies.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

// The first release whose node:sqlite is good enough for us; older ones need the project's own Node.
const NODE_MAJOR_MIN = 24
const NODE_MINOR_MIN = 15

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Runs `script` (a path inside the repository) with `args`, after bringing node_modules in step, and ends this
 * process with the script's exit code or signal. `npm` sets the working directory to the repository by itself;
 * started by hand we keep the caller's, so that relative paths mean what the user typed.
 */
export async function launch(script, args) {
  try {
    await ensureDependencies(root)
  } catch (error) {
    console.error(`crossbeat: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(1)
  }
  run(nodeBinary(), [join(root, script), ...args])
}

function nodeBinary() {
  const manifest = join(root, 'node_modules', 'node', 'package.json')
  if (existsSync(manifest)) {
    const own = join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.node)
    if (existsSync(own)) return own
  }
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor >= NODE_MINOR_MIN)) return process.execPath
  console.error(
    `crossbeat: needs Node ${NODE_MAJOR_MIN}.${NODE_MINOR_MIN} or newer, this is ${process.version}, and the ` +
      'project has none of its own: remove node_modules and try again, to have it installed',
  )
  process.exit(1)
}

// What was compiled once need not be again, by any thread: the compiler is half of a worker thread's memory. Buffers come from one
// thread and are freed by another: with a heap for each thread of the C library, much of it would lie idle.
function childEnvironment() {
  return { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'crossbeat'), MALLOC_ARENA_MAX: '2' }
}

// The fourth stream is a tether: its other end closes when this process dies in whatever way, and tether.js in the
// child then ends the child. Without it, kill -9 of the launcher would leave a server behind that nobody owns.
function run(binary, args) {
  const tether = pathToFileURL(join(root, 'bin', 'tether.js')).href
  const child = spawn(binary, ['--import', tether, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...childEnvironment(), ...process.env, CROSSBEAT_TETHER: '3' },
  })
  child.stdio[3].on('error', () => {})
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      // On a terminal Ctrl-C reaches the whole foreground group: the child has it already.
      if (signal === 'SIGINT' && process.stdin.isTTY) return
      child.kill(signal)
    })
  }
  child.on('error', error => {
    console.error(`crossbeat: ${binary} could not be started: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code)
    for (const name of SIGNALS) process.removeAllListeners(name)
    process.kill(process.pid, signal)
    // A signal that this process survives (stopped by a parent's mask) must not keep it alive.
    setTimeout(() => process.exit(1), 1000)
  })
}
