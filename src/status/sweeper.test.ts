// Goal: what the sweeper finds is brought back whatever has become of it meanwhile. Method: a ledger and a log by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { storedVersionId } from '../domain/version-id.ts'
import type { LedgerRow } from '../metadata/ledger.ts'
import { readReplicationEntry } from '../queue/entry-format.ts'
import type { TopicMessage } from '../queue/topic-log.ts'
import { createSweeper, type SweeperOptions } from './sweeper.ts'

const row: LedgerRow = {
  bucket: 'b',
  key: 'k',
  versionId: storedVersionId('v'),
  site: 'aws',
  revision: 1,
  state: 'claimed',
  isDeleteMarker: false,
  size: 1,
  attempts: 1,
  createdAt: 0,
  unsettled: false,
}

test('a claim that nobody holds any more is brought back even if its version is gone', async () => {
  const appended: TopicMessage[] = []
  const ledger: Partial<SweeperOptions['store']['ledger']> = { stranded: async () => [row] }
  const sweeper = createSweeper({
    store: { version: async () => null, ledger: ledger as SweeperOptions['store']['ledger'] },
    log: { entryContent: 'whole', append: async (_topic, messages) => void appended.push(...messages) },
    world: createManualWorld(),
    topics: { replication: 'r', status: 's' },
    sites: ['aws', 'azure'],
    isPaused: () => false,
    isThrough: async () => false,
  })
  assert.equal(await sweeper.sweep(0, 10), 1)
  const read = readReplicationEntry(appended[0]?.value ?? '')
  assert.ok(read.kind === 'entry')
  assert.deepEqual([read.entry.bucket, read.entry.key, read.entry.sites], ['b', 'k', ['aws']])
})
