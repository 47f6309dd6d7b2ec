// PutObjectLockConfiguration and GetObjectLockConfiguration: object lock of a bucket, which once enabled stays, and what new versions are kept by.
import type { ObjectLockSettings } from '../../domain/bucket-settings.ts'
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeBucket } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { isRetentionMode } from '../objects/object-lock.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

/** About a hundred years, as S3 has it. */
const periodMax = { days: 36_500, years: 100 } as const

/** Throws MalformedXML, InvalidRetentionPeriod, InvalidArgument. */
function readSettings(root: XmlElement): ObjectLockSettings {
  if (root.optionalText('ObjectLockEnabled') !== 'Enabled') throw serviceError('MalformedXML')
  const rule = root.optionalChild('Rule')
  if (rule === undefined) return {}
  const retention = rule.requiredChild('DefaultRetention')
  const mode = retention.optionalText('Mode')
  const days = retention.optionalText('Days')
  const years = retention.optionalText('Years')
  if (!isRetentionMode(mode) || (days === undefined) === (years === undefined)) throw serviceError('MalformedXML')
  const period = days === undefined ? { years: readPeriod(years, 'years') } : { days: readPeriod(days, 'days') }
  return { defaultRetention: { mode, period } }
}

function readPeriod(text = '', unit: 'days' | 'years'): number {
  if (!/^-?\d{1,10}$/.test(text.trim())) throw serviceError('MalformedXML')
  const period = Number(text)
  if (period <= 0) throw serviceError('InvalidRetentionPeriod')
  if (period <= periodMax[unit]) return period
  const message = `Default retention period too large. It must be at most ${periodMax[unit]} ${unit}.`
  throw serviceError('InvalidArgument', { message })
}

export async function putObjectLockConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const body = await readDocument(call)
  if (body.length === 0) throw serviceError('MissingRequestBodyError')
  const objectLock = readSettings(parseXml(body, defaultXmlLimits, 'ObjectLockConfiguration'))
  if ((await changeBucket(call, bucket, { settings: { objectLock } })) === 'refused') {
    const message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
    throw serviceError('InvalidBucketState', { message })
  }
  return { status: 200 }
}

export async function getObjectLockConfiguration(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { objectLock } = bucket.settings
  if (objectLock === undefined) {
    throw serviceError('ObjectLockConfigurationNotFoundError', { details: { BucketName: bucket.name } })
  }
  const { defaultRetention } = objectLock
  const content = { ObjectLockEnabled: 'Enabled', ...(defaultRetention && { Rule: ruleContent(defaultRetention) }) }
  return xmlAnswer('ObjectLockConfiguration', content, [], s3Namespace)
}

function ruleContent({ mode, period }: NonNullable<ObjectLockSettings['defaultRetention']>) {
  const amount = 'days' in period ? { Days: period.days } : { Years: period.years }
  return { DefaultRetention: { Mode: mode, ...amount } }
}
