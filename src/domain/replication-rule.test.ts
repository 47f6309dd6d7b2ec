// Goal: per site the right rule decides, and the info a write starts with has exactly the fields the wire format gives it. Method: small
// configurations in both forms, each with the writes that tell them apart.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { ReplicationConfiguration, ReplicationRule } from './bucket.ts'
import { noReplication, type ReplicationInfo } from './replication-info.ts'
import {
  type ReplicationQuestion,
  type ReplicationSite,
  type ReplicationTrigger,
  replicationInfoFor,
} from './replication-rule.ts'

const sites: readonly ReplicationSite[] = [
  { site: 'aws', isDefault: true, type: 'aws_s3' },
  { site: 'az', isDefault: false, type: 'azure' },
  { site: 'peer', isDefault: false },
]

const role = 'arn:aws:iam::1234:role/r'

function configuration(rules: readonly ReplicationRule[], destination: string | null = 'arn:aws:s3:::d') {
  return { role, destination, rules } satisfies ReplicationConfiguration
}

function prefixRule(prefix: string, storageClass?: string, enabled = true): ReplicationRule {
  const rule = { id: `${prefix}-rule`, enabled, selector: { form: 'prefix', prefix } } as const
  return storageClass === undefined ? rule : { ...rule, storageClass }
}

function filterRule(
  priority: number,
  storageClass: string,
  more: { prefix?: string; tags?: Record<string, string>; deleteMarkers?: boolean; enabled?: boolean } = {},
): ReplicationRule {
  const { prefix = '', tags = {}, deleteMarkers = false, enabled = true } = more
  const selector = { form: 'filter', prefix, tags, shape: 'and', priority, deleteMarkers } as const
  return { id: `rule-${priority}`, enabled, selector, storageClass }
}

function ask(rules: readonly ReplicationRule[], more: Partial<ReplicationQuestion> = {}): ReplicationInfo | null {
  return replicationInfoFor({
    configuration: configuration(rules),
    sites,
    key: 'a/key',
    tags: {},
    size: 10,
    isDeleteMarker: false,
    isMultipart: false,
    trigger: 'write',
    ...more,
  })
}

function sitesOf(info: ReplicationInfo | null): string {
  return info?.backends.map(({ site }) => site).join(',') ?? 'untouched'
}

test('a write that a rule takes starts PENDING at each of its sites', () => {
  assert.deepEqual(ask([prefixRule('a', 'aws,az')]), {
    status: 'PENDING',
    backends: [
      { site: 'aws', status: 'PENDING', dataStoreVersionId: '' },
      { site: 'az', status: 'PENDING', dataStoreVersionId: '' },
    ],
    content: ['DATA', 'METADATA'],
    destination: 'arn:aws:s3:::d',
    storageClass: 'aws,az',
    role,
    storageType: 'aws_s3,azure',
    dataStoreVersionId: '',
    isNFS: null,
  })
})

test('a write that no enabled rule takes has the blank info', () => {
  assert.equal(ask([prefixRule('b', 'aws'), prefixRule('a', 'aws', false)]), noReplication)
  assert.equal(ask([prefixRule('a', 'aws')], { configuration: null }), noReplication)
})

test('content says what has to be sent', () => {
  const rules = [prefixRule('', 'aws')]
  assert.deepEqual(ask(rules, { size: 0 })?.content, ['METADATA'])
  assert.deepEqual(ask(rules, { isDeleteMarker: true, size: 0 })?.content, ['METADATA'])
  assert.deepEqual(ask(rules, { isMultipart: true })?.content, ['DATA', 'METADATA', 'MPU'])
  assert.deepEqual(ask([prefixRule('', 'peer')], { isMultipart: true })?.content, ['DATA', 'METADATA'])
})

test('sites reached by their servers add nothing to storageType', () => {
  const info = ask([prefixRule('', 'peer,az')])
  assert.equal(info?.storageType, 'azure')
  assert.equal(info?.storageClass, 'peer,az')
})

test('standard classes and no class at all mean the default site', () => {
  for (const storageClass of ['STANDARD', 'STANDARD_IA', 'REDUCED_REDUNDANCY', undefined]) {
    const info = ask([prefixRule('', storageClass)])
    assert.equal(sitesOf(info), 'aws')
    assert.equal(info?.storageClass, 'aws')
  }
  assert.equal(sitesOf(ask([prefixRule('')], { sites: [] })), '')
})

test('the mark of a preferred read stays in storageClass and leaves the site', () => {
  const info = ask([prefixRule('', 'az:preferred_read,aws')])
  assert.equal(sitesOf(info), 'az,aws')
  assert.equal(info?.storageClass, 'az:preferred_read,aws')
})

test('a site named twice, or as itself and as the default, is one backend', () => {
  assert.equal(sitesOf(ask([prefixRule('', 'aws,aws,STANDARD')])), 'aws')
})

test('a site that is no longer configured is left out', () => {
  assert.equal(sitesOf(ask([prefixRule('', 'gone,az')])), 'az')
})

test('sites of several matching rules are joined in the order of the rules', () => {
  assert.equal(sitesOf(ask([filterRule(1, 'az'), filterRule(2, 'peer,aws')])), 'az,peer,aws')
})

test('a rule of the newer form takes only versions that have all its tags', () => {
  const rules = [filterRule(1, 'aws', { tags: { k: 'v', l: 'w' } })]
  assert.equal(sitesOf(ask(rules, { tags: { k: 'v' } })), '')
  assert.equal(sitesOf(ask(rules, { tags: { k: 'v', l: 'w', more: 'x' } })), 'aws')
})

test('delete markers go where the deciding rule of each site sends them', () => {
  const marker = { isDeleteMarker: true, size: 0 }
  assert.equal(sitesOf(ask([prefixRule('', 'aws')], marker)), 'aws')
  assert.equal(sitesOf(ask([filterRule(1, 'aws')], marker)), '')
  const rules = [
    filterRule(1, 'aws', { deleteMarkers: true }),
    filterRule(5, 'aws,az', { prefix: 'a', deleteMarkers: false }),
    filterRule(3, 'az,peer', { deleteMarkers: true }),
  ]
  // At aws and az the rule of priority 5 decides and sends none; it has no say about peer.
  assert.equal(sitesOf(ask(rules, marker)), 'peer')
  assert.equal(sitesOf(ask(rules, { ...marker, key: 'other' })), 'aws,az,peer')
})

test('a disabled rule decides nothing, whatever its priority', () => {
  const rules = [filterRule(1, 'aws', { deleteMarkers: true }), filterRule(9, 'aws', { enabled: false })]
  assert.equal(sitesOf(ask(rules, { isDeleteMarker: true, size: 0 })), 'aws')
})

test('a change goes with those that have not arrived yet, the last word on tags alone; other servers take the metadata', () => {
  const existing = (status: 'PENDING' | 'COMPLETED' | 'FAILED'): ReplicationInfo => ({
    ...noReplication,
    backends: [{ site: 'aws', status, dataStoreVersionId: 'v' }],
    content: ['METADATA', 'PUT_TAGGING'],
  })
  const content = (trigger: ReplicationTrigger, status: 'PENDING' | 'COMPLETED' | 'FAILED') =>
    ask([prefixRule('', 'aws')], { trigger, existing: existing(status) })?.content
  assert.deepEqual(content('put-retention', 'COMPLETED'), ['METADATA', 'PUT_RETENTION'])
  assert.deepEqual(content('put-legal-hold', 'PENDING'), ['METADATA', 'PUT_TAGGING', 'PUT_LEGAL_HOLD'])
  assert.deepEqual(content('delete-tagging', 'PENDING'), ['METADATA', 'DELETE_TAGGING'])
  assert.deepEqual(content('put-acl', 'FAILED'), ['METADATA', 'PUT_TAGGING'])
  assert.deepEqual(content('put-acl', 'COMPLETED'), ['METADATA'])
  const peer = ask([prefixRule('', 'peer')], { trigger: 'put-retention', existing: existing('COMPLETED') })
  assert.deepEqual(peer?.content, ['METADATA'])
})

test('a change of tags keeps known destination versions and starts anew', () => {
  const existing: ReplicationInfo = {
    ...noReplication,
    status: 'COMPLETED',
    backends: [{ site: 'aws', status: 'COMPLETED', dataStoreVersionId: 'v1' }],
  }
  const info = ask([prefixRule('', 'aws,az')], { trigger: 'put-tagging', existing })
  assert.deepEqual(info?.content, ['METADATA', 'PUT_TAGGING'])
  assert.equal(info?.status, 'PENDING')
  assert.deepEqual(info?.backends, [
    { site: 'aws', status: 'PENDING', dataStoreVersionId: 'v1' },
    { site: 'az', status: 'PENDING', dataStoreVersionId: '' },
  ])
  assert.deepEqual(ask([prefixRule('', 'peer')], { trigger: 'delete-tagging', existing })?.content, ['METADATA'])
  assert.equal(ask([prefixRule('b', 'aws')], { trigger: 'delete-tagging', existing }), null)
})

test('a rule that asks for tags sends changes of tags to where the version went when it was written, and nowhere else', () => {
  const rules = [filterRule(1, 'aws,az', { tags: { team: 'x' } }), filterRule(2, 'peer')]
  const existing = ask(rules.slice(0, 1), { tags: { team: 'x' } }) ?? noReplication
  const change = { trigger: 'put-tagging', tags: { other: 'y' } } as const
  assert.equal(sitesOf(ask(rules, { ...change, existing })), 'aws,az,peer')
  assert.equal(sitesOf(ask(rules, { ...change, tags: { team: 'x' }, existing: noReplication })), 'peer')
  assert.equal(ask(rules.slice(0, 1), { ...change, tags: { team: 'x' }, existing: noReplication }), null)
})

test('a rule without destination bucket names none', () => {
  const info = ask([], { configuration: configuration([prefixRule('', 'aws')], null) })
  assert.equal(info?.destination, '')
})
