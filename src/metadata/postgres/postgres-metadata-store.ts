// The metadata store on PostgreSQL: each write is one call of a function of the database (see version-functions.ts), each read one statement.
import type { BucketIdentity, VersioningStatus } from '../../domain/bucket.ts'
import type { VersionRecord } from '../../domain/object-metadata.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import type {
  ChangeVersion,
  ChangeVersionResult,
  DeleteVersion,
  DeleteVersionResult,
  InlineData,
  MetadataStore,
  PutReplica,
  PutReplicaResult,
  PutVersion,
  PutVersionResult,
  UploadPart,
  VersionKey,
} from '../metadata-store.ts'
import {
  type BucketRow,
  bucketForm,
  type PartRow,
  partForm,
  settingsText,
  type UploadRow,
  uploadForm,
} from '../row-forms.ts'
import {
  formColumns,
  nullKind,
  pendingSites,
  type RecordColumns,
  type VersionBody,
  versionBody,
  versionRecord,
} from '../version-form.ts'
import { answerOf } from './database.ts'
import { endOf, list } from './listing.ts'
import { postgresLedger } from './postgres-ledger.ts'
import type { StoreContext } from './store-context.ts'

/** The port over open connections. */
export function postgresMetadataStore(context: StoreContext, close: () => Promise<void>): MetadataStore {
  return {
    ledger: postgresLedger(context),
    ...bucketMethods(context),
    ...versionMethods(context),
    ...uploadMethods(context),
    ...journalMethods(context),
    ...garbageMethods(context),
    close,
  }
}

type Methods<Name extends keyof MetadataStore> = Pick<MetadataStore, Name>

function bucketMethods({
  read,
  write,
}: StoreContext): Methods<'createBucket' | 'bucket' | 'buckets' | 'bucketsWith' | 'changeBucket' | 'deleteBucket'> {
  return {
    createBucket: async bucket => {
      const made = await write<{ id: number }>(
        `INSERT INTO buckets (name, owner_id, owner_name, creation_date, location_constraint, versioning, settings)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name) DO NOTHING RETURNING id`,
        bucket.name,
        bucket.ownerId,
        bucket.ownerDisplayName,
        bucket.creationDate,
        bucket.locationConstraint,
        bucket.versioning ?? 'Unversioned',
        settingsText(bucket.settings ?? {}),
      )
      return made.length === 1 ? 'created' : 'exists'
    },
    bucket: async name => {
      const [row] = await read<BucketRow>('SELECT * FROM buckets WHERE name = $1', name)
      return row === undefined ? null : bucketForm(row)
    },
    buckets: async ownerId =>
      (await read<BucketRow>('SELECT * FROM buckets WHERE owner_id = $1 ORDER BY name', ownerId)).map(row =>
        bucketForm(row),
      ),
    bucketsWith: async (setting, after, max) => {
      const rows = await read<BucketRow>(
        `SELECT * FROM buckets WHERE name > $1 AND settings::json -> $2::text IS NOT NULL ORDER BY name LIMIT $3::integer`,
        after,
        setting,
        max,
      )
      return rows.map(row => bucketForm(row))
    },
    changeBucket: async (name, change, seen) => {
      const versioning = 'versioning' in change ? change.versioning : null
      const replication =
        'replication' in change && change.replication !== null ? JSON.stringify(change.replication) : null
      const settings = 'settings' in change ? JSON.stringify(change.settings) : null
      const sql = 'SELECT change_bucket($1, $2::text::json, $3, $4, $5::text::json) AS value'
      return answerOf(await write(sql, name, seenForm(seen), versioning, replication, settings))
    },
    deleteBucket: async (name, seen) =>
      answerOf(await write('SELECT delete_bucket($1, $2::text::json) AS value', name, seenForm(seen))),
  }
}

function identityOf(seen: BucketIdentity | undefined): BucketIdentity | undefined {
  return seen === undefined ? undefined : { ownerId: seen.ownerId, creationDate: seen.creationDate }
}

function seenForm(seen: BucketIdentity | undefined): string | null {
  return seen === undefined ? null : JSON.stringify(identityOf(seen))
}

/** Versioning by the null kind that it makes. */
const versionings: Readonly<Record<string, VersioningStatus>> = {
  [nullKind.none]: 'Enabled',
  [nullKind.suspended]: 'Suspended',
  [nullKind.unversioned]: 'Unversioned',
}

/** A version's columns under the names that the functions of the database read. */
function bodyForm(body: VersionBody) {
  return {
    marker: body.isDeleteMarker ? 1 : 0,
    size: body.size,
    etag: body.etag,
    modified: body.lastModified,
    class: body.storageClass,
    owner: body.ownerId,
    owner_name: body.ownerName,
    origin: body.originOp,
    metadata: body.metadata,
    replication: body.replication,
    integrity: body.integrity,
    inline_key: body.inlineKey,
    sites: body.sites,
    data: body.data.map(item => item.key),
  }
}

function bytesForm(inline: InlineData | undefined) {
  return inline === undefined ? {} : { bytes_key: inline.key, bytes: Buffer.from(inline.bytes).toString('hex') }
}

function putForm(put: PutVersion): string {
  return JSON.stringify({
    bucket: put.bucket,
    seen_bucket: identityOf(put.seenBucket),
    key: put.key,
    ...bodyForm(versionBody(put.metadata, put.integrity, 'whole')),
    ...bytesForm(put.inline),
    condition: put.condition,
    upload: put.completes?.uploadId,
    expires: put.expires,
    bypass: put.bypassGovernance,
  })
}

type PutRefusal = Exclude<PutVersionResult, { outcome: 'stored' }>['outcome']

function putResult(answer: string): PutVersionResult {
  const versioning = versionings[answer.charAt(0)]
  if (versioning === undefined) return { outcome: answer as PutRefusal }
  return {
    outcome: 'stored',
    versionId: storedVersionId(answer.slice(1)),
    isNull: versioning !== 'Enabled',
    versioning,
  }
}

function versionMethods(
  context: StoreContext,
): Methods<'putVersion' | 'putReplica' | 'changeVersion' | 'deleteVersion' | 'version' | 'list' | 'inlineData'> {
  const { read } = context
  return {
    putVersion: async put => putResult(await context.put(putForm(put))),
    putReplica: put => putReplica(context, put),
    changeVersion: change => changeVersion(context, change),
    deleteVersion: remove => deleteVersion(context, remove),
    version: address => readVersion(context, address),
    list: options => list(read, options),
    inlineData: async dataKey => {
      const [row] = await read<{ bytes: Uint8Array }>('SELECT bytes FROM inline_data WHERE data_key = $1', dataKey)
      return row?.bytes ?? null
    },
  }
}

async function putReplica(context: StoreContext, put: PutReplica): Promise<PutReplicaResult> {
  const item = JSON.stringify({
    bucket: put.bucket,
    seen_bucket: identityOf(put.seenBucket),
    key: put.key,
    version: put.versionId,
    keep: put.keepLocation ? 1 : 0,
    ...bodyForm(versionBody(put.metadata, put.integrity, 'whole')),
  })
  const answer = answerOf(
    await context.journaling<{ value: string }>(
      'SELECT put_replica($1::bigint, $2, $3::bigint, $4::text::json) AS value',
      context.epoch,
      context.group,
      context.now(),
      item,
    ),
  )
  if (!/^[0+]/.test(answer)) return { outcome: answer as Exclude<PutReplicaResult, { outcome: 'stored' }>['outcome'] }
  return { outcome: 'stored', versionId: storedVersionId(answer.slice(1)), isNull: answer.startsWith('0') }
}

async function changeVersion(context: StoreContext, change: ChangeVersion): Promise<ChangeVersionResult> {
  const { bucket, key, version, fields, originOp: origin, seenRevision: seen, seenRetention } = change
  const seenBucket = identityOf(change.seenBucket)
  const replication = change.replication === null ? null : JSON.stringify(change.replication)
  const sites = change.replication === null ? [] : pendingSites(change.replication)
  const answer = answerOf(
    await context.journaling<{ value: string }>(
      'SELECT change_version($1::bigint, $2::bigint, $3::text::json) AS value',
      context.epoch,
      context.now(),
      JSON.stringify({
        bucket,
        seen_bucket: seenBucket,
        key,
        version,
        fields,
        origin,
        replication,
        sites,
        seen,
        seen_retention: seenRetention,
      }),
    ),
  )
  if (answer.startsWith('+')) return { outcome: 'changed', revision: Number(answer) }
  return { outcome: answer as Exclude<ChangeVersionResult, { outcome: 'changed' }>['outcome'] }
}

async function deleteVersion(context: StoreContext, remove: DeleteVersion): Promise<DeleteVersionResult> {
  const { bucket, key, version, condition, unlessLocked, onlyIf, whileUnversioned } = remove
  const lock = { lock_at: unlessLocked?.at, bypass: unlessLocked?.bypassGovernance }
  const place = { bucket, seen_bucket: identityOf(remove.seenBucket), key, version }
  const item = { ...place, condition, only_if: onlyIf, unversioned: whileUnversioned, ...lock }
  const answer = answerOf(
    await context.journaling<{ value: string }>(
      'SELECT delete_version($1::bigint, $2::bigint, $3::text::json) AS value',
      context.epoch,
      context.now(),
      JSON.stringify(item),
    ),
  )
  if (answer === 'marker' || answer === 'object') return { outcome: 'deleted', wasDeleteMarker: answer === 'marker' }
  return { outcome: answer as Exclude<DeleteVersionResult, { outcome: 'deleted' }>['outcome'] }
}

async function readVersion({ read }: StoreContext, address: VersionKey): Promise<VersionRecord | null> {
  const { bucket, key, version } = address
  const latest = `(CASE WHEN EXISTS (SELECT 1 FROM versions newer WHERE newer.bucket_id = v.bucket_id AND newer.key = v.key
    AND newer.version_id < v.version_id) THEN 0 ELSE 1 END) AS is_latest`
  const select = (isLatest: string): string =>
    `SELECT ${formColumns}, is_delete_marker, revision, integrity, ${isLatest} FROM versions v
     WHERE bucket_id = (SELECT id FROM buckets WHERE name = $1) AND key = $2`
  const [row] =
    version === 'latest'
      ? await read<RecordColumns>(`${select('1 AS is_latest')} ORDER BY version_id LIMIT 1`, bucket, key)
      : version === 'null'
        ? await read<RecordColumns>(`${select(latest)} AND null_kind > 0`, bucket, key)
        : await read<RecordColumns>(`${select(latest)} AND version_id = $3`, bucket, key, version)
  return row === undefined ? null : versionRecord(bucket, key, row)
}

function partItem(
  bucket: string,
  key: string,
  upload: string,
  part: UploadPart,
  inline: InlineData | undefined,
): string {
  return JSON.stringify({
    bucket,
    key,
    upload,
    number: part.partNumber,
    etag: part.etag,
    size: part.size,
    modified: part.lastModified,
    crc32: part.crc32,
    checksum: part.checksum === undefined ? null : JSON.stringify(part.checksum),
    location: JSON.stringify(part.location),
    data_key: part.location.key,
    data_location: part.location.dataStoreName,
    ...bytesForm(inline),
  })
}

function uploadMethods(
  context: StoreContext,
): Methods<'createUpload' | 'upload' | 'uploads' | 'putPart' | 'parts' | 'abortUpload'> {
  const { read, write, epoch } = context
  const inBucket = 'bucket_id = (SELECT id FROM buckets WHERE name = $1)'
  return {
    createUpload: async (upload, seen) => {
      const sql = 'SELECT create_upload($1::bigint, $2::text::json, $3::text::json) AS value'
      return answerOf(await write(sql, epoch, JSON.stringify(upload), seenForm(seen)))
    },
    upload: async (bucket, key, uploadId) => {
      const sql = `SELECT * FROM uploads WHERE ${inBucket} AND key = $2 AND upload_id = $3`
      const [row] = await read<UploadRow>(sql, bucket, key, uploadId)
      return row === undefined ? null : uploadForm(bucket, row)
    },
    uploads: async (bucket, prefix, after, max) => {
      const from = after ?? { key: '', uploadId: '' }
      const end = endOf(prefix)
      const rows = await read<UploadRow>(
        `SELECT * FROM uploads WHERE ${inBucket} AND key >= $2 AND ${end === null ? '$3::text IS NULL' : 'key < $3::text'}
         AND (key, upload_id) > ($4, $5) ORDER BY key, upload_id LIMIT $6::integer`,
        bucket,
        prefix,
        end,
        from.key,
        from.uploadId,
        max,
      )
      return rows.map(row => uploadForm(bucket, row))
    },
    putPart: async (bucket, key, uploadId, part, inline) => {
      const item = partItem(bucket, key, uploadId, part, inline)
      return answerOf(await write('SELECT put_part($1::bigint, $2::text::json) AS value', epoch, item))
    },
    parts: async uploadId =>
      (await read<PartRow>('SELECT * FROM parts WHERE upload_id = $1 ORDER BY part_number', uploadId)).map(row =>
        partForm(row),
      ),
    abortUpload: async (bucket, key, uploadId) =>
      answerOf(await write('SELECT abort_upload($1::bigint, $2, $3, $4) AS value', epoch, bucket, key, uploadId)),
  }
}

function journalMethods({ journal, watch }: StoreContext): Methods<'journal' | 'onJournal' | 'trimJournal'> {
  return {
    journal: (after, max, content = 'whole') => journal.read(after, max, content),
    onJournal: listener => watch.onJournal(listener),
    trimJournal: (...upTo) => journal.trim(upTo),
  }
}

function garbageMethods({ read, repeat }: StoreContext): Methods<'garbage' | 'forgetGarbage' | 'referencedData'> {
  return {
    garbage: (max, afterId = 0) =>
      read<{ id: number; dataKey: string; location: string }>(
        'SELECT id, data_key AS "dataKey", location FROM garbage WHERE id > $1::bigint ORDER BY id LIMIT $2::integer',
        afterId,
        max,
      ),
    forgetGarbage: async ids => {
      await repeat('SELECT forget_garbage($1::text::json)', JSON.stringify(ids))
    },
    referencedData: async dataKeys => {
      const found = await read<{ k: string }>(
        `SELECT k FROM json_array_elements_text($1::text::json) k WHERE EXISTS (SELECT 1 FROM data_references WHERE data_key = k)
         OR EXISTS (SELECT 1 FROM garbage WHERE data_key = k) OR EXISTS (SELECT 1 FROM inline_data WHERE data_key = k)`,
        JSON.stringify(dataKeys),
      )
      return new Set(found.map(row => row.k))
    },
  }
}
