// The access control list that PutBucketAcl and PutObjectAcl are given: in headers or in a document, never in both.
import { serviceError } from '../../domain/errors.ts'
import type { Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { aclOfDocument, aclOfHeaders, namesAcl, type StoredAcl } from './acl-request.ts'

/** `owner` is that of the bucket or object. Throws MissingSecurityHeader (nothing is asked for), UnexpectedContent (both), and what is wrong in them. */
export async function requestedAcl(call: Call, owner: string): Promise<StoredAcl> {
  const body = await readDocument(call)
  const { accounts } = call.services
  if (namesAcl(call.headers) && body.length > 0) throw serviceError('UnexpectedContent')
  const named = aclOfHeaders(call.headers, accounts)
  if (named !== null) return named
  if (body.length === 0) throw serviceError('MissingSecurityHeader')
  return aclOfDocument(body, owner, accounts)
}
