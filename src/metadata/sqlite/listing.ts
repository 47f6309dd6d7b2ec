// Listings read row by row from SQLite (see listing-page.ts for what they show).
import {
  beyond,
  Gatherer,
  type ListedRow,
  listedColumns,
  type Position,
  pageOf,
  readFrom,
  skippedAtOnce,
  start,
} from '../listing-page.ts'
import type { Listing, ListOptions } from '../metadata-store.ts'
import type { Connection } from './connection.ts'

function seek(connection: Connection, bucketId: number, position: Position, end: Uint8Array): Iterable<ListedRow> {
  const select = `SELECT ${listedColumns} FROM versions WHERE bucket_id = ?1`
  const order = 'ORDER BY key, version_id'
  const within = 'AND key < CAST(?2 AS TEXT)'
  switch (position.kind) {
    case 'from':
      return connection.rows(`${select} ${within} AND key >= ?3 ${order}`, bucketId, end, position.key)
    case 'after':
      return connection.rows(`${select} ${within} AND key > ?3 ${order}`, bucketId, end, position.key)
    case 'beyond':
      return connection.rows(
        `${select} ${within} AND key > CAST(?3 AS TEXT) ${order}`,
        bucketId,
        end,
        beyond(position.prefix),
      )
    case 'after-version':
      return connection.rows(
        `${select} ${within} AND (key, version_id) > (?3, ?4) ${order}`,
        bucketId,
        end,
        position.key,
        position.versionId,
      )
    default:
      return position satisfies never
  }
}

/**
 * One page. Reads at most the wanted entries and a few rows around each, and whatever delete markers lie between; between many of those
 * `breathe` is waited for, and the page goes on with what is there then.
 */
export async function list(
  connection: Connection,
  bucketId: number,
  options: ListOptions,
  breathe: () => Promise<void>,
): Promise<Listing> {
  if (options.maxKeys <= 0) return { entries: [], truncated: false }
  const gatherer = new Gatherer(options.maxKeys)
  const end = beyond(options.prefix)
  let position: Position | null = start(options)
  // A page that begins within a key's versions: its newest one was listed before, so none of these is the latest.
  const resumedKey: string | null = position.kind === 'after-version' ? position.key : null
  while (position !== null) {
    const from: Position = position
    position = connection.snapshot(() => {
      const skips = { left: skippedAtOnce }
      let next: Position | null = from
      while (next !== null && skips.left > 0)
        next = readFrom(seek(connection, bucketId, next, end), options, gatherer, resumedKey, skips)
      return next
    })
    if (position !== null) await breathe()
  }
  return pageOf(gatherer, options)
}
