// ListBuckets: the buckets of the account that asks, by name; in pages where it asks for pages.
import { accountOf } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { invalidArgument, xmlAnswer } from '../http/answer.ts'
import { s3Namespace } from '../xml/writer.ts'

const pageMax = 10_000

/** Throws InvalidArgument. */
function pageSize(call: Call): number {
  const text = call.query.get('max-buckets')
  if (text === undefined) return Number.POSITIVE_INFINITY
  const size = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (size >= 1 && size <= pageMax) return size
  throw invalidArgument(`Argument max-buckets must be an integer between 1 and ${pageMax}.`, 'max-buckets', text)
}

/** A page goes on after the bucket that ended the one before. */
function afterName(call: Call): string {
  const token = call.query.get('continuation-token')
  return token === undefined ? '' : Buffer.from(token, 'base64url').toString('utf8')
}

export async function listBuckets(call: Call): Promise<Answer> {
  const account = accountOf(call.auth, call.action)
  const size = pageSize(call)
  const prefix = call.query.get('prefix') ?? ''
  const region = call.query.get('bucket-region')
  const after = afterName(call)
  const owned = await call.services.store.buckets(account.canonicalId)
  const wanted = owned
    .filter(({ name }) => name.startsWith(prefix) && name > after)
    .filter(({ locationConstraint }) => region === undefined || locationConstraint === region)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
  const page = wanted.slice(0, size)
  const last = page.at(-1)
  const token =
    last !== undefined && wanted.length > page.length ? Buffer.from(last.name).toString('base64url') : undefined
  const content = {
    Owner: { ID: account.canonicalId, DisplayName: account.displayName },
    Buckets: { Bucket: page.map(({ name, creationDate }) => ({ Name: name, CreationDate: creationDate })) },
    ContinuationToken: token,
    Prefix: call.query.get('prefix'),
  }
  return xmlAnswer('ListAllMyBucketsResult', content, [], s3Namespace)
}
