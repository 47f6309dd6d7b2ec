// Listing: a page of 1,000 keys takes as long in a bucket of 1,000,000 as in one of 1,000. The keys come through the metadata port, while the
// server is down.
import { join } from 'node:path'
import { realWorld } from '../../src/base/world.ts'
import type { MetadataStore, NewMetadata } from '../../src/metadata/metadata-store.ts'
import { openSqlite } from '../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { CrossbeatProcess } from '../process/crossbeat.ts'
import { median } from '../process/measure.ts'
import { record, round } from './result.ts'
import type { S3LoadResult } from './s3-load.ts'
import { prepareSource } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'

const page = 1000
const writesAtOnce = 500
const times = 50

/** A bucket of so many versions that are like the pattern. */
async function fill(store: MetadataStore, name: string, keys: number, pattern: NewMetadata): Promise<void> {
  const { 'owner-id': ownerId, 'owner-display-name': ownerDisplayName } = pattern
  await store.createBucket({
    ...{ name, ownerId, ownerDisplayName },
    creationDate: '2026-11-22T12:00:00.000Z',
    locationConstraint: 'us-east-1',
  })
  for (let first = 0; first < keys; first += writesAtOnce) {
    const count = Math.min(writesAtOnce, keys - first)
    const puts = Array.from({ length: count }, (_, index) => {
      const key = `folder-${Math.floor((first + index) / 5000)}/object-${String(first + index).padStart(8, '0')}`
      const metadata = { ...pattern, key }
      return store.putVersion({ bucket: name, key, metadata, integrity: null })
    })
    await Promise.all(puts)
  }
}

export async function benchList(scale: number): Promise<void> {
  const keys = Math.max(2 * page, Math.round(1_000_000 * scale))
  const crossbeat = await CrossbeatProcess.start({})
  const load = new WorkerProcess('s3-load.ts')
  try {
    const target = await prepareSource(crossbeat, [])
    const one = { target, method: 'PUT', prefix: 'pattern-', keys: 1, count: 1, size: 0, clients: 1 }
    await load.ask<S3LoadResult>(one)
    await crossbeat.end()
    const path = join(crossbeat.dataDir, 'crossbeat.db')
    const engine = await openSqlite({ path, world: realWorld, group: 'RG001  ', bootId: '', flush: false })
    const store = sqliteMetadataStore(engine)
    const found = await store.version({ bucket: target.bucket, key: 'pattern-0', version: 'latest' })
    if (found === null) throw new Error('the pattern is not there')
    const { versionId: _, isNull: __, ...pattern } = found.metadata
    await fill(store, 'few', page, pattern)
    await fill(store, 'many', keys, pattern)
    await store.close()
    await crossbeat.restart()
    await crossbeat.quiet()
    const each: Record<string, number[]> = { few: [], many: [] }
    for (let round = -5; round < times; round++) {
      for (const [bucket, figures] of Object.entries(each)) {
        const command = { target: { ...target, bucket }, method: 'GET', prefix: `list-type=2&max-keys=${page}` }
        const { eachMs } = await load.ask<S3LoadResult>({ ...command, keys: 0, count: 1, size: 0, clients: 1 })
        if (round >= 0) figures.push(eachMs[0] ?? Number.NaN)
      }
    }
    const [few = 0, many = 0] = Object.values(each).map(figures => median(figures))
    const ratio = many / few
    record({
      name: `list of 1,000 keys, of ${keys.toLocaleString('en')} against of 1,000`,
      measured: `${round(ratio, 2)} (${round(many, 1)} against ${round(few, 1)} ms)`,
      limit: '0.8 to 1.2',
      passed: ratio <= 1.2,
      figures: { ratio, many, few },
    })
  } finally {
    load.stop()
    await crossbeat.stop()
  }
}
