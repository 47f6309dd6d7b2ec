// Goal: every event reaches its target at least once, in order, whatever fails on the way, and a target that stays away is given up some time.
// Method: a journal in an array, a target by hand, a clock that the test moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualWorld, type ManualWorld } from '../../test/control/manual-world.ts'
import type { StateStore } from '../control/state-store.ts'
import type { Bucket } from '../domain/bucket.ts'
import type { JournalEntry, JournalEvent } from '../domain/entry.ts'
import type { NotificationSettings } from '../domain/notification-rule.ts'
import { encodeVersionId, makeVersionId } from '../domain/version-id.ts'
import type { EventMessage } from './event-record.ts'
import { createNotifier, type Notifier } from './notifier.ts'

const versionId = makeVersionId({ epochMs: 1_700_000_000_000, sequence: 0 }, 'RG001')
const arn = 'arn:aws:sqs:us-east-1:123456789012:audit'

function bucketOf(name: string, settings: NotificationSettings | undefined): Bucket {
  return {
    name,
    ownerId: 'owner',
    ownerDisplayName: 'Owner',
    creationDate: '2026-01-01T00:00:00.000Z',
    locationConstraint: 'us-east-1',
    versioning: 'Enabled',
    replication: null,
    settings: settings === undefined ? {} : { notification: settings },
  }
}

interface Stage {
  readonly world: ManualWorld
  readonly taken: string[]
  readonly messages: EventMessage[]
  /** What the target does with the next deliveries; null: it takes them. */
  failure: Error | null
  saved: { value: string; version: number } | null
  add(key: string, event?: Partial<JournalEvent> | null, bucket?: string): void
  open(): Notifier
}

function staged(): Stage {
  const world = createManualWorld()
  const journal: JournalEntry[] = []
  let listener: () => void = () => {}
  const rules = [
    { id: 'logs', kind: 'queue', arn, events: ['s3:ObjectCreated:*'], filter: [{ name: 'prefix', value: 'logs/' }] },
    { id: 'gone', kind: 'queue', arn, events: ['s3:ObjectRemoved:Delete'] },
    { id: 'else', kind: 'queue', arn: arn.replace('audit', 'other'), events: ['s3:ObjectCreated:*'] },
  ] as const
  const buckets = new Map([
    ['b', bucketOf('b', { rules, eventBridge: false })],
    ['quiet', bucketOf('quiet', undefined)],
  ])
  const state: Pick<StateStore, 'get' | 'set'> = {
    get: async () => stage.saved,
    set: async (_path, value, expected) => {
      if ((stage.saved?.version ?? 0) !== expected) return { ok: false, current: stage.saved }
      stage.saved = { value, version: expected + 1 }
      return { ok: true, version: expected + 1 }
    },
  }
  const stage: Stage = {
    world,
    taken: [],
    messages: [],
    failure: null,
    saved: null,
    add(key, event = {}, bucket = 'b') {
      const sequence = journal.length + 1
      journal.push({
        position: String(sequence),
        timestamp: new Date(world.clock.now()).toISOString(),
        type: 'put',
        bucket,
        key,
        versionId,
        revision: 0,
        metadataJson: null,
        ...(event !== null && {
          event: { name: 's3:ObjectCreated:Put', version: 'own', sequencer: `00${sequence}`, ...event },
        }),
      })
      listener()
    },
    open: () =>
      createNotifier({
        name: 'audit',
        store: {
          journal: async (after, max) => journal.slice(Number(after), Number(after) + max),
          bucket: async name => buckets.get(name) ?? null,
          onJournal: heard => {
            listener = heard
            return () => {}
          },
        },
        stateStore: state,
        world,
        keepMs: 3_600_000,
        target: {
          deliver: async messages => {
            if (stage.failure !== null) throw stage.failure
            stage.messages.push(...messages)
            stage.taken.push(...messages.map(message => decodeURIComponent(message.topicKey)))
          },
          close: async () => {},
        },
      }),
  }
  return stage
}

test('events go to the targets that the rules name, in the order of the journal', async () => {
  const stage = staged()
  for (const key of ['logs/1', 'data/1', 'logs/2']) stage.add(key)
  stage.add('data/2', { name: 's3:ObjectRemoved:Delete' })
  stage.add('logs/3', null)
  stage.add('logs/4', {}, 'quiet')
  stage.add('logs/5', {}, 'deleted-bucket')
  const notifier = stage.open()
  await notifier.start()
  await stage.world.settle()
  stage.add('logs/6')
  await stage.world.settle()
  assert.deepEqual(stage.taken, ['b/logs/1', 'b/logs/2', 'b/data/2', 'b/logs/6'])
  await notifier.close()
  assert.equal(stage.saved?.value, '8')
})

test('an event has the form that S3 documents', async () => {
  const stage = staged()
  stage.add('logs/a b+\u00e9', { size: 3, etag: 'e' })
  const notifier = stage.open()
  await notifier.start()
  await stage.world.settle()
  await notifier.close()
  assert.deepEqual(JSON.parse(stage.messages[0]?.record ?? ''), {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'us-east-1',
    eventTime: '2030-01-01T00:00:00.000Z',
    eventName: 'ObjectCreated:Put',
    userIdentity: { principalId: 'owner' },
    requestParameters: { sourceIPAddress: '' },
    responseElements: { 'x-amz-request-id': '', 'x-amz-id-2': '' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'logs',
      bucket: { name: 'b', ownerIdentity: { principalId: 'owner' }, arn: 'arn:aws:s3:::b' },
      object: { key: 'logs/a+b%2B%C3%A9', size: 3, eTag: 'e', versionId: encodeVersionId(versionId), sequencer: '001' },
    },
  })
})

test('a target that is away is tried again, ever more slowly, and nothing is lost', async () => {
  const stage = staged()
  stage.failure = new Error('away')
  stage.add('logs/1')
  const notifier = stage.open()
  await notifier.start()
  await stage.world.advance(30_000)
  stage.add('logs/2')
  stage.failure = null
  await stage.world.advance(60_000)
  assert.deepEqual(stage.taken, ['b/logs/1', 'b/logs/2'])
  await notifier.close()
})

test('what a target does not take for too long is given up, and later events are not', async () => {
  const stage = staged()
  stage.failure = new Error('away')
  stage.add('logs/1')
  const notifier = stage.open()
  await notifier.start()
  await stage.world.advance(3_500_000)
  stage.add('logs/2')
  await stage.world.advance(300_000)
  stage.failure = null
  await stage.world.advance(120_000)
  assert.deepEqual(stage.taken, ['b/logs/2'])
  await notifier.close()
})

test('the next notifier begins where the former one had saved', async () => {
  const stage = staged()
  stage.add('logs/1')
  const first = stage.open()
  await first.start()
  await stage.world.advance(1_000)
  stage.failure = new Error('away')
  stage.add('logs/2')
  await stage.world.settle()
  await first.close()
  assert.equal(stage.saved?.value, '1')
  stage.failure = null
  const second = stage.open()
  await second.start()
  await stage.world.settle()
  assert.deepEqual(stage.taken, ['b/logs/1', 'b/logs/2'])
  await second.close()
})

test('one whose position was taken over by another delivers and saves nothing more', async () => {
  const stage = staged()
  const first = stage.open()
  await first.start()
  const second = stage.open()
  await second.start()
  await second.close()
  stage.add('logs/1')
  await stage.world.advance(1_000)
  const { saved } = stage
  await first.close()
  assert.equal(stage.saved, saved)
})
