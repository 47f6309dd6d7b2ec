// ListBuckets: the buckets of the account that asks.
import { signerOf } from '../access.ts'
import { xmlAnswer } from '../answer.ts'
import type { Answer, Call } from '../call.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function listBuckets(call: Call): Promise<Answer> {
  const account = signerOf(call.auth)
  const buckets = await call.services.store.buckets(account.canonicalId)
  const content = {
    Owner: { ID: account.canonicalId, DisplayName: account.displayName },
    Buckets: { Bucket: buckets.map(({ name, creationDate }) => ({ Name: name, CreationDate: creationDate })) },
  }
  return xmlAnswer('ListAllMyBucketsResult', content, [], s3Namespace)
}
