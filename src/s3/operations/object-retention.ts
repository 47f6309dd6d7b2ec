// PutObjectRetention, GetObjectRetention, PutObjectLegalHold and GetObjectLegalHold: what keeps one version. A change is judged by the retention
// it replaces, and made only if that is still the one.
import { serviceError } from '../../domain/errors.ts'
import { forbidsRetention, type Retention } from '../../domain/object-lock.ts'
import { type OpenBucket, openBucket, openWithBody } from '../access/open-bucket.ts'
import type { LaterFacts } from '../access/request-facts.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import {
  isRetentionMode,
  lockCheck,
  lockedVersion,
  lockHeaders,
  parseLockDate,
  pastDate,
  requireObjectLock,
} from '../objects/object-lock.ts'
import { requestedLockVersion, type VersionAddress } from '../objects/version-address.ts'
import { changeFields, findDescribed, versionHeaders } from '../objects/version-change.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

async function readRoot(call: Call, name: string): Promise<XmlElement> {
  const body = await readDocument(call)
  if (body.length === 0) throw serviceError('MissingRequestBodyError')
  return parseXml(body, defaultXmlLimits, name)
}

/** Null: the version is to be kept no longer. Throws MalformedXML, InvalidArgument. */
function readRetention(root: XmlElement, nowMs: number): Retention | null {
  const mode = root.optionalText('Mode')
  const date = root.optionalText('RetainUntilDate')
  if (mode === undefined && date === undefined && root.elements.length === 0) return null
  const until = date === undefined ? undefined : parseLockDate(date)
  if (!isRetentionMode(mode) || date === undefined || until === undefined) throw serviceError('MalformedXML')
  if (Date.parse(until) <= nowMs) throw pastDate(date)
  return { mode, date: until }
}

/** What policies may ask of a retention and of a legal hold: as if they stood in headers. */
function retentionFacts(retention: Retention | null): LaterFacts {
  if (retention === null) return {}
  return {
    lock: new Map([
      [lockHeaders.mode, retention.mode],
      [lockHeaders.date, retention.date],
    ]),
  }
}

function holdFacts(status: string): LaterFacts {
  return { lock: new Map([[lockHeaders.legalHold, status]]) }
}

async function readHold(call: Call): Promise<'ON' | 'OFF'> {
  const status = (await readRoot(call, 'LegalHold')).optionalText('Status')
  if (status !== 'ON' && status !== 'OFF') throw serviceError('MalformedXML')
  return status
}

/** The version whose lock is to be changed. Throws InvalidRequest (see `requireObjectLock`). */
async function lockableVersion(call: Call, { bucket }: OpenBucket): Promise<VersionAddress> {
  const version = requestedLockVersion(call)
  const mayCarryLock = bucket.settings.objectLock === undefined
  const record = mayCarryLock
    ? await call.services.store.version({ bucket: bucket.name, key: call.key, version })
    : null
  requireObjectLock(bucket, record)
  return version
}

export async function putObjectRetention(call: Call): Promise<Answer> {
  const now = call.services.world.clock.now()
  const read = async () => readRetention(await readRoot(call, 'Retention'), now)
  const { open, body: wanted } = await openWithBody(call, read, retentionFacts)
  const address = await lockableVersion(call, open)
  const check = lockCheck(call, open)
  const found = await changeFields(call, open, {
    originOp: 's3:ObjectRetention:Put',
    trigger: 'put-retention',
    address,
    guardRetention: true,
    fields: ({ metadata }) => {
      if (forbidsRetention(metadata, wanted, check)) throw lockedVersion()
      return { retentionMode: wanted?.mode ?? null, retentionDate: wanted?.date ?? null }
    },
  })
  return 'refusal' in found ? found.refusal : { status: 200, headers: versionHeaders(open, found.record) }
}

function notLocked() {
  return serviceError('NoSuchObjectLockConfiguration')
}

export async function getObjectRetention(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const found = await findDescribed(call, open, requestedLockVersion(call))
  if ('refusal' in found) return found.refusal
  requireObjectLock(open.bucket, found.record)
  const { retentionMode, retentionDate } = found.record.metadata
  if (retentionMode === undefined || retentionDate === undefined) throw notLocked()
  const content = { Mode: retentionMode, RetainUntilDate: retentionDate }
  return xmlAnswer('Retention', content, versionHeaders(open, found.record), s3Namespace)
}

export async function putObjectLegalHold(call: Call): Promise<Answer> {
  const { open, body: status } = await openWithBody(call, () => readHold(call), holdFacts)
  const address = await lockableVersion(call, open)
  const fields = () => ({ legalHold: status === 'ON' })
  const trigger = 'put-legal-hold'
  const found = await changeFields(call, open, { originOp: 's3:ObjectLegalHold:Put', trigger, fields, address })
  return 'refusal' in found ? found.refusal : { status: 200, headers: versionHeaders(open, found.record) }
}

export async function getObjectLegalHold(call: Call): Promise<Answer> {
  const open = await openBucket(call)
  const found = await findDescribed(call, open, requestedLockVersion(call))
  if ('refusal' in found) return found.refusal
  requireObjectLock(open.bucket, found.record)
  const { legalHold } = found.record.metadata
  if (legalHold === undefined) throw notLocked()
  const content = { Status: legalHold ? 'ON' : 'OFF' }
  return xmlAnswer('LegalHold', content, versionHeaders(open, found.record), s3Namespace)
}
