// PutBucketLogging and GetBucketLogging: where the access log of a bucket goes. It can only go to a bucket of the same owner and location that locks
// nothing by default, and only by those who could write there themselves: it is delivered as its owner would write it.

import type { AccountDirectory } from '../../accounts/account-directory.ts'
import { type LogGrant, type LoggingConfiguration, logPermissions } from '../../domain/access-log.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { readGrantee } from '../access/acl-request.ts'
import { granteeContent } from '../access/acl-xml.ts'
import { type OpenBucket, openBucket, requireAction } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { s3Namespace, type XmlContent } from '../xml/writer.ts'

export async function putBucketLogging(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const { bucket } = open
  const document = parseXml(await readDocument(call), defaultXmlLimits, 'BucketLoggingStatus')
  const enabled = document.optionalChild('LoggingEnabled')
  const logging = enabled === undefined ? null : readLogging(enabled, call.services.accounts)
  if (logging !== null) await checkTarget(call, open, logging)
  await changeSettings(call, bucket, { logging })
  return { status: 200 }
}

/** Throws MalformedXML, InvalidArgument, UnresolvableGrantByEmailAddress, AmbiguousGrantByEmailAddress. */
function readLogging(enabled: XmlElement, accounts: AccountDirectory): LoggingConfiguration {
  const targetBucket = enabled.requiredText('TargetBucket')
  const targetPrefix = enabled.requiredText('TargetPrefix')
  if (Buffer.byteLength(targetPrefix) > limits.logPrefixBytes) {
    throw serviceError('InvalidArgument', {
      message: `The target prefix for logging cannot be longer than ${limits.logPrefixBytes} bytes.`,
      details: { ArgumentName: 'TargetPrefix' },
    })
  }
  const grants = readGrants(enabled.optionalChild('TargetGrants'), accounts)
  return {
    targetBucket,
    targetPrefix,
    ...readFormat(enabled.optionalChild('TargetObjectKeyFormat')),
    ...(grants.length > 0 && { grants }),
  }
}

function readGrants(list: XmlElement | undefined, accounts: AccountDirectory): readonly LogGrant[] {
  return (list?.elements ?? []).map(element => {
    const grantee = element.name === 'Grant' ? element.optionalChild('Grantee') : undefined
    if (grantee === undefined) throw serviceError('MalformedXML')
    const text = element.requiredText('Permission')
    const permission = logPermissions.find(known => known === text)
    if (permission === undefined) throw serviceError('MalformedXML')
    return { grantee: readLogGrantee(grantee, accounts), permission }
  })
}

function readLogGrantee(element: XmlElement, accounts: AccountDirectory): string {
  try {
    return readGrantee(element, accounts)
  } catch (error) {
    // This document is no list of its own, so that what is wrong with its form is said as of others.
    if (error instanceof ServiceError && error.code === 'MalformedACLError') throw serviceError('MalformedXML')
    throw error
  }
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

/** Throws InvalidTargetBucketForLogging, AccessControlListNotSupported (grants for a bucket that has none), AccessDenied. */
async function checkTarget(call: Call, open: OpenBucket, logging: LoggingConfiguration): Promise<void> {
  const { targetBucket, targetPrefix, grants = [] } = logging
  const target = await call.services.store.bucket(targetBucket)
  const details = { TargetBucket: targetBucket.slice(0, 255) }
  if (target === null || !maySendTo(open.bucket, target)) {
    throw serviceError('InvalidTargetBucketForLogging', { details })
  }
  const ignoresGrants = target.settings.ownership === 'BucketOwnerEnforced'
  if (grants.length > 0 && ignoresGrants) throw serviceError('AccessControlListNotSupported')
  const openTarget = { ...open, bucket: target }
  requireAction(call, openTarget, 's3:PutObject', targetPrefix)
  if (grants.length > 0) requireAction(call, openTarget, 's3:PutObjectAcl', targetPrefix)
  if (target.settings.objectLock?.defaultRetention !== undefined) {
    const message = 'The target bucket for logging must not have an Object Lock default retention period.'
    throw serviceError('InvalidTargetBucketForLogging', { message, details })
  }
}

function maySendTo({ ownerId, locationConstraint }: Bucket, target: Bucket): boolean {
  return target.ownerId === ownerId && target.locationConstraint === locationConstraint
}

export async function getBucketLogging(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { logging } = bucket.settings
  const content = logging === undefined ? {} : { LoggingEnabled: loggingContent(call, logging) }
  return xmlAnswer('BucketLoggingStatus', content, [], s3Namespace)
}

function loggingContent(
  call: Call,
  { targetBucket, targetPrefix, grants, ...format }: LoggingConfiguration,
): XmlContent {
  const nameOf = (id: string) => call.services.accounts.findByCanonicalId(id)?.displayName
  const shown = grants?.map(grant => ({ Grantee: granteeContent(grant, nameOf), Permission: grant.permission }))
  return {
    TargetBucket: targetBucket,
    TargetGrants: shown === undefined ? undefined : { Grant: shown },
    TargetPrefix: targetPrefix,
    TargetObjectKeyFormat: formatContent(format),
  }
}

function formatContent({ simplePrefix, partitionedBy }: KeyFormat): XmlContent | undefined {
  if (partitionedBy !== undefined) return { PartitionedPrefix: { PartitionDateSource: partitionedBy } }
  return simplePrefix === undefined ? undefined : { SimplePrefix: {} }
}
