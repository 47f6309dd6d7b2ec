// s3cmd's part of the client matrix.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../../src/demo/command.ts'
import {
  bucketTree,
  changeBucket,
  changeFolder,
  fetched,
  largeBytes,
  manyCount,
  md5,
  oddFolder,
  randomFile,
  type Stage,
  type StepTable,
  sameFiles,
  syncFolder,
  treeOf,
  versionsOf,
} from './stage.ts'

type S3cmd = (...args: readonly string[]) => Promise<string>

function s3cmdOf(folder: string, stage: Stage): S3cmd {
  const config = join(stage.folder, 's3cfg')
  const settings = {
    access_key: stage.accessKey,
    secret_key: stage.secretKey,
    host_base: stage.server,
    host_bucket: stage.server,
    bucket_location: 'us-east-1',
    use_https: 'False',
    multipart_chunk_size_mb: '5',
    progress_meter: 'False',
    signurl_use_https: 'False',
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(config, `[default]\n${lines.join('')}`)
  const env = { ...process.env, PYTHONPATH: folder, PYTHONWARNINGS: 'ignore', LC_ALL: 'C.UTF-8' }
  return (...args) => runCommand('python3', [join(folder, 'bin', 's3cmd'), '--config', config, ...args], { env })
}

async function roundTrip(s3cmd: S3cmd, stage: Stage, name: string, size: number): Promise<void> {
  const file = randomFile(stage, name, size)
  await s3cmd('put', file, `s3://${stage.bucket}/${name}`)
  await s3cmd('get', '--force', `s3://${stage.bucket}/${name}`, `${file}.back`)
  sameFiles(file, `${file}.back`)
}

async function oddKeys(s3cmd: S3cmd, stage: Stage): Promise<void> {
  const folder = oddFolder(stage)
  await s3cmd('put', '--recursive', `${folder}/`, `s3://${stage.bucket}/odd/`)
  await s3cmd('sync', `s3://${stage.bucket}/odd/`, `${folder}.back/`)
  assert.deepEqual(treeOf(`${folder}.back`), treeOf(folder))
}

async function versions(s3cmd: S3cmd, stage: Stage): Promise<void> {
  await s3cmd('setversioning', `s3://${stage.versioned}`, 'enable')
  for (const size of [1, 2]) await s3cmd('put', randomFile(stage, `v${size}`, size), `s3://${stage.versioned}/v`)
  await s3cmd('del', `s3://${stage.versioned}/v`)
  const { ids, markers } = await versionsOf(stage, 'v')
  assert.deepEqual([ids.length, markers], [2, 1])
}

async function sync(s3cmd: S3cmd, stage: Stage): Promise<void> {
  const folder = syncFolder(stage)
  const up = ['sync', '--delete-removed', `${folder}/`, `s3://${stage.bucket}/tree/`]
  await s3cmd(...up)
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
  changeFolder(folder)
  await s3cmd(...up)
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
}

async function syncBack(s3cmd: S3cmd, stage: Stage): Promise<void> {
  const folder = join(stage.folder, 'tree.back')
  const down = ['sync', '--delete-removed', `s3://${stage.bucket}/tree/`, `${folder}/`]
  await s3cmd(...down)
  await changeBucket(stage, 'tree/')
  await s3cmd(...down)
  assert.deepEqual(treeOf(folder), await bucketTree(stage, 'tree/'))
}

export function s3cmdSteps(folder: string, stage: Stage): StepTable {
  const s3cmd = s3cmdOf(folder, stage)
  return {
    '0 bytes': () => roundTrip(s3cmd, stage, 'zero', 0),
    '4 KiB': () => roundTrip(s3cmd, stage, 'small', 4096),
    multipart: () => roundTrip(s3cmd, stage, 'large', largeBytes),
    'odd keys': () => oddKeys(s3cmd, stage),
    'over 1,000 keys': async () => {
      const listed = await s3cmd('ls', '--recursive', `s3://${stage.bucket}/many/`)
      assert.equal(listed.trim().split('\n').length, manyCount)
    },
    'presigned GET': async () => {
      const url = (await s3cmd('signurl', `s3://${stage.bucket}/small`, '+600')).trim()
      assert.deepEqual(await fetched(url), readFileSync(join(stage.folder, 'small')))
    },
    'presigned PUT': { cannot: 'it signs URLs for GET only' },
    versions: () => versions(s3cmd, stage),
    'batch delete': async () => {
      await s3cmd('del', '--recursive', '--force', `s3://${stage.bucket}/many/`)
      assert.deepEqual(await bucketTree(stage, 'many/'), {})
    },
    'sync up': () => sync(s3cmd, stage),
    'sync down': () => syncBack(s3cmd, stage),
    // MD5s, also that of an object that came in parts: s3cmd keeps it as metadata.
    checksums: async () => {
      for (const name of ['small', 'large']) {
        const shown = await s3cmd('info', `s3://${stage.bucket}/${name}`)
        assert.ok(shown.includes(md5(readFileSync(join(stage.folder, name)))), shown)
      }
    },
  }
}
