// The control API for tests: the real server over a control plane in memory and a ledger that a test fills by hand.
import { type ControlServer, createControlServer, type InjectedResponse } from '../../../src/api/server.ts'
import type { ObjectMetadata, VersionRecord } from '../../../src/domain/object-metadata.ts'
import { noReplication } from '../../../src/domain/replication-info.ts'
import { encodeVersionId, makeVersionId } from '../../../src/domain/version-id.ts'
import type { ActivitySlot, LedgerRow, SiteBacklog } from '../../../src/metadata/ledger.ts'
import type { TopicDescription } from '../../../src/queue/topic-log.ts'
import { type ControlPlane, createControlPlane, twoSiteConfig } from '../../control/control-plane.ts'

export interface ControlApi {
  readonly plane: ControlPlane
  readonly server: ControlServer
  readonly rows: LedgerRow[]
  readonly backlogs: SiteBacklog[]
  readonly slots: ActivitySlot[]
  readonly retried: string[]
  /** Entries gone before they were read, by site. */
  readonly removed: Map<string, number>
  /** Null: the topic log does not answer. */
  topics: readonly TopicDescription[] | null
  stateStoreDown: boolean
  send(
    method: string,
    url: string,
    body?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<InjectedResponse>
  /** Status and parsed JSON. */
  json(method: string, url: string, body?: string): Promise<{ readonly status: number; readonly json: unknown }>
  close(): Promise<void>
}

export async function openControlApi(control: Readonly<Record<string, unknown>> = {}): Promise<ControlApi> {
  const plane = createControlPlane()
  const api: Omit<ControlApi, 'server' | 'send' | 'json' | 'close'> = {
    plane,
    rows: [],
    backlogs: [],
    slots: [],
    retried: [],
    removed: new Map(),
    topics: [description([1], [1])],
    stateStoreDown: false,
  }
  await plane.controller.start()
  const server = await createControlServer({
    config: twoSiteConfig(control),
    controller: plane.controller,
    world: plane.world,
    stateStore: { get: path => (open.stateStoreDown ? Promise.reject(new Error('down')) : plane.stateStore.get(path)) },
    topicLog: {
      describe: () => (open.topics === null ? Promise.reject(new Error('down')) : Promise.resolve(open.topics)),
    },
    store: { version: async address => recordOf(api.rows, address), ledger: ledgerOf(api) },
    metricsText: async () => '# HELP sample a sample\n# TYPE sample gauge\nsample 1\n',
    retried: sites => api.retried.push(...sites),
    removedUnread: async site => api.removed.get(site) ?? 0,
  })
  const send: ControlApi['send'] = (method, url, body, headers = {}) =>
    server.inject({ method, url, headers, ...(body === undefined ? {} : { body }) })
  const open: ControlApi = Object.assign(api, {
    server,
    send,
    json: async (method: string, url: string, body?: string) => {
      const { status, body: text } = await send(method, url, body)
      const json: unknown = JSON.parse(text)
      return { status, json }
    },
    close: async () => {
      await server.close()
      await plane.close()
    },
  })
  return open
}

export function description(replicas: readonly number[], isrs: readonly number[]): TopicDescription {
  return { name: 'backbeat-replication', partitions: [{ id: 0, leader: 1, replicas, isrs }] }
}

/** A row in quarantine; the number makes its version. */
export function failedRow(serial: number, change: Partial<LedgerRow> = {}): LedgerRow {
  return {
    bucket: 'src',
    key: `key-${serial}`,
    versionId: makeVersionId({ epochMs: 1_700_000_000_000 + serial, sequence: 0 }, 'RG001'),
    site: 'awsbackend',
    revision: 1,
    state: 'quarantined',
    isDeleteMarker: false,
    size: 10 + serial,
    attempts: 3,
    createdAt: 1_700_000_000_000 + serial,
    unsettled: false,
    reason: { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 1_800_000_000_000 + serial },
    ...change,
  }
}

export function shownId(row: LedgerRow): string {
  return encodeVersionId(row.versionId)
}

function ledgerOf(api: Pick<ControlApi, 'rows' | 'backlogs' | 'slots'>) {
  const sameVersion = (row: LedgerRow, ref: Pick<LedgerRow, 'bucket' | 'key' | 'versionId'>): boolean =>
    row.bucket === ref.bucket && row.key === ref.key && row.versionId === ref.versionId
  const find = (ref: Pick<LedgerRow, 'bucket' | 'key' | 'versionId' | 'site'>): number =>
    api.rows.findIndex(row => row.site === ref.site && sameVersion(row, ref))
  return {
    backlog: async () => api.backlogs,
    activity: async (since: number) => api.slots.filter(slot => slot.slotAt >= since - 300_000),
    quarantined: async (site: string, before: number, max: number) =>
      api.rows
        .filter(row => row.site === site && row.state === 'quarantined' && (row.reason?.at ?? 0) <= before)
        .sort((a, b) => (b.reason?.at ?? 0) - (a.reason?.at ?? 0))
        .slice(0, max),
    row: async (ref: Pick<LedgerRow, 'bucket' | 'key' | 'versionId' | 'site'>) => api.rows[find(ref)] ?? null,
    rowsOf: async (ref: Pick<LedgerRow, 'bucket' | 'key' | 'versionId'>) =>
      api.rows.filter(row => sameVersion(row, ref)),
    retry: async (refs: readonly Pick<LedgerRow, 'bucket' | 'key' | 'versionId' | 'site'>[]) =>
      refs.map(ref => {
        const index = find(ref)
        const row = api.rows[index]
        if (row?.state !== 'quarantined') return false
        api.rows[index] = { ...row, state: 'pending' }
        return true
      }),
  }
}

function recordOf(
  rows: readonly LedgerRow[],
  address: { readonly bucket: string; readonly key: string; readonly version: string },
): VersionRecord | null {
  const row = rows.find(
    ({ bucket, key, versionId }) =>
      bucket === address.bucket && key === address.key && (address.version === 'null' || versionId === address.version),
  )
  if (row === undefined) return null
  const { bucket, key, versionId, isDeleteMarker, revision } = row
  const facts = { isNull: false, isDeleteMarker, isLatest: true, revision, integrity: null }
  return { bucket, key, versionId, ...facts, metadata: metadataOf(row) }
}

function metadataOf(row: LedgerRow): ObjectMetadata {
  return {
    'owner-display-name': 'owner',
    'owner-id': 'owner',
    'last-modified': new Date(row.createdAt).toISOString(),
    'content-length': row.size,
    'content-md5': 'd41d8cd98f00b204e9800998ecf8427e',
    'x-amz-version-id': 'null',
    'x-amz-server-version-id': '',
    'x-amz-storage-class': 'STANDARD',
    'x-amz-server-side-encryption': '',
    'x-amz-server-side-encryption-aws-kms-key-id': '',
    'x-amz-server-side-encryption-customer-algorithm': '',
    'x-amz-website-redirect-location': '',
    'x-amz-scal-transition-in-progress': false,
    acl: { Canned: 'private', FULL_CONTROL: [], WRITE_ACP: [], READ: [], READ_ACP: [] },
    key: row.key,
    location: null,
    tags: {},
    replicationInfo: noReplication,
    dataStoreName: 'us-east-1',
    originOp: 's3:ObjectCreated:Put',
    deleted: false,
    isPHD: false,
    'md-model-version': 6,
  }
}
