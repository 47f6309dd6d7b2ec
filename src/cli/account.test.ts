// Goal: accounts change by the command line as an operator types it, in one step each, with the file's mode, and a running directory takes them.
// Method: the real program on a real configuration and accounts file.
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { realWorld } from '../base/world.ts'
import { loadAccounts } from '../engine/accounts.ts'
import { runProgram } from './program.ts'

interface Place {
  readonly folder: string
  readonly accountsFile: string
  run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }>
  accounts(): Promise<{ accounts: { name: string; keys: { access: string; secret: string }[] }[] }>
}

const first = {
  name: 'first',
  email: 'first@example.com',
  arn: 'arn:aws:iam::123456789012:root',
  canonicalID: '79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be',
  shortid: '123456789012',
  admin: true,
  keys: [{ access: 'firstKey', secret: 'firstSecret' }],
  users: [
    { name: 'ann', arn: 'arn:aws:iam::123456789012:user/ann', keys: [{ access: 'annKey', secret: 'annSecret' }] },
  ],
  saml: { kept: true },
}

async function place(t: TestContext, withAccounts = true): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-account-'))
  t.after(() => rm(folder, { recursive: true }))
  const accountsFile = join(folder, 'accounts.json')
  const config = join(folder, 'crossbeat.yaml')
  await writeFile(config, withAccounts ? 'accounts: accounts.json\n' : 'dataDir: data\n')
  if (withAccounts) await writeFile(accountsFile, JSON.stringify({ accounts: [first] }), { mode: 0o640 })
  if (withAccounts) await chmod(accountsFile, 0o640)
  return {
    folder,
    accountsFile,
    async run(...args) {
      const out: string[] = []
      const err: string[] = []
      const output = { stdout: (text: string) => out.push(text), stderr: (text: string) => err.push(text) }
      const all = ['account', ...args, '--config', config]
      const code = await runProgram(all, { output, world: realWorld, colours: false, version: '1' })
      return { code, out: out.join('\n'), err: err.join('\n') }
    },
    accounts: async () => JSON.parse(await readFile(accountsFile, 'utf8')),
  }
}

test('an account is added with a key that is shown once; what else is in the file stays, and its mode', async t => {
  const { run, accountsFile, accounts } = await place(t)
  const added = await run('add', 'photos')
  assert.equal(added.code, 0, added.err)
  const [old, made] = (await accounts()).accounts
  assert.deepEqual(old, first)
  assert.equal(made?.name, 'photos')
  assert.match(added.out, new RegExp(`aws_access_key_id     ${made?.keys[0]?.access}\n`))
  assert.match(added.out, new RegExp(`aws_secret_access_key ${made?.keys[0]?.secret}$`))
  assert.equal((await stat(accountsFile)).mode & 0o777, 0o640)
  const listed = await run('list')
  assert.match(listed.out, /^ACCOUNT +NUMBER +ADMIN +KEYS +USERS\nfirst +123456789012 +yes +firstKey +ann\nphotos /)
  assert.ok(!listed.out.includes(made?.keys[0]?.secret ?? '?'))
  assert.match((await run('add', 'photos')).err, /there is an account "photos" already/)
  assert.match((await run('add', 'x', '--email', 'first@example.com')).err, /email: is already used/)
})

test('keys are added, rotated and removed', async t => {
  const { run, accounts } = await place(t)
  const added = JSON.parse((await run('key', 'add', 'first', '--json')).out)
  assert.deepEqual((await accounts()).accounts[0]?.keys, [
    first.keys[0],
    { access: added.accessKey, secret: added.secretKey },
  ])
  assert.match((await run('key', 'rotate', 'first')).err, /first has 2 keys: say which one/)
  const rotated = JSON.parse((await run('key', 'rotate', '123456789012', 'firstKey', '--json')).out)
  assert.deepEqual(
    (await accounts()).accounts[0]?.keys.map(({ access }) => access),
    [added.accessKey, rotated.accessKey],
  )
  assert.equal((await run('key', 'remove', 'first', added.accessKey)).code, 0)
  assert.match((await run('key', 'remove', 'first', added.accessKey)).err, /has no key/)
  assert.equal((await run('key', 'rotate', 'first')).code, 0)
  assert.equal((await accounts()).accounts[0]?.keys.length, 1)
})

test('an account is removed, the last one is not', async t => {
  const { run, accounts } = await place(t)
  await run('add', 'photos', '--admin')
  assert.equal((await run('remove', 'first')).code, 0)
  assert.deepEqual(
    (await accounts()).accounts.map(({ name }) => name),
    ['photos'],
  )
  assert.match((await run('remove', 'photos')).err, /must hold at least one account/)
  assert.match((await run('remove', 'nobody')).err, /no account "nobody" \(known: photos\)/)
})

test('a link stays a link; a change that was cut off is told', async t => {
  const { run, folder, accountsFile } = await place(t)
  const other = join(folder, 'elsewhere.json')
  await writeFile(other, await readFile(accountsFile, 'utf8'))
  await rm(accountsFile)
  await symlink(other, accountsFile)
  assert.equal((await run('add', 'photos')).code, 0)
  assert.match(await readFile(other, 'utf8'), /photos/)
  await writeFile(`${other}.new`, '')
  assert.match((await run('add', 'more')).err, /another command changes the accounts, or was cut off/)
})

test('without an accounts file the commands say what to do, and make one of the administrator', async t => {
  const { run, folder } = await place(t, false)
  assert.match((await run('list')).err, /names no accounts file.*account init/)
  assert.match((await run('init', join(folder, 'a.json'))).err, /start the server once/)
  const dataDir = join(folder, 'data')
  await mkdir(dataDir)
  const { made } = await loadAccounts({ accountsFile: undefined, dataDir, random: realWorld.random })
  const file = join(folder, 'a.json')
  assert.equal((await run('init', file)).code, 0)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const { directory } = await loadAccounts({ accountsFile: file, dataDir, random: realWorld.random })
  assert.equal(directory.findByAccessKey(made?.access ?? '')?.account.name, 'administrator')
  assert.match((await run('init', file)).err, /there is a file/)
})

test('what the server holds follows the file; a broken file changes nothing', async t => {
  const { run, accountsFile } = await place(t)
  const { directory, source } = await loadAccounts({ accountsFile, dataDir: '', random: realWorld.random })
  assert.equal(directory.findByAccessKey('annKey')?.user?.name, 'ann')
  const { accessKey } = JSON.parse((await run('add', 'photos', '--json')).out)
  assert.equal(directory.findByAccessKey(accessKey), undefined)
  await source?.renew()
  assert.equal(directory.findByAccessKey(accessKey)?.account.name, 'photos')
  await writeFile(accountsFile, '{"accounts": hunter2')
  const error: unknown = await source?.renew().catch(caught => caught)
  assert.ok(error instanceof Error && !error.message.includes('hunter2'))
  assert.equal(directory.findByAccessKey(accessKey)?.account.name, 'photos')
})

test('a key for processes is for the distributed engine, and for an accounts file without a service account', async t => {
  const { run, folder, accountsFile } = await place(t)
  assert.match((await run('service', 'rotate')).err, /only those of the distributed engine share one/)
  const service = {
    ...{ name: 'Replication', email: 'r@example.com', shortid: '123456789015', keys: [{ access: 'own', secret: 's' }] },
    ...{ arn: 'arn:aws:iam::123456789015:root', canonicalID: 'http://acs.zenko.io/accounts/service/replication' },
  }
  const engine = {
    metadata: { postgres: { url: 'postgres://crossbeat:hunter2@127.0.0.1:1/crossbeat' } },
    log: { kafka: { brokers: ['127.0.0.1:1'] } },
    state: { zookeeper: { connectionString: '127.0.0.1:1' } },
  }
  await writeFile(join(folder, 'crossbeat.yaml'), JSON.stringify({ accounts: 'accounts.json', engine }))
  const { code, err } = await run('service', 'rotate', '--now')
  assert.equal(code, 3)
  assert.match(err, /^crossbeat: PostgreSQL: 127\.0\.0\.1:1 cannot be reached/)
  assert.ok(!err.includes('hunter2'))
  await writeFile(accountsFile, JSON.stringify({ accounts: [first, service] }))
  assert.match(
    (await run('service', 'rotate')).err,
    /sign with the first key of the account Replication of the accounts file/,
  )
})
