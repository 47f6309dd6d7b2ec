// `npm run check`: everything that can be said about the code without running it, side by side, in under a minute.
// Prints a line for each step, and the whole output of those that failed; the exit code is 0 only if all passed.
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandFailed, runCommand } from '../src/services/command.ts'
import { seconds } from './report.ts'

const root = dirname(import.meta.dirname)

interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const node = process.execPath
const tool = (name: string): string => join(root, 'node_modules', '.bin', name)

const steps: readonly Step[] = [
  { name: 'types', command: tool('tsc'), args: ['-p', '.'] },
  { name: 'format and lint', command: tool('biome'), args: ['check', '--error-on-warnings', '--max-diagnostics=100'] },
  { name: 'tidy', command: node, args: ['test/tidy.ts'] },
  // Knip runs on this Node, not on the one that its first line would find.
  { name: 'dead code', command: node, args: [join('node_modules', 'knip', 'bin', 'knip.js'), '--no-progress'] },
  { name: 'S3 document', command: node, args: ['test/documentation/write-s3-compatibility.ts', '--check'] },
  ...globSync('bin/*.js', { cwd: root }).map(path => ({ name: path, command: node, args: ['--check', path] })),
]

async function passes(step: Step): Promise<boolean> {
  const started = performance.now()
  try {
    await runCommand(step.command, step.args, { cwd: root })
    console.log(`ok      ${step.name}  ${seconds(performance.now() - started)}`)
    return true
  } catch (error) {
    const output = error instanceof CommandFailed ? error.output || error.message : String(error)
    console.log(`FAILED  ${step.name}  ${seconds(performance.now() - started)}\n${output.trimEnd()}`)
    return false
  }
}

const results = await Promise.all(steps.map(passes))
const failed = results.filter(passed => !passed).length
console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${steps.length} checks failed.`)
process.exitCode = failed === 0 ? 0 : 1
