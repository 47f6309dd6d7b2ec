// The aws CLI's part of the client matrix: `aws s3` where it has a command, `aws s3api` for the rest.
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
  oddFolder,
  randomFile,
  type Stage,
  type StepTable,
  sameFiles,
  syncFolder,
  treeOf,
  versionsOf,
} from './stage.ts'

type Aws = (...args: readonly string[]) => Promise<string>

function awsOf(program: string, stage: Stage): Aws {
  const config = join(stage.folder, 'aws-config')
  writeFileSync(config, '[default]\ns3 =\n  multipart_threshold = 8MB\n  multipart_chunksize = 5MB\n')
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: stage.accessKey,
    AWS_SECRET_ACCESS_KEY: stage.secretKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  return (...args) => runCommand(program, ['--endpoint-url', `http://${stage.server}`, ...args], { env })
}

async function roundTrip(aws: Aws, stage: Stage, name: string, size: number): Promise<void> {
  const file = randomFile(stage, name, size)
  await aws('s3', 'cp', '--only-show-errors', file, `s3://${stage.bucket}/${name}`)
  await aws('s3', 'cp', '--only-show-errors', `s3://${stage.bucket}/${name}`, `${file}.back`)
  sameFiles(file, `${file}.back`)
}

async function oddKeys(aws: Aws, stage: Stage): Promise<void> {
  const folder = oddFolder(stage)
  await aws('s3', 'cp', '--recursive', '--only-show-errors', folder, `s3://${stage.bucket}/odd/`)
  await aws('s3', 'cp', '--recursive', '--only-show-errors', `s3://${stage.bucket}/odd/`, `${folder}.back`)
  assert.deepEqual(treeOf(`${folder}.back`), treeOf(folder))
}

async function versions(aws: Aws, stage: Stage): Promise<void> {
  const address = ['--bucket', stage.versioned, '--key', 'v']
  const enabled = ['--versioning-configuration', 'Status=Enabled']
  await aws('s3api', 'put-bucket-versioning', '--bucket', stage.versioned, ...enabled)
  for (const text of ['one', 'two']) {
    writeFileSync(join(stage.folder, text), text)
    await aws('s3api', 'put-object', ...address, '--body', join(stage.folder, text))
  }
  await aws('s3api', 'delete-object', ...address)
  const listed = JSON.parse(await aws('s3api', 'list-object-versions', '--bucket', stage.versioned))
  const { ids, markers } = await versionsOf(stage, 'v')
  assert.equal(listed.Versions.length, 2)
  assert.equal(listed.DeleteMarkers.length, markers)
  const back = join(stage.folder, 'one.back')
  await aws('s3api', 'get-object', ...address, '--version-id', ids[1] ?? '', back)
  assert.equal(readFileSync(back, 'utf8'), 'one')
  await aws('s3api', 'delete-object', ...address, '--version-id', listed.DeleteMarkers[0].VersionId)
  await aws('s3api', 'head-object', ...address)
}

async function batchDelete(aws: Aws, stage: Stage): Promise<void> {
  const keys = Object.keys(await bucketTree(stage, 'many/'))
  for (const [index, part] of [keys.slice(0, 1000), keys.slice(1000)].entries()) {
    const file = join(stage.folder, `delete-${index}.json`)
    writeFileSync(file, JSON.stringify({ Objects: part.map(name => ({ Key: `many/${name}` })), Quiet: true }))
    await aws('s3api', 'delete-objects', '--bucket', stage.bucket, '--delete', `file://${file}`)
  }
  assert.deepEqual(await bucketTree(stage, 'many/'), {})
}

async function syncUp(aws: Aws, stage: Stage): Promise<void> {
  const folder = syncFolder(stage)
  const sync = ['s3', 'sync', '--delete', '--only-show-errors', folder, `s3://${stage.bucket}/tree/`]
  await aws(...sync)
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
  changeFolder(folder)
  await aws(...sync)
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
}

async function syncDown(aws: Aws, stage: Stage): Promise<void> {
  const folder = join(stage.folder, 'tree.back')
  const sync = ['s3', 'sync', '--delete', '--only-show-errors', `s3://${stage.bucket}/tree/`, folder]
  await aws(...sync)
  await changeBucket(stage, 'tree/')
  await aws(...sync)
  assert.deepEqual(treeOf(folder), await bucketTree(stage, 'tree/'))
}

async function checksums(aws: Aws, stage: Stage): Promise<void> {
  const file = randomFile(stage, 'summed', 10_000)
  const address = ['--bucket', stage.bucket, '--key', 'summed']
  for (const algorithm of ['CRC32', 'SHA1', 'SHA256']) {
    const put = await aws('s3api', 'put-object', ...address, '--body', file, '--checksum-algorithm', algorithm)
    const head = await aws('s3api', 'head-object', ...address, '--checksum-mode', 'ENABLED')
    const name = `Checksum${algorithm}`
    assert.equal(JSON.parse(put)[name].length > 0, true)
    assert.equal(JSON.parse(head)[name], JSON.parse(put)[name])
  }
  await aws('s3api', 'get-object', ...address, '--checksum-mode', 'ENABLED', `${file}.back`)
  sameFiles(file, `${file}.back`)
}

export function awsSteps(program: string, stage: Stage): StepTable {
  const aws = awsOf(program, stage)
  return {
    '0 bytes': () => roundTrip(aws, stage, 'zero', 0),
    '4 KiB': () => roundTrip(aws, stage, 'small', 4096),
    multipart: () => roundTrip(aws, stage, 'large', largeBytes),
    'odd keys': () => oddKeys(aws, stage),
    'over 1,000 keys': async () => {
      const listed = await aws('s3', 'ls', '--recursive', `s3://${stage.bucket}/many/`)
      assert.equal(listed.trim().split('\n').length, manyCount)
    },
    'presigned GET': async () => {
      const url = await aws('s3', 'presign', `s3://${stage.bucket}/small`)
      assert.deepEqual(await fetched(url.trim()), readFileSync(join(stage.folder, 'small')))
    },
    'presigned PUT': { cannot: 'it signs URLs for GET only' },
    versions: () => versions(aws, stage),
    'batch delete': () => batchDelete(aws, stage),
    'sync up': () => syncUp(aws, stage),
    'sync down': () => syncDown(aws, stage),
    checksums: () => checksums(aws, stage),
  }
}
