// DeleteObjects: up to a thousand deletions in one request, each with its own outcome; the body must be vouched for by a digest.
import { defects } from '../../base/channels.ts'
import { checksumAlgorithms } from '../../base/hash.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'

import type { WriteCondition } from '../../metadata/metadata-store.ts'

import { type OpenBucket, openForKeys, requireDeed } from '../access/open-bucket.ts'
import { checksumHeaders } from '../auth/payload-check.ts'
import { openAfterBody } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { notImplemented, xmlAnswer } from '../http/answer.ts'
import { checkKeyLength } from '../http/request-target.ts'
import { deleteCondition } from '../objects/conditions.ts'
import { lockCheck } from '../objects/object-lock.ts'
import { addressedVersion } from '../objects/version-address.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { s3Namespace, type XmlContent } from '../xml/writer.ts'
import { deleteOne } from './delete-object.ts'

interface Wanted {
  readonly key: string
  /** As the client wrote it. */
  readonly versionId?: string
  readonly condition?: WriteCondition
}

type Outcome = { readonly deleted: XmlContent } | { readonly refused: XmlContent }

function requireDigest(call: Call): void {
  const { headers } = call
  if (headers.has('content-md5') || headers.has('x-amz-trailer')) return
  if (checksumAlgorithms.some(algorithm => headers.has(checksumHeaders[algorithm]))) return
  throw serviceError('InvalidRequest', {
    message: 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
  })
}

function readWanted(element: XmlElement): Wanted {
  const versionId = element.optionalText('VersionId')
  const condition = deleteCondition({
    etag: element.optionalText('ETag'),
    modified: element.optionalText('LastModifiedTime'),
    size: element.optionalText('Size'),
  })
  return {
    key: element.requiredText('Key'),
    ...(versionId === undefined ? undefined : { versionId }),
    ...(condition !== undefined && { condition }),
  }
}

export async function deleteObjects(call: Call): Promise<Answer> {
  const before = await openForKeys(call)
  requireDigest(call)
  if (call.headers.has('x-amz-mfa')) throw notImplemented('x-amz-mfa')
  const body = await readDocument(call)
  if (body.length === 0) throw serviceError('MissingRequestBodyError')
  const root = parseXml(body, defaultXmlLimits, 'Delete')
  const wanted = root.children('Object').map(readWanted)
  if (wanted.length === 0 || wanted.length > limits.deleteObjectsMax) throw serviceError('MalformedXML')
  const open = await openAfterBody(call, before)
  const quiet = root.optionalText('Quiet')?.toLowerCase() === 'true'
  const outcomes = await outcomesOf(call, open, wanted)
  // Strangers are not told key by key.
  if (call.auth.kind === 'anonymous' && outcomes.every(isDenied)) throw serviceError('AccessDenied')
  const deleted = quiet ? [] : outcomes.flatMap(outcome => ('deleted' in outcome ? [outcome.deleted] : []))
  const refused = outcomes.flatMap(outcome => ('refused' in outcome ? [outcome.refused] : []))
  return xmlAnswer('DeleteResult', { Deleted: deleted, Error: refused }, [], s3Namespace)
}

/** Policies may be long: others have their turn between so many keys. */
const keysAtOnce = 16

/** All at once: the store takes them in order and flushes them together. */
async function outcomesOf(call: Call, open: OpenBucket, wanted: readonly Wanted[]): Promise<Outcome[]> {
  const hasPolicy = open.bucket.settings.policy !== undefined
  const { timers } = call.services.world
  const started: Promise<Outcome>[] = []
  for (const item of wanted) {
    if (hasPolicy && started.length % keysAtOnce === keysAtOnce - 1) await new Promise<void>(timers.immediate)
    started.push(deleteWanted(call, open, item))
  }
  return await Promise.all(started)
}

function isDenied(outcome: Outcome): boolean {
  return 'refused' in outcome && outcome.refused['Code'] === 'AccessDenied'
}

async function deleteWanted(call: Call, open: OpenBucket, wanted: Wanted): Promise<Outcome> {
  const { key, versionId, condition } = wanted
  try {
    if (key === '') throw serviceError('UserKeyMustBeSpecified')
    checkKeyLength(key)
    const version = versionId === undefined || versionId === '' ? 'latest' : addressedVersion(versionId)
    if (version === 'latest') requireDeed(call, open, { action: 's3:DeleteObject', key, versionId: null })
    else requireDeed(call, open, { action: 's3:DeleteObjectVersion', key, versionId: versionId ?? null })
    const lock = lockCheck(call, open, key)
    const done = await deleteOne(call, open.bucket, open.account, {
      key,
      version,
      lock,
      ...(condition !== undefined && { condition }),
    })
    const marker = done.deleteMarker ? { DeleteMarker: true, DeleteMarkerVersionId: done.versionId } : {}
    return { deleted: { Key: key, VersionId: version === 'latest' ? undefined : versionId, ...marker } }
  } catch (error) {
    const refusal = error instanceof ServiceError ? error : serviceError('InternalError', { cause: error })
    if (refusal !== error) defects.publish({ where: 'DeleteObjects', requestId: call.requestId, error })
    return { refused: { Key: key, VersionId: versionId, Code: refusal.code, Message: refusal.message } }
  }
}
