// PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy and GetBucketPolicyStatus. A policy is given back as it was put.
import { serviceError } from '../../domain/errors.ts'
import { isPublicAcl } from '../access/acl.ts'
import { openBucket } from '../access/open-bucket.ts'
import { isPublicPolicy, policyOf } from '../access/policy.ts'
import { readPolicy } from '../access/policy-document.ts'
import { blocked } from '../access/written-object.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketPolicy(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const body = await readDocument(call)
  if (body.length === 0) throw serviceError('MissingRequestBodyError')
  const policy = utf8(body)
  const { accounts } = call.services
  const read = readPolicy(policy, {
    bucket: bucket.name,
    isCanonicalId: id => accounts.findByCanonicalId(id) !== undefined,
  })
  if (bucket.settings.publicAccessBlock?.blockPublicPolicy === true && isPublicPolicy(read)) throw blocked()
  await changeSettings(call, bucket, { policy })
  return { status: 204 }
}

function utf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch (cause) {
    throw serviceError('MalformedPolicy', { message: 'This policy contains invalid Json', cause })
  }
}

export async function getBucketPolicy(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { policy } = bucket.settings
  if (policy === undefined) throw serviceError('NoSuchBucketPolicy', { details: { BucketName: bucket.name } })
  return { status: 200, headers: ['Content-Type', 'application/json'], body: policy }
}

export async function deleteBucketPolicy(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { policy: null })
  return { status: 204 }
}

/** Public by its policy or by its list, as far as these count (S3 user guide, "The meaning of public"). */
export async function getBucketPolicyStatus(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { acl, policy, ownership, publicAccessBlock } = bucket.settings
  const listCounts = ownership !== 'BucketOwnerEnforced' && publicAccessBlock?.ignorePublicAcls !== true
  const byList = listCounts && acl !== undefined && isPublicAcl(acl)
  const byPolicy = policy !== undefined && isPublicPolicy(policyOf(policy))
  return xmlAnswer('PolicyStatus', { IsPublic: byList || byPolicy }, [], s3Namespace)
}
