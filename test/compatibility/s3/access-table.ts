// Who may do what: every operation of the table, tried by everybody, under each way in which access is given and taken away. What is expected is computed
// here from the facts of the actions alone, so that an operation that is added later is tried without being named.
import { createHash, createHmac } from 'node:crypto'
import type { Account } from '../../../src/accounts/account-directory.ts'
import type { AccessSettings, BucketAcl } from '../../../src/domain/bucket-access.ts'
import { type ActionFacts, actions } from '../../../src/s3/access/actions.ts'
import { type OperationEntry, operations } from '../../../src/s3/operation-table.ts'
import {
  accounts,
  keyOf,
  type RawAnswer,
  type RawRequest,
  replicationXml,
  type SignerName,
  type TestServer,
  users,
} from './test-server.ts'

/** Somebody who asks, and what a bucket of bart's is told before. */
export interface Situation {
  readonly name: string
  readonly as: SignerName | null
  readonly settings: (operation: OperationEntry, bucket: string) => AccessSettings
  /** Headers of bart's write of the object. */
  readonly objectHeaders?: Readonly<Record<string, string>>
  readonly allowed: (operation: OperationEntry) => boolean
}

const facts = ({ action }: OperationEntry): ActionFacts => actions[action]
const needsNothing = (operation: OperationEntry) => facts(operation).on === 'account'
/** Closed to strangers whatever a list or a policy says. */
const notAnonymous = new Set([
  ...['CreateBucket', 'ListBuckets', 'PutBucketAcl', 'PutObjectAcl', 'CreateMultipartUpload', 'CopyObject'],
  ...[
    'UploadPart',
    'UploadPartCopy',
    'CompleteMultipartUpload',
    'SelectObjectContent',
    'PutBucketOwnershipControls',
    'GetBucketOwnershipControls',
  ],
  // The last judges its body before it looks at the bucket, but not for strangers.
  ...['DeleteBucketOwnershipControls', 'PutBucketReplication'],
])
/** Only who began the upload, or the bucket's owner, may use these. */
const ofInitiator = new Set(['UploadPart', 'UploadPartCopy', 'CompleteMultipartUpload'])
/** Only the owner's account gets at these, and always. */
const policyOperations = new Set(['GetBucketPolicy', 'PutBucketPolicy', 'DeleteBucketPolicy'])

const statement = (effect: 'Allow' | 'Deny', bucket: string, more: Readonly<Record<string, unknown>>) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: effect, Principal: '*', Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`], ...more },
    ],
  })
const policyFor = (effect: 'Allow' | 'Deny', { action }: OperationEntry, bucket: string, principal: unknown = '*') =>
  statement(effect, bucket, {
    Principal: principal,
    Action: action === 's3:GetObjectAttributes' ? [action, 's3:GetObject'] : action,
  })

const granted = (grantee: string): BucketAcl => ({
  ...{ Canned: '', FULL_CONTROL: [accounts.bart.canonicalId, grantee] },
  ...{ READ: [], WRITE: [], READ_ACP: [], WRITE_ACP: [] },
})
const canned = (name: string): BucketAcl => ({
  ...{ Canned: name, FULL_CONTROL: [], READ: [], WRITE: [], READ_ACP: [], WRITE_ACP: [] },
})
const noBlock = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
}
const nothing = () => ({})

function listed(operation: OperationEntry): boolean {
  const { bucketAcl, objectAcl } = facts(operation)
  return bucketAcl !== undefined || objectAcl !== undefined
}

/** What public-read-write on both bucket and object opens to everybody who signs. */
function publicly(operation: OperationEntry): boolean {
  const { bucketAcl, objectAcl } = facts(operation)
  return bucketAcl === 'READ' || bucketAcl === 'WRITE' || objectAcl === 'READ'
}

const fullControl = { 'x-amz-grant-full-control': `id=${accounts.lisa.canonicalId}` }
const publicObject = { 'x-amz-acl': 'public-read-write' }

export const situations: readonly Situation[] = [
  { name: 'owner', as: 'bart', settings: nothing, allowed: () => true },
  { name: 'other', as: 'lisa', settings: nothing, allowed: needsNothing },
  { name: 'admin', as: 'admin', settings: nothing, allowed: needsNothing },
  { name: 'service', as: 'replication', settings: nothing, allowed: () => true },
  { name: 'anonymous', as: null, settings: nothing, allowed: () => false },
  {
    name: 'other by ACL',
    as: 'lisa',
    settings: () => ({ acl: granted(accounts.lisa.canonicalId) }),
    objectHeaders: fullControl,
    allowed: operation => needsNothing(operation) || listed(operation),
  },
  {
    name: 'other by ACL, enforced',
    as: 'lisa',
    settings: () => ({ acl: granted(accounts.lisa.canonicalId), ownership: 'BucketOwnerEnforced' }),
    allowed: needsNothing,
  },
  {
    name: 'anonymous by ACL',
    as: null,
    settings: () => ({ acl: canned('public-read-write') }),
    objectHeaders: publicObject,
    allowed: operation => publicly(operation) && !notAnonymous.has(operation.name),
  },
  {
    name: 'anonymous by ACL, ignored',
    as: null,
    settings: () => ({ acl: canned('public-read-write'), publicAccessBlock: { ...noBlock, ignorePublicAcls: true } }),
    objectHeaders: publicObject,
    allowed: () => false,
  },
  {
    name: 'other by policy',
    as: 'lisa',
    settings: (operation, bucket) => ({ policy: policyFor('Allow', operation, bucket) }),
    allowed: operation => !policyOperations.has(operation.name),
  },
  {
    name: 'other by all but',
    as: 'lisa',
    settings: ({ action }, bucket) => ({ policy: statement('Allow', bucket, { NotAction: action }) }),
    allowed: needsNothing,
  },
  {
    name: 'anonymous by policy',
    as: null,
    settings: (operation, bucket) => ({ policy: policyFor('Allow', operation, bucket) }),
    allowed: operation => !policyOperations.has(operation.name) && !notAnonymous.has(operation.name),
  },
  {
    name: 'other by policy, restricted',
    as: 'lisa',
    settings: (operation, bucket) => ({
      policy: policyFor('Allow', operation, bucket),
      publicAccessBlock: { ...noBlock, restrictPublicBuckets: true },
    }),
    allowed: needsNothing,
  },
  {
    name: 'other by ACL, denied',
    as: 'lisa',
    settings: (operation, bucket) => ({
      acl: granted(accounts.lisa.canonicalId),
      policy: policyFor('Deny', operation, bucket),
    }),
    objectHeaders: fullControl,
    allowed: needsNothing,
  },
  {
    name: 'owner, denied',
    as: 'bart',
    settings: (operation, bucket) => ({ policy: policyFor('Deny', operation, bucket) }),
    allowed: operation => needsNothing(operation) || policyOperations.has(operation.name),
  },
  { name: 'user', as: 'clerk', settings: nothing, allowed: () => true },
  {
    name: 'user, denied',
    as: 'clerk',
    settings: (operation, bucket) => ({ policy: policyFor('Deny', operation, bucket, { AWS: users.clerk.arn }) }),
    allowed: needsNothing,
  },
  { name: 'user by policies', as: 'guest', settings: nothing, allowed: () => false },
  {
    name: 'user by policies, named',
    as: 'guest',
    settings: (operation, bucket) => ({ policy: policyFor('Allow', operation, bucket, { AWS: users.guest.arn }) }),
    allowed: operation => !needsNothing(operation),
  },
  {
    name: 'user by policies, account named',
    as: 'guest',
    settings: (operation, bucket) => ({ policy: policyFor('Allow', operation, bucket, { AWS: accounts.bart.arn }) }),
    allowed: () => false,
  },
  {
    name: 'user by policies, account in ACL',
    as: 'guest',
    settings: () => ({ acl: granted(accounts.bart.canonicalId) }),
    objectHeaders: { 'x-amz-grant-full-control': `id=${accounts.bart.canonicalId}` },
    allowed: () => false,
  },
  {
    name: 'user by policies, public ACL',
    as: 'guest',
    settings: () => ({ acl: canned('public-read-write') }),
    objectHeaders: publicObject,
    allowed: publicly,
  },
]

function accountOf(signer: SignerName): Account {
  return signer === 'clerk' || signer === 'guest' ? accounts.bart : accounts[signer]
}

/** A bucket of bart's with an object and an upload, and one with an object that everybody may copy. */
async function prepare(server: TestServer, situation: Situation, operation: OperationEntry, bucket: string) {
  const { store } = server
  const owner = { ownerId: accounts.bart.canonicalId, ownerDisplayName: accounts.bart.displayName }
  const date = '2026-01-01T00:00:00.000Z'
  await store.createBucket({ name: bucket, ...owner, creationDate: date, locationConstraint: 'us-east-1' })
  const { objectHeaders: headers = {} } = situation
  await server.send({ method: 'PUT', path: `/${bucket}/k`, body: 'x', headers })
  const upload = { uploadId: `upload-${bucket}`, bucket, key: 'k', initiated: date, ...owner }
  const beginner = ofInitiator.has(operation.name) && situation.as !== null ? accountOf(situation.as) : undefined
  const initiator = beginner && { initiator: { canonicalId: beginner.canonicalId, displayName: beginner.displayName } }
  const object = { content: {}, userMetadata: {}, storageClass: 'STANDARD', tags: {}, lock: {} }
  await store.createUpload({ ...upload, settings: JSON.stringify({ object, checksum: null, ...initiator }) })
  await store.changeBucket(bucket, { settings: situation.settings(operation, bucket) })
}

export const openSource = '/open-to-all/source'

export async function prepareSource(server: TestServer): Promise<void> {
  await server.send({ method: 'PUT', path: '/open-to-all', as: 'bart' })
  await server.send({ method: 'PUT', path: openSource, body: 'x', headers: { 'x-amz-acl': 'public-read' } })
}

function requestOf(operation: OperationEntry, bucket: string, as: SignerName | null): RawRequest {
  const { method, resource, header, name } = operation
  const [level = '', parameter] = resource.split('?')
  const base = level === 'service' ? '/' : level === 'bucket' ? `/${bucket}` : `/${bucket}/k`
  const value = parameter === 'uploadId' ? `upload-${bucket}` : parameter === 'list-type' ? '2' : ''
  const part = name.startsWith('UploadPart') ? 'partNumber=1&' : ''
  const path = parameter === undefined ? base : `${base}?${part}${parameter}=${value}`
  const headers: Record<string, string> = header === undefined ? {} : { [header]: openSource }
  if (name === 'PostObject') return formRequest(bucket, as)
  if (name === 'DeleteObjects') {
    const body = '<Delete><Object><Key>k</Key></Object></Delete>'
    return { method, path, as, body, headers: { 'content-md5': createHash('md5').update(body).digest('base64') } }
  }
  // Its body is judged before its bucket is looked at.
  if (name === 'PutBucketReplication') return { method, path, as, body: replicationXml([{}]) }
  return { method, path, as, headers, ...(method === 'PUT' && { body: '' }) }
}

/** A form signed by the account, or by nobody. */
function formRequest(bucket: string, as: SignerName | null): RawRequest {
  const fields: [string, string][] = [['key', 'k']]
  if (as !== null) {
    const conditions = [{ bucket }, ['starts-with', '$key', '']]
    const policy = Buffer.from(JSON.stringify({ expiration: '2999-01-01T00:00:00.000Z', conditions })).toString(
      'base64',
    )
    const { access, secret } = keyOf(as)
    const signature = createHmac('sha1', secret).update(policy).digest('base64')
    fields.push(['AWSAccessKeyId', access], ['policy', policy], ['signature', signature])
  }
  const line = (name: string, rest: string) => `--b\r\nContent-Disposition: form-data; name="${name}"${rest}\r\n`
  const body =
    fields.map(([name, value]) => line(name, `\r\n\r\n${value}`)).join('') +
    line('file', '; filename="f"\r\n\r\nx') +
    '--b--\r\n'
  return {
    method: 'POST',
    path: `/${bucket}`,
    as: null,
    body,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  }
}

export type Outcome = 'allowed' | 'refused'

/** Refused is 403, and 405 where S3 keeps a bucket's policy to its owner's account; whatever else is wrong with a request comes behind that. */
function outcomeOf({ name }: OperationEntry, { status, body }: RawAnswer): Outcome {
  if (status === 403 || (status === 405 && policyOperations.has(name))) return 'refused'
  return body.includes('<Code>AccessDenied</Code>') ? 'refused' : 'allowed'
}

let buckets = 0

export async function attempt(
  server: TestServer,
  operation: OperationEntry,
  situation: Situation,
): Promise<{ readonly outcome: Outcome; readonly answer: RawAnswer }> {
  const bucket = `tried-${buckets++}`
  await prepare(server, situation, operation, bucket)
  const name = operation.name === 'CreateBucket' ? `made-${bucket}` : bucket
  const answer = await server.send(requestOf(operation, name, situation.as))
  return { outcome: outcomeOf(operation, answer), answer }
}

/** The table as Markdown. */
export async function accessTable(server: TestServer): Promise<string> {
  await prepareSource(server)
  const rows = [`| | ${situations.map(({ name }) => name).join(' | ')} |`, `|---${'|---'.repeat(situations.length)}|`]
  for (const operation of operations) {
    const cells: string[] = []
    for (const situation of situations) {
      const { outcome } = await attempt(server, operation, situation)
      cells.push(outcome === 'allowed' ? 'yes' : '-')
    }
    rows.push(`| ${operation.name} | ${cells.join(' | ')} |`)
  }
  return rows.join('\n')
}
