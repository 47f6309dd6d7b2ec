// Brings node_modules in step with package-lock.json: looks, and installs only if it must. Uses only what Node 18
// offers. Guarantees: two processes on a fresh clone do not install over each other; a failed installation says
// what failed and why, and is tried again by the next start.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

const LOCK_POLL_MS = 250
// An installation takes seconds to a few minutes; a lock of another machine (shared folder) can only be judged by age.
const LOCK_AGE_MAX_MS = 15 * 60 * 1000
const OUTPUT_TAIL_LINES = 15

/** Resolves when node_modules matches package-lock.json; rejects with an Error whose message is for the user. */
export async function ensureDependencies(root) {
  if (inStep(root)) return
  const release = await lock(root)
  try {
    // Whoever held the lock before us may have done the work.
    if (!inStep(root)) await install(root)
  } finally {
    release()
  }
}

// The stamp is the quick answer. Without it, npm's own record of what it installed decides, so that a developer's
// `npm ci` or `npm install` counts and is not thrown away.
function inStep(root) {
  const modules = join(root, 'node_modules')
  if (!existsSync(join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node'))) return false
  const wanted = stampOf(root)
  const stamp = join(modules, '.crossbeat-stamp')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return true
  if (!recordMatches(root)) return false
  writeStamp(root)
  return true
}

function recordMatches(root) {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
    const found = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages
    // Those of other machines are missing rightly; those that we ask for ourselves came later than what is installed.
    const ours = new Set(Object.keys(wanted[''].optionalDependencies ?? {}).map(name => `node_modules/${name}`))
    return Object.keys(wanted).every(path => {
      if (path === '' || (wanted[path].optional && found[path] === undefined && !ours.has(path))) return true
      return found[path] !== undefined && found[path].version === wanted[path].version
    })
  } catch {
    return false
  }
}

function stampOf(root) {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return `${hash} ${process.platform}-${process.arch}\n`
}

function writeStamp(root) {
  try {
    writeFileSync(join(root, 'node_modules', '.crossbeat-stamp'), stampOf(root))
  } catch {
    // A folder we may not write in: the next start compares again.
  }
}

async function install(root) {
  console.error('crossbeat: installing dependencies with npm (once, about 300 MB; needs the npm registry)')
  const started = Date.now()
  const env = npmEnvironment()
  // Scripts stay off, except for the one package that must unpack the binary of Node 24.
  await npm(root, env, ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'])
  await npm(root, env, ['rebuild', 'node', '--ignore-scripts=false', '--no-audit', '--no-fund'])
  if (!existsSync(join(root, 'node_modules', 'node', 'bin'))) {
    throw new Error('npm finished, but node_modules/node holds no Node binary for this platform')
  }
  writeStamp(root)
  console.error(`crossbeat: installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

// npm keeps a cache in the home folder; where that cannot be written (containers, service users) it would fail.
function npmEnvironment() {
  const env = { ...process.env }
  try {
    accessSync(homedir(), constants.W_OK)
  } catch {
    env.npm_config_cache = join(tmpdir(), `crossbeat-npm-${process.getuid ? process.getuid() : 'user'}`)
  }
  return env
}

function npm(root, env, args) {
  const command = `npm ${args.join(' ')}`
  return new Promise((resolve, reject) => {
    const windows = process.platform === 'win32'
    const child = spawn('npm', args, { cwd: root, env, shell: windows, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = chunk => {
      output = (output + chunk).slice(-64 * 1024)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', error => {
      const why = error.code === 'ENOENT' ? 'npm is not on the PATH' : error.message
      reject(new Error(`the dependencies are missing or stale and "${command}" could not be started: ${why}`))
    })
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      const tail = output.trim().split('\n').slice(-OUTPUT_TAIL_LINES).join('\n  ')
      const how = signal === null ? `exit code ${code}` : signal
      reject(new Error(`installing the dependencies failed: "${command}" in ${root} ended with ${how}:\n  ${tail}`))
    })
  })
}

// npm ci removes node_modules, so the lock lives beside it. The file is created exclusively; one whose owner is gone
// is moved aside first and looked at again, so that two waiters cannot both take it over.
async function lock(root) {
  const path = join(root, '.install-lock')
  const mine = `${process.pid} ${hostname()}\n`
  let told = false
  for (;;) {
    try {
      writeFileSync(path, mine, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw new Error(`the dependencies are missing or stale and ${root} cannot be written: ${error.message}`)
      }
    }
    const owner = readOwner(path)
    if (owner !== undefined && abandoned(path, owner)) takeAside(path, owner)
    else if (!told) {
      told = true
      console.error('crossbeat: waiting for another process that is installing the dependencies')
    }
    await new Promise(resolve => setTimeout(resolve, LOCK_POLL_MS))
  }
}

function readOwner(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function abandoned(path, owner) {
  try {
    const ageMs = Date.now() - statSync(path).mtimeMs
    const [pid, host] = owner.trim().split(' ')
    // Empty: created this instant, or its creator died before writing.
    if (host === undefined) return ageMs > 10 * LOCK_POLL_MS
    if (host !== hostname()) return ageMs > LOCK_AGE_MAX_MS
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function takeAside(path, owner) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
    if (readFileSync(aside, 'utf8') === owner) rmSync(aside)
    else renameSync(aside, path)
  } catch {
    // Somebody else was quicker: the loop looks again.
  }
}
