// The ledger on PostgreSQL: changes are calls of functions of the database, a batch each; questions are answered from indexes.

import type { StatusMessage, VersionRef } from '../../domain/entry.ts'
import { limits } from '../../domain/limits.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import type {
  ActivitySlot,
  AppliedVersion,
  AttemptReport,
  Claim,
  FoldResult,
  KeyRef,
  Ledger,
  LedgerRow,
  ReportResult,
  SiteBacklog,
} from '../ledger.ts'
import { ledgerRow, type StoredRow } from '../ledger-form.ts'
import { claimedVersion, type TaskColumns } from '../version-form.ts'
import { answerOf } from './database.ts'
import { messageItem, reportItem } from './ledger-items.ts'
import type { StoreContext } from './store-context.ts'

type SiteRef = VersionRef & { readonly site: string }

interface NamedRow extends StoredRow {
  readonly bucket: string
  readonly upload: string | null
}

const named = `SELECT l.*, b.name AS bucket, u.upload AS upload FROM ledger l JOIN buckets b ON b.id = l.bucket_id
  LEFT JOIN ledger_uploads u ON u.bucket_id = l.bucket_id AND u.key = l.key AND u.version_id = l.version_id AND u.site = l.site`

/** Where a claimed row is; kept as long as this process may renew it. */
interface ClaimedPlace {
  readonly bid: number
  readonly key: string
  readonly version: string
  readonly site: string
}

type Claims = Map<string, ClaimedPlace>

export function postgresLedger(context: StoreContext): Ledger {
  const { read, repeat } = context
  const claims: Claims = new Map()
  const rows = (found: readonly NamedRow[]): LedgerRow[] =>
    found.map(row => rowForm(context, row.bucket, row, row.upload))
  const at = 'WHERE b.name = $1 AND l.key = $2 AND l.version_id = $3'
  return {
    claim: (site, keys, _owner, leaseMs, options) =>
      inChunks(keys, chunk => claimChunk(context, claims, site, chunk, leaseMs, options?.versions ?? false)),
    renew: (tokens, leaseMs) => renew(context, claims, tokens, leaseMs),
    heardSince: () => context.heardSince(),
    report: (reports, options) =>
      inChunks(reports, chunk => reportChunk(context, claims, chunk, options?.fold ?? false)),
    saveUpload: async (ref, upload) => {
      const { bucket, key, versionId: version, site, token } = ref
      const item = { bucket, key, version, site, token, upload: upload === null ? null : JSON.stringify(upload) }
      return answerOf(
        await repeat('SELECT save_upload($1::bigint, $2::text::json) AS value', context.epoch, JSON.stringify(item)),
      )
    },
    fold: messages => inChunks(messages, chunk => foldChunk(context, chunk)),
    retry: refs => inChunks(refs, chunk => retryChunk(context, chunk)),
    makeDue: async (site, olderThanMs) => {
      const sql = 'SELECT make_due($1::bigint, $2, $3::bigint, $4::integer) AS value'
      while (answerOf<number>(await repeat(sql, context.now(), site, olderThanMs, dueMax)) === dueMax);
    },
    recount: () => recount(context),
    due: (site, max) => dueKeys(context, site, max),
    nextDueAt: async site => {
      const sql = 'SELECT at FROM ledger WHERE site = $1 AND state = 3 AND at IS NOT NULL ORDER BY at LIMIT 1'
      const [row] = await read<{ at: number }>(sql, site)
      return row === undefined ? null : context.clock.toLocal(row.at)
    },
    stranded: async (olderThanMs, max) => rows(await strandedRows(context, olderThanMs, max)),
    row: async ref =>
      rows(await read<NamedRow>(`${named} ${at} AND l.site = $4`, ref.bucket, ref.key, ref.versionId, ref.site))[0] ??
      null,
    rowsOf: async ref =>
      rows(await read<NamedRow>(`${named} ${at} ORDER BY l.site`, ref.bucket, ref.key, ref.versionId)),
    backlog: () => backlog(context),
    activity: sinceMs =>
      read<ActivitySlot>(
        `SELECT site, slot_at AS "slotAt", completed_objects AS "completedObjects", completed_bytes AS "completedBytes",
         failed_objects AS "failedObjects", failed_bytes AS "failedBytes" FROM all_activity WHERE slot_at >= $1::bigint ORDER BY slot_at, site`,
        sinceMs,
      ),
    quarantined: async (site, beforeMs, max) => {
      const sql = `${named} WHERE l.site = $1 AND l.state = 8 AND l.at <= $2::bigint ORDER BY l.at DESC LIMIT $3::integer`
      return rows(await read<NamedRow>(sql, site, context.clock.toDatabase(beforeMs), max))
    },
  }
}

/** So many keys are locked by one transaction. */
const chunkMax = 128
const dueMax = 2_000

async function inChunks<Item, Answer>(
  items: readonly Item[],
  work: (chunk: readonly Item[]) => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  if (items.length <= chunkMax) return items.length === 0 ? [] : work(items)
  const answers: Answer[] = []
  for (let from = 0; from < items.length; from += chunkMax)
    answers.push(...(await work(items.slice(from, from + chunkMax))))
  return answers
}

function rowForm(context: StoreContext, bucket: string, row: StoredRow, upload: string | null): LedgerRow {
  const local = { ...row, created_at: context.clock.toLocal(row.created_at) }
  return ledgerRow(bucket, row.at === null ? local : { ...local, at: context.clock.toLocal(row.at) }, upload)
}

interface StoredApplied {
  readonly version_id: string
  readonly kind: AppliedVersion['kind']
  readonly destination_version_id: string
  readonly destination_etag: string
}

type StoredClaim =
  | { readonly outcome: 'nothing' }
  | { readonly outcome: 'held' | 'waiting'; readonly until: number }
  | {
      readonly outcome: 'claimed'
      readonly claim: {
        readonly row: StoredRow
        readonly upload: string | null
        readonly applied: StoredApplied | null
        readonly version: (Omit<TaskColumns, 'bytes'> & { readonly bytes: string | null }) | null
      }
    }

async function claimChunk(
  context: StoreContext,
  claims: Claims,
  site: string,
  keys: readonly KeyRef[],
  leaseMs: number,
  versions: boolean,
): Promise<readonly Claim[]> {
  const items = keys.map(({ bucket, key }) => ({ bucket, key, token: context.newToken() }))
  const stored = answerOf<readonly StoredClaim[]>(
    await context.repeat(
      'SELECT claim_keys($1::bigint, $2::bigint, $3, $4::bigint, $5::integer, $6::bigint, $7::text::json) AS value',
      context.epoch,
      context.now(),
      site,
      leaseMs,
      versions ? 1 : 0,
      limits.inlineObjectBytes,
      JSON.stringify(items),
    ),
  )
  return stored.map((claim, index) => {
    if (claim.outcome === 'nothing') return claim
    if (claim.outcome !== 'claimed') return { outcome: claim.outcome, until: context.clock.toLocal(claim.until) }
    const { row } = claim.claim
    const token = row.token ?? ''
    claims.set(token, { bid: row.bucket_id, key: row.key, version: row.version_id, site })
    return claimForm(context, keys[index]?.bucket ?? '', token, claim, versions && row.size <= limits.inlineObjectBytes)
  })
}

function claimForm(
  context: StoreContext,
  bucket: string,
  token: string,
  { claim }: Extract<StoredClaim, { outcome: 'claimed' }>,
  withVersion: boolean,
): Claim {
  const { applied, version } = claim
  const form = {
    outcome: 'claimed' as const,
    row: rowForm(context, bucket, claim.row, claim.upload),
    applied: applied === null ? null : appliedForm(applied),
    token,
  }
  if (!withVersion) return form
  if (version === null) return { ...form, version: () => null }
  const { bytes, ...columns } = version
  const read = () => claimedVersion({ ...columns, bytes: bytes === null ? null : Buffer.from(bytes, 'base64') })
  return { ...form, version: read }
}

function appliedForm(stored: StoredApplied): AppliedVersion {
  return {
    versionId: storedVersionId(stored.version_id),
    kind: stored.kind,
    destinationVersionId: stored.destination_version_id,
    destinationEtag: stored.destination_etag,
  }
}

async function renew(
  context: StoreContext,
  claims: Claims,
  tokens: readonly string[],
  leaseMs: number,
): Promise<readonly boolean[]> {
  const items = tokens.flatMap(token => {
    const place = claims.get(token)
    return place === undefined ? [] : [{ ...place, token }]
  })
  if (items.length === 0) return tokens.map(() => false)
  const sql = 'SELECT renew_claims($1::bigint, $2::bigint, $3::text::json) AS value'
  const kept = new Set(answerOf<string[]>(await context.soon(sql, context.now(), leaseMs, JSON.stringify(items))))
  for (const { token } of items) if (!kept.has(token)) claims.delete(token)
  return tokens.map(token => kept.has(token))
}

async function reportChunk(
  context: StoreContext,
  claims: Claims,
  reports: readonly AttemptReport[],
  fold: boolean,
): Promise<readonly ReportResult[]> {
  const items = reports.map(report => reportItem(report, ms => context.clock.toDatabase(ms)))
  const sql = 'SELECT report_attempts($1::bigint, $2::bigint, $3::integer, $4::text::json) AS value'
  try {
    const found = await context.repeat<{ value: readonly string[] }>(
      sql,
      context.epoch,
      context.now(),
      fold ? 1 : 0,
      JSON.stringify(items),
    )
    return answerOf(found).map(reportResult)
  } finally {
    // Nobody renews what he has reported, heard or not.
    for (const { token } of reports) claims.delete(token)
  }
}

function reportResult(answer: string): ReportResult {
  return { outcome: answer.replace('+', '') as ReportResult['outcome'], more: answer.endsWith('+') }
}

async function foldChunk(context: StoreContext, messages: readonly StatusMessage[]): Promise<readonly FoldResult[]> {
  const sql = 'SELECT fold_messages($1::bigint, $2::bigint, $3::text::json) AS value'
  return answerOf(await context.repeat(sql, context.epoch, context.now(), JSON.stringify(messages.map(messageItem))))
}

async function retryChunk(context: StoreContext, refs: readonly SiteRef[]): Promise<readonly boolean[]> {
  const items = refs.map(({ bucket, key, versionId: version, site }) => ({ bucket, key, version, site }))
  const sql = 'SELECT retry_rows($1::bigint, $2::bigint, $3::text::json) AS value'
  return answerOf(await context.repeat(sql, context.epoch, context.now(), JSON.stringify(items)))
}

/** Rows of versions that are gone are kept this long, for whoever asks what became of one; what was done per five minutes is kept a month. */
const orphanKeepMs = 24 * 60 * 60_000
const activityKeepMs = 31 * 24 * 60 * 60_000

async function recount(context: StoreContext): Promise<boolean> {
  await context.repeat('SELECT forget_activity($1::bigint, $2::bigint)', context.now(), activityKeepMs)
  const sql = 'SELECT forget_orphans($1::bigint, $2, $3::bigint, $4::integer) AS value'
  for (const { site } of await context.read<{ site: string }>('SELECT site FROM all_sums ORDER BY site'))
    while (answerOf<number>(await context.repeat(sql, context.now(), site, orphanKeepMs, dueMax)) === dueMax);
  return context.recount()
}

async function dueKeys(context: StoreContext, site: string, max: number): Promise<readonly KeyRef[]> {
  const found = await context.read<KeyRef & { readonly state: number }>(
    ['1', '3']
      .map(
        state => `(SELECT b.name AS bucket, l.key AS key, l.state FROM ledger l JOIN buckets b ON b.id = l.bucket_id
         WHERE l.site = $1 AND l.state = ${state} AND l.at <= (SELECT moment($2::bigint)) ORDER BY l.at LIMIT $3::integer)`,
      )
      .join(' UNION ALL '),
    site,
    context.now(),
    max,
  )
  const loose = found.filter(row => row.state === 1)
  // Neither kind keeps the other waiting: a location in trouble has any number of retries that are due.
  const waiting = found.filter(row => row.state === 3).slice(0, max - Math.min(loose.length, Math.ceil(max / 2)))
  const chosen = [...waiting, ...loose.slice(0, max - waiting.length)]
  const unique = new Map(chosen.map(({ bucket, key }) => [`${bucket}\0${key}`, { bucket, key }]))
  return [...unique.values()]
}

/**
 * Claims past their deadline, reported rows that nobody folded, and pending rows whose entry the site's processor must have passed long ago:
 * later entries of the journal have been claimed. Pending rows that never had an entry are not among them: `due` gives those.
 */
async function strandedRows(context: StoreContext, olderThanMs: number, max: number): Promise<readonly NamedRow[]> {
  const sites = await context.read<{ site: string; claimed_seq: number }>(
    'SELECT site, claimed_seq FROM all_sums ORDER BY site',
  )
  const before = '(SELECT moment($2::bigint) - $3::bigint)'
  const kinds = [
    `l.state = 5 AND l.at <= ${before}`,
    `l.state = 2 AND l.at <= ${before}`,
    `l.state = 0 AND l.at < $5::bigint AND l.created_at <= ${before}`,
  ]
  const sql = kinds
    .map(kind => `(${named} WHERE l.site = $1 AND ${kind} AND $5::bigint >= 0 ORDER BY l.at LIMIT $4::integer)`)
    .join(' UNION ALL ')
  const found: NamedRow[] = []
  for (const { site, claimed_seq: claimed } of sites) {
    const rows = await context.read<NamedRow>(sql, site, context.now(), olderThanMs, max, claimed)
    found.push(...rows.slice(0, max))
  }
  return found
}

async function backlog(context: StoreContext): Promise<readonly SiteBacklog[]> {
  const found = await context.read<SiteBacklog>(
    `SELECT s.site, s.objects, s.bytes, s.failed_objects AS "failedObjects", s.failed_bytes AS "failedBytes",
     (SELECT l.created_at FROM ledger l WHERE l.site = s.site AND l.state <= 5 ORDER BY l.created_at LIMIT 1) AS "oldestAt"
     FROM all_sums s ORDER BY s.site`,
  )
  return found.map(row => ({ ...row, oldestAt: row.oldestAt === null ? null : context.clock.toLocal(row.oldestAt) }))
}
