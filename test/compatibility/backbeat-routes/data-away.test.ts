// Goal: an object whose data lies at a front end that is down is copied when that is back, and is neither failed nor skipped meanwhile. Method: a
// server that replicates without data of its own, and a front end with it that stops before replication begins.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { patterned } from '../../conformance/location-subject.ts'
import { until } from '../../until.ts'
import { type Layout, openLayout } from '../s3/data-node.ts'
import { replicationXml, versioningEnabled } from '../s3/test-server.ts'
import { startReplicatingServer, whenReplicated } from './replicating-server.ts'

/** The store, and how often reading from it has failed. */
function counted(store: DataStore): { readonly store: DataStore; failures(): number } {
  let failures = 0
  return {
    store: {
      ...store,
      readInto: (...range) =>
        store.readInto(...range).catch(error => {
          failures += 1
          throw error
        }),
    },
    failures: () => failures,
  }
}

test('data-away/a processor tries again until the node that has the data is back', async () => {
  const layouts: Layout[] = []
  const readers: ReturnType<typeof counted>[] = []
  const server = await startReplicatingServer({
    gateway: 'direct',
    group: 'RG001',
    async makeDataStores(store) {
      const layout = await openLayout(store)
      layouts.push(layout)
      const found = (await layout.openReader()).stores.get('us-east-1')
      assert.ok(found !== undefined)
      const reader = counted(found)
      readers.push(reader)
      return new Map([['us-east-1', reader.store]])
    },
  })
  const [layout] = layouts
  assert.ok(layout !== undefined)
  const owner = await layout.start('owner')
  const put = (path: string, body = '') => owner.server.send({ method: 'PUT', path, body })
  await put('/source')
  await put('/source?versioning=', versioningEnabled)
  await put('/source?replication=', replicationXml([{ storageClass: 'awsbackend' }]))
  const bytes = patterned(300_000).toString('hex')
  assert.equal((await put('/source/o', bytes)).status, 200)
  await owner.close()
  await server.startReplication([])
  await until('two reads have failed', () => (readers[0]?.failures() ?? 0) >= 2)
  const status = async (): Promise<string | undefined> =>
    (await server.store.version({ bucket: 'source', key: 'o', version: 'latest' }))?.metadata.replicationInfo.status
  assert.ok(['PENDING', 'PROCESSING'].includes((await status()) ?? ''))
  const back = await layout.start('owner')
  await whenReplicated(server)
  assert.equal(await status(), 'COMPLETED')
  const [copy, ...more] = server.aws.versionsOf('source/o')
  assert.equal(more.length, 0)
  assert.equal(Buffer.from(copy?.bytes ?? []).toString(), bytes)
  await back.close()
  await server.close()
  await layout.close()
})
