// Random sequences of everything that writes, with restarts in between, against what must always hold: one latest version per key and it is
// the newest, sums equal to a recount, claims in the order of versions with one owner per key, an older version never applied over a newer one.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { VersionId } from '../../src/domain/version-id.ts'
import type { Claim } from '../../src/metadata/ledger.ts'
import type { MetadataStore } from '../../src/metadata/metadata-store.ts'
import { fc } from '../properties.ts'
import { type ManualWorld, manualWorld } from './manual-clock.ts'
import { attemptReport, done, makeBucket, pendingAt, put, statusMessage } from './store-fixtures.ts'

type Claimed = Claim & { outcome: 'claimed' }

/** A store that can be left as kill -9 leaves it. */
export interface CrashableStore {
  readonly store: MetadataStore
  crash(): Promise<CrashableStore>
  close(): Promise<void>
}

interface State {
  readonly world: ManualWorld
  subject: CrashableStore
  store: MetadataStore
  readonly claims: Claimed[]
  readonly reported: Claimed[]
  readonly known: { key: string; versionId: VersionId }[]
}

const keys = ['a', 'b/1', 'b/2']
const sites = ['aws', 'azure']

const step = fc.record({
  what: fc.constantFrom(
    'put',
    'put',
    'put-null',
    'marker',
    'delete',
    'tag',
    'claim',
    'claim',
    'done',
    'done',
    'retry',
    'release',
    'quarantine',
    'fold',
    'fold',
    'unquarantine',
    'time',
    'crash',
  ),
  key: fc.constantFrom(...keys),
  site: fc.constantFrom(...sites),
  pick: fc.nat(1000),
})

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

function picked<Item>(items: Item[], pick: number): Item | undefined {
  return items[pick % Math.max(1, items.length)]
}

async function write(state: State, { what, key, pick }: Step): Promise<void> {
  const { store, known } = state
  const wanted = pick % 3 === 0 ? [] : sites.slice(0, 1 + (pick % 2))
  if (what === 'tag' || what === 'delete') {
    const version = picked(known, pick)
    if (version === undefined) return
    const address = { bucket: 'b', key: version.key, version: version.versionId }
    if (what === 'delete') {
      await store.deleteVersion(address)
      return
    }
    const stored = await store.version(address)
    await store.changeVersion({
      ...address,
      fields: { tags: { pick: String(pick) } },
      originOp: 's3:ObjectTagging:Put',
      replication: wanted.length === 0 ? null : pendingAt(sites),
      seenRevision: stored?.revision ?? 0,
    })
    return
  }
  if (what === 'put-null') await store.changeBucket('b', { versioning: 'Suspended' })
  const versionId = await put(store, 'b', key, { sites: wanted, deleteMarker: what === 'marker', size: pick })
  if (what === 'put-null') await store.changeBucket('b', { versioning: 'Enabled' })
  known.push({ key, versionId })
}

async function claim(state: State, { key, site }: Step): Promise<void> {
  const [found] = await state.store.ledger.claim(site, [{ bucket: 'b', key }], 'owner', 10_000)
  if (found?.outcome !== 'claimed') return
  const now = state.world.clock.now()
  const mine = { site, key }
  for (const other of state.claims)
    if (other.row.site === mine.site && other.row.key === mine.key)
      assert.ok(deadlines.get(other.token) ?? 0 <= now, 'one owner per key')
  deadlines.set(found.token, now + 10_000)
  state.claims.push(found)
}

const deadlines = new Map<string, number>()

async function endAttempt(state: State, { what, pick }: Step): Promise<void> {
  const claim = picked(state.claims, pick)
  if (claim === undefined) return
  state.claims.splice(state.claims.indexOf(claim), 1)
  const reason = { class: 'transient', code: 'X', message: '', at: 1 } as const
  const older = claim.applied !== null && claim.applied.versionId < claim.row.versionId
  const at = state.world.clock.now() + (pick % 5000)
  const report =
    what === 'done'
      ? done(claim, !older)
      : what === 'retry'
        ? attemptReport(claim, { kind: 'retry', reason, nextAttemptAt: at, unsettled: pick % 2 === 0 })
        : what === 'release'
          ? attemptReport(claim, { kind: 'released', unsettled: false })
          : attemptReport(claim, { kind: 'quarantined', reason: { ...reason, class: 'object' } })
  const [result] = await state.store.ledger.report([report])
  if (result?.outcome === 'applied' && (what === 'done' || what === 'quarantine')) state.reported.push(claim)
}

async function bookkeeping(state: State, { what, site, pick }: Step): Promise<void> {
  if (what === 'time') state.world.advance(pick * 20)
  else if (what === 'unquarantine') {
    const rows = await state.store.ledger.quarantined(site, state.world.clock.now(), 1)
    await state.store.ledger.retry(rows)
  } else if (what === 'crash') {
    state.subject = await state.subject.crash()
    state.store = state.subject.store
    state.claims.length = 0
  } else {
    const ended = picked(state.reported, pick)
    if (ended === undefined) return
    const row = await state.store.ledger.row(ended.row)
    await state.store.ledger.fold([statusMessage(ended.row, row?.reason === undefined ? 'COMPLETED' : 'FAILED')])
    if (pick % 2 === 0) state.reported.splice(state.reported.indexOf(ended), 1)
  }
}

async function run(state: State, taken: Step): Promise<void> {
  if (['put', 'put-null', 'marker', 'delete', 'tag'].includes(taken.what)) await write(state, taken)
  else if (taken.what === 'claim') await claim(state, taken)
  else if (['done', 'retry', 'release', 'quarantine'].includes(taken.what)) await endAttempt(state, taken)
  else await bookkeeping(state, taken)
}

async function checkVersions(state: State): Promise<void> {
  const page = { bucket: 'b', prefix: '', delimiter: '', after: '', maxKeys: 1000 }
  const versions = await state.store.list({ ...page, what: 'versions' })
  const newest = new Map<string, VersionId>()
  for (const entry of versions.entries) {
    assert.ok(entry.kind === 'version')
    const { key, versionId, isLatest } = entry.version
    assert.equal(isLatest, !newest.has(key), `${key}: the newest version and no other is the latest`)
    if (!newest.has(key)) newest.set(key, versionId)
    const record = await state.store.version({ bucket: 'b', key, version: versionId })
    assert.equal(record?.isLatest, isLatest)
  }
  const nulls = versions.entries.filter(entry => entry.kind === 'version' && entry.version.isNull)
  assert.ok(nulls.length <= keys.length, 'one null version per key')
}

async function checkLedger(state: State): Promise<void> {
  assert.equal(await state.store.ledger.recount(), false, 'the sums are right')
  for (const { key, versionId } of state.known) {
    const stored = await state.store.version({ bucket: 'b', key, version: versionId })
    for (const row of await state.store.ledger.rowsOf({ bucket: 'b', key, versionId })) {
      const backend = stored?.metadata.replicationInfo.backends.find(candidate => candidate.site === row.site)
      if (backend === undefined) continue
      const expected = { completed: 'COMPLETED', skipped: 'SKIPPED', quarantined: 'FAILED' }
      const ended = Object.entries(expected).find(([name]) => name === row.state)?.[1]
      assert.equal(backend.status, ended ?? 'PENDING', 'version and ledger agree')
    }
  }
}

/** Works everything off: whatever happened, no key may be stuck. */
async function drain(state: State): Promise<void> {
  state.world.advance(10_000_000)
  for (const site of sites)
    for (const key of keys)
      for (;;) {
        const [found] = await state.store.ledger.claim(site, [{ bucket: 'b', key }], 'drain', 1000)
        if (found?.outcome === 'nothing') break
        assert.ok(found?.outcome === 'claimed', found?.outcome)
        await state.store.ledger.report([done(found, true)])
        await state.store.ledger.fold([statusMessage(found.row)])
      }
  for (const ended of await state.store.ledger.stranded(0, 1000)) await state.store.ledger.fold([statusMessage(ended)])
  for (const sums of await state.store.ledger.backlog()) assert.equal(sums.objects, 0, 'nothing is left open')
}

export interface InvariantsSubject {
  readonly name: string
  readonly skip: false | string
  readonly runs: number
  open(world: ManualWorld): Promise<CrashableStore>
}

export function storeInvariants({ name, skip, runs, open }: InvariantsSubject): void {
  it(`${name} keeps its invariants whatever happens in whatever order`, { timeout: 280_000, skip }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async steps => {
        const world = manualWorld()
        const subject = await open(world)
        const state: State = { world, subject, store: subject.store, claims: [], reported: [], known: [] }
        try {
          await makeBucket(state.store, 'b')
          for (const taken of steps) {
            await run(state, taken)
            await checkVersions(state)
          }
          await checkLedger(state)
          await drain(state)
          await checkLedger(state)
        } finally {
          await state.subject.close()
        }
      }),
      { numRuns: runs },
    )
  })
}
