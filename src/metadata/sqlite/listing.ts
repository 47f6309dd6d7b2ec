// Listings: keys in UTF-8 byte order, common prefixes among them. Versions of a key that are not wanted and keys behind a common prefix are
// passed over by seeking, not by reading, once there are more than a few of them.
import type { Integrity } from '../../domain/object-metadata.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import type { ListedVersion, Listing, ListOptions } from '../metadata-store.ts'
import type { Connection } from './connection.ts'

interface ListedRow {
  readonly key: string
  readonly version_id: string
  readonly null_kind: number
  readonly is_delete_marker: number
  readonly last_modified: string
  readonly etag: string
  readonly size: number
  readonly storage_class: string
  readonly owner_id: string
  readonly owner_name: string
  readonly integrity: string | null
}

const columns =
  'key, version_id, null_kind, is_delete_marker, last_modified, etag, size, storage_class, owner_id, owner_name, integrity'

/** Where reading goes on. `beyond`: after every key that begins with it. */
type Position =
  | { readonly kind: 'from'; readonly key: string }
  | { readonly kind: 'after'; readonly key: string }
  | { readonly kind: 'beyond'; readonly prefix: string }
  | { readonly kind: 'after-version'; readonly key: string; readonly versionId: string }

/** So many rows are read over before a seek is cheaper. */
const readOverMax = 12

/** Sorts behind every text that begins with `prefix`: no UTF-8 text has a byte 0xff. */
function beyond(prefix: string): Uint8Array {
  return Buffer.concat([Buffer.from(prefix, 'utf8'), Buffer.of(0xff)])
}

function seek(connection: Connection, bucketId: number, position: Position, end: Uint8Array): Iterable<ListedRow> {
  const select = `SELECT ${columns} FROM versions WHERE bucket_id = ?1`
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

function commonPrefix(key: string, options: ListOptions): string | null {
  if (options.delimiter === '') return null
  const at = key.indexOf(options.delimiter, options.prefix.length)
  return at < 0 ? null : key.slice(0, at + options.delimiter.length)
}

function start(options: ListOptions): Position {
  const { after, prefix } = options
  if (after === '' || byteOrder(after, prefix) < 0) return { kind: 'from', key: prefix }
  const common = after.startsWith(prefix) ? commonPrefix(after, options) : null
  if (common !== null) return { kind: 'beyond', prefix: common }
  if (options.what === 'versions' && options.versionAfter !== undefined)
    return { kind: 'after-version', key: after, versionId: options.versionAfter }
  return { kind: 'after', key: after }
}

/** Order of the UTF-8 bytes, which differs from that of JavaScript's strings beyond the basic plane. */
function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}

type Entry = Listing['entries'][number]

/** Gathers entries until one more than wanted was found. */
class Gatherer {
  readonly entries: Entry[] = []
  truncated = false
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** False when the page is full: the entry is left for the next one. */
  add(entry: Entry): boolean {
    if (this.entries.length >= this.#max) {
      this.truncated = true
      return false
    }
    this.entries.push(entry)
    return true
  }
}

/** So many delete markers are passed over in one go: a million of deleted keys must not stop everybody else for seconds. */
const skippedAtOnce = 5_000

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
  const { entries, truncated } = gatherer
  const last = entries.at(-1)
  if (!truncated || last === undefined) return { entries, truncated }
  if (last.kind === 'prefix') return { entries, truncated, next: { key: last.prefix } }
  const { key, versionId } = last.version
  return { entries, truncated, next: options.what === 'versions' ? { key, versionId } : { key } }
}

/** Reads rows into the page; answers where to seek next, or null when the page is complete. */
function readFrom(
  rows: Iterable<ListedRow>,
  options: ListOptions,
  gatherer: Gatherer,
  resumedKey: string | null,
  skips: { left: number },
): Position | null {
  let key: string | null = resumedKey
  let prefix: string | null = null
  let readOver = 0
  for (const row of rows) {
    const sameKey = row.key === key
    if (prefix !== null && row.key.startsWith(prefix)) {
      readOver += 1
      if (readOver > readOverMax) return { kind: 'beyond', prefix }
      continue
    }
    if (sameKey && options.what === 'current') {
      readOver += 1
      if (readOver > readOverMax) return { kind: 'after', key: row.key }
      continue
    }
    key = row.key
    readOver = 0
    if (options.what === 'current' && row.is_delete_marker === 1) {
      skips.left -= 1
      if (skips.left > 0) continue
      return { kind: 'after', key: row.key }
    }
    prefix = commonPrefix(row.key, options)
    const entry: Entry =
      prefix === null ? { kind: 'version', version: listedVersion(row, !sameKey) } : { kind: 'prefix', prefix }
    if (!gatherer.add(entry)) return null
  }
  return null
}

function listedVersion(row: ListedRow, isLatest: boolean): ListedVersion {
  const mayHaveChecksum = row.integrity?.includes('checksum') === true
  const integrity: Integrity | null = mayHaveChecksum ? JSON.parse(row.integrity ?? 'null') : null
  const checksum = integrity?.checksum
  return {
    key: row.key,
    versionId: storedVersionId(row.version_id),
    isNull: row.null_kind !== 0,
    isLatest,
    isDeleteMarker: row.is_delete_marker === 1,
    lastModified: row.last_modified,
    etag: row.etag,
    size: row.size,
    storageClass: row.storage_class,
    ownerId: row.owner_id,
    ownerDisplayName: row.owner_name,
    ...(checksum !== undefined && { checksumAlgorithm: checksum.algorithm, checksumType: checksum.type }),
  }
}
