// What the embedded engine keeps when its process is killed, when a commit is lost, and when the machine loses power. Goal: nothing that was
// acknowledged is ever missing, and what is there is whole.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realWorld } from '../../src/base/world.ts'
import { journalStart } from '../../src/domain/entry.ts'
import { replicationGroup, storedVersionId } from '../../src/domain/version-id.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import { openSqlite } from '../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { manualWorld } from './manual-clock.ts'
import { inlineSqlite, sqliteAdapters } from './sqlite-stores.ts'
import { claimed, complete, dataAt, inlineName, makeBucket, put, statusMessage, sumsOf } from './store-fixtures.ts'

const writerPath = fileURLToPath(new URL('./sqlite-crash-writer.ts', import.meta.url))

/** Runs the child until it has acknowledged `count` steps, kills it, and answers everything it had acknowledged. */
async function killedAfter(count: number, path: string, round: number): Promise<string[][]> {
  const child = spawn(process.execPath, [writerPath, path, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said: string[][] = []
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line.split(' '))
    if (said.length === count) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return said
}

async function checkWhole(store: MetadataStore, puts: ReadonlyMap<string, string>, folds: readonly string[]) {
  const journaled = new Set((await store.journal(journalStart, 100_000)).map(entry => entry.versionId))
  for (const [id, key] of puts) {
    const versionId = storedVersionId(id.slice(0, 20) + replicationGroup('RG001'))
    const record = await store.version({ bucket: 'b', key, version: versionId })
    assert.ok(record, `${key} ${id} was acknowledged`)
    assert.ok(await store.inlineData(record.metadata.location?.[0]?.key ?? ''), 'with its bytes')
    assert.ok(journaled.has(versionId), 'and journaled')
    const rows = await store.ledger.rowsOf({ bucket: 'b', key, versionId })
    assert.equal(rows.length, 1, 'and in the ledger')
    if (folds.includes(id)) assert.equal(rows[0]?.state, 'completed')
    assert.notEqual(rows[0]?.state, 'claimed', 'claims end with their process')
  }
  assert.equal(await store.ledger.recount(), false, 'the sums were right')
}

it('keeps every acknowledged write over kill -9, in step with journal, ledger and sums', {
  timeout: 240_000,
}, async test => {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-crash-'))
  test.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'crossbeat.db')
  const open = () => openSqlite({ path, world: realWorld, group: 'RG001', bootId: 'boot-1' })
  const first = sqliteMetadataStore(await open())
  await makeBucket(first, 'b')
  await first.close()
  const puts = new Map<string, string>()
  const folds: string[] = []
  for (const [round, count] of [40, 301].entries()) {
    for (const [what = '', key = '', id = ''] of await killedAfter(count, path, round)) {
      if (what === 'put') puts.set(id, key)
      if (what === 'fold') folds.push(id)
    }
    const store = sqliteMetadataStore(await open())
    await checkWhole(store, puts, folds)
    await store.close()
  }
  assert.ok(puts.size > 50)
})

it('refuses all of a batch whose commit fails, and shows nothing of it', async test => {
  const world = manualWorld()
  let crash: string | null = null
  const crashPoint = (name: string): void => {
    if (name === crash) throw new Error('crashed here')
  }
  const subject = await inlineSqlite.open(world, { inject: { crashPoint } })
  test.after(() => subject.close())
  const store = sqliteMetadataStore(subject.engine)
  await makeBucket(store, 'b')
  crash = 'before-commit'
  const results = await Promise.allSettled([
    put(store, 'b', 'k1', { sites: ['aws'] }),
    put(store, 'b', 'k2', { sites: ['aws'] }),
    store.createBucket({ name: 'c', ownerId: 'o', ownerDisplayName: 'o', creationDate: '', locationConstraint: '' }),
  ])
  assert.deepEqual(
    results.map(result => result.status),
    ['rejected', 'rejected', 'rejected'],
  )
  crash = null
  assert.equal(await store.version({ bucket: 'b', key: 'k1', version: 'latest' }), null)
  assert.equal((await sumsOf(store, 'aws')).objects, 0)
  await put(store, 'b', 'k1', { sites: ['aws'] })
  assert.equal((await sumsOf(store, 'aws')).objects, 1)
})

it('undoes a command that fails in the middle, and nothing of those beside it', async test => {
  const subject = await inlineSqlite.open(manualWorld())
  test.after(() => subject.close())
  const store = sqliteMetadataStore(subject.engine)
  await makeBucket(store, 'b')
  const inline = { key: inlineName('same'), bytes: Buffer.from('abc') }
  const results = await Promise.allSettled([
    put(store, 'b', 'k1', { sites: ['aws'], inline, location: dataAt(inline.key) }),
    put(store, 'b', 'k2', { sites: ['aws'], inline, location: dataAt(inline.key) }),
    put(store, 'b', 'k3', { sites: ['aws'] }),
  ])
  assert.deepEqual(
    results.map(result => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal(await store.version({ bucket: 'b', key: 'k2', version: 'latest' }), null)
  assert.equal((await store.journal(journalStart, 10)).length, 2)
  assert.equal((await sumsOf(store, 'aws')).objects, 2)
  assert.equal(await store.ledger.recount(), false)
})

it('keeps what was committed when the process dies before it could answer', async test => {
  const world = manualWorld()
  let crash: string | null = null
  const crashPoint = (name: string): void => {
    if (name === crash) throw new Error('crashed here')
  }
  const subject = await inlineSqlite.open(world, { inject: { crashPoint } })
  test.after(() => subject.close())
  await makeBucket(sqliteMetadataStore(subject.engine), 'b')
  crash = 'after-commit'
  await assert.rejects(put(sqliteMetadataStore(subject.engine), 'b', 'k', { sites: ['aws'] }))
  const { engine } = await subject.crash({ inject: { crashPoint: () => {} } })
  const store = sqliteMetadataStore(engine)
  assert.ok(await store.version({ bucket: 'b', key: 'k', version: 'latest' }))
  assert.equal(await store.ledger.recount(), false)
})

for (const adapter of sqliteAdapters)
  it(`refuses what is queued when it is closed abruptly, and the next opener finds what was committed (${adapter.name})`, async test => {
    const subject = await adapter.open(manualWorld())
    test.after(() => subject.close())
    const store = sqliteMetadataStore(subject.engine)
    await makeBucket(store, 'b')
    await put(store, 'b', 'k1', { sites: ['aws'] })
    await claimed(store, 'aws', 'b', 'k1')
    const queued = assert.rejects(put(store, 'b', 'k2'))
    const again = sqliteMetadataStore((await subject.crash()).engine)
    await queued
    await assert.rejects(put(store, 'b', 'k3'), 'the former process writes nothing any more')
    assert.equal(await again.version({ bucket: 'b', key: 'k2', version: 'latest' }), null)
    assert.equal((await claimed(again, 'aws', 'b', 'k1')).row.unsettled, true)
  })

it('trusts no open row after a boot that followed no orderly end', async test => {
  const subject = await inlineSqlite.open(manualWorld())
  test.after(() => subject.close())
  const store = sqliteMetadataStore(subject.engine)
  await makeBucket(store, 'b')
  const finished = await put(store, 'b', 'k1', { sites: ['aws'] })
  await complete(store, 'aws', 'b', 'k1')
  const open = await put(store, 'b', 'k2', { sites: ['aws'] })
  const unsettled = async (opened: MetadataStore): Promise<unknown[]> => [
    (await opened.ledger.row({ bucket: 'b', key: 'k1', versionId: finished, site: 'aws' }))?.unsettled,
    (await opened.ledger.row({ bucket: 'b', key: 'k2', versionId: open, site: 'aws' }))?.unsettled,
  ]
  const sameBoot = sqliteMetadataStore((await subject.crash()).engine)
  assert.deepEqual(await unsettled(sameBoot), [false, false])
  const orderly = sqliteMetadataStore((await subject.reopen({ bootId: 'boot-2' })).engine)
  assert.deepEqual(await unsettled(orderly), [false, false])
  const powerLost = sqliteMetadataStore((await subject.crash({ bootId: 'boot-3' })).engine)
  assert.deepEqual(await unsettled(powerLost), [false, true])
})

it('trusts no open row after an end that was not orderly where the system does not tell its boots apart', async test => {
  const subject = await inlineSqlite.open(manualWorld())
  test.after(() => subject.close())
  const opened = sqliteMetadataStore((await subject.reopen({ bootId: '' })).engine)
  await makeBucket(opened, 'b')
  const versionId = await put(opened, 'b', 'k', { sites: ['aws'] })
  const ref = { bucket: 'b', key: 'k', versionId, site: 'aws' }
  const orderly = sqliteMetadataStore((await subject.reopen({ bootId: '' })).engine)
  assert.equal((await orderly.ledger.row(ref))?.unsettled, false)
  const crashed = sqliteMetadataStore((await subject.crash({ bootId: '' })).engine)
  assert.equal((await crashed.ledger.row(ref))?.unsettled, true)
})

it('flushes results whose sender does not tell them again before it answers, and lets our own share a later flush', async test => {
  const subject = await inlineSqlite.open(manualWorld())
  test.after(() => subject.close())
  const store = sqliteMetadataStore(subject.engine)
  await makeBucket(store, 'b')
  await put(store, 'b', 'k', { sites: ['aws', 'azure'] })
  const messages = [
    statusMessage((await claimed(store, 'aws', 'b', 'k')).row),
    statusMessage((await claimed(store, 'azure', 'b', 'k')).row),
  ] as const
  const submit = test.mock.method(subject.engine, 'submit')
  assert.deepEqual(await store.ledger.fold([messages[0]], { flushed: true }), ['folded'])
  assert.deepEqual(await store.ledger.fold([messages[1]]), ['folded'])
  assert.deepEqual(
    submit.mock.calls.map(call => call.arguments[0]),
    ['client', 'replication'],
  )
})
