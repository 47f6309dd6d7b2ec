// PutBucketAccelerateConfiguration and GetBucketAccelerateConfiguration: kept as told. There are no other endpoints than this server's own, so it
// changes nothing else.
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketAccelerateConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const document = parseXml(await readDocument(call), defaultXmlLimits, 'AccelerateConfiguration')
  const status = document.requiredText('Status')
  if (status !== 'Enabled' && status !== 'Suspended') throw serviceError('MalformedXML')
  if (bucket.name.includes('.')) {
    throw serviceError('InvalidRequest', {
      message: 'S3 Transfer Acceleration is not supported for buckets with periods (.) in their names',
    })
  }
  // One that was never enabled has no state to be suspended from.
  if (status === 'Enabled' || bucket.settings.accelerate !== undefined) {
    await changeSettings(call, bucket, { accelerate: status })
  }
  return { status: 200 }
}

export async function getBucketAccelerateConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  return xmlAnswer('AccelerateConfiguration', { Status: bucket.settings.accelerate }, [], s3Namespace)
}
