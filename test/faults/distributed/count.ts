// The count at the end of every story: each acknowledged version is at the source and at both sites, once, in order, whole and with its
// metadata; every status is true, nothing is PENDING, no row is open, no upload is left.
import assert from 'node:assert/strict'
import { GetObjectTaggingCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import postgres from 'postgres'
import { inParallel, untilStatus } from '../../integration/two-clouds.ts'
import type { AzureDestination, S3Destination } from '../../process/crossbeat.ts'
import { until } from '../../until.ts'
import { blobsOf } from '../azure-side.ts'
import { noUploadsLeft } from '../left-uploads.ts'
import { type ListedEntry, versionList } from '../version-list.ts'
import type { Acknowledged } from './load.ts'

export interface CountOptions {
  readonly bucket: string
  /** Our own server, as a client and as an address. */
  readonly source: S3Client
  readonly sourceAt: S3Destination
  readonly far: S3Client
  readonly s3: S3Destination
  readonly azure: AzureDestination
  readonly databaseUrl: string
}

export interface Counted {
  readonly versions: number
  readonly markers: number
}

const stateNames = ['pending', 'loose', 'claimed', 'waiting', 'blocked', 'reported', 'completed', 'skipped', 'FAILED']

/** Rows of the bucket that have not ended well, as text; '' when there is none. Asked of the database itself. */
async function openRows(sql: postgres.Sql, bucket: string): Promise<string> {
  const rows = await sql<{ site: string; state: number; count: number; example: string }[]>`
    SELECT site, state, count(*)::integer AS count, min(key || ' ' || coalesce(reason, '')) AS example
    FROM crossbeat.ledger JOIN crossbeat.buckets ON buckets.id = bucket_id
    WHERE name = ${bucket} AND state NOT IN (6, 7) GROUP BY site, state`
  return rows.map(row => `${row.site}: ${row.count} ${stateNames[row.state]} (${row.example})`).join(', ')
}

/** Asks the database itself, over a connection of its own. */
async function asking(databaseUrl: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Waits until the ledger has no open row of the bucket. */
export async function untilEnded({ bucket, databaseUrl }: CountOptions, withinMs: number): Promise<void> {
  let left = ''
  const isEnded = async (sql: postgres.Sql): Promise<boolean> => {
    left = await openRows(sql, bucket).catch(error => `the database does not answer: ${error}`)
    return left === ''
  }
  try {
    await asking(databaseUrl, sql => until('every row of the ledger has ended', () => isEnded(sql), withinMs))
  } catch (error) {
    throw new Error(`after ${withinMs / 1000} s there is left: ${left}`, { cause: error })
  }
}

/** Waits until the populator has published everything that is in the journal: what it has published it removes. */
export async function untilPublished({ databaseUrl }: CountOptions): Promise<void> {
  const isEmpty = async (sql: postgres.Sql): Promise<boolean> => {
    const [row] = await sql<{ count: number }[]>`SELECT count(*)::integer AS count FROM crossbeat.journal`
    return row?.count === 0
  }
  await asking(databaseUrl, sql => until('everything is published', () => isEmpty(sql)))
}

export async function count(options: CountOptions, acknowledged: readonly Acknowledged[]): Promise<Counted> {
  const { bucket, sourceAt, s3, azure, far } = options
  const here = await versionList(sourceAt)
  checkSource(here, acknowledged)
  const there = await versionList(s3, `${bucket}/`)
  const blobs = await blobsOf(azure)
  const md5s = new Map(acknowledged.map(({ versionId, md5 }) => [versionId, md5]))
  await inParallel([...here], 8, async ([key, versions]) => {
    await checkKey(options, key, versions, there.get(`${bucket}/${key}`) ?? [], md5s)
    const newest = versions.at(-1)
    const blob = blobs.get(`${bucket}/${key}`)
    assert.equal(blob, newest?.isMarker ? undefined : newest?.versionId, `${key} at Azure`)
  })
  const known = new Set([...here.keys()].map(key => `${bucket}/${key}`))
  for (const name of [...there.keys(), ...blobs.keys()].filter(name => name.startsWith(`${bucket}/`)))
    assert.ok(known.has(name), `${name} is at a site and not at the source`)
  await noUploadsLeft(far, s3.bucket, `${bucket}/`)
  const all = [...here.values()].flat()
  return { versions: all.length, markers: all.filter(({ isMarker }) => isMarker).length }
}

/** What was acknowledged is there, in the order in which it was. */
function checkSource(here: ReadonlyMap<string, readonly ListedEntry[]>, acknowledged: readonly Acknowledged[]): void {
  const places = new Map<string, number>()
  for (const { key, versionId, md5 } of acknowledged) {
    const place = (here.get(key) ?? []).findIndex(entry => entry.versionId === versionId)
    assert.ok(place >= 0, `${key} ${versionId} was acknowledged and is gone at the source`)
    assert.equal(here.get(key)?.[place]?.isMarker, md5 === null, `${key} ${versionId} is a delete marker`)
    assert.ok(place > (places.get(key) ?? -1), `${key} ${versionId} stands before what was acknowledged earlier`)
    places.set(key, place)
  }
}

async function checkKey(
  options: CountOptions,
  key: string,
  versions: readonly ListedEntry[],
  there: readonly ListedEntry[],
  md5s: ReadonlyMap<string, string | null>,
): Promise<void> {
  const { bucket, far, s3 } = options
  const arrived: string[] = []
  for (const { versionId, isMarker } of there) {
    if (isMarker) {
      arrived.push('marker')
      continue
    }
    const address = { Bucket: s3.bucket, Key: `${bucket}/${key}`, VersionId: versionId }
    const head = await far.send(new HeadObjectCommand(address))
    const id = head.Metadata?.['scal-version-id'] ?? ''
    arrived.push(id)
    await checkVersion(options, key, id, { versionId, etag: head.ETag ?? '', count: head.Metadata?.['count'] }, md5s)
  }
  const wanted = versions.map(({ versionId, isMarker }) => (isMarker ? 'marker' : versionId))
  // The server of the tests makes no delete marker for a key that it does not have.
  const begin = wanted.findIndex(version => version !== 'marker')
  assert.deepEqual(arrived, begin < 0 ? [] : wanted.slice(begin), `versions of ${key} at S3`)
}

interface Copy {
  readonly versionId: string
  readonly etag: string
  readonly count: string | undefined
}

/** One version's status, bytes, metadata and tags. */
async function checkVersion(
  { bucket, source, far, s3 }: CountOptions,
  key: string,
  id: string,
  copy: Copy,
  md5s: ReadonlyMap<string, string | null>,
): Promise<void> {
  const shown = await untilStatus(source, bucket, key, 'COMPLETED', id)
  assert.equal(shown.sites['awsbackend'], 'COMPLETED', key)
  assert.match(shown.sites['azurebackend'] ?? '', /^(COMPLETED|SKIPPED)$/, key)
  const address = { Bucket: bucket, Key: key, VersionId: id }
  const head = await source.send(new HeadObjectCommand(address))
  const md5 = md5s.get(id)
  if (md5 !== undefined) assert.equal(head.ETag, `"${md5}"`, `bytes of ${key} ${id} at the source`)
  if (!copy.etag.includes('-')) assert.equal(copy.etag, head.ETag, `bytes of ${key} ${id} at S3`)
  assert.equal(copy.count, head.Metadata?.['count'], `metadata of ${key} ${id} at S3`)
  const farAddress = { Bucket: s3.bucket, Key: `${bucket}/${key}`, VersionId: copy.versionId }
  const [near, there] = await Promise.all([
    source.send(new GetObjectTaggingCommand(address)),
    far.send(new GetObjectTaggingCommand(farAddress)),
  ])
  assert.deepEqual(there.TagSet ?? [], near.TagSet ?? [], `tags of ${key} ${id} at S3`)
}
