// The child process of the crash test: writes, claims, reports and folds as fast as it can, and prints each acknowledged write. It is killed
// in the middle of it.
import { writeSync } from 'node:fs'
import { realWorld } from '../../src/base/world.ts'
import { openSqlite } from '../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { openTopicLog } from '../../src/queue/sqlite/sqlite-topic-log.ts'
import { dataAt, done, inlineName, put, statusMessage } from './store-fixtures.ts'

const [path = '', round = ''] = process.argv.slice(2)
const engine = await openSqlite({ path, world: realWorld, group: 'RG001', bootId: 'boot-1' })
const store = sqliteMetadataStore(engine)
const log = openTopicLog(engine, { topics: { work: ['one'] } })
const say = (...words: unknown[]): void => {
  writeSync(1, `${words.join(' ')}\n`)
}

async function writer(lane: number): Promise<never> {
  for (let count = 0; ; count += 1) {
    const key = `key-${lane}-${count % 5}`
    const inline = { key: inlineName(`${round}-${lane}-${count}`), bytes: Buffer.from(`${lane} ${count}`) }
    const versionId = await put(store, 'b', key, { sites: ['aws'], inline, location: dataAt(inline.key), size: count })
    say('put', key, versionId.trimEnd())
  }
}

async function worker(lane: number): Promise<never> {
  const keys = [0, 1, 2, 3, 4].map(index => ({ bucket: 'b', key: `key-${lane}-${index}` }))
  for (;;) {
    const claims = (await store.ledger.claim('aws', keys, 'worker', 60_000)).filter(
      claim => claim.outcome === 'claimed',
    )
    await store.ledger.report(claims.map(claim => done(claim)))
    await log.append(
      'work',
      claims.map(claim => ({ key: claim.row.key, value: claim.row.versionId })),
    )
    await store.ledger.fold(claims.map(claim => statusMessage(claim.row)))
    for (const claim of claims) say('fold', claim.row.key, claim.row.versionId.trimEnd())
  }
}

say('ready')
const lanes = [0, 1, 2, 3]
await Promise.all([...lanes.map(writer), ...lanes.map(worker)])
