// HeadBucket, DeleteBucket and GetBucketLocation.
import type { Bucket } from '../../domain/bucket.ts'
import { errorCatalogue, type ServiceError, serviceError } from '../../domain/errors.ts'
import { noSuchBucket, openBucket } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { escapeXml, s3Namespace } from '../xml/writer.ts'
import { bucketArn, defaultLocation } from './create-bucket.ts'

export async function headBucket(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const headers = ['x-amz-bucket-region', bucket.locationConstraint, 'x-amz-bucket-arn', bucketArn(bucket.name)]
  return { status: 200, headers, length: 0 }
}

export async function deleteBucket(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const outcome = await call.services.store.deleteBucket(bucket.name, bucket)
  if (outcome === 'no-such-bucket') throw noSuchBucket(bucket.name)
  if (outcome === 'not-empty') throw notEmpty(bucket)
  return { status: 204 }
}

function notEmpty({ name, versioning }: Bucket): ServiceError {
  const details = { BucketName: name }
  if (versioning === 'Unversioned') return serviceError('BucketNotEmpty', { details })
  // It may look empty to who lists its objects.
  const message = `${errorCatalogue.BucketNotEmpty.message} You must delete all versions in the bucket.`
  return serviceError('BucketNotEmpty', { message, details })
}

export async function getBucketLocation(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const name = bucket.locationConstraint === defaultLocation ? '' : escapeXml(bucket.locationConstraint)
  const content = name === '' ? '/>' : `>${name}</LocationConstraint>`
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="${s3Namespace}"${content}`
  return { status: 200, headers: ['Content-Type', 'application/xml'], body }
}
