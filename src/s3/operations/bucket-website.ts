// PutBucketWebsite, GetBucketWebsite and DeleteBucketWebsite: the configuration. Websites are served by src/s3/website/.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { parseWebsiteConfiguration, websiteConfigurationContent } from '../website/website-configuration.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketWebsite(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const body = await readDocument(call, {}, limits.websiteDocumentBytes)
  const website = parseWebsiteConfiguration(parseXml(body, defaultXmlLimits, 'WebsiteConfiguration'))
  await changeSettings(call, bucket, { website })
  return { status: 200 }
}

export async function getBucketWebsite(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { website } = bucket.settings
  if (website === undefined) throw serviceError('NoSuchWebsiteConfiguration', { details: { BucketName: bucket.name } })
  return xmlAnswer('WebsiteConfiguration', websiteConfigurationContent(website), [], s3Namespace)
}

export async function deleteBucketWebsite(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { website: null })
  return { status: 204 }
}
