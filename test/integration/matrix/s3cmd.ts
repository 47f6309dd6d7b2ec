// s3cmd's part of the client matrix.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../../src/services/command.ts'
import { commandSteps } from './command-steps.ts'
import { bucketTree, md5, randomFile, type Stage, type StepTable, versionsOf } from './stage.ts'

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

async function versions(s3cmd: S3cmd, stage: Stage): Promise<void> {
  await s3cmd('setversioning', `s3://${stage.versioned}`, 'enable')
  for (const size of [1, 2]) await s3cmd('put', randomFile(stage, `v${size}`, size), `s3://${stage.versioned}/v`)
  await s3cmd('del', `s3://${stage.versioned}/v`)
  const { ids, markers } = await versionsOf(stage, 'v')
  assert.deepEqual([ids.length, markers], [2, 1])
}

export function s3cmdSteps(folder: string, stage: Stage): StepTable {
  const s3cmd = s3cmdOf(folder, stage)
  const at = (key: string): string => `s3://${stage.bucket}/${key}`
  return {
    ...commandSteps(stage, {
      upload: (file, key) => s3cmd('put', file, at(key)),
      download: (key, file) => s3cmd('get', '--force', at(key), file),
      uploadFolder: (folder, prefix) => s3cmd('put', '--recursive', `${folder}/`, at(prefix)),
      downloadFolder: (prefix, folder) => s3cmd('sync', at(prefix), `${folder}/`),
      syncUp: (folder, prefix) => s3cmd('sync', '--delete-removed', `${folder}/`, at(prefix)),
      syncDown: (prefix, folder) => s3cmd('sync', '--delete-removed', at(prefix), `${folder}/`),
      list: prefix => s3cmd('ls', '--recursive', at(prefix)),
      presign: key => s3cmd('signurl', at(key), '+600'),
    }),
    'presigned PUT': { cannot: 'it signs URLs for GET only' },
    versions: () => versions(s3cmd, stage),
    'batch delete': async () => {
      await s3cmd('del', '--recursive', '--force', `s3://${stage.bucket}/many/`)
      assert.deepEqual(await bucketTree(stage, 'many/'), {})
    },
    // MD5s, also that of an object that came in parts: s3cmd keeps it as metadata.
    checksums: async () => {
      for (const name of ['small', 'large']) {
        const shown = await s3cmd('info', `s3://${stage.bucket}/${name}`)
        assert.ok(shown.includes(md5(readFileSync(join(stage.folder, name)))), shown)
      }
    },
  }
}
