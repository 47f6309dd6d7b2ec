// The database for more than one thread: when the owner knows that another has nothing more to give, and when the log is moved.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../../../test/until.ts'
import { realWorld as world } from '../../base/world.ts'
import { Connection } from './connection.ts'
import { openSqlite } from './engine.ts'
import { sqliteMetadataStore } from './sqlite-metadata-store.ts'
import type { Batch } from './writer.ts'

const bucket = (name: string) => ({
  ...{ name, ownerId: 'o', ownerDisplayName: 'O' },
  ...{ creationDate: '2030-01-01T00:00:00.000Z', locationConstraint: 'us-east-1' },
})

test('a thread has left when all it gave to a busy writer is carried out and seen', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-engine-'))
  const engine = await openSqlite({ path: join(folder, 'db'), world, group: 'RG001', bootId: 'test', flush: false })
  const store = sqliteMetadataStore(engine)
  const left = Promise.withResolvers<void>()
  const port = engine.portForThread(left.resolve)
  const others = Array.from({ length: 500 }, (_, index) =>
    engine.submit('client', 'create-bucket', { bucket: bucket(`other-${index}`) }),
  )
  // What the view of this turn shows must not be what is believed later.
  assert.equal(await store.bucket('last'), null)
  for (const name of ['first', 'last']) {
    const command = { kind: 'create-bucket', now: world.clock.now(), request: { bucket: bucket(name) } } as const
    port.postMessage({ commands: [command], durable: true, restartLog: false } satisfies Batch)
  }
  // As the end of the thread does.
  port.close()
  await left.promise
  assert.equal((await store.bucket('first'))?.name, 'first')
  assert.equal((await store.bucket('last'))?.name, 'last')
  await Promise.all(others)
  await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

test('a log that was left long is moved into the database once nothing is written', async context => {
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-engine-'))
  const path = join(folder, 'db')
  const engine = await openSqlite({ path, world, group: 'RG001', bootId: 'test', flush: false })
  context.after(async () => {
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const value = 'x'.repeat(10_000)
  const batch = { topic: 't', keys: Array(100).fill('k'), values: Array(100).fill(value) }
  for (let count = 0; count < 20; count += 1) await engine.submit('replication', 'append-records', batch)
  // The writer looks at its log once in so many commands.
  await Promise.all(
    Array.from({ length: 64 }, () =>
      engine.submit('replication', 'append-records', { topic: 't', keys: ['k'], values: ['v'] }),
    ),
  )
  const other = new Connection(path)
  const left = () => {
    const log = other.get<{ log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)')
    return (log?.log ?? 0) - (log?.checkpointed ?? 0)
  }
  context.after(() => other.close())
  await until('the log moved', () => left() < 1_000)
})
