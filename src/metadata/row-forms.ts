// Between the port's form of buckets, uploads and parts and their columns. Shared by the stores, which keep the same ones.
import type { Bucket } from '../domain/bucket.ts'
import type { BucketSettings } from '../domain/bucket-settings.ts'
import type { Upload, UploadPart } from './metadata-store.ts'

export interface BucketRow {
  readonly id: number
  readonly name: string
  readonly owner_id: string
  readonly owner_name: string
  readonly creation_date: string
  readonly location_constraint: string
  readonly versioning: Bucket['versioning']
  readonly replication: string | null
  readonly settings: string | null
}

const noSettings: BucketSettings = Object.freeze({})
/** Every request reads its bucket: settings, which may be long, are parsed once and not again until they change. */
const parsed = new Map<string, BucketSettings>()
const parsedMax = 1_000

export function bucketSettings(text: string | null): BucketSettings {
  if (text === null) return noSettings
  const known = parsed.get(text)
  if (known !== undefined) return known
  const settings: BucketSettings = JSON.parse(text)
  if (parsed.size >= parsedMax) parsed.clear()
  parsed.set(text, settings)
  return settings
}

/** JSON; null where there are none. */
export function settingsText(settings: BucketSettings): string | null {
  const text = JSON.stringify(settings)
  return text === '{}' ? null : text
}

export function bucketForm(row: BucketRow): Bucket {
  return {
    name: row.name,
    ownerId: row.owner_id,
    ownerDisplayName: row.owner_name,
    creationDate: row.creation_date,
    locationConstraint: row.location_constraint,
    versioning: row.versioning,
    replication: row.replication === null ? null : JSON.parse(row.replication),
    settings: bucketSettings(row.settings),
  }
}

export interface UploadRow {
  readonly key: string
  readonly upload_id: string
  readonly initiated: string
  readonly owner_id: string
  readonly owner_name: string
  readonly settings: string
}

export function uploadForm(bucket: string, row: UploadRow): Upload {
  return {
    uploadId: row.upload_id,
    bucket,
    key: row.key,
    initiated: row.initiated,
    ownerId: row.owner_id,
    ownerDisplayName: row.owner_name,
    settings: row.settings,
  }
}

export interface PartRow {
  readonly part_number: number
  readonly etag: string
  readonly size: number
  readonly last_modified: string
  readonly crc32: string
  readonly checksum: string | null
  readonly location: string
}

export function partForm(row: PartRow): UploadPart {
  const checksum: UploadPart['checksum'] = row.checksum === null ? undefined : JSON.parse(row.checksum)
  return {
    partNumber: row.part_number,
    etag: row.etag,
    size: row.size,
    lastModified: row.last_modified,
    crc32: row.crc32,
    ...(checksum !== undefined && { checksum }),
    location: JSON.parse(row.location),
  }
}
