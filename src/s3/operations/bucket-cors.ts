// PutBucketCors, GetBucketCors and DeleteBucketCors.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { corsConfigurationContent, parseCorsConfiguration } from '../cors/cors-configuration.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketCors(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const body = await readDocument(call, {}, limits.corsDocumentBytes)
  const cors = parseCorsConfiguration(parseXml(body, defaultXmlLimits, 'CORSConfiguration'))
  await changeSettings(call, bucket, { cors })
  return { status: 200 }
}

export async function getBucketCors(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { cors } = bucket.settings
  if (cors === undefined) {
    throw serviceError('NoSuchCORSConfiguration', { details: { BucketName: bucket.name } })
  }
  return xmlAnswer('CORSConfiguration', corsConfigurationContent(cors), [], s3Namespace)
}

export async function deleteBucketCors(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { cors: null })
  return { status: 204 }
}
