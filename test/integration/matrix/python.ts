// Clients that are Python libraries: one process goes through all steps and tells how each went.
import { join } from 'node:path'
import { runCommand } from '../../../src/services/command.ts'
import { largeBytes, manyCount, oddNames, partBytes, type Stage, type StepResult, steps } from './stage.ts'

/** `packages` is where pip put the library; `script` one of this folder. */
export async function runPython(packages: string, script: string, stage: Stage): Promise<readonly StepResult[]> {
  const { server, accessKey, secretKey, bucket, versioned, folder } = stage
  const given = { server, accessKey, secretKey, bucket, versioned, folder, oddNames, manyCount, partBytes, largeBytes }
  const env = {
    ...process.env,
    PYTHONPATH: packages,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONWARNINGS: 'ignore',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  }
  const output = await runCommand('python3', [join(import.meta.dirname, script), JSON.stringify(given)], { env })
  const results: StepResult[] = output
    .trim()
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
  return steps.map(step => results.find(result => result.step === step) ?? { step, ms: 0, error: 'it was not tried' })
}
