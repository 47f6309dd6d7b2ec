// rclone's part of the client matrix.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
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

type Rclone = (...args: readonly string[]) => Promise<string>

function rcloneOf(program: string, stage: Stage): Rclone {
  const env = {
    ...process.env,
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_BEAT_TYPE: 's3',
    RCLONE_CONFIG_BEAT_PROVIDER: 'Other',
    RCLONE_CONFIG_BEAT_ENDPOINT: `http://${stage.server}`,
    RCLONE_CONFIG_BEAT_ACCESS_KEY_ID: stage.accessKey,
    RCLONE_CONFIG_BEAT_SECRET_ACCESS_KEY: stage.secretKey,
    // rclone refuses to start with a bundle of certificates that is none of its own settings.
    AWS_CA_BUNDLE: undefined,
  }
  const flags = ['--s3-upload-cutoff', '8M', '--s3-chunk-size', '5M', '--transfers', '8', '--checkers', '8']
  return (...args) => runCommand(program, [...args, ...flags], { env })
}

async function roundTrip(rclone: Rclone, stage: Stage, name: string, size: number): Promise<void> {
  const file = randomFile(stage, name, size)
  await rclone('copyto', file, `beat:${stage.bucket}/${name}`)
  await rclone('copyto', `beat:${stage.bucket}/${name}`, `${file}.back`)
  sameFiles(file, `${file}.back`)
}

async function oddKeys(rclone: Rclone, stage: Stage): Promise<void> {
  const folder = oddFolder(stage)
  await rclone('copy', folder, `beat:${stage.bucket}/odd`)
  await rclone('copy', `beat:${stage.bucket}/odd`, `${folder}.back`)
  assert.deepEqual(treeOf(`${folder}.back`), treeOf(folder))
}

async function versions(rclone: Rclone, stage: Stage): Promise<void> {
  const remote = `beat:${stage.versioned}`
  assert.match(await rclone('backend', 'versioning', remote, 'Enabled'), /Enabled/)
  for (const size of [1, 2]) await rclone('copyto', randomFile(stage, `v${size}`, size), `${remote}/v`)
  await rclone('deletefile', `${remote}/v`)
  const { ids, markers } = await versionsOf(stage, 'v')
  assert.deepEqual([ids.length, markers], [2, 1])
  const listed = (await rclone('lsf', '--s3-versions', remote)).trim().split('\n').sort()
  assert.equal(listed.length, 2)
  await rclone('copyto', '--s3-versions', `${remote}/${listed[0]}`, join(stage.folder, 'v1.back'))
  sameFiles(join(stage.folder, 'v1'), join(stage.folder, 'v1.back'))
}

async function sync(rclone: Rclone, stage: Stage): Promise<void> {
  const folder = syncFolder(stage)
  await rclone('sync', folder, `beat:${stage.bucket}/tree`)
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
  changeFolder(folder)
  await rclone('sync', folder, `beat:${stage.bucket}/tree`)
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
}

async function syncBack(rclone: Rclone, stage: Stage): Promise<void> {
  const folder = join(stage.folder, 'tree.back')
  await rclone('sync', `beat:${stage.bucket}/tree`, folder)
  await changeBucket(stage, 'tree/')
  await rclone('sync', `beat:${stage.bucket}/tree`, folder)
  assert.deepEqual(treeOf(folder), await bucketTree(stage, 'tree/'))
}

export function rcloneSteps(program: string, stage: Stage): StepTable {
  const rclone = rcloneOf(program, stage)
  return {
    '0 bytes': () => roundTrip(rclone, stage, 'zero', 0),
    '4 KiB': () => roundTrip(rclone, stage, 'small', 4096),
    multipart: () => roundTrip(rclone, stage, 'large', largeBytes),
    'odd keys': () => oddKeys(rclone, stage),
    'over 1,000 keys': async () => {
      const listed = await rclone('lsf', '-R', `beat:${stage.bucket}/many`)
      assert.equal(listed.trim().split('\n').length, manyCount)
    },
    'presigned GET': async () => {
      const url = await rclone('link', '--expire', '10m', `beat:${stage.bucket}/small`)
      assert.deepEqual(await fetched(url.trim()), readFileSync(join(stage.folder, 'small')))
    },
    'presigned PUT': { cannot: 'it makes links for GET only' },
    versions: () => versions(rclone, stage),
    'batch delete': async () => {
      await rclone('delete', `beat:${stage.bucket}/many`)
      assert.deepEqual(await bucketTree(stage, 'many/'), {})
    },
    'sync up': () => sync(rclone, stage),
    'sync down': () => syncBack(rclone, stage),
    // MD5s: of small objects as their ETags, of large ones as metadata.
    checksums: async () => {
      for (const name of ['small', 'large']) {
        const [sum] = (await rclone('hashsum', 'MD5', `beat:${stage.bucket}/${name}`)).split(' ')
        const [file] = (await rclone('hashsum', 'MD5', join(stage.folder, name))).split(' ')
        assert.equal(sum, file)
      }
    },
  }
}
