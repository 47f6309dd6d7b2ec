// Failed replication: what stands in quarantine, and taking it out again: `/_/crr/failed...` (Backbeat wire format). The ledger is asked, so
// failures of any age are found, and a retry forgets none.
import type { VersionRef } from '../domain/entry.ts'
import { decodeVersionId, encodeVersionId } from '../domain/version-id.ts'
import type { LedgerRow, RowState } from '../metadata/ledger.ts'
import {
  type ControlContext,
  type ControlRequest,
  type ControlResponse,
  jsonResponse,
  parseJsonBody,
  refusal,
} from './control-request.ts'

const pageMax = 100
/** Failures of one millisecond come on one page, however many: the marker cannot tell them apart. */
const sameMomentMax = 100_000
const retryItemsMax = 10_000

type SiteRef = VersionRef & { readonly site: string }

/** The answer to a route below `crr/failed`, or null when there is no such route. */
export async function failedRoute(
  context: ControlContext,
  parts: readonly string[],
  request: ControlRequest,
): Promise<ControlResponse | null> {
  const [bucket = '', ...keyParts] = parts
  const key = keyParts.join('/')
  if (request.method === 'POST') return bucket === '' ? retryFailed(context, request.body) : null
  if (request.method !== 'GET') return null
  const version = request.query.get('versionId')
  if (bucket === '' || key === '' || version === null || version === '') return listFailed(context, request.query)
  return failuresOf(context, bucket, key, version)
}

async function listFailed(context: ControlContext, query: URLSearchParams): Promise<ControlResponse> {
  const site = query.get('sitename')
  if (site === null || !context.controller.sites.includes(site)) return page([], null)
  const marker = query.get('marker')
  const before = marker === null ? Number.MAX_SAFE_INTEGER : Number(marker)
  const rows = await context.store.ledger.quarantined(site, before, pageMax + 1)
  const next = rows[pageMax]
  if (next === undefined) return page(await shown(context, rows), null)
  const nextAt = failedAt(next)
  const whole = rows.filter(row => failedAt(row) > nextAt)
  if (whole.length > 0) return page(await shown(context, whole), nextAt)
  const many = await context.store.ledger.quarantined(site, before, sameMomentMax)
  const moment = many.filter(row => failedAt(row) === nextAt)
  const later = many[moment.length]
  return page(await shown(context, moment), later === undefined ? null : failedAt(later))
}

async function failuresOf(
  context: ControlContext,
  bucket: string,
  key: string,
  shownVersion: string,
): Promise<ControlResponse> {
  const ref = await versionRef(context, bucket, key, shownVersion)
  if (ref === null) return page([], null)
  const rows = await context.store.ledger.rowsOf(ref)
  const sites = context.controller.sites
  return page(
    await shown(
      context,
      rows.filter(row => row.state === 'quarantined' && sites.includes(row.site)),
    ),
    null,
  )
}

function page(versions: readonly object[], nextMarker: number | null): ControlResponse {
  const marker = nextMarker === null ? {} : { NextMarker: nextMarker }
  return jsonResponse({ IsTruncated: nextMarker !== null, ...marker, Versions: versions })
}

function failedAt(row: LedgerRow): number {
  return row.reason?.at ?? row.createdAt
}

// A version that is gone meanwhile is left out.
async function shown(context: ControlContext, rows: readonly LedgerRow[]): Promise<object[]> {
  const versions = await Promise.all(rows.map(row => describe(context, row)))
  return versions.filter(version => version !== null)
}

async function describe(context: ControlContext, row: LedgerRow): Promise<object | null> {
  const { bucket, key, versionId } = row
  const record = await context.store.version({ bucket, key, version: versionId })
  if (record === null) return null
  return {
    Bucket: bucket,
    Key: key,
    VersionId: encodeVersionId(versionId),
    StorageClass: row.site,
    Size: row.size,
    LastModified: record.metadata['last-modified'],
  }
}

/** A version by the id that clients see; '' and `null` are the null version. Null when there is none such. */
export async function versionRef(
  context: ControlContext,
  bucket: string,
  key: string,
  shownVersion: string,
): Promise<VersionRef | null> {
  if (shownVersion !== '' && shownVersion !== 'null') {
    const versionId = decodeVersionId(shownVersion)
    return versionId === null ? null : { bucket, key, versionId }
  }
  const record = await context.store.version({ bucket, key, version: 'null' })
  return record === null ? null : { bucket, key, versionId: record.versionId }
}

interface RetryItem {
  readonly bucket: string
  readonly key: string
  readonly site: string
  readonly version: string
  readonly force: boolean
}

async function retryFailed(context: ControlContext, body: Uint8Array): Promise<ControlResponse> {
  const wanted = new Map<string, { readonly ref: SiteRef; readonly force: boolean }>()
  for (const item of retryItems(parseJsonBody(body))) {
    if (!context.controller.sites.includes(item.site)) continue
    const version = await versionRef(context, item.bucket, item.key, item.version)
    if (version === null) continue
    const ref = { ...version, site: item.site }
    const name = JSON.stringify([ref.bucket, ref.key, ref.versionId, ref.site])
    wanted.set(name, { ref, force: item.force || wanted.get(name)?.force === true })
  }
  const items = [...wanted.values()]
  const retried = items.length === 0 ? [] : await context.store.ledger.retry(items.map(item => item.ref))
  const answers: object[] = []
  const sites = new Set<string>()
  for (const [index, { ref, force }] of items.entries()) {
    const row = await context.store.ledger.row(ref)
    if (row === null) continue
    if (retried[index] === true) sites.add(ref.site)
    else if (!force || !openStates.includes(row.state)) continue
    const description = await describe(context, row)
    if (description !== null) answers.push({ ...description, ReplicationStatus: 'PENDING' })
  }
  if (sites.size > 0) context.retried?.([...sites])
  return jsonResponse(answers)
}

/** A forced retry of work that is still to be done needs nothing: it will be. */
const openStates: readonly RowState[] = ['pending', 'claimed', 'waiting', 'blocked']

function retryItems(value: unknown): readonly RetryItem[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw refusal(
      'MalformedPOSTRequest',
      'the body must be a JSON array with at least one {Bucket, Key, VersionId, StorageClass}',
    )
  }
  if (value.length > retryItemsMax) throw refusal('MalformedPOSTRequest', `at most ${retryItemsMax} versions at once`)
  return value.map((item: unknown, index) => retryItem(item, index))
}

function retryItem(item: unknown, index: number): RetryItem {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw refusal('MalformedPOSTRequest', `item ${index} must be an object`)
  }
  const fields = new Map<string, unknown>(Object.entries(item))
  const text = (name: string): string => {
    const field = fields.get(name)
    if (typeof field === 'string' && field !== '') return field
    throw refusal('MalformedPOSTRequest', `${name} of item ${index} must be a text that is not empty`)
  }
  const version = fields.get('VersionId') ?? ''
  if (typeof version !== 'string') throw refusal('MalformedPOSTRequest', `VersionId of item ${index} must be a text`)
  const force = fields.get('ForceRetry') ?? false
  if (typeof force !== 'boolean')
    throw refusal('MalformedPOSTRequest', `ForceRetry of item ${index} must be true or false`)
  return { bucket: text('Bucket'), key: text('Key'), site: text('StorageClass'), version, force }
}
