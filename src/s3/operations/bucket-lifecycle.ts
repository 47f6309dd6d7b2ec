// PutBucketLifecycleConfiguration, GetBucketLifecycleConfiguration and DeleteBucketLifecycle. The rules are carried out in the background
// (src/lifecycle).
import { serviceError } from '../../domain/errors.ts'
import type { TransitionMinimum } from '../../domain/lifecycle-rule.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { lifecycleContent, parseLifecycleConfiguration } from '../documents/lifecycle-configuration.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

const minimumHeader = 'x-amz-transition-default-minimum-object-size'

function readMinimum(call: Call): TransitionMinimum {
  const value = call.headers.get(minimumHeader) ?? 'all_storage_classes_128K'
  if (value === 'all_storage_classes_128K' || value === 'varies_by_storage_class') return value
  throw serviceError('InvalidRequest', { message: `Invalid TransitionDefaultMinimumObjectSize found: ${value}` })
}

export async function putBucketLifecycleConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const transitionMinimum = readMinimum(call)
  const root = parseXml(await readDocument(call), defaultXmlLimits, 'LifecycleConfiguration')
  const rules = parseLifecycleConfiguration(root, () => call.services.world.random.uuid())
  await changeSettings(call, bucket, { lifecycle: { rules, transitionMinimum } })
  return { status: 200, headers: [minimumHeader, transitionMinimum] }
}

export async function getBucketLifecycleConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { lifecycle } = bucket.settings
  if (lifecycle === undefined) {
    throw serviceError('NoSuchLifecycleConfiguration', { details: { BucketName: bucket.name } })
  }
  const headers = [minimumHeader, lifecycle.transitionMinimum]
  return xmlAnswer('LifecycleConfiguration', lifecycleContent(lifecycle), headers, s3Namespace)
}

export async function deleteBucketLifecycle(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { lifecycle: null })
  return { status: 204 }
}
