// Goal: of processes that change a shared value at once one wins and the others know it, and all see the same clock. Method: several starts on one real
// database, and a command that has no start of its own.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { DependencyError } from '../../src/base/dependency.ts'
import { realWorld } from '../../src/base/world.ts'
import { openPostgres } from '../../src/metadata/postgres/engine.ts'
import { withSharedValues } from '../../src/metadata/postgres/shared-values.ts'
import { postgresServer } from '../services/available.ts'
import { makeDatabase } from '../services/postgres.ts'

const server = await postgresServer()
const { skip } = server
after(() => server.stop())

test('a shared value is made by one of many, and changed only from what it is', { skip }, async context => {
  const database = await makeDatabase(server.get().url)
  context.after(() => database.drop())
  const open = () => openPostgres({ url: database.url, world: realWorld, group: 'RG001', poolMax: 3 })
  const processes = await Promise.all([open(), open(), open()])
  context.after(() => Promise.all(processes.map(process => process.close())))
  const [first] = processes
  assert.equal((await first?.shared.get('word'))?.value, null)
  const made = await Promise.all(processes.map(({ shared }, index) => shared.change('word', null, `w${index}`)))
  assert.equal(made.filter(Boolean).length, 1)
  const word = `w${made.indexOf(true)}`
  for (const { shared } of processes) assert.equal((await shared.get('word')).value, word)
  const changed = await Promise.all(processes.map(({ shared }, index) => shared.change('word', word, `x${index}`)))
  assert.equal(changed.filter(Boolean).length, 1)
  const { value, now } = await withSharedValues({ url: database.url, timers: realWorld.timers }, shared => {
    return shared.get('word')
  })
  assert.equal(value, `x${changed.indexOf(true)}`)
  assert.ok(Math.abs(now - realWorld.clock.now()) < 60_000)
})

test('a database that nobody has started on, or that is away, is told with words', { skip }, async context => {
  const database = await makeDatabase(server.get().url)
  context.after(() => database.drop())
  for (const url of [database.url, 'postgres://u:s3cret@127.0.0.1:1/crossbeat']) {
    const reading = withSharedValues({ url, timers: realWorld.timers }, shared => shared.get('word'))
    await assert.rejects(reading, error => error instanceof DependencyError && !error.message.includes('s3cret'))
  }
})
