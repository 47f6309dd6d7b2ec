// Goal: what an operator sees of `crossbeat start`: every problem of a configuration at once, who has a port or a data folder, keys made and shown
// once, an orderly end, and clouds that cannot be reached as such. Method: bin/crossbeat.js as a process, real ports, no clouds.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type RunningCli, runCli, startCli } from '../process/cli.ts'
import { eventually } from '../until.ts'
import { replicatedBucket } from './two-clouds.ts'

let folder: string
const running: RunningCli[] = []

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crossbeat-start-'))
})

after(async () => {
  for (const cli of running) cli.signal('SIGKILL')
  await Promise.all(running.map(cli => cli.ended))
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function configFile(name: string, content: unknown): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const anyPort = { s3: { listen: '127.0.0.1:0' }, control: { listen: '127.0.0.1:0' } }

interface Started {
  readonly cli: RunningCli
  readonly s3: string
  readonly control: string
}

async function start(file: string): Promise<Started> {
  const cli = startCli(['start', '--config', file])
  running.push(cli)
  await cli.printed(/Crossbeat is ready[^\n]*\n(The admin[^\n]*\n|Keys[^\n]*\n[^\n]*\n[^\n]*\n)/)
  const [, s3 = '', control = ''] = /S3 on (http:\S+), control API on (http:\S+)\n/.exec(cli.stdout()) ?? []
  return { cli, s3, control }
}

test('every problem of a configuration is told at once, with its place; exit code 1', async () => {
  const text = `dataDr: ./x
s3: {listen: 127.0.0.1}
log: {level: loud}
locations:
  us-east-1: {type: file, objectId: us-east-1, legacyAwsBehavior: false, details: {}}
  g: {type: gcp, objectId: g, legacyAwsBehavior: false, details: {}}
env_replication_endpoints:
  - {site: nope, type: aws_s3}
`
  const { code, stdout, stderr } = await runCli(['start', '--config', await configFile('bad.yaml', text)])
  assert.deepEqual([code, stdout], [1, ''])
  const [head = '', ...problems] = stderr.trimEnd().split('\n')
  assert.match(head, /^crossbeat: .*bad\.yaml cannot be used; nothing was started:$/)
  assert.deepEqual(
    problems.map(line => /^ {2}(\S+): found .*, expected .*\(bad\.yaml:\d+:\d+\)$/.exec(line)?.[1]),
    ['dataDr', 's3.listen', 'log.level', 'locations.g.type', 'env_replication_endpoints[0].site'],
  )
  assert.match(stderr, /did you mean "dataDir"\?/)
  assert.match(stderr, /gcp is not supported yet/)
})

test('a configuration that is missing or not named is one line, exit code 1', async () => {
  const missing = await runCli(['start', '--config', join(folder, 'none.yaml')])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /none\.yaml.* cannot be read \(ENOENT\)/)
  const unnamed = await runCli(['start'])
  assert.equal(unnamed.code, 1)
  assert.match(unnamed.stderr, /^crossbeat: start needs '--config <file>'.*\n$/)
})

test('keys are made into a file that only its owner reads, shown once, and stay the same', async () => {
  const dataDir = join(folder, 'keys')
  const file = await configFile('keys.yaml', { dataDir, ...anyPort, log: { level: 'warn' } })
  const first = await start(file)
  const [, access = '', secret = ''] =
    /aws_access_key_id +(\S+)\n +aws_secret_access_key +(\S+)\n/.exec(first.cli.stdout()) ?? []
  const credentials = join(dataDir, 'credentials')
  assert.equal((await stat(credentials)).mode & 0o777, 0o600)
  const kept = await readFile(credentials, 'utf8')
  assert.equal(kept, `[crossbeat]\naws_access_key_id = ${access}\naws_secret_access_key = ${secret}\n`)
  first.cli.signal('SIGTERM')
  const ended = await first.cli.ended
  assert.deepEqual([ended.code, ended.stderr], [0, ''])
  assert.match(ended.stdout, /\nStopping: /)
  const second = await start(file)
  assert.ok(!second.cli.stdout().includes(secret), 'the keys were shown again')
  assert.match(second.cli.stdout(), /The administrator's keys are in .*credentials \(profile crossbeat\)/)
  assert.equal(await readFile(credentials, 'utf8'), kept)
  second.cli.signal('SIGINT')
  assert.equal((await second.cli.ended).code, 0)
})

test('a second start on the same data folder says which process has it', async () => {
  const dataDir = join(folder, 'shared')
  const file = await configFile('shared.yaml', { dataDir, ...anyPort })
  const first = await start(file)
  const second = await runCli(['start', '--config', file])
  assert.deepEqual([second.code, second.stdout], [1, ''])
  const [, pid = ''] =
    /^crossbeat: .*shared is in use by another Crossbeat process \(pid (\d+)\).*\n$/.exec(second.stderr) ?? []
  assert.ok(Number(pid) > 0, second.stderr)
  first.cli.signal('SIGKILL')
  await first.cli.ended
  // The launcher that was killed takes its server with it; the lock it leaves is nobody's.
  const third = await eventually('the folder is free', async () => {
    const cli = startCli(['start', '--config', file])
    running.push(cli)
    await cli.printed(/Crossbeat is ready/)
    return cli
  })
  third.signal('SIGTERM')
  assert.equal((await third.ended).code, 0)
})

test('a busy port is told with its address', async () => {
  const holder = createServer()
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as AddressInfo
  try {
    for (const role of ['s3', 'control']) {
      const config = { ...anyPort, dataDir: join(folder, `busy-${role}`), [role]: { listen: `127.0.0.1:${port}` } }
      const { code, stdout, stderr } = await runCli(['start', '--config', await configFile('busy.yaml', config)])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(
        stderr,
        new RegExp(`^crossbeat: cannot listen: .*127\\.0\\.0\\.1:${port}\\. Another program has .*\\n$`),
      )
    }
  } finally {
    holder.close()
  }
})

const unreachable = {
  ...anyPort,
  log: { level: 'error' },
  locations: {
    'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
    awsbackend: {
      type: 'aws_s3',
      objectId: 'aws1',
      legacyAwsBehavior: true,
      details: {
        awsEndpoint: '127.0.0.1:9',
        bucketName: 'copies',
        region: 'eu-west-1',
        https: false,
        credentials: { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY' },
      },
    },
    azurebackend: {
      type: 'azure',
      objectId: 'az1',
      legacyAwsBehavior: false,
      details: {
        azureStorageEndpoint: 'https://acct.blob.core.windows.invalid/',
        azureContainerName: 'copies',
        azureStorageAccountName: 'acct',
        azureStorageAccessKey: Buffer.from('no key of anybody').toString('base64'),
      },
    },
  },
  env_replication_endpoints: [
    { site: 'awsbackend', type: 'aws_s3', default: true },
    { site: 'azurebackend', type: 'azure' },
  ],
}

test('with clouds that cannot be reached it serves, and status says what holds up the backlog', async () => {
  const dataDir = join(folder, 'unreachable')
  const backoff = { min: 20, max: 200, factor: 1.5, jitter: 0.1 }
  const retry = { aws_s3: { backoff }, azure: { backoff } }
  const config = { ...unreachable, dataDir, replication: { queueProcessor: { retry } } }
  const { cli, s3, control } = await start(await configFile('unreachable.yaml', config))
  const [, accessKeyId = '', secretAccessKey = ''] =
    /aws_access_key_id +(\S+)\n +aws_secret_access_key +(\S+)\n/.exec(cli.stdout()) ?? []
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint: s3, region: 'us-east-1', forcePathStyle: true, credentials })
  await replicatedBucket(client, 'waiting')
  for (let count = 0; count < 20; count += 1)
    await client.send(new PutObjectCommand({ Bucket: 'waiting', Key: `k${count}`, Body: 'x' }))
  const shown = await eventually('status shows both as held up', async () => {
    const { stdout } = await runCli(['status', '--control', control])
    return /awsbackend is held up/.test(stdout) && /azurebackend is held up/.test(stdout) ? stdout : undefined
  })
  assert.match(shown, /^awsbackend +running, held up +- +20 +20 B +\S.*s +0$/m)
  assert.match(shown, /^azurebackend +running, held up +- +20 +20 B +\S.*s +0$/m)
  assert.match(shown, /^awsbackend is held up \(.*\): ECONNREFUSED: /m)
  assert.match(shown, /^azurebackend is held up \(.*\): E[A-Z_]+: /m)
  const head = await client.send(new HeadObjectCommand({ Bucket: 'waiting', Key: 'k1' }))
  assert.equal(head.ReplicationStatus, 'PENDING')
  client.destroy()
  cli.signal('SIGTERM')
  const { code, stdout, stderr } = await cli.ended
  assert.equal(code, 0)
  assert.ok(!`${stdout}${stderr}`.includes('wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY'))
})
