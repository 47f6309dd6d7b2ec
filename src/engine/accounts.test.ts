// Goal: the administrator's keys are made once, kept as a secret and found again; a file that cannot be used stops the start with words. Method:
// real files in a temporary folder.
import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import type { AccountKey } from '../accounts/account-directory.ts'
import { newAccountKey } from '../accounts/account-key.ts'
import { realWorld } from '../base/world.ts'
import { AccountsError, loadAccounts, loadSharedAccounts, serviceCredentials } from './accounts.ts'

const { random } = realWorld

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'crossbeat-accounts-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

test('without an accounts file one administrator is made, whose keys only their owner can read', async t => {
  const dataDir = await folder(t)
  // What a start that was cut off has left must not lend its mode to the keys.
  await writeFile(join(dataDir, 'credentials.new'), 'half')
  await chmod(join(dataDir, 'credentials.new'), 0o644)
  const first = await loadAccounts({ accountsFile: undefined, dataDir, random })
  const file = join(dataDir, 'credentials')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const text = await readFile(file, 'utf8')
  assert.equal(
    text,
    `[crossbeat]\naws_access_key_id = ${first.made?.access}\naws_secret_access_key = ${first.made?.secret}\n`,
  )
  const again = await loadAccounts({ accountsFile: undefined, dataDir, random })
  assert.equal(again.made, undefined)
  assert.deepEqual(again.administratorKey, first.made)
  const owner = again.directory.findByAccessKey(first.made?.access ?? '')
  assert.equal(owner?.account.admin, true)
})

test('a service account of the file keeps its keys and signs with one of this process too', async t => {
  const dataDir = await folder(t)
  const accountsFile = join(dataDir, 'authdata.json')
  const account = {
    name: 'Replication',
    email: 'r@example.com',
    arn: 'arn:aws:iam::123456789015:root',
    canonicalID: 'http://acs.zenko.io/accounts/service/replication',
    shortid: '123456789015',
    keys: [{ access: 'own', secret: 'secret' }],
  }
  await writeFile(accountsFile, JSON.stringify({ accounts: [account] }))
  const { directory, service, administratorKey } = await loadAccounts({ accountsFile, dataDir, random })
  assert.equal(administratorKey, undefined)
  assert.equal(directory.findByAccessKey('own')?.account.service, 'replication')
  assert.equal(directory.findByAccessKey(service().access)?.account, directory.findByAccessKey('own')?.account)
})

test('files that cannot be used are told with their place and without their content', async t => {
  const dataDir = await folder(t)
  const accountsFile = join(dataDir, 'authdata.json')
  const message = async (options: { accountsFile: string | undefined }): Promise<string> => {
    const error: unknown = await loadAccounts({ ...options, dataDir, random }).catch(caught => caught)
    assert.ok(error instanceof AccountsError)
    return error.message
  }
  assert.match(await message({ accountsFile }), /cannot read .*ENOENT/)
  await writeFile(accountsFile, '{"accounts":[{"name":1}]}')
  assert.match(await message({ accountsFile }), /accounts\[0\]\.name: must be a string/)
  await writeFile(accountsFile, '{"accounts": hunter2')
  assert.ok(!(await message({ accountsFile })).includes('hunter2'))
  await writeFile(join(dataDir, 'credentials'), '[default]\naws_access_key_id = hunter2\n')
  const broken = await message({ accountsFile: undefined })
  assert.match(broken, /has no \[crossbeat\] profile/)
  assert.ok(!broken.includes('hunter2'))
})

test('processes accept and sign with the keys that they share, as they are at the moment, or with that of the file', async t => {
  const folderPath = await folder(t)
  const accountsFile = join(folderPath, 'authdata.json')
  const account = {
    name: 'Bart',
    email: 'b@example.com',
    arn: 'arn:aws:iam::123456789012:root',
    canonicalID: '79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be',
    shortid: '123456789012',
    keys: [{ access: 'bart', secret: 'secret' }],
  }
  await writeFile(accountsFile, JSON.stringify({ accounts: [account] }))
  const [former, next] = [newAccountKey(random), newAccountKey(random)]
  const accounts = await loadSharedAccounts(accountsFile, { signing: former, accepted: [former] })
  const credentials = serviceCredentials(accounts)
  const serviceOf = ({ access }: AccountKey) => accounts.directory.findByAccessKey(access)?.account.service
  assert.equal(credentials.accessKey, former.access)
  assert.deepEqual([serviceOf(former), serviceOf(next)], ['replication', undefined])
  accounts.take({ signing: next, accepted: [former, next] })
  assert.deepEqual([credentials.accessKey, credentials.secretKey.reveal()], [next.access, next.secret])
  assert.deepEqual([serviceOf(former), serviceOf(next)], ['replication', 'replication'])
  accounts.take({ signing: next, accepted: [next] })
  assert.deepEqual([serviceOf(former), serviceOf(next)], [undefined, 'replication'])
  const service = {
    ...{ ...account, name: 'S', email: 's@example.com', shortid: '123456789013' },
    arn: 'arn:aws:iam::123456789013:root',
    canonicalID: 'http://acs.zenko.io/accounts/service/replication',
    keys: [{ access: 'own', secret: 'secret' }],
  }
  await writeFile(accountsFile, JSON.stringify({ accounts: [account, service] }))
  await accounts.source?.renew()
  assert.deepEqual(accounts.service(), { access: 'own', secret: 'secret' })
  // Processes that have not taken the file yet still sign with the shared one.
  assert.equal(serviceOf(next), 'replication')
})
