// PutBucketOwnershipControls, GetBucketOwnershipControls and DeleteBucketOwnershipControls: who owns what is written, and whether lists are in force.
import type { ObjectOwnership } from '../../domain/bucket-access.ts'
import { serviceError } from '../../domain/errors.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { openBucket } from '../access/open-bucket.ts'
import { isOwnership, refuseEnforced } from '../access/ownership.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

const notAnonymous = (what: 'Put' | 'Get') => `s3:${what}BucketOwnershipControls does not support Anonymous requests!`

async function requestedOwnership(call: Call): Promise<ObjectOwnership> {
  const root = parseXml(await readDocument(call), defaultXmlLimits, 'OwnershipControls')
  const ownership = root.requiredChild('Rule').requiredText('ObjectOwnership').trim()
  if (!isOwnership(ownership)) throw serviceError('MalformedXML')
  return ownership
}

export async function putBucketOwnershipControls(call: Call): Promise<Answer> {
  refuseAnonymous(call, notAnonymous('Put'))
  const { bucket } = await openBucket(call)
  const ownership = await requestedOwnership(call)
  refuseEnforced(ownership, bucket.settings.acl, bucket.ownerId)
  await changeSettings(call, bucket, { ownership })
  return { status: 200 }
}

export async function getBucketOwnershipControls(call: Call): Promise<Answer> {
  refuseAnonymous(call, notAnonymous('Get'))
  const { bucket } = await openBucket(call)
  const { ownership } = bucket.settings
  if (ownership === undefined) {
    throw serviceError('OwnershipControlsNotFoundError', { details: { BucketName: bucket.name } })
  }
  return xmlAnswer('OwnershipControls', { Rule: { ObjectOwnership: ownership } }, [], s3Namespace)
}

export async function deleteBucketOwnershipControls(call: Call): Promise<Answer> {
  refuseAnonymous(call, notAnonymous('Put'))
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { ownership: null })
  return { status: 204 }
}
