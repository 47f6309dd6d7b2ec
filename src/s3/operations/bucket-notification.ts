// PutBucketNotificationConfiguration and GetBucketNotificationConfiguration. An empty document turns notifications off. The events are delivered
// in the background (src/notifications).
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { notificationContent, parseNotificationConfiguration } from '../documents/notification-configuration.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketNotificationConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { world, notificationTargets } = call.services
  const root = parseXml(await readDocument(call), defaultXmlLimits, 'NotificationConfiguration')
  const isUnchecked = call.headers.get('x-amz-skip-destination-validation')?.toLowerCase() === 'true'
  const settings = parseNotificationConfiguration(root, {
    targets: isUnchecked ? null : notificationTargets,
    makeId: () => world.random.uuid(),
  })
  const isOff = settings.rules.length === 0 && !settings.eventBridge
  await changeSettings(call, bucket, { notification: isOff ? null : settings })
  return { status: 200 }
}

export async function getBucketNotificationConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  return xmlAnswer('NotificationConfiguration', notificationContent(bucket.settings.notification), [], s3Namespace)
}
