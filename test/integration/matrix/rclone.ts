// rclone's part of the client matrix.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { runCommand } from '../../../src/services/command.ts'
import { commandSteps } from './command-steps.ts'
import { bucketTree, randomFile, type Stage, type StepTable, sameFiles, versionsOf } from './stage.ts'

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

export function rcloneSteps(program: string, stage: Stage): StepTable {
  const rclone = rcloneOf(program, stage)
  // Folders are named without a slash.
  const at = (key: string): string => `beat:${stage.bucket}/${key.replace(/\/$/, '')}`
  return {
    ...commandSteps(stage, {
      upload: (file, key) => rclone('copyto', file, at(key)),
      download: (key, file) => rclone('copyto', at(key), file),
      uploadFolder: (folder, prefix) => rclone('copy', folder, at(prefix)),
      downloadFolder: (prefix, folder) => rclone('copy', at(prefix), folder),
      syncUp: (folder, prefix) => rclone('sync', folder, at(prefix)),
      syncDown: (prefix, folder) => rclone('sync', at(prefix), folder),
      list: prefix => rclone('lsf', '-R', at(prefix)),
      presign: key => rclone('link', '--expire', '10m', at(key)),
    }),
    'presigned PUT': { cannot: 'it makes links for GET only' },
    versions: () => versions(rclone, stage),
    'batch delete': async () => {
      await rclone('delete', `beat:${stage.bucket}/many`)
      assert.deepEqual(await bucketTree(stage, 'many/'), {})
    },
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
