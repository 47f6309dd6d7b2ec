// CreateMultipartUpload: remembers everything the finished object takes over, so that completing it needs nothing but the parts.
import { refuseAnonymous } from '../access/anonymous.ts'
import { noSuchBucket, openBucket } from '../access/open-bucket.ts'
import { accessOfWrite } from '../access/written-object.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { storedEncryption } from '../encryption/sealing.ts'
import { encryptionHeaders, encryptionOfWrite } from '../encryption/write-encryption.ts'
import { xmlAnswer } from '../http/answer.ts'
import { requestedChoice } from '../objects/checksum-request.ts'
import { pushAbortDate } from '../objects/expiry-headers.ts'
import { dataStoreOf } from '../objects/object-data.ts'
import { checkRequestedLock } from '../objects/object-lock.ts'
import { readSettings } from '../objects/object-settings.ts'
import { newUploadId, storedSettings } from '../uploads/multipart.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function createMultipartUpload(call: Call): Promise<Answer> {
  const { services, key } = call
  refuseAnonymous(call, 'Anonymous users cannot initiate multipart uploads. Please authenticate.')
  const open = await openBucket(call)
  const { bucket, account } = open
  const { owner, acl } = accessOfWrite(call, open)
  const checksum = requestedChoice(call.headers) ?? null
  const object = readSettings(call.headers, services.world.clock.now())
  checkRequestedLock(call, open, object.lock)
  const encryption = encryptionOfWrite(call.headers, bucket.settings.encryption)
  const kept = storedEncryption(services, encryption)
  const initiator = { canonicalId: account.canonicalId, displayName: account.displayName }
  const settings = storedSettings({ object, checksum, encryption: kept, acl, initiator })
  dataStoreOf(services, bucket)
  const uploadId = newUploadId(call)
  const initiated = new Date(services.world.clock.now()).toISOString()
  const { canonicalId: ownerId, displayName: ownerDisplayName } = owner
  const upload = { uploadId, bucket: bucket.name, key, initiated, ownerId, ownerDisplayName, settings }
  const outcome = await services.store.createUpload(upload, bucket)
  if (outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  const headers: FlatHeaders = encryptionHeaders(encryption)
  pushAbortDate(headers, bucket, key, initiated)
  if (checksum !== null) {
    headers.push('x-amz-checksum-algorithm', checksum.algorithm, 'x-amz-checksum-type', checksum.type)
  }
  const content = { Bucket: bucket.name, Key: key, UploadId: uploadId }
  return xmlAnswer('InitiateMultipartUploadResult', content, headers, s3Namespace)
}
