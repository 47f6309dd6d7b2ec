// What a batch leaves behind when one of its commands fails: it is done again with a way back to before each, and nothing that the first
// run left in memory may stay.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newMetadata } from '../../../test/conformance/store-fixtures.ts'
import type { AttemptEnd, AttemptReport, Claim, RowReason } from '../ledger.ts'
import { versionBody } from '../version-form.ts'
import type { Command, CommandKind, Request, StoredClaim } from './commands.ts'
import { claimForm } from './sqlite-ledger.ts'
import { Writer } from './writer.ts'

type Claimed = Extract<Claim, { outcome: 'claimed' }>

class Desk {
  readonly writer = new Writer({ path: ':memory:', group: 'RG001', flush: false, bootId: 'b', now: 0 })
  now = 1_700_000_000_000

  constructor() {
    const owner = { ownerId: 'o', ownerDisplayName: 'O', creationDate: 'x' }
    const bucket = { name: 'b', ...owner, locationConstraint: 'l', versioning: 'Enabled' } as const
    this.run(this.command('create-bucket', { bucket }), this.failing())
  }

  command<Kind extends CommandKind>(kind: Kind, request: Request<Kind>): Command {
    return { kind, now: this.now, request }
  }

  /** From the second time on: the upload exists. */
  failing(): Command {
    const settings = { ownerId: 'o', ownerDisplayName: 'O', settings: '{}' }
    return this.command('create-upload', {
      upload: { bucket: 'b', key: 'u', uploadId: 'same', initiated: 'x', ...settings },
      seen: null,
    })
  }

  put(key: string): Command {
    const body = versionBody(newMetadata(key, { sites: ['aws'] }), null, 'lean')
    const plain = {
      seenBucket: null,
      inline: null,
      condition: null,
      uploadId: null,
      expires: null,
      bypassGovernance: false,
    }
    return this.command('put-version', { bucket: 'b', key, body, ...plain })
  }

  claim(key: string): Command {
    const keys = [{ bucket: 'b', key }]
    return this.command('claim', { site: 'aws', keys, owner: 'o', leaseMs: 1_000, versions: false })
  }

  report(claim: Claimed, end: AttemptEnd): Command {
    const { bucket, key, versionId, site, revision } = claim.row
    const report: AttemptReport = { bucket, key, versionId, site, revision, token: claim.token, end }
    return this.command('report', { fold: true, reports: [report] })
  }

  run(...commands: readonly Command[]): readonly unknown[] {
    const { replies } = this.writer.run({ commands, durable: false, restartLog: false })
    return replies.map(reply => (reply.ok ? reply.value : reply.message))
  }

  claimed(key: string): Claimed {
    const [claims] = this.run(this.claim(key)) as readonly [readonly StoredClaim[]]
    const [stored] = claims
    assert.ok(stored)
    const claim = claimForm('b', stored)
    assert.ok(claim.outcome === 'claimed', claim.outcome)
    return claim
  }

  get open(): number | undefined {
    return this.writer.connection.get<{ objects: number }>('SELECT objects FROM site_sums')?.objects
  }
}

const reason: RowReason = { class: 'object', code: 'EntityTooLarge', message: 'too large', at: 1 }
const done: AttemptEnd = {
  kind: 'done',
  destinationVersionId: 'd',
  destinationEtag: 'e',
  appliedKind: 'object',
  becomesApplied: true,
}

test('no two versions get the same id, also when commands of several threads come with times that run back', () => {
  const desk = new Desk()
  const start = desk.now
  const ids = [0, -1, -1, -7, 2, 1, 1, -3_600_000, 0].map((shift, index) => {
    desk.now = start + shift
    const [result] = desk.run(desk.put(`k${index}`))
    assert.ok(typeof result === 'object' && result !== null && 'versionId' in result, String(result))
    return result.versionId
  })
  assert.equal(new Set(ids).size, ids.length)
})

test('commands beside one that fails are carried out once', () => {
  const desk = new Desk()
  const replies = desk.run(desk.put('a'), desk.failing(), desk.put('b'))
  assert.match(String(replies[1]), /UNIQUE/)
  assert.equal(desk.open, 2)
  const claim = desk.claimed('a')
  desk.run(desk.report(claim, done), desk.failing())
  assert.equal(desk.open, 1)
  assert.deepEqual(desk.run(desk.claim('a')), [[{ outcome: 'nothing' }]])
})

for (const alone of [true, false])
  test(`a claim that lapsed on a newer row is taken from its owner${alone ? '' : ', also when its batch is done again'}`, () => {
    const desk = new Desk()
    desk.run(desk.put('k'), desk.put('k'))
    const older = desk.claimed('k')
    desk.run(desk.report(older, { kind: 'quarantined', reason }))
    const newer = desk.claimed('k')
    desk.now += 5_000
    desk.run(desk.command('retry', { refs: [older.row] }))
    desk.run(desk.claim('k'), ...(alone ? [] : [desk.failing()]))
    const [late] = desk.run(desk.report(newer, done))
    assert.deepEqual(late, [{ outcome: 'stale', more: false }])
    const row = desk.writer.connection.get<{ unsettled: number }>(
      'SELECT unsettled FROM ledger WHERE version_id = ?',
      newer.row.versionId,
    )
    assert.equal(row?.unsettled, 1)
  })

test('a recount that fails leaves the sums of the commands before it', () => {
  const desk = new Desk()
  desk.run(desk.put('a'))
  const { connection } = desk.writer
  connection.execute(`INSERT INTO ledger (bucket_id, key, version_id, site, revision, state, is_delete_marker, size, attempts, created_at, at, unsettled,
    unfinished, open, uploading) VALUES (1, 'orphan', 'v', 'aws', 1, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    CREATE TRIGGER refuse BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'no'); END`)
  const [, failed] = desk.run(desk.put('b'), desk.command('recount', {}))
  assert.match(String(failed), /no/)
  assert.equal(desk.open, 2)
})

test('a row that waited and is claimed tells of no next attempt', () => {
  const desk = new Desk()
  desk.run(desk.put('k'))
  const nextAttemptAt = desk.now + 5
  desk.run(desk.report(desk.claimed('k'), { kind: 'retry', reason, nextAttemptAt, unsettled: false }))
  desk.now += 10
  const { row } = desk.claimed('k')
  assert.deepEqual([row.state, row.nextAttemptAt, row.attempts], ['claimed', undefined, 2])
})

test('a full disk is told as what it is', () => {
  const desk = new Desk()
  const { connection } = desk.writer
  const pages = connection.get<{ page_count: number }>('PRAGMA page_count')?.page_count ?? 0
  connection.execute(`PRAGMA max_page_count = ${pages + 3}`)
  let replies: readonly unknown[] = []
  for (let count = 0; count < 200 && !replies.some(reply => typeof reply === 'string'); count += 1)
    replies = desk.run(desk.put(`${'x'.repeat(900)}${count}`), desk.put(`${'y'.repeat(900)}${count}`))
  assert.match(String(replies[0]), /full/)
})
