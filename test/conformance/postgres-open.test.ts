// Goal: a PostgreSQL that cannot be used is refused at the start with words that help and without secrets; many starts at once migrate once; a
// process that was taken for dead writes no more. Method: databases made wrong on purpose, on a real server.
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { DependencyError } from '../../src/base/dependency.ts'
import { realWorld, type World } from '../../src/base/world.ts'
import { journalStart } from '../../src/domain/entry.ts'
import { openDatabase } from '../../src/metadata/postgres/database.ts'
import { openPostgres, type PostgresEngine, type PostgresOptions } from '../../src/metadata/postgres/engine.ts'
import { migrate, namespace } from '../../src/metadata/postgres/schema.ts'
import { postgresServer } from '../services/available.ts'
import { administer, connect, makeDatabase, type TestDatabase } from '../services/postgres.ts'
import { heldByOthersMs } from './postgres-stores.ts'
import { claimed, done, makeBucket, put } from './store-fixtures.ts'

const server = await postgresServer()
const { skip } = server
after(() => server.stop())

async function database(context: TestContext, options?: string): Promise<TestDatabase> {
  const made = await makeDatabase(server.get().url, options)
  context.after(() => made.drop())
  return made
}

function open(url: string, options: Partial<PostgresOptions> = {}): Promise<PostgresEngine> {
  return openPostgres({ url, world: realWorld, group: 'RG001', poolMax: 3, heldMs: heldByOthersMs, ...options })
}

/** `lasting`: nobody need wait for it. */
async function refused(url: string, expected: RegExp, lasting = false): Promise<void> {
  await assert.rejects(open(url), error => {
    assert.ok(error instanceof DependencyError, String(error))
    assert.match(error.message, expected)
    assert.equal(error.dependency, 'PostgreSQL')
    assert.equal(error.lasting, lasting)
    assert.ok(!`${error.message}${error.stack}`.includes('s3cret'))
    return true
  })
}

function changed(url: string, change: (url: URL) => void): string {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

test('a server that is not there, a wrong URL and a database that does not exist', { skip }, async context => {
  const { url } = await database(context)
  await refused('postgres://u:s3cret@127.0.0.1:1/crossbeat', /127\.0\.0\.1:1 cannot be reached .*Start it/)
  await refused('127.0.0.1:5432 s3cret', /its URL cannot be read/)
  const absent = changed(url, copy => {
    copy.pathname = '/nowhere'
  })
  await refused(absent, /no database "nowhere".*createdb/)
  const stranger = changed(url, copy => {
    copy.username = 'stranger'
    copy.password = 's3cret'
  })
  await refused(stranger, /refuses the credentials of "stranger"/)
})

test('commits that are not flushed, and an encoding other than UTF8', { skip }, async context => {
  const careless = await database(context)
  await administer(server.get().url, `ALTER DATABASE ${careless.name} SET synchronous_commit = local`)
  await refused(careless.url, /synchronous_commit is local.*Set it to on/)
  const ascii = await database(context, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
  await refused(ascii.url, /encoding is SQL_ASCII.*createdb -E UTF8/, true)
})

test('a user without rights', { skip }, async context => {
  const { url, name } = await database(context)
  const user = `guest_${name}`
  await administer(url, `CREATE ROLE ${user} LOGIN`)
  context.after(() => administer(server.get().url, `DROP ROLE ${user}`))
  await refused(
    changed(url, copy => {
      copy.username = user
    }),
    /lacks rights.*GRANT CREATE/,
  )
})

test('a newer schema is refused and left as it is', { skip }, async context => {
  const { url } = await database(context)
  await (await open(url)).close()
  await administer(url, `UPDATE ${namespace}.meta SET value = '999' WHERE name = 'schema'`)
  await refused(url, /schema 999.*Start the newer version/, true)
})

test('an older schema is migrated, by one of many that start at once', { skip }, async context => {
  const { url } = await database(context)
  const pool = () => openDatabase({ url, connections: 1, timers: realWorld.timers, answerWithinMs: 10_000 }, namespace)
  const first = await pool()
  await migrate(first, 'one', { steps: ['CREATE TABLE meta (name text PRIMARY KEY, value text)'], functions: '' })
  const steps = ['SELECT 1/0', 'CREATE TABLE a (x integer)', 'INSERT INTO a VALUES (7)']
  const pools = await Promise.all([1, 2, 3, 4, 5].map(pool))
  const identities = await Promise.all(
    pools.map((one, index) =>
      migrate(one, `other${index}`, { steps, functions: 'CREATE OR REPLACE VIEW seven AS SELECT x FROM a' }),
    ),
  )
  assert.deepEqual(new Set(identities.map(identity => identity.store)), new Set(['one']))
  assert.deepEqual(await first.rows('SELECT x FROM seven'), [{ x: 7 }])
  await assert.rejects(
    migrate(first, 'one', { steps: [...steps, 'CREATE TABLE b (x integer)', 'SELECT 1/0'], functions: '' }),
  )
  await assert.rejects(first.rows('SELECT 1 FROM b'), /does not exist/)
  await Promise.all([first, ...pools].map(one => one.close()))
})

test('processes of an older program write no more once a newer one has migrated the database', {
  skip,
}, async context => {
  const { url } = await database(context)
  const older = await open(url, { onFatal: () => undefined })
  await makeBucket(older.store, 'b')
  await administer(url, `ALTER TABLE ${namespace}.journal DROP COLUMN event`)
  await administer(url, `UPDATE ${namespace}.meta SET value = '4' WHERE name = 'schema'`)
  const newer = await open(url)
  await assert.rejects(put(older.store, 'b', 'k'), /others took it for dead/)
  await put(newer.store, 'b', 'k')
  await Promise.all([older.close(), newer.close()])
})

test('many processes may start at once on an empty database, each with an epoch of its own', {
  skip,
}, async context => {
  const { url } = await database(context)
  const engines = await Promise.all([1, 2, 3, 4].map(() => open(url)))
  assert.equal(new Set(engines.map(engine => engine.epoch)).size, engines.length)
  for (const { epoch } of engines) assert.match(epoch, /^[A-Za-z0-9-]+$/, 'fit to begin names of data')
  await Promise.all(engines.map(engine => engine.close()))
})

test('health tells what is wrong, and goes on telling when the database is gone', { skip }, async context => {
  const { url, drop } = await database(context)
  const engine = await open(url)
  const health = await engine.health()
  assert.equal(health.ok, true, health.problem)
  await drop()
  const gone = await engine.health()
  assert.equal(gone.ok, false)
  assert.match(gone.problem ?? '', /PostgreSQL: .*(no database|cannot be reached)/)
  await assert.rejects(engine.store.bucket('b'))
  await engine.close()
})

test('health tells for how long the journal has been held back', { skip }, async context => {
  const { url } = await database(context)
  const engine = await open(url)
  const sql = connect(url)
  context.after(() => Promise.all([engine.close(), sql.end()]))
  await makeBucket(engine.store, 'b')
  await sql.unsafe('BEGIN; SELECT pg_current_xact_id()')
  await put(engine.store, 'b', 'k')
  await administer(url, `UPDATE ${namespace}.journal SET at = at - 60000`)
  assert.match((await engine.health()).problem ?? '', /held back for ([6-9]\d|\d{3}) s by an older transaction/)
  await sql.unsafe('COMMIT')
})

test('data is orphaned only by processes that have ended, and one that was taken for dead writes no more', {
  skip,
}, async context => {
  const { url } = await database(context)
  let fatal: Error | null = null
  // A heart-beat between would show that it lives.
  const silent = await open(url, {
    world: beating(null),
    onFatal: error => {
      fatal = error
    },
  })
  const sweeper = await open(url)
  const former = await open(url)
  await makeBucket(silent.store, 'b')
  await former.close()
  const asked = [silent.epoch, sweeper.epoch, former.epoch, 'elsewhere-1']
  assert.deepEqual(await sweeper.endedEpochs(asked), new Set([former.epoch]))
  const number = silent.epoch.split('-')[1]
  await administer(url, `UPDATE ${namespace}.epochs SET seen_at = seen_at - interval '1 day' WHERE epoch = ${number}`)
  assert.deepEqual(await sweeper.endedEpochs(asked), new Set([former.epoch, silent.epoch]))
  await assert.rejects(put(silent.store, 'b', 'k'), /others took it for dead/)
  assert.ok(fatal)
  assert.equal((await silent.health()).ok, false)
  await put(sweeper.store, 'b', 'k')
  await silent.close()
  await sweeper.close()
})

test('a process that was killed keeps its claims until their leases end, one that closes gives them back', {
  skip,
}, async context => {
  const { url } = await database(context)
  const first = await open(url)
  const second = await open(url)
  await makeBucket(first.store, 'b')
  for (const key of ['k1', 'k2']) await put(first.store, 'b', key, { sites: ['aws'] })
  await claimed(first.store, 'aws', 'b', 'k1')
  await claimed(second.store, 'aws', 'b', 'k2')
  await first.closeAbruptly()
  await second.close()
  const third = await open(url)
  const keys = ['k1', 'k2'].map(key => ({ bucket: 'b', key }))
  const claims = await third.store.ledger.claim('aws', keys, 'third', 60_000)
  assert.deepEqual(
    claims.map(claim => claim.outcome),
    ['held', 'claimed'],
  )
  assert.ok(claims[1]?.outcome === 'claimed' && claims[1].row.unsettled)
  await third.close()
})

/** A world whose heart-beats come after so long. */
function beating(everyMs: number | null): World {
  const after: World['timers']['after'] = (delayMs, run, options) => {
    if (delayMs !== 5_000) return realWorld.timers.after(delayMs, run, options)
    return everyMs === null ? { cancel: () => {} } : realWorld.timers.after(everyMs, run, options)
  }
  return { ...realWorld, timers: { ...realWorld.timers, after } }
}

test('claims of a process that nobody hears of any more are freed long before their leases end, and what it reports is stale', {
  skip,
}, async context => {
  const { url } = await database(context)
  const silent = await open(url, { world: beating(null) })
  const alive = await open(url)
  context.after(() => Promise.all([silent.closeAbruptly(), alive.close()]))
  await makeBucket(silent.store, 'b')
  for (const key of ['k1', 'k2']) await put(silent.store, 'b', key, { sites: ['aws'] })
  const lost = await claimed(silent.store, 'aws', 'b', 'k1')
  await claimed(alive.store, 'aws', 'b', 'k2')
  const number = silent.epoch.split('-')[1]
  await administer(url, `UPDATE ${namespace}.epochs SET seen_at = seen_at - interval '25 s' WHERE epoch = ${number}`)
  const third = await open(url, { world: beating(20) })
  context.after(() => third.close())
  const keys = ['k1', 'k2'].map(key => ({ bucket: 'b', key }))
  const deadline = performance.now() + 120_000
  for (;;) {
    const claims = await third.store.ledger.claim('aws', keys, 'third', 60_000)
    assert.equal(claims[1]?.outcome, 'held', 'who is heard of keeps what he has')
    const [first] = claims
    if (first?.outcome === 'claimed') {
      assert.equal(first.row.unsettled, true)
      break
    }
    assert.ok(performance.now() < deadline, 'freed within two minutes')
  }
  assert.deepEqual(await silent.store.ledger.renew([lost.token], 60_000), [false])
  assert.deepEqual(await silent.store.ledger.report([done(lost)]), [{ outcome: 'stale', more: false }])
  assert.notEqual(third.store.ledger.heardSince?.(), null)
})

test('a claim whose answer was lost is recognized when it is asked for again', { skip }, async context => {
  const { url } = await database(context)
  const engine = await open(url)
  context.after(() => engine.close())
  await makeBucket(engine.store, 'b')
  await put(engine.store, 'b', 'k', { sites: ['aws'] })
  const sql = connect(url)
  context.after(() => sql.end())
  await sql.unsafe(`SET search_path = ${namespace}`)
  const ask = async (token: string) => {
    const items = JSON.stringify([{ bucket: 'b', key: 'k', token }])
    const [row] = await sql.unsafe(
      `SELECT claim_keys($1::bigint, NULL, 'aws', 60000, 0, 0, $2::text::json) #>> '{0,outcome}' AS outcome`,
      [engine.epoch.split('-')[1] ?? '', items],
    )
    return row?.['outcome']
  }
  assert.deepEqual([await ask('t1'), await ask('t1'), await ask('t2')], ['claimed', 'claimed', 'held'])
  const [row] = await sql.unsafe('SELECT attempts, unsettled FROM ledger')
  assert.deepEqual({ ...row }, { attempts: 1, unsettled: 0 })
})

test('a claim whose renewal is under way when its lease ends is not taken', { skip }, async context => {
  const { url } = await database(context)
  const engine = await open(url)
  context.after(() => engine.close())
  await makeBucket(engine.store, 'b')
  await put(engine.store, 'b', 'k', { sites: ['aws'] })
  await claimed(engine.store, 'aws', 'b', 'k')
  const sql = connect(url)
  context.after(() => sql.end())
  await sql.unsafe(`SET search_path = ${namespace}; UPDATE ledger SET at = 1`)
  await sql.unsafe('BEGIN; UPDATE ledger SET at = moment(NULL) + 60000')
  const asked = engine.store.ledger.claim('aws', [{ bucket: 'b', key: 'k' }], 'other', 60_000)
  const watcher = connect(url)
  context.after(() => watcher.end())
  const waits = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  while ((await watcher.unsafe(waits)).length === 0);
  await sql.unsafe('COMMIT')
  assert.equal((await asked)[0]?.outcome, 'held')
})

test('who reads no journal is told of its own commits only, and at once', { skip }, async context => {
  const { url } = await database(context)
  const other = await open(url)
  const frontEnd = await open(url, { pollMs: null })
  await makeBucket(other.store, 'b')
  let told = 0
  const stop = frontEnd.store.onJournal(() => {
    told += 1
  })
  await put(other.store, 'b', 'theirs')
  assert.equal(told, 0)
  await put(frontEnd.store, 'b', 'ours')
  assert.equal(told, 1)
  stop()
  await frontEnd.close()
  await other.close()
})

test('in another cluster the journal begins anew from the ledger', { skip }, async context => {
  const { url } = await database(context)
  const before = await open(url)
  await makeBucket(before.store, 'b')
  await put(before.store, 'b', 'k', { sites: ['aws'] })
  const [entry] = await before.store.journal(journalStart, 10)
  await before.close()
  // As a dump restored elsewhere: transaction numbers that this cluster has not come to yet.
  await administer(url, `UPDATE ${namespace}.meta SET value = '1' WHERE name = 'cluster'`)
  await administer(url, `UPDATE ${namespace}.journal SET xid = '999999999999'`)
  const restored = await open(url)
  assert.deepEqual(await restored.store.ledger.due('aws', 10), [{ bucket: 'b', key: 'k' }])
  await put(restored.store, 'b', 'later')
  const former = entry?.position.replace(/^\d+/, '1') ?? ''
  const seen = await restored.store.journal(former.replace(/\d+\/\d+$/, '999999999999/1'), 10)
  assert.deepEqual(
    seen.map(({ key }) => key),
    ['later'],
    'a position of the former cluster is the beginning',
  )
  await restored.close()
})

test('a position that is ahead of the database is the beginning, and nothing is deleted by it: an older state was put back', {
  skip,
}, async context => {
  const { url } = await database(context)
  const engine = await open(url)
  context.after(() => engine.close())
  await makeBucket(engine.store, 'b')
  for (const key of ['k1', 'k2']) await put(engine.store, 'b', key)
  const entries = await engine.store.journal(journalStart, 10)
  const ahead = entries[0]?.position.replace(/\d+\/\d+$/, '999999999999/1') ?? ''
  await engine.store.trimJournal(ahead)
  assert.deepEqual(await engine.store.journal(ahead, 10), entries)
  await engine.store.trimJournal(entries[0]?.position ?? '')
  assert.deepEqual(await engine.store.journal(journalStart, 10), entries.slice(1))
})

test('a put that cannot be carried out does not keep others of its commit', { skip }, async context => {
  const { url } = await database(context)
  const engine = await open(url)
  await makeBucket(engine.store, 'b')
  const bytes = new Uint8Array([1])
  await put(engine.store, 'b', 'k0', { inline: { key: 'inline.same', bytes } })
  const puts = ['k1', 'bad', 'k2'].map(key =>
    put(engine.store, 'b', key, key === 'bad' ? { inline: { key: 'inline.same', bytes } } : {}),
  )
  const settled = await Promise.allSettled(puts)
  assert.deepEqual(
    settled.map(result => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const listing = await engine.store.list({
    bucket: 'b',
    prefix: '',
    delimiter: '',
    after: '',
    maxKeys: 10,
    what: 'current',
  })
  assert.deepEqual(
    listing.entries.map(found => (found.kind === 'version' ? found.version.key : '')),
    ['k0', 'k1', 'k2'],
  )
  await engine.close()
})

test('a database that does not answer is not waited for without end, and what was asked is refused', {
  skip,
}, async context => {
  const { url } = await database(context)
  const engine = await open(url, { answerWithinMs: 5_000, poolMax: 8 })
  context.after(() => engine.close())
  await makeBucket(engine.store, 'b')
  const sql = connect(url)
  context.after(() => sql.end())
  await sql.unsafe("SELECT pg_advisory_lock(hashtextextended('b/k', 0))")
  await assert.rejects(put(engine.store, 'b', 'k'), { code: 'ServiceUnavailable', status: 503 })
  await put(engine.store, 'b', 'other')
  await sql.end()
  await put(engine.store, 'b', 'k')
})

test('sums are exact before and after they are folded', { skip }, async context => {
  const { url } = await database(context)
  const engines = await Promise.all([open(url), open(url)])
  const [{ store } = assert.fail()] = engines
  await makeBucket(store, 'b')
  await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      put(engines[n % 2]?.store ?? store, 'b', `k${n}`, { sites: ['aws'], size: n }),
    ),
  )
  const sums = async () => (await store.ledger.backlog()).map(({ site, objects, bytes }) => ({ site, objects, bytes }))
  assert.deepEqual(await sums(), [{ site: 'aws', objects: 60, bytes: 1770 }])
  const sql = connect(url)
  await sql.unsafe(`SET search_path = ${namespace}; SELECT fold_deltas(7)`)
  assert.deepEqual(await sums(), [{ site: 'aws', objects: 60, bytes: 1770 }])
  await sql.unsafe("INSERT INTO site_deltas (site, objects) VALUES ('aws', 5)")
  await sql.unsafe('BEGIN; SELECT pg_advisory_xact_lock(3, 3)')
  assert.equal(await store.ledger.recount(), false, 'another process is counting')
  await sql.unsafe('COMMIT')
  await sql.end()
  assert.equal(await store.ledger.recount(), true)
  assert.deepEqual(await sums(), [{ site: 'aws', objects: 60, bytes: 1770 }])
  assert.equal(await store.ledger.recount(), false)
  await Promise.all(engines.map(engine => engine.close()))
})
