// What the multipart operations share: finding the upload, its settings as they were when it was created, and part numbers.
import { serviceError } from '../domain/errors.ts'
import { limits } from '../domain/limits.ts'
import type { Upload, UploadPart } from '../metadata/metadata-store.ts'
import { invalidArgument } from './answer.ts'
import type { Call } from './call.ts'
import { type ChecksumChoice, checksumContent } from './checksum-request.ts'
import { quoted } from './object-headers.ts'
import type { ObjectSettings } from './object-settings.ts'
import type { XmlContent } from './xml/writer.ts'

/** Kept as JSON with the upload until the object is made. */
export interface UploadSettings extends ObjectSettings {
  readonly checksum?: ChecksumChoice
}

/** The upload that the request names. Throws NoSuchUpload. */
export async function findUpload(call: Call): Promise<Upload> {
  const uploadId = call.query.get('uploadId') ?? ''
  const upload = await call.services.store.upload(call.bucket, call.key, uploadId)
  if (upload === null) throw noSuchUpload(uploadId)
  return upload
}

export function noSuchUpload(uploadId: string): Error {
  return serviceError('NoSuchUpload', { details: { UploadId: uploadId.slice(0, 1024) } })
}

/** The settings an upload was created with; they are this server's own writing. */
export function settingsOf(upload: Upload): UploadSettings {
  const settings: UploadSettings = JSON.parse(upload.settings)
  return settings
}

/** Reads the partNumber parameter. Throws InvalidArgument. */
export function requestedPartNumber(call: Call): number {
  const text = call.query.get('partNumber') ?? ''
  const partNumber = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (partNumber >= 1 && partNumber <= limits.partNumberMax) return partNumber
  const message = `Part number must be an integer between 1 and ${limits.partNumberMax}, inclusive`
  throw invalidArgument(message, 'partNumber', text)
}

export function listedPart(part: UploadPart): XmlContent {
  return {
    PartNumber: part.partNumber,
    LastModified: part.lastModified,
    ETag: quoted(part.etag),
    Size: part.size,
    ...checksumContent(part.checksum),
  }
}
