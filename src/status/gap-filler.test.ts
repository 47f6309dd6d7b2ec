// What was lost from a topic comes again from the ledger: rows of the one site that lost it, and results on the status topic.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inlineSqlite } from '../../test/conformance/sqlite-stores.ts'
import { makeBucket, put } from '../../test/conformance/store-fixtures.ts'
import { realWorld } from '../base/world.ts'
import { sqliteMetadataStore } from '../metadata/sqlite/sqlite-metadata-store.ts'
import type { TopicGap } from '../queue/topic-log.ts'
import { createGapFiller } from './gap-filler.ts'

const gap: TopicGap = { topic: 'replication', group: 'group-aws', partition: 0, from: 3, to: 9, cause: 'removed' }

test('rows of the site whose entries are gone become due, and its processor is told', async test => {
  const subject = await inlineSqlite.open(realWorld)
  test.after(() => subject.close())
  const store = sqliteMetadataStore(subject.engine)
  await makeBucket(store, 'b')
  for (const key of ['k1', 'k2']) await put(store, 'b', key, { sites: ['aws', 'other'] })
  const told: string[] = []
  const fill = createGapFiller({
    ledger: store.ledger,
    topics: { replication: 'replication', status: 'status' },
    groupId: 'group',
    sites: ['aws', 'other'],
    wake: site => told.push(site),
    sweep: async () => told.push('sweep'),
  })
  await fill({ ...gap, group: 'group-nobody' })
  assert.deepEqual(await store.ledger.due('aws', 10), [])
  await fill(gap)
  assert.deepEqual((await store.ledger.due('aws', 10)).map(ref => ref.key).toSorted(), ['k1', 'k2'])
  assert.deepEqual(await store.ledger.due('other', 10), [])
  await fill({ ...gap, topic: 'status', group: 'group' })
  assert.deepEqual(told, ['aws', 'sweep'])
})
