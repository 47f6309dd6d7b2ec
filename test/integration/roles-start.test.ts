// Goal: a process for some roles says clearly why it cannot start, waits a bounded time for servers that are not there, and never ends without
// words. Method: the command itself, with ports on which nothing listens.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { authdata } from '../../src/config/import/samples.ts'
import { freePort } from '../../src/services/service-process.ts'
import { runCli } from '../process/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-roles-'))
after(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'authdata.json'), JSON.stringify(authdata))

async function configFile(name: string, more: object): Promise<string> {
  const file = join(folder, name)
  const s3 = { listen: `127.0.0.1:${await freePort()}` }
  const control = { listen: `127.0.0.1:${await freePort()}` }
  writeFileSync(
    file,
    JSON.stringify({ dataDir: join(folder, 'data'), s3, control, accounts: 'authdata.json', ...more }),
  )
  return file
}

async function distributed(): Promise<string> {
  const port = await freePort()
  return configFile('distributed.yaml', {
    engine: {
      metadata: { postgres: { url: `postgres://crossbeat:hunter2@127.0.0.1:${port}/crossbeat` } },
      log: { kafka: { brokers: ['127.0.0.1:1'] } },
      state: { zookeeper: { connectionString: '127.0.0.1:1' } },
    },
    locations: {
      'us-east-1': { type: 'file', objectId: 'us-east-1', legacyAwsBehavior: false, details: {} },
      awsbackend: {
        type: 'aws_s3',
        objectId: 'aws1',
        legacyAwsBehavior: true,
        details: { bucketName: 'copies', credentials: { accessKey: 'AK', secretKey: 'hunter2' } },
      },
    },
    env_replication_endpoints: [{ site: 'awsbackend', type: 'aws_s3' }],
  })
}

test('some of the roles need the distributed engine', async () => {
  const file = await configFile('embedded.yaml', {})
  for (const args of [
    ['--role', 's3'],
    ['--role', 's3,control'],
    ['--site', 'awsbackend'],
  ]) {
    const { code, stderr } = await runCli(['start', '--config', file, ...args])
    assert.equal(code, 1)
    assert.match(stderr, /a process for some roles or sites needs the distributed engine/)
  }
})

test('all that is wrong with the chosen roles is told at once', async () => {
  const args = ['--role', 'procesor', '--role', 's3', '--site', 'awsbakend', '--health', 'here', '--wait', 'long']
  const { code, stderr } = await runCli(['start', '--config', await distributed(), ...args])
  assert.equal(code, 1)
  for (const line of [
    '--role "procesor" is none of s3, populator, processor, status, control; did you mean processor?',
    '--site "awsbakend" is not in env_replication_endpoints (the sites are awsbackend); did you mean awsbackend?',
    '--site narrows the role processor, which is not among the roles',
    '--health "here" is no host:port, such as 127.0.0.1:8901',
    '--wait "long" is no number of seconds from 0 to 86400',
  ]) {
    assert.ok(stderr.includes(`crossbeat: ${line}\n`), `${line}\nis not in\n${stderr}`)
  }
})

test('a server that is not there is waited for, and then named with what to do, without its password', async () => {
  const { code, stderr } = await runCli(['start', '--config', await distributed(), '--role', 's3', '--wait', '5'])
  assert.equal(code, 1)
  assert.match(stderr, /crossbeat: waiting up to [1-5] s for PostgreSQL: /)
  assert.match(stderr.trim().split('\n').at(-1) ?? '', /^crossbeat: PostgreSQL: .*127\.0\.0\.1/)
  assert.ok(!stderr.includes('hunter2'))
})
