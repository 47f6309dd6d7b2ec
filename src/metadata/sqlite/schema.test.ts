// Which files are migrated, which are refused, and what is left when a migration fails.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Connection } from './connection.ts'
import { migrate, migrations, NewerSchemaError } from './schema.ts'

function database(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-schema-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'crossbeat.db')
}

const steps = ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO b SELECT x FROM a']

test('a new file gets the newest schema, without a copy', context => {
  const path = database(context)
  const connection = new Connection(path)
  migrate(connection, path)
  assert.equal(connection.get<{ user_version: number }>('PRAGMA user_version')?.user_version, migrations.length)
  migrate(connection, path)
  connection.close()
  assert.ok(!existsSync(`${path}.schema-0`))
})

test('an older file is migrated after a copy of it was made', context => {
  const path = database(context)
  const connection = new Connection(path)
  migrate(connection, path, steps.slice(0, 1))
  connection.execute('INSERT INTO a VALUES (7)')
  migrate(connection, path, steps)
  assert.equal(connection.get<{ x: number }>('SELECT x FROM b')?.x, 7)
  connection.close()
  const copy = new Connection(`${path}.schema-1`)
  assert.equal(copy.get<{ x: number }>('SELECT x FROM a')?.x, 7)
  assert.throws(() => copy.get('SELECT x FROM b'))
  copy.close()
})

test('a newer file is refused and left as it is', context => {
  const path = database(context)
  const connection = new Connection(path)
  migrate(connection, path, steps)
  assert.throws(() => migrate(connection, path, steps.slice(0, 1)), NewerSchemaError)
  assert.equal(connection.get<{ user_version: number }>('PRAGMA user_version')?.user_version, 2)
  connection.close()
})

test('a migration that fails changes nothing', context => {
  const path = database(context)
  const connection = new Connection(path)
  assert.throws(() => migrate(connection, path, ['CREATE TABLE a (x)', 'CREATE TABLE a (x)']))
  assert.equal(connection.get<{ user_version: number }>('PRAGMA user_version')?.user_version, 0)
  assert.throws(() => connection.get('SELECT x FROM a'))
  connection.close()
})

test('versions of an older file know where their inline bytes are', context => {
  const path = database(context)
  const connection = new Connection(path)
  migrate(connection, path, migrations.slice(0, 1))
  const insert = (key: string, location: unknown): number =>
    connection.run(
      `INSERT INTO versions (bucket_id, key, version_id, null_kind, is_delete_marker, revision, size, etag, last_modified, storage_class,
       owner_id, owner_name, origin_op, metadata) VALUES (1, ?, 'v', 0, 0, 0, 0, '', '', '', '', '', '', ?)`,
      key,
      JSON.stringify({ location }),
    )
  insert('inline', [{ key: 'inline.a.1' }])
  insert('file', [{ key: 'a.1' }])
  insert('parts', [{ key: 'inline.a.2' }, { key: 'inline.a.3' }])
  insert('empty', null)
  insert('lost', [{ key: 'inline.a.4' }])
  for (const name of ['a.3', 'a.2', 'a.1'])
    connection.run('INSERT INTO inline_data VALUES (?, ?)', `inline.${name}`, Buffer.from(`bytes of ${name}`))
  migrate(connection, path)
  const found = connection.all<{ key: string; bytes: Uint8Array | null }>(
    'SELECT key, bytes FROM versions LEFT JOIN inline_data ON inline_data.id = inline_id ORDER BY versions.id',
  )
  assert.deepEqual(
    found.map(row => [row.key, row.bytes === null ? null : Buffer.from(row.bytes).toString()]),
    [
      ['inline', 'bytes of a.1'],
      ['file', null],
      ['parts', null],
      ['empty', null],
      ['lost', null],
    ],
  )
  const named = connection.all<{ data_key: string }>('SELECT data_key FROM inline_data ORDER BY id')
  assert.deepEqual(
    named.map(row => row.data_key),
    ['inline.a.1', 'inline.a.2', 'inline.a.3'],
  )
  connection.run('DELETE FROM inline_data')
  const next = connection.insert("INSERT INTO inline_data (data_key, bytes) VALUES ('inline.a.5', x'05')")
  assert.equal(next, 4, 'a version that outlived its bytes must not find those of another one')
  connection.close()
})

test('delete markers that were applied where there are no versions become removals', context => {
  const path = database(context)
  const connection = new Connection(path)
  migrate(connection, path, migrations.slice(0, 4))
  for (const [site, kind, destination] of [
    ['aws', 'delete-marker', 'marker'],
    ['azure', 'delete-marker', ''],
    ['other', 'object', ''],
  ] as const)
    connection.run("INSERT INTO applied VALUES (1, 'k', ?, 'v', ?, ?, '')", site, kind, destination)
  migrate(connection, path)
  assert.deepEqual(
    connection.all<{ kind: string }>('SELECT kind FROM applied ORDER BY site').map(row => row.kind),
    ['delete-marker', 'removal', 'object'],
  )
  connection.close()
})

test('a migration that was interrupted after its copy is done at the next start', context => {
  const path = database(context)
  const connection = new Connection(path)
  migrate(connection, path, steps.slice(0, 1))
  connection.execute('INSERT INTO a VALUES (7)')
  writeFileSync(`${path}.schema-1`, 'half a copy')
  writeFileSync(`${path}.schema-1.part`, 'half a copy')
  migrate(connection, path, steps)
  connection.close()
  const copy = new Connection(`${path}.schema-1`)
  assert.equal(copy.get<{ x: number }>('SELECT x FROM a')?.x, 7)
  copy.close()
})
