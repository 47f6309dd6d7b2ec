// Goal: the clients that people use are at home here: each goes through the same steps, and what it cannot do itself is said. Method: the real
// programs and libraries against one Crossbeat process, two of them at a time; another client looks at what has come of it. The table at the
// end is the client matrix.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { CrossbeatProcess } from '../process/crossbeat.ts'
import { type Available, awsClient, pythonClient, rcloneClient } from '../services/available.ts'
import { show } from '../shown.ts'
import { awsSteps } from './matrix/aws-cli.ts'
import { runPython } from './matrix/python.ts'
import { rcloneSteps } from './matrix/rclone.ts'
import { s3cmdSteps } from './matrix/s3cmd.ts'
import { sdkClient, sdkSteps } from './matrix/sdk.ts'
import { checkOddKeys, manyCount, runSteps, type Stage, type StepResult, steps } from './matrix/stage.ts'
import { inParallel } from './two-clouds.ts'

interface MatrixClient {
  readonly name: string
  readonly skip: false | string
  run(stage: Stage): Promise<readonly StepResult[]>
}

function client(
  name: string,
  available: Pick<Available<string>, 'skip' | 'get'>,
  run: (path: string, stage: Stage) => Promise<readonly StepResult[]>,
): MatrixClient {
  return { name, skip: available.skip, run: stage => run(available.get(), stage) }
}

const clients: readonly MatrixClient[] = [
  client('aws CLI v2', await awsClient(), (path, stage) => runSteps(awsSteps(path, stage))),
  client('s3cmd', await pythonClient('s3cmd'), (path, stage) => runSteps(s3cmdSteps(path, stage))),
  client('rclone', await rcloneClient(), (path, stage) => runSteps(rcloneSteps(path, stage))),
  client('boto3', await pythonClient('boto3'), (path, stage) => runPython(path, 'boto3_client.py', stage)),
  client('minio-py', await pythonClient('minio'), (path, stage) => runPython(path, 'minio_client.py', stage)),
  { name: 'AWS SDK for JavaScript v3', skip: false, run: stage => runSteps(sdkSteps(stage)) },
]

let crossbeat: CrossbeatProcess
let eye: S3Client
let root: string
const table = new Map<string, readonly StepResult[]>()

before(async () => {
  crossbeat = await CrossbeatProcess.start({})
  root = mkdtempSync(join(tmpdir(), 'crossbeat-matrix-'))
  eye = sdkClient({ server: crossbeat.s3, ...crossbeat.keys })
})

after(async () => {
  eye.destroy()
  await crossbeat.stop()
  rmSync(root, { recursive: true, force: true })
  show(tableText())
})

async function stageFor(index: number): Promise<Stage> {
  const bucket = `client-${index}`
  const versioned = `versioned-${index}`
  for (const Bucket of [bucket, versioned]) await eye.send(new CreateBucketCommand({ Bucket }))
  const keys = Array.from({ length: manyCount }, (_, number) => `many/${String(number).padStart(4, '0')}`)
  await inParallel(keys, 32, async Key => {
    await eye.send(new PutObjectCommand({ Bucket: bucket, Key, Body: '' }))
  })
  const folder = join(root, bucket)
  mkdirSync(folder)
  return { server: crossbeat.s3, ...crossbeat.keys, bucket, versioned, folder, eye }
}

function tableText(): string {
  const width = Math.max(...clients.map(({ name }) => name.length))
  const cell = ({ error, cannot, ms }: StepResult): string => {
    if (error !== undefined) return 'FAILED'
    return cannot === undefined ? `${(ms / 1000).toFixed(1)} s` : 'has none'
  }
  const line = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(width)} | ${cells.map((text, index) => text.padEnd(steps[index]?.length ?? 0)).join(' | ')}`
  const rows = [...table].map(([name, results]) => line(name, results.map(cell)))
  const notes = [...table].flatMap(([name, results]) =>
    results.flatMap(({ step, cannot }) => (cannot === undefined ? [] : [`${name}, ${step}: ${cannot}`])),
  )
  const all = [...table.values()].flat()
  const done = all.filter(({ error, cannot }) => error === undefined && cannot === undefined).length
  const count = `${done} of ${all.length} steps done, ${notes.length} that the client has none of`
  return ['Client matrix', line('', steps), ...rows, ...notes, count].join('\n')
}

describe('client matrix', { concurrency: 2 }, () => {
  for (const [index, { name, skip, run }] of clients.entries()) {
    test(name, { skip }, async t => {
      const stage = await stageFor(index)
      const results = await run(stage)
      table.set(name, results)
      for (const { step, error } of results) await t.test(step, () => assert.equal(error, undefined))
      await t.test('odd keys, seen by another client', () => checkOddKeys(stage))
    })
  }
})
