// The aws CLI's part of the client matrix: `aws s3` where it has a command, `aws s3api` for the rest.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../../src/services/command.ts'
import { commandSteps } from './command-steps.ts'
import { bucketTree, randomFile, type Stage, type StepTable, sameFiles, versionsOf } from './stage.ts'

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
  const at = (key: string): string => `s3://${stage.bucket}/${key}`
  return {
    ...commandSteps(stage, {
      upload: (file, key) => aws('s3', 'cp', '--only-show-errors', file, at(key)),
      download: (key, file) => aws('s3', 'cp', '--only-show-errors', at(key), file),
      uploadFolder: (folder, prefix) => aws('s3', 'cp', '--recursive', '--only-show-errors', folder, at(prefix)),
      downloadFolder: (prefix, folder) => aws('s3', 'cp', '--recursive', '--only-show-errors', at(prefix), folder),
      syncUp: (folder, prefix) => aws('s3', 'sync', '--delete', '--only-show-errors', folder, at(prefix)),
      syncDown: (prefix, folder) => aws('s3', 'sync', '--delete', '--only-show-errors', at(prefix), folder),
      list: prefix => aws('s3', 'ls', '--recursive', at(prefix)),
      presign: key => aws('s3', 'presign', at(key)),
    }),
    'presigned PUT': { cannot: 'it signs URLs for GET only' },
    versions: () => versions(aws, stage),
    'batch delete': () => batchDelete(aws, stage),
    checksums: () => checksums(aws, stage),
  }
}
