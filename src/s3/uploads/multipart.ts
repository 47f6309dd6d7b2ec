// What the multipart operations share: how an upload is addressed, what is remembered between its creation and its completion, and the
// numbers of its parts.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { AccessControlList } from '../../domain/object-metadata.ts'
import type { Upload } from '../../metadata/metadata-store.ts'
import type { Call } from '../call.ts'
import type { StoredEncryption } from '../encryption/sealing.ts'
import { invalidArgument } from '../http/answer.ts'
import type { ChecksumChoice } from '../objects/checksum-request.ts'
import { noSettings, type ObjectSettings } from '../objects/object-settings.ts'
import { type Initiator, initiatorOfUpload } from './upload-initiator.ts'

/** What the completed version takes over from the request that created the upload. */
export interface UploadSettings {
  readonly object: ObjectSettings
  /** Null: the client chose none. */
  readonly checksum: ChecksumChoice | null
  /** Absent in uploads that began before lists were kept. */
  readonly acl?: AccessControlList
  /** Who began the upload; the object may be somebody else's. */
  readonly initiator?: Initiator
  /** Left out by uploads of before there was encryption. */
  readonly encryption?: StoredEncryption
}

const notEncrypted: StoredEncryption = { kind: 'none' }

export function encryptionOfUpload({ encryption = notEncrypted }: UploadSettings): StoredEncryption {
  return encryption
}

/** The settings as the store keeps them. */
export function storedSettings(settings: UploadSettings): string {
  return JSON.stringify(settings)
}

export function settingsOfUpload(upload: Upload): UploadSettings {
  const settings: UploadSettings = JSON.parse(upload.settings)
  // Uploads of former versions of this program know nothing of what came later.
  return { ...settings, object: { ...noSettings, ...settings.object } }
}

/** Owner and initiator as the listings show them. */
export function peopleOfUpload(upload: Upload): Record<'Initiator' | 'Owner', { ID: string; DisplayName: string }> {
  const owner = { ID: upload.ownerId, DisplayName: upload.ownerDisplayName }
  const { canonicalId, displayName } = initiatorOfUpload(upload)
  return { Initiator: { ID: canonicalId, DisplayName: displayName }, Owner: owner }
}

/** Upload ids begin with the time, so that the uploads of one key are listed in the order in which they were created. */
export function newUploadId(call: Call): string {
  const { clock, random } = call.services.world
  return clock.now().toString(16).padStart(12, '0') + Buffer.from(random.bytes(14)).toString('hex')
}

export function noSuchUpload(uploadId: string): Error {
  return serviceError('NoSuchUpload', { details: { UploadId: uploadId.slice(0, 1024) } })
}

export function requestedUploadId(call: Call): string {
  return call.query.get('uploadId') ?? ''
}

/** The upload a request is about. Throws NoSuchUpload. */
export async function findUpload(call: Call): Promise<Upload> {
  const uploadId = requestedUploadId(call)
  const upload = uploadId === '' ? null : await call.services.store.upload(call.bucket, call.key, uploadId)
  if (upload === null) throw noSuchUpload(uploadId)
  return upload
}

export const partNumberMessage = `Part number must be an integer between 1 and ${limits.partNumberMax}, inclusive.`

/** Reads partNumber. Throws InvalidArgument. */
export function requestedPartNumber(call: Call): number {
  const text = call.query.get('partNumber') ?? ''
  const partNumber = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (partNumber >= 1 && partNumber <= limits.partNumberMax) return partNumber
  throw invalidArgument(partNumberMessage, 'partNumber', text)
}
