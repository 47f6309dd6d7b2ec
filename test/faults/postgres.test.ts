// Goal: what PostgreSQL has acknowledged stays, whatever happens to it and however many processes write; nothing in the journal is ever skipped.
// Method: a real server of our own is killed with SIGKILL in mid-commit under load and started again; two engines with clocks an hour apart
// write the same keys; a transaction is held open while later ones commit.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { realWorld, type World } from '../../src/base/world.ts'
import { type JournalEntry, journalStart } from '../../src/domain/entry.ts'
import { ServiceError } from '../../src/domain/errors.ts'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import { openDatabase } from '../../src/metadata/postgres/database.ts'
import { openPostgres, type PostgresEngine } from '../../src/metadata/postgres/engine.ts'
import { codeOf, isUnavailable } from '../../src/metadata/postgres/failures.ts'
import { type RunningPostgres, startPostgres } from '../../src/services/postgres.ts'
import { makeBucket, newMetadata, put } from '../conformance/store-fixtures.ts'
import { ownPostgres } from '../services/available.ts'
import { connect, makeDatabase } from '../services/postgres.ts'
import { until } from '../until.ts'
import { startSwallowingProxy } from './swallowing-proxy.ts'

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-postgres-fault-'))
const found = await ownPostgres(folder)
let server: RunningPostgres | null = found.skip === false ? found.get() : null
const { skip } = found
after(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})

function running(): RunningPostgres {
  assert.ok(server)
  return server
}

/** Waits for the former server's processes to be gone, as an init system would. */
async function startAgain(port: number): Promise<void> {
  const deadline = performance.now() + 120_000
  for (;;) {
    try {
      server = await startPostgres({ flush: false, dataFolder: folder, port })
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
  }
}

function worldAt(offsetMs: number): World {
  return { ...realWorld, clock: { now: () => realWorld.clock.now() + offsetMs, monotonic: realWorld.clock.monotonic } }
}

async function engines(url: string, worlds: readonly World[]): Promise<PostgresEngine[]> {
  const opened = worlds.map(world => openPostgres({ url, world, group: 'RG001', poolMax: 6 }))
  return Promise.all(opened)
}

async function wholeJournal(store: MetadataStore): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = []
  for (let after = journalStart; ; ) {
    const page = await store.journal(after, 500)
    entries.push(...page)
    const last = page.at(-1)
    if (last === undefined) return entries
    after = last.position
  }
}

interface Acknowledged {
  readonly key: string
  readonly versionId: VersionId
}

/** Puts until told to stop; a put that fails counts as not acknowledged, and has to fail as a 503. */
async function load(
  store: MetadataStore,
  name: string,
  acknowledged: Acknowledged[],
  refused: unknown[],
  stopped: () => boolean,
) {
  const worker = async (number: number): Promise<void> => {
    for (let count = 0; !stopped(); count += 1) {
      const key = `${name}/${number}/${count % 5}`
      try {
        acknowledged.push({ key, versionId: await put(store, 'b', key, { sites: ['aws'] }) })
      } catch (error) {
        refused.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, number) => worker(number)))
}

test('nothing acknowledged is lost when PostgreSQL is killed in mid-commit, and the processes go on when it is back', {
  skip,
}, async () => {
  const database = await makeDatabase(running().url)
  const [first, second] = await engines(database.url, [realWorld, realWorld])
  assert.ok(first && second)
  await makeBucket(first.store, 'b')
  const acknowledged: Acknowledged[] = []
  const refused: unknown[] = []
  for (let round = 0; round < 3; round += 1) {
    let stopped = false
    const from = acknowledged.length
    const loads = [first, second].map((engine, index) =>
      load(engine.store, `e${index}`, acknowledged, refused, () => stopped),
    )
    await until('two hundred puts', () => acknowledged.length > from + 200)
    const { port } = running()
    running().kill()
    await until('a refusal', () => refused.length > round)
    const claims = first.store.ledger.claim('aws', [{ bucket: 'b', key: acknowledged[0]?.key ?? '' }], 'me', 60_000)
    await startAgain(port)
    const back = acknowledged.length
    await until('a hundred puts after the restart', () => acknowledged.length > back + 100)
    stopped = true
    await Promise.all(loads)
    assert.notEqual((await claims)[0]?.outcome, undefined, 'a command of replication is done once the database is back')
  }
  for (const error of refused) assert.ok(error instanceof ServiceError && error.status === 503, String(error))
  const journal = await wholeJournal(first.store)
  const journaled = new Set(journal.map(entry => entry.versionId))
  assert.equal(journaled.size, journal.length, 'no version is journaled twice')
  for (const { key, versionId } of acknowledged) {
    assert.ok(journaled.has(versionId), `${key} ${versionId} is in the journal`)
    assert.ok(await second.store.ledger.row({ bucket: 'b', key, versionId, site: 'aws' }), 'it has its ledger row')
  }
  const [sums] = await first.store.ledger.backlog()
  assert.equal(sums?.objects, journal.length, 'the sums count each')
  assert.equal(await second.store.ledger.recount(), false)
  await first.close()
  await second.close()
})

test('two front ends with clocks an hour apart never run backwards on a key, and one conditional write wins', {
  skip,
}, async () => {
  const database = await makeDatabase(running().url)
  const open = (offsetMs: number, clock: 'database' | 'world') =>
    openPostgres({ url: database.url, world: worldAt(offsetMs), group: 'RG001', poolMax: 6, clock })
  const opened = [await open(-3_600_000, 'world'), await open(0, 'world'), await open(3_600_000, 'database')]
  const [{ store } = assert.fail()] = opened
  await makeBucket(store, 'b')
  const keys = ['k1', 'k2', 'k3']
  const puts = opened.flatMap(engine =>
    Array.from({ length: 150 }, (_, n) => put(engine.store, 'b', keys[n % 3] ?? '', { sites: ['aws'] })),
  )
  const ids = await Promise.all(puts)
  const journal = await wholeJournal(store)
  assert.equal(journal.length, ids.length)
  for (const key of keys) {
    const order = journal.filter(entry => entry.key === key).map(entry => entry.versionId)
    assert.deepEqual(
      order,
      [...new Set(order)].toSorted().toReversed(),
      'the order of the journal is that of the versions',
    )
  }
  const conditional = (engine: PostgresEngine, key: string) =>
    engine.store.putVersion({
      bucket: 'b',
      key,
      metadata: newMetadata(key),
      integrity: null,
      condition: { ifNoneMatch: ['*'] },
    })
  for (let round = 0; round < 20; round += 1) {
    const results = await Promise.all(
      opened.flatMap(engine => [1, 2, 3].map(() => conditional(engine, `once/${round}`))),
    )
    assert.equal(results.filter(result => result.outcome === 'stored').length, 1)
  }
  await store.changeBucket('b', { versioning: 'Suspended' })
  await Promise.all(
    opened.flatMap(engine => [1, 2, 3, 4].map(() => put(engine.store, 'b', 'null', { sites: ['aws'] }))),
  )
  const page = { bucket: 'b', prefix: 'null', delimiter: '', after: '', maxKeys: 100 }
  assert.equal((await store.list({ ...page, what: 'versions' })).entries.length, 1, 'one null version is left')
  assert.equal(await store.ledger.recount(), false)
  await Promise.all(opened.map(engine => engine.close()))
})

test('a key is claimed by one process at a time, and its lease does not care about their clocks', {
  skip,
}, async () => {
  const database = await makeDatabase(running().url)
  const opened = await engines(database.url, [worldAt(-3_600_000), worldAt(3_600_000)])
  const [early, late] = opened
  assert.ok(early && late)
  await makeBucket(early.store, 'b')
  const keys = Array.from({ length: 40 }, (_, n) => ({ bucket: 'b', key: `k${n}` }))
  for (const { key } of keys) await put(late.store, 'b', key, { sites: ['aws'] })
  const claims = await Promise.all([
    early.store.ledger.claim('aws', keys, 'early', 60_000),
    late.store.ledger.claim('aws', keys.toReversed(), 'late', 60_000),
  ])
  const outcomes = claims.flat().map(claim => claim.outcome)
  assert.equal(outcomes.filter(outcome => outcome === 'claimed').length, keys.length)
  assert.equal(outcomes.filter(outcome => outcome === 'held').length, keys.length)
  const held = claims[1].find(claim => claim.outcome === 'held')
  if (held?.outcome === 'held') {
    const left = held.until - (realWorld.clock.now() + 3_600_000)
    assert.ok(left > 30_000 && left <= 61_000, `the lease ends in ${left} ms by the asker's own clock`)
  }
  const [short] = await early.store.ledger.claim('aws', [{ bucket: 'b', key: 'k0' }], 'early', 1)
  assert.equal(short?.outcome, 'held', 'nobody takes what another one holds')
  await Promise.all(opened.map(engine => engine.close()))
})

test('the journal waits for a transaction that is held open, and then skips nothing', { skip }, async () => {
  const database = await makeDatabase(running().url)
  const [engine, other] = await engines(database.url, [realWorld, realWorld])
  assert.ok(engine && other)
  await makeBucket(engine.store, 'b')
  const before = await put(engine.store, 'b', 'before')
  const sql = connect(database.url)
  await sql.unsafe('BEGIN; SELECT pg_current_xact_id()')
  await sql.unsafe(
    `INSERT INTO crossbeat.journal (at, type, bucket_id, bucket, key, version_id, revision) VALUES (0, 'put', 1, 'b', 'held', 'v', 0)`,
  )
  const later: VersionId[] = []
  for (let n = 0; n < 5; n += 1) later.push(await put(n % 2 === 0 ? engine.store : other.store, 'b', `later${n}`))
  // What the server does by itself (statistics) holds the journal back for a moment, too.
  const seen = await until('what came before it is shown', async () => {
    const shown = await wholeJournal(other.store)
    return shown.length > 0 && shown
  })
  assert.deepEqual(
    seen.map(entry => entry.versionId),
    [before],
    'later commits are not shown before it',
  )
  let woken = (): void => {}
  const heard = new Promise<void>(resolve => {
    woken = resolve
  })
  const stop = other.store.onJournal(() => woken())
  await heard
  const told = new Promise<void>(resolve => {
    woken = resolve
  })
  await sql.unsafe('COMMIT')
  await told
  const rest = await until('all of it is shown', async () => {
    const shown = await other.store.journal(seen.at(-1)?.position ?? '', 100)
    return shown.length > later.length && shown
  })
  assert.deepEqual(
    rest.map(entry => entry.versionId),
    ['v', ...later],
  )
  stop()
  await sql.end()
  await engine.close()
  await other.close()
})

test('commits of another process wake who listens to the journal', { skip }, async () => {
  const database = await makeDatabase(running().url)
  const [writer, reader] = await engines(database.url, [realWorld, realWorld])
  assert.ok(writer && reader)
  await makeBucket(writer.store, 'b')
  const heard = new Promise<void>(resolve => reader.store.onJournal(resolve))
  await put(writer.store, 'b', 'k')
  await heard
  await writer.close()
  await reader.close()
})

/** A database of its own that can be cut off. */
async function behindProxy() {
  const database = await makeDatabase(running().url)
  const proxy = await startSwallowingProxy(running().port)
  const url = new URL(database.url)
  url.port = String(proxy.port)
  return { url: url.href, proxy }
}

async function databaseBehindProxy(connections: number) {
  const { url, proxy } = await behindProxy()
  const options = { url, connections, timers: realWorld.timers, answerWithinMs: 30_000 }
  return { database: await openDatabase(options, 'public'), proxy }
}

/** Puts new keys one after another until one is stored; answers how many were refused, each as a 503. */
async function putsUntilStored(store: MetadataStore, name: string): Promise<number> {
  const deadline = performance.now() + 60_000
  for (let count = 0; ; count += 1) {
    try {
      await put(store, 'b', `${name}/${count}`)
      return count
    } catch (error) {
      assert.ok(error instanceof ServiceError && error.status === 503, String(error))
      assert.ok(performance.now() < deadline, 'stored within a minute')
    }
  }
}

test('connections that die in silence are given up: writes work again at once over new ones, and none is done twice', {
  skip,
}, async () => {
  const { url, proxy } = await behindProxy()
  const engine = await openPostgres({
    url,
    world: realWorld,
    group: 'RG001',
    poolMax: 4,
    answerWithinMs: 4_000,
  })
  await makeBucket(engine.store, 'b')
  await put(engine.store, 'b', 'before')
  proxy.strand()
  const settled = await Promise.allSettled(Array.from({ length: 30 }, (_, n) => put(engine.store, 'b', `lost/${n}`)))
  assert.ok(settled.some(result => result.status === 'rejected'))
  assert.equal(await putsUntilStored(engine.store, 'stranded'), 0, 'one refusal was enough')
  proxy.swallow(true)
  await assert.rejects(put(engine.store, 'b', 'swallowed'), { status: 503 })
  proxy.swallow(false)
  await putsUntilStored(engine.store, 'swallowed')
  const keys = (await wholeJournal(engine.store)).map(entry => entry.key)
  assert.equal(new Set(keys).size, keys.length, 'no put was sent again by itself')
  settled.forEach((result, n) => {
    if (result.status === 'fulfilled') assert.ok(keys.includes(`lost/${n}`))
  })
  await engine.close()
  await proxy.close()
})

test('connections that were reset with something under way are not used again', { skip }, async () => {
  const { database, proxy } = await databaseBehindProxy(3)
  const ask = async (): Promise<void> => {
    for (;;) {
      try {
        await database.rows('SELECT $1::integer', 1)
        return
      } catch (error) {
        assert.ok(isUnavailable(error), String(error))
        assert.notEqual(codeOf(error), 'CONNECT_TIMEOUT', 'the server has not understood how the connection began')
      }
    }
  }
  for (let round = 0; round < 10; round += 1) {
    await Promise.all([1, 2, 3].map(() => database.rows('SELECT pg_sleep(0.005)')))
    // Whoever is told first that all connections are gone asks again before the library knows of the others.
    const sleep = `SELECT pg_sleep(30), ${round}`
    const told = assert.rejects(database.rows(sleep)).then(() => Promise.all([1, 2, 3, 4].map(ask)))
    await until('the statement is under way', async () => {
      const [row] = await database.rows<{ n: number }>(
        "SELECT count(*)::integer AS n FROM pg_stat_activity WHERE state = 'active' AND query = $1",
        sleep,
      )
      return row?.n === 1
    })
    proxy.cut()
    await told
  }
  await database.close()
  await proxy.close()
})

test('a transaction that loses its connection is refused, and the next one works', { skip }, async () => {
  const { database, proxy } = await databaseBehindProxy(2)
  for (let round = 0; round < 5; round += 1) {
    const begun = Promise.withResolvers<void>()
    const lost = database.transaction(async transaction => {
      await transaction.rows('SELECT 1')
      begun.resolve()
      await transaction.rows('SELECT pg_sleep(30)')
    })
    await begun.promise
    proxy.cut()
    await assert.rejects(lost, error => isUnavailable(error))
    const found = await database.transaction(transaction => transaction.rows<{ n: number }>('SELECT 2 AS n'))
    assert.equal(found[0]?.n, 2)
  }
  await database.close()
  await proxy.close()
})

test('who reads the journal is told of a database that cannot be asked, though nothing is written', {
  skip,
}, async () => {
  const { url, proxy } = await behindProxy()
  const engine = await openPostgres({
    url,
    world: realWorld,
    group: 'RG001',
    poolMax: 4,
    answerWithinMs: 3_000,
  })
  await makeBucket(engine.store, 'b')
  await put(engine.store, 'b', 'k')
  let told = 0
  engine.store.onJournal(() => {
    told += 1
  })
  await until('told of what there is', () => told > 0)
  proxy.swallow(true)
  told = 0
  await until('told twice that there is no answer', () => told > 1)
  await engine.closeAbruptly()
  await proxy.close()
})

test('a renewal that gets no answer is refused long before its lease ends', { skip }, async () => {
  const { url, proxy } = await behindProxy()
  const delays: number[] = []
  let isHasty = false
  const after: World['timers']['after'] = (delayMs, run, options) => {
    delays.push(delayMs)
    // A quarter of a minute in a tenth of a second.
    return realWorld.timers.after(isHasty && delayMs === 15_000 ? 100 : delayMs, run, options)
  }
  const world = { ...realWorld, timers: { ...realWorld.timers, after } }
  const engine = await openPostgres({ url, world, group: 'RG001', poolMax: 4 })
  await makeBucket(engine.store, 'b')
  await put(engine.store, 'b', 'k', { sites: ['aws'] })
  const [claim] = await engine.store.ledger.claim('aws', [{ bucket: 'b', key: 'k' }], 'me', 120_000)
  assert.ok(claim?.outcome === 'claimed')
  isHasty = true
  proxy.strand()
  await assert.rejects(engine.store.ledger.renew([claim.token], 120_000), { status: 503 })
  assert.ok(delays.includes(15_000))
  await engine.closeAbruptly()
  await proxy.close()
})
