// Listings read from PostgreSQL in chunks (see listing-page.ts for what they show). Each chunk is one statement; between them the page goes on
// with what is there then. With a delimiter the statement walks from key to key by the index, and passes over what a common prefix stands for
// without reading it.
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

type Seek = NonNullable<ReturnType<typeof seek>>

/** The rows from a place on, in their order. $1 is the bucket, $2 the end, $3 how many rows. */
function chunk(end: string | null, { where, values }: Seek, limit: number, { bucket }: ListOptions): Statement {
  const text = `SELECT ${listedColumns} FROM versions WHERE ${within(end)} AND ${where} ORDER BY key, version_id LIMIT $3::integer`
  return { text, values: [bucket, end, limit, ...values] }
}

interface Statement {
  readonly text: string
  readonly values: readonly Value[]
}

function within(end: string | null): string {
  return `bucket_id = (SELECT id FROM buckets WHERE name = $1) AND ${end === null ? '$2::text IS NULL' : 'key < $2::text'}`
}

/**
 * As chunk, but each row is looked up from the one before: behind all keys of its common prefix (unless it is a delete marker, which shows
 * none), else behind its key (or version). `past` is the end of the delimiter, so the end of a common prefix is what stands before its
 * delimiter, and `past`. Behind a key comes that key with the smallest character that PostgreSQL knows.
 */
function walk(
  end: string | null,
  { where, values }: Seek,
  limit: number,
  options: ListOptions,
  past: string,
): Statement {
  const { bucket, prefix, delimiter, what } = options
  const own = [delimiter, [...prefix].length, past]
  const [mark, length, behind] = own.map((_, index) => `$${4 + values.length + index}`)
  const at = `strpos(substr(w.key, ${length}::integer + 1), ${mark}::text)`
  const common = `substr(w.key, 1, ${length}::integer + ${at} - 1) || ${behind}::text`
  const step =
    what === 'current'
      ? `key >= CASE WHEN ${at} = 0 OR w.is_delete_marker = 1 THEN w.key || chr(1) ELSE ${common} END`
      : `(key, version_id) > (CASE WHEN ${at} = 0 THEN w.key ELSE ${common} END, CASE WHEN ${at} = 0 THEN w.version_id ELSE '' END)`
  const text = `WITH RECURSIVE walk AS (
      (SELECT 1 AS n, ${listedColumns} FROM versions WHERE ${within(end)} AND ${where} ORDER BY key, version_id LIMIT 1)
      UNION ALL
      SELECT w.n + 1, next.* FROM walk w CROSS JOIN LATERAL (
        SELECT ${listedColumns} FROM versions WHERE ${within(end)} AND ${step} ORDER BY key, version_id LIMIT 1) next
      WHERE w.n < $3::integer)
    SELECT ${listedColumns} FROM walk ORDER BY n`
  return { text, values: [bucket, end, limit, ...values, ...own] }
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
  const past = options.delimiter === '' ? null : endOf(options.delimiter)
  while (position !== null) {
    const from = seek(position)
    if (from === null) break
    const limit = Math.min(chunkMax, options.maxKeys - gatherer.entries.length + extra)
    // What has to be passed over may be long.
    extra *= 2
    const { text, values } = past === null ? chunk(end, from, limit, options) : walk(end, from, limit, options, past)
    const rows = await read<ListedRow>(text, ...values)
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
