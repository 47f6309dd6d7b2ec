// PutBucketLogging and GetBucketLogging: where the access log of a bucket goes. It can only go to a bucket of the same owner and location.
import type { LoggingConfiguration } from '../../domain/access-log.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { openBucket } from '../access/open-bucket.ts'
import { xmlAnswer } from '../answer.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../document-body.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { s3Namespace, type XmlContent } from '../xml/writer.ts'

export async function putBucketLogging(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const document = parseXml(await readDocument(call), defaultXmlLimits, 'BucketLoggingStatus')
  const enabled = document.optionalChild('LoggingEnabled')
  const logging = enabled === undefined ? null : readLogging(enabled)
  if (logging !== null) await checkTarget(call, bucket, logging)
  await changeSettings(call, bucket, { logging })
  return { status: 200 }
}

/** Throws MalformedXML, NotImplemented. */
function readLogging(enabled: XmlElement): LoggingConfiguration {
  const targetBucket = enabled.requiredText('TargetBucket')
  const targetPrefix = enabled.requiredText('TargetPrefix')
  if (Buffer.byteLength(targetPrefix) > limits.logPrefixBytes) {
    throw serviceError('InvalidArgument', {
      message: `The target prefix for logging cannot be longer than ${limits.logPrefixBytes} bytes.`,
      details: { ArgumentName: 'TargetPrefix' },
    })
  }
  if ((enabled.optionalChild('TargetGrants')?.elements.length ?? 0) > 0) {
    throw serviceError('NotImplemented', { details: { Element: 'TargetGrants' } })
  }
  return { targetBucket, targetPrefix, ...readFormat(enabled.optionalChild('TargetObjectKeyFormat')) }
}

type KeyFormat = Pick<LoggingConfiguration, 'simplePrefix' | 'partitionedBy'>

function readFormat(format: XmlElement | undefined): KeyFormat {
  if (format === undefined) return {}
  const simple = format.optionalChild('SimplePrefix')
  const partitioned = format.optionalChild('PartitionedPrefix')
  if ((simple === undefined) === (partitioned === undefined)) throw serviceError('MalformedXML')
  if (partitioned === undefined) return { simplePrefix: true }
  const source = partitioned.optionalText('PartitionDateSource') ?? 'DeliveryTime'
  if (source !== 'EventTime' && source !== 'DeliveryTime') throw serviceError('MalformedXML')
  return { partitionedBy: source }
}

/** Throws InvalidTargetBucketForLogging. */
async function checkTarget(call: Call, bucket: Bucket, { targetBucket }: LoggingConfiguration): Promise<void> {
  const target = await call.services.store.bucket(targetBucket)
  if (target?.ownerId === bucket.ownerId && target.locationConstraint === bucket.locationConstraint) return
  throw serviceError('InvalidTargetBucketForLogging', { details: { TargetBucket: targetBucket.slice(0, 255) } })
}

export async function getBucketLogging(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { logging } = bucket.settings
  const content = logging === undefined ? {} : { LoggingEnabled: loggingContent(logging) }
  return xmlAnswer('BucketLoggingStatus', content, [], s3Namespace)
}

function loggingContent({ targetBucket, targetPrefix, ...format }: LoggingConfiguration): XmlContent {
  return { TargetBucket: targetBucket, TargetPrefix: targetPrefix, TargetObjectKeyFormat: formatContent(format) }
}

function formatContent({ simplePrefix, partitionedBy }: KeyFormat): XmlContent | undefined {
  if (partitionedBy !== undefined) return { PartitionedPrefix: { PartitionDateSource: partitionedBy } }
  return simplePrefix === undefined ? undefined : { SimplePrefix: {} }
}
