// Listings read from PostgreSQL in chunks (see listing-page.ts for what they show). Each chunk is one statement; between them the page goes on
// with what is there then.
import {
  Gatherer,
  type ListedRow,
  listedColumns,
  type Position,
  pageOf,
  readFrom,
  skippedAtOnce,
  start,
  type Trail,
} from '../listing-page.ts'
import type { Listing, ListOptions } from '../metadata-store.ts'
import type { Value } from './database.ts'
import type { StoreContext } from './store-context.ts'

/** Rows of the first chunk beyond the wanted entries: versions that are passed over, and the one that tells whether there are more. */
const chunkExtra = 20
const chunkMax = 1_000

/**
 * The end of a range of texts with this prefix; null when there is none. No UTF-8 text has a byte 0xff, and no PostgreSQL text can hold it, so
 * the bound is the next text instead.
 */
export function endOf(prefix: string): string | null {
  const characters = [...prefix]
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const point = (last.codePointAt(0) ?? 0) + 1
    // Surrogates are no characters of their own.
    const next = point >= 0xd800 && point < 0xe000 ? 0xe000 : point
    if (next <= 0x10ffff) return characters.join('') + String.fromCodePoint(next)
  }
  return null
}

function seek(position: Position): { readonly where: string; readonly values: readonly Value[] } | null {
  switch (position.kind) {
    case 'from':
      return { where: 'key >= $4', values: [position.key] }
    case 'after':
      return { where: 'key > $4', values: [position.key] }
    case 'beyond': {
      const from = endOf(position.prefix)
      return from === null ? null : { where: 'key >= $4', values: [from] }
    }
    case 'after-version':
      return { where: '(key, version_id) > ($4, $5)', values: [position.key, position.versionId] }
    default:
      return position satisfies never
  }
}

/** One page of a bucket. */
export async function list(read: StoreContext['read'], options: ListOptions): Promise<Listing> {
  if (options.maxKeys <= 0) return { entries: [], truncated: false }
  const gatherer = new Gatherer(options.maxKeys)
  const end = endOf(options.prefix)
  let position: Position | null = start(options)
  // A page that begins within a key's versions: its newest one was listed before, so none of these is the latest.
  let resumedKey: string | null = position.kind === 'after-version' ? position.key : null
  let extra = chunkExtra
  while (position !== null) {
    const from = seek(position)
    if (from === null) break
    const limit = Math.min(chunkMax, options.maxKeys - gatherer.entries.length + extra)
    // What has to be passed over may be long.
    extra *= 2
    const rows = await read<ListedRow>(
      `SELECT ${listedColumns} FROM versions WHERE bucket_id = (SELECT id FROM buckets WHERE name = $1)
       AND ${end === null ? '$2::text IS NULL' : 'key < $2::text'} AND ${from.where} ORDER BY key, version_id LIMIT $3::integer`,
      options.bucket,
      end,
      limit,
      ...from.values,
    )
    const trail: Trail = { prefix: null }
    const next = readFrom(rows, options, gatherer, resumedKey, { left: skippedAtOnce }, trail)
    resumedKey = null
    const last = rows.at(-1)
    if (next !== null || gatherer.truncated || last === undefined || rows.length < limit) {
      position = next
      continue
    }
    if (trail.prefix !== null) position = { kind: 'beyond', prefix: trail.prefix }
    else {
      position = { kind: 'after-version', key: last.key, versionId: last.version_id }
      resumedKey = last.key
    }
  }
  return pageOf(gatherer, options)
}
