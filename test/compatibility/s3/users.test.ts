// Goal: users that the command line adds to a running server may do exactly what is documented, from the moment it takes them, and nothing once they
// are gone; no user of an administrator administers. Method: a whole engine with worker threads at its S3 port, the real commands on its accounts
// file, and requests until the answer is another.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { sha256Hex } from '../../../src/base/hash.ts'
import { amzDateOf, signV4Headers } from '../../../src/base/signature-v4.ts'
import { realWorld } from '../../../src/base/world.ts'
import { runProgram } from '../../../src/cli/program.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { HostPort } from '../../../src/config/types.ts'
import { startEmbedded } from '../../../src/engine/embedded.ts'

interface Key {
  readonly accessKey: string
  readonly secretKey: string
}

const owner: Key = { accessKey: 'ownerKey', secretKey: 'ownerSecret' }

interface Running {
  /** `account ...` of the command line; gives what it prints with --json. */
  account(...args: readonly string[]): Promise<Key>
  /** Status and error code of a signed request. */
  ask(key: Key, method: string, path: string, body?: string): Promise<readonly [number, string]>
  /** Asks until every worker has stopped to answer with this error code. */
  askPast(code: string, key: Key, path: string): Promise<void>
}

async function start(t: TestContext): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-users-'))
  const config = join(folder, 'crossbeat.yaml')
  const listen = '127.0.0.1:0'
  const account = {
    ...{ name: 'owner', email: 'owner@example.com', arn: 'arn:aws:iam::123456789012:root', shortid: '123456789012' },
    ...{ canonicalID: 'a'.repeat(64), admin: true, keys: [{ access: owner.accessKey, secret: owner.secretKey }] },
  }
  await writeFile(join(folder, 'accounts.json'), JSON.stringify({ accounts: [account] }))
  const written = { dataDir: 'data', s3: { listen, workers: 2 }, control: { listen }, log: { level: 'silent' } }
  await writeFile(config, JSON.stringify({ ...written, accounts: 'accounts.json' }))
  const loaded = await loadConfig(config)
  assert.ok(loaded.ok)
  const engine = await startEmbedded({ config: loaded.config, world: realWorld })
  t.after(async () => {
    await engine.close()
    await rm(folder, { recursive: true })
  })
  return {
    async account(...args) {
      const lines: string[] = []
      const output = { stdout: (text: string) => lines.push(text), stderr: (text: string) => lines.push(text) }
      const all = ['account', ...args, '--json', '--config', config]
      const code = await runProgram(all, { output, world: realWorld, colours: false, version: '1' })
      assert.equal(code, 0, lines.join('\n'))
      return JSON.parse(lines.join('\n'))
    },
    async ask(key, method, path, body = '') {
      const { status, code } = await send(engine.s3, key, method, path, body)
      return [status, code]
    },
    async askPast(code, key, path) {
      const workers = new Set<string>()
      while (workers.size < 2) {
        const answer = await send(engine.s3, key, 'GET', path, '')
        if (answer.code !== code) workers.add(answer.worker)
      }
    },
  }
}

/** Over a connection of its own, which may come to any worker. */
function send(
  at: HostPort,
  { accessKey, secretKey }: Key,
  method: string,
  target: string,
  body: string,
): Promise<{ readonly status: number; readonly code: string; readonly worker: string }> {
  const [path = '/', query = ''] = target.split('?')
  const headers = signV4Headers({
    ...{ method, host: `${at.host}:${at.port}`, path, query, headers: {}, region: 'us-east-1', service: 's3' },
    ...{ payloadHash: sha256Hex(body), amzDate: amzDateOf(Date.now()), accessKey, secretKey },
  })
  return new Promise((resolve, reject) => {
    const sent = request({ ...at, method, path: target, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? /"code":\s*"([^"]*)"/.exec(text)?.[1] ?? ''
        const worker = String(response.headers['x-amz-request-id'] ?? '').slice(0, 12)
        resolve({ status: response.statusCode ?? 0, code, worker })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const denied = [403, 'AccessDenied'] as const
const clerkArn = 'arn:aws:iam::123456789012:user/clerk'

function policy(...statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

test('users/a user without a policy may do nothing, and then what a policy allows to its arn', async t => {
  const { account, ask, askPast } = await start(t)
  assert.deepEqual(await ask(owner, 'PUT', '/papers'), [200, ''])
  assert.deepEqual(await ask(owner, 'PUT', '/papers/one', 'x'), [200, ''])
  const clerk = await account('user', 'add', 'owner', 'clerk')
  await askPast('InvalidAccessKeyId', clerk, '/papers/one')
  const requests: readonly (readonly [string, string])[] = [
    ...([
      ['GET', '/'],
      ['PUT', '/clerks'],
      ['GET', '/papers'],
      ['GET', '/papers/one'],
      ['PUT', '/papers/two'],
    ] as const),
    ...([
      ['DELETE', '/papers/one'],
      ['DELETE', '/papers'],
      ['GET', '/papers?policy'],
      ['GET', '/papers?acl'],
    ] as const),
    ...([
      ['POST', '/papers/two?uploads'],
      ['GET', '/_/backbeat/api/crr/status'],
    ] as const),
  ]
  for (const [method, path] of requests) assert.deepEqual(await ask(clerk, method, path), denied, `${method} ${path}`)
  const toAccount = {
    Effect: 'Allow',
    Principal: { AWS: '123456789012' },
    Action: 's3:*',
    Resource: 'arn:aws:s3:::papers/*',
  }
  assert.deepEqual(await ask(owner, 'PUT', '/papers?policy', policy(toAccount)), [204, ''])
  assert.deepEqual(await ask(clerk, 'GET', '/papers/one'), denied)
  const toClerk = { ...toAccount, Principal: { AWS: clerkArn }, Action: 's3:GetObject' }
  assert.deepEqual(await ask(owner, 'PUT', '/papers?policy', policy(toClerk)), [204, ''])
  assert.deepEqual(await ask(clerk, 'GET', '/papers/one'), [200, ''])
  assert.deepEqual(await ask(clerk, 'PUT', '/papers/one', 'y'), denied)
  assert.deepEqual(await ask(owner, 'PUT', '/papers?policy', policy({ ...toClerk, Action: 's3:PutObject' })), [204, ''])
  assert.deepEqual(await ask(clerk, 'PUT', '/papers/three', 'y'), [200, ''])
  // What it writes is its account's.
  assert.deepEqual(await ask(owner, 'GET', '/papers/three'), [200, ''])
})

test('users/a user with the rights of its account has them for buckets and objects, short of denials and administration', async t => {
  const { account, ask, askPast } = await start(t)
  const clerk = await account('user', 'add', 'owner', 'clerk', '--rights', 'account')
  await askPast('InvalidAccessKeyId', clerk, '/')
  assert.deepEqual(await ask(clerk, 'PUT', '/papers'), [200, ''])
  assert.deepEqual(await ask(clerk, 'PUT', '/papers/one', 'x'), [200, ''])
  assert.deepEqual(await ask(clerk, 'GET', '/'), [200, ''])
  const api = '/_/backbeat/api/crr/status'
  assert.deepEqual(await ask(owner, 'GET', api), [200, ''])
  assert.deepEqual(await ask(clerk, 'GET', api), denied)
  assert.deepEqual(await ask(clerk, 'GET', '/_/backbeat/metadata/papers/one'), denied)
  const resources = ['arn:aws:s3:::papers', 'arn:aws:s3:::papers/*']
  const deny = { Effect: 'Deny', Principal: { AWS: clerkArn }, Action: 's3:*', Resource: resources }
  assert.deepEqual(await ask(owner, 'PUT', '/papers?policy', policy(deny)), [204, ''])
  for (const path of ['/papers/one', '/papers', '/papers?policy'])
    assert.deepEqual(await ask(clerk, 'GET', path), denied)
  assert.deepEqual(await ask(clerk, 'DELETE', '/papers?policy'), denied)
})

test('users/a rotated key ends and its successor works; with the user all its keys end', async t => {
  const { account, ask, askPast } = await start(t)
  const first = await account('user', 'add', 'owner', 'clerk', '--rights', 'account')
  await askPast('InvalidAccessKeyId', first, '/')
  const second = await account('user', 'key', 'rotate', 'owner', 'clerk')
  await askPast('InvalidAccessKeyId', second, '/')
  assert.deepEqual(await ask(second, 'GET', '/'), [200, ''])
  assert.deepEqual(await ask(first, 'GET', '/'), [403, 'InvalidAccessKeyId'])
  const third = await account('user', 'key', 'add', 'owner', 'clerk')
  await askPast('InvalidAccessKeyId', third, '/')
  assert.deepEqual(await ask(second, 'GET', '/'), [200, ''])
  await account('user', 'remove', 'owner', 'clerk')
  await askPast('', third, '/')
  for (const key of [second, third]) assert.deepEqual(await ask(key, 'GET', '/'), [403, 'InvalidAccessKeyId'])
  assert.deepEqual(await ask(owner, 'GET', '/'), [200, ''])
})
