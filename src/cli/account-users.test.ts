// Goal: users and their keys come and go by the command line as an operator types it; what cannot be is refused with words, and the file then stays.
// Method: the real program on a real configuration and accounts file.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { realWorld } from '../base/world.ts'
import { runProgram } from './program.ts'

interface StoredUser {
  readonly name: string
  readonly arn: string
  readonly rights?: string
  readonly keys: readonly { readonly access: string; readonly secret: string }[]
}

interface Place {
  run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }>
  /** Of the first account. */
  users(): Promise<readonly StoredUser[]>
}

const ann = {
  ...{ name: 'ann', arn: 'arn:aws:iam::123456789012:user/office/ann', note: 'kept' },
  keys: [{ access: 'annKey', secret: 'annSecret' }],
}
const first = {
  name: 'first',
  email: 'first@example.com',
  arn: 'arn:aws:iam::123456789012:root',
  canonicalID: '79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be',
  shortid: '123456789012',
  keys: [{ access: 'firstKey', secret: 'firstSecret' }],
  users: [ann],
}
const second = { ...first, name: 'second', email: 's@example.com', canonicalID: 'second', shortid: '123456789013' }

async function place(t: TestContext): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-users-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'accounts.json')
  const config = join(folder, 'crossbeat.yaml')
  const other = { ...second, arn: 'arn:aws:iam::123456789013:root', keys: [], users: undefined }
  await writeFile(config, 'accounts: accounts.json\n')
  await writeFile(file, JSON.stringify({ accounts: [first, other] }))
  return {
    async run(...args) {
      const out: string[] = []
      const err: string[] = []
      const output = { stdout: (text: string) => out.push(text), stderr: (text: string) => err.push(text) }
      const all = ['account', 'user', ...args, '--config', config]
      const code = await runProgram(all, { output, world: realWorld, colours: false, version: '1' })
      return { code, out: out.join('\n'), err: err.join('\n') }
    },
    async users() {
      const { accounts }: { accounts: { users: readonly StoredUser[] }[] } = JSON.parse(await readFile(file, 'utf8'))
      return accounts[0]?.users ?? []
    },
  }
}

test('a user is added with a key that is shown once, by default with no rights but by policies', async t => {
  const { run, users } = await place(t)
  const added = await run('add', 'first', 'ben')
  assert.equal(added.code, 0, added.err)
  const [old, made] = await users()
  assert.deepEqual(old, ann)
  assert.equal(made?.arn, 'arn:aws:iam::123456789012:user/ben')
  assert.equal(made?.rights, 'policies')
  assert.match(
    added.out,
    /^User ben of first is there and may do nothing but what bucket policies allow to arn:\S+user\/ben or/,
  )
  assert.match(added.out, new RegExp(`aws_access_key_id     ${made?.keys[0]?.access}\n`))
  assert.match(added.out, new RegExp(`aws_secret_access_key ${made?.keys[0]?.secret}$`))
  const more = JSON.parse((await run('add', '123456789012', 'cy', '--rights', 'account', '--json')).out)
  const stored = (await users())[2]
  assert.deepEqual(more, {
    ...{ name: 'cy', account: 'first', arn: 'arn:aws:iam::123456789012:user/cy', rights: 'account' },
    ...{ accessKey: stored?.keys[0]?.access, secretKey: stored?.keys[0]?.secret },
  })
})

test('users are listed with the names of their keys, never a secret', async t => {
  const { run } = await place(t)
  await run('add', 'first', 'ben')
  const listed = await run('list', 'first')
  assert.match(
    listed.out,
    /^USER +ARN +RIGHTS +KEYS\nann +arn:aws:iam::123456789012:user\/office\/ann +account +annKey\nben /,
  )
  const lines = (await run('list', 'first', '--json')).out.split('\n').map(line => JSON.parse(line))
  assert.deepEqual(lines[0], {
    ...{ name: 'ann', account: 'first', arn: ann.arn, rights: 'account' },
    keys: ['annKey'],
  })
  assert.equal(lines[1].name, 'ben')
  assert.ok(!listed.out.includes('annSecret'))
  assert.deepEqual((await run('list', 'second', '--json')).out, '')
})

test('keys of a user are added, rotated and removed; those of its account stay', async t => {
  const { run, users } = await place(t)
  const keys = async () => (await users())[0]?.keys.map(({ access }) => access)
  const added = JSON.parse((await run('key', 'add', 'first', 'ann', '--json')).out)
  assert.deepEqual(
    { ...added, accessKey: '', secretKey: '' },
    { name: 'ann', account: 'first', accessKey: '', secretKey: '' },
  )
  assert.deepEqual(await keys(), ['annKey', added.accessKey])
  assert.match(
    (await run('key', 'rotate', 'first', 'ann')).err,
    /ann has 2 keys: say which one \(see account user list\)/,
  )
  const rotated = JSON.parse((await run('key', 'rotate', 'first', ann.arn, 'annKey', '--json')).out)
  assert.deepEqual(await keys(), [added.accessKey, rotated.accessKey])
  const removed = await run('key', 'remove', 'first', 'ann', added.accessKey, '--json')
  const facts = { name: 'ann', account: 'first', accessKey: added.accessKey, removed: true }
  assert.deepEqual(JSON.parse(removed.out), facts)
  assert.match((await run('key', 'remove', 'first', 'ann', 'firstKey')).err, /ann has no key firstKey/)
  assert.match(
    (await run('key', 'rotate', 'first', 'ann')).out,
    /^ann \(of first\) has a new key, the former one ends\./,
  )
  assert.equal((await users())[0]?.keys.length, 1)
})

test('a user is removed with its keys', async t => {
  const { run, users } = await place(t)
  await run('add', 'first', 'ben')
  assert.match((await run('remove', 'first', 'ben')).out, /^User ben of first is gone/)
  assert.deepEqual(await users(), [ann])
  const removed = await run('remove', 'first', 'ann', '--json')
  assert.deepEqual(JSON.parse(removed.out), { name: 'ann', account: 'first', removed: true })
  assert.deepEqual(await users(), [])
})

const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['a name with a space', ['add', 'first', 'an n'], /"an n" cannot be the name of a user: 1 to 64 letters, digits/],
  ['a name with a slash', ['add', 'first', 'x/y'], /cannot be the name of a user/],
  ['a name with a star', ['add', 'first', '*'], /cannot be the name of a user/],
  ['an empty name', ['add', 'first', ''], /cannot be the name of a user/],
  ['a name of 65 letters', ['add', 'first', 'a'.repeat(65)], /cannot be the name of a user/],
  ['a name that is taken', ['add', 'first', 'ann'], /first has a user "ann" already/],
  ['one that differs in case only', ['add', 'first', 'ANN'], /first has a user "ANN" already/],
  ['rights that nobody knows', ['add', 'first', 'ben', '--rights', 'all'], /Allowed choices are policies, account/],
  ['an account that is not there', ['add', 'third', 'ben'], /no account "third" \(known: first, second\)/],
  ['users of such an account', ['list', 'third'], /no account "third"/],
  ['a user who is not there', ['remove', 'first', 'ben'], /first has no user "ben" \(known: ann\)/],
  ['a user of another account', ['remove', 'second', 'ann'], /second has no user "ann" \(known: none\)/],
  ['keys for a user who is not there', ['key', 'add', 'first', 'ben'], /first has no user "ben"/],
  ['a key that is not there', ['key', 'rotate', 'first', 'ann', 'x'], /ann has no key x/],
  ['no name', ['add', 'first'], /missing required argument 'name'/],
]

for (const [title, args, expected] of refusals) {
  test(`refused, with the file as it was: ${title}`, async t => {
    const { run, users } = await place(t)
    const { code, err, out } = await run(...args)
    assert.match(err, expected)
    assert.deepEqual([code, out, await users()], [1, '', [ann]])
  })
}
