// The pages of listings: keys in UTF-8 byte order, common prefixes among them. Versions of a key that are not wanted and keys behind a common
// prefix are passed over by seeking, not by reading, once there are more than a few of them. The stores bring the rows.
import type { Integrity } from '../domain/object-metadata.ts'
import { storedVersionId } from '../domain/version-id.ts'
import type { ListedVersion, Listing, ListOptions } from './metadata-store.ts'

export interface ListedRow {
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

export const listedColumns =
  'key, version_id, null_kind, is_delete_marker, last_modified, etag, size, storage_class, owner_id, owner_name, integrity'

/** Where reading goes on. `beyond`: after every key that begins with it. */
export type Position =
  | { readonly kind: 'from'; readonly key: string }
  | { readonly kind: 'after'; readonly key: string }
  | { readonly kind: 'beyond'; readonly prefix: string }
  | { readonly kind: 'after-version'; readonly key: string; readonly versionId: string }

/** So many rows are read over before a seek is cheaper. */
const readOverMax = 12

/** Sorts behind every text that begins with `prefix`: no UTF-8 text has a byte 0xff. */
export function beyond(prefix: string): Uint8Array {
  return Buffer.concat([Buffer.from(prefix, 'utf8'), Buffer.of(0xff)])
}

function commonPrefix(key: string, options: ListOptions): string | null {
  if (options.delimiter === '') return null
  const at = key.indexOf(options.delimiter, options.prefix.length)
  return at < 0 ? null : key.slice(0, at + options.delimiter.length)
}

export function start(options: ListOptions): Position {
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
export class Gatherer {
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
export const skippedAtOnce = 5_000

/** Where the rows that were given to `readFrom` ended: the next rows are read on from there. */
export interface Trail {
  /** The common prefix that the last row belongs to. */
  prefix: string | null
}

/** Reads rows into the page; answers where to seek next, or null when there are no more rows or the page is full. */
export function readFrom(
  rows: Iterable<ListedRow>,
  options: ListOptions,
  gatherer: Gatherer,
  resumedKey: string | null,
  skips: { left: number },
  trail: Trail = { prefix: null },
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
    trail.prefix = null
    if (options.what === 'current' && row.is_delete_marker === 1) {
      skips.left -= 1
      if (skips.left > 0) continue
      return { kind: 'after', key: row.key }
    }
    prefix = commonPrefix(row.key, options)
    trail.prefix = prefix
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

/** The page with where to go on. */
export function pageOf(gatherer: Gatherer, options: ListOptions): Listing {
  const { entries, truncated } = gatherer
  const last = entries.at(-1)
  if (!truncated || last === undefined) return { entries, truncated }
  if (last.kind === 'prefix') return { entries, truncated, next: { key: last.prefix } }
  const { key, versionId } = last.version
  return { entries, truncated, next: options.what === 'versions' ? { key, versionId } : { key } }
}
