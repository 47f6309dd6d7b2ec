// Where the program begins: hands its arguments to the command line and its result to the shell.
import { readFileSync } from 'node:fs'
import { realWorld } from './base/world.ts'
import { runProgram } from './cli/program.ts'
import { showsColours } from './cli/render.ts'

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const version: unknown = Object.getOwnPropertyDescriptor(Object(manifest), 'version')?.value

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit()
  throw error
})

process.exitCode = await runProgram(process.argv.slice(2), {
  output: { stdout: text => console.log(text), stderr: text => console.error(text) },
  world: realWorld,
  colours: showsColours(process.stdout),
  version: typeof version === 'string' ? version : 'unknown',
})

// The work is done and everything is closed: a timer that a library has forgotten must not keep the process for ever.
const lingerMs = 3_000
realWorld.timers.after(lingerMs, () => process.exit(), { background: true })
