// Goal: bin/ starts the same script under the project's own Node, with dependencies in step, signals passed on and
// nothing left behind. Method: a copy of bin/ in a made-up repository whose "own Node" is a link to this one, and an npm
// that is a shell script, so that no test installs anything.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const lockText = JSON.stringify({ packages: { '': {}, 'node_modules/node': { version: '24.0.0' } } })

/** A repository with the real bin/, `script` as src/main.ts, and an npm that appends its arguments to npm.log. */
function repository(script: string, npmScript = ''): string {
  const root = mkdtempSync(join(tmpdir(), 'crossbeat-launcher-'))
  folders.push(root)
  cpSync(join(import.meta.dirname, '..', '..', 'bin'), join(root, 'bin'), { recursive: true })
  for (const folder of ['src', 'path']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'package-lock.json'), lockText)
  writeFileSync(join(root, 'src', 'main.ts'), script)
  const npm = join(root, 'path', 'npm')
  writeFileSync(npm, `#!/bin/sh\necho "$*" >> npm.log\n${npmScript}\n`)
  chmodSync(npm, 0o755)
  return root
}

/** What npm leaves behind, as shell commands for the made-up npm. */
const installCommands = `
case "$1" in
  ci) rm -rf node_modules; mkdir -p node_modules/node; echo '{"bin":{"node":"bin/node"}}' > node_modules/node/package.json
      echo '${lockText}' > node_modules/.package-lock.json ;;
  rebuild) mkdir -p node_modules/node/bin; ln -s '${process.execPath}' node_modules/node/bin/node ;;
esac`

function installed(root: string): void {
  const bin = join(root, 'node_modules', 'node', 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(root, 'node_modules', 'node', 'package.json'), '{"bin":{"node":"bin/node"}}')
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), lockText)
  symlinkSync(process.execPath, join(bin, 'node'))
}

function start(root: string, ...args: string[]): ChildProcess {
  const path = [join(root, 'path'), process.env['PATH'] ?? ''].join(delimiter)
  const env = { ...process.env, PATH: path, NODE_TEST_CONTEXT: undefined }
  return spawn(process.execPath, [join(root, 'bin', 'crossbeat.js'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

async function ended(child: ChildProcess): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  child.stdout?.on('data', chunk => {
    text.stdout += chunk
  })
  child.stderr?.on('data', chunk => {
    text.stderr += chunk
  })
  const [code, signal] = await once(child, 'close')
  return { code, signal, ...text }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output')
  const [chunk] = await once(child.stdout, 'data')
  return String(chunk).trim()
}

function npmCalls(root: string): string[] {
  const log = join(root, 'npm.log')
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
}

test('arguments and the exit code go through, and nothing is installed when all is in step', async () => {
  const root = repository('console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7')
  installed(root)
  const result = await ended(start(root, 'put', '--a b', ''))
  assert.deepEqual([result.code, result.stdout.trim(), result.stderr], [7, '["put","--a b",""]', ''])
  assert.deepEqual(npmCalls(root), [])
})

test('missing dependencies are installed first, once, and the next start finds them', async () => {
  const root = repository("console.log('ran')", installCommands)
  const first = await ended(start(root))
  assert.equal(first.stdout, 'ran\n', first.stderr)
  assert.match(first.stderr, /installing dependencies/)
  assert.deepEqual(
    npmCalls(root).map(line => line.split(' ')[0]),
    ['ci', 'rebuild'],
  )
  const second = await ended(start(root))
  assert.deepEqual([second.stdout, second.stderr], ['ran\n', ''])
  assert.equal(npmCalls(root).length, 2)
})

test('a changed lock file makes the dependencies stale', async () => {
  const root = repository("console.log('ran')", installCommands)
  installed(root)
  assert.equal((await ended(start(root))).stderr, '')
  writeFileSync(join(root, 'package-lock.json'), lockText.replace('24.0.0', '24.1.0'))
  assert.match((await ended(start(root))).stderr, /installing dependencies/)
})

test('an optional package that was added later is installed, one of another machine is not missed', async () => {
  const packages = {
    '': { optionalDependencies: { later: '1.0.0' } },
    'node_modules/node': { version: '24.0.0' },
    'node_modules/later': { version: '1.0.0', optional: true },
    'node_modules/@later/other-machine': { version: '1.0.0', optional: true, os: ['none'] },
  }
  const withLater = JSON.stringify({ packages })
  const root = repository("console.log('ran')", installCommands)
  installed(root)
  writeFileSync(join(root, 'package-lock.json'), withLater)
  const { '': _, 'node_modules/@later/other-machine': __, ...found } = packages
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: found }))
  assert.equal((await ended(start(root))).stderr, '')
  const { 'node_modules/later': ___, ...without } = found
  rmSync(join(root, 'node_modules', '.crossbeat-stamp'))
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: without }))
  assert.match((await ended(start(root))).stderr, /installing dependencies/)
})

test('two starts on a fresh clone install once, one after the other', async () => {
  const root = repository("console.log('ran')", installCommands)
  const results = await Promise.all([ended(start(root)), ended(start(root)), ended(start(root))])
  assert.deepEqual(
    results.map(result => result.stdout),
    ['ran\n', 'ran\n', 'ran\n'],
  )
  assert.equal(npmCalls(root).length, 2)
  assert.ok(!existsSync(join(root, '.install-lock')))
})

test('the lock of an installer that died is taken over', async () => {
  const root = repository("console.log('ran')", installCommands)
  const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(gone, 'exit')
  writeFileSync(join(root, '.install-lock'), `${gone.pid} ${hostname()}\n`)
  assert.equal((await ended(start(root))).stdout, 'ran\n')
})

test('a failed installation says which command failed and why, and leaves no lock', async () => {
  const root = repository('', 'echo "npm error network is down" >&2; exit 3')
  const result = await ended(start(root))
  assert.equal(result.code, 1)
  assert.match(result.stderr, /"npm ci .*" in .* ended with exit code 3:\n {2}npm error network is down/)
  assert.ok(!existsSync(join(root, '.install-lock')))
})

test('a signal reaches the script, whose exit code comes back', async () => {
  const root = repository(
    "process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('ready')",
  )
  installed(root)
  const child = start(root)
  await firstLine(child)
  const end = ended(child)
  child.kill('SIGTERM')
  assert.equal((await end).code, 9)
})

test('a script that dies of a signal makes the launcher die of it too', async () => {
  const root = repository("process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)")
  installed(root)
  assert.equal((await ended(start(root))).signal, 'SIGKILL')
})

test('kill -9 of the launcher ends the script, whose output pipe therefore closes', { timeout: 120_000 }, async () => {
  const root = repository("setInterval(() => {}, 1000); console.log('ready')")
  installed(root)
  const child = start(root)
  await firstLine(child)
  const end = ended(child)
  child.kill('SIGKILL')
  // The pipe is shared by launcher and script: it closes only when both are gone.
  assert.equal((await end).signal, 'SIGKILL')
})
