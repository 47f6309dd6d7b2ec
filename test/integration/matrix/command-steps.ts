// The steps that all command-line clients go through alike; each client says by which commands.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
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
} from './stage.ts'

/** How a client does it, in the bucket of the stage. Keys and prefixes are plain; a prefix ends with a slash. */
export interface Commands {
  upload(file: string, key: string): Promise<unknown>
  download(key: string, file: string): Promise<unknown>
  uploadFolder(folder: string, prefix: string): Promise<unknown>
  downloadFolder(prefix: string, folder: string): Promise<unknown>
  /** Deletions included, as in `syncDown`. */
  syncUp(folder: string, prefix: string): Promise<unknown>
  syncDown(prefix: string, folder: string): Promise<unknown>
  /** A line for each key. */
  list(prefix: string): Promise<string>
  presign(key: string): Promise<string>
}

type CommonSteps = Pick<
  StepTable,
  '0 bytes' | '4 KiB' | 'multipart' | 'odd keys' | 'over 1,000 keys' | 'presigned GET' | 'sync up' | 'sync down'
>

export function commandSteps(stage: Stage, commands: Commands): CommonSteps {
  return {
    '0 bytes': () => roundTrip(commands, stage, 'zero', 0),
    '4 KiB': () => roundTrip(commands, stage, 'small', 4096),
    multipart: () => roundTrip(commands, stage, 'large', largeBytes),
    'odd keys': () => oddKeys(commands, stage),
    'over 1,000 keys': async () => {
      const listed = await commands.list('many/')
      assert.equal(listed.trim().split('\n').length, manyCount)
    },
    'presigned GET': async () => {
      const url = await commands.presign('small')
      assert.deepEqual(await fetched(url.trim()), readFileSync(join(stage.folder, 'small')))
    },
    'sync up': () => syncUp(commands, stage),
    'sync down': () => syncDown(commands, stage),
  }
}

async function roundTrip(commands: Commands, stage: Stage, name: string, size: number): Promise<void> {
  const file = randomFile(stage, name, size)
  await commands.upload(file, name)
  await commands.download(name, `${file}.back`)
  sameFiles(file, `${file}.back`)
}

async function oddKeys(commands: Commands, stage: Stage): Promise<void> {
  const folder = oddFolder(stage)
  await commands.uploadFolder(folder, 'odd/')
  await commands.downloadFolder('odd/', `${folder}.back`)
  assert.deepEqual(treeOf(`${folder}.back`), treeOf(folder))
}

async function syncUp(commands: Commands, stage: Stage): Promise<void> {
  const folder = syncFolder(stage)
  await commands.syncUp(folder, 'tree/')
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
  changeFolder(folder)
  await commands.syncUp(folder, 'tree/')
  assert.deepEqual(await bucketTree(stage, 'tree/'), treeOf(folder))
}

async function syncDown(commands: Commands, stage: Stage): Promise<void> {
  const folder = join(stage.folder, 'tree.back')
  await commands.syncDown('tree/', folder)
  await changeBucket(stage, 'tree/')
  await commands.syncDown('tree/', folder)
  assert.deepEqual(treeOf(folder), await bucketTree(stage, 'tree/'))
}
