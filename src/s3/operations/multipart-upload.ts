// AbortMultipartUpload, ListParts and ListMultipartUploads.
import { limits } from '../../domain/limits.ts'
import type { Upload } from '../../metadata/metadata-store.ts'
import { openBucket } from '../access.ts'
import { xmlAnswer } from '../answer.ts'
import type { Answer, Call } from '../call.ts'
import { countParameter, listParameters, unlessEmpty } from '../listing.ts'
import { findUpload, listedPart, noSuchUpload, settingsOf } from '../multipart.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function abortMultipartUpload(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const uploadId = call.query.get('uploadId') ?? ''
  const outcome = await call.services.store.abortUpload(bucket.name, call.key, uploadId)
  if (outcome === 'no-such-upload') throw noSuchUpload(uploadId)
  return { status: 204 }
}

export async function listParts(call: Call): Promise<Answer> {
  await openBucket(call)
  const parameters = listParameters(call)
  const max = countParameter(call, 'max-parts', limits.listKeysMax)
  const marker = call.query.has('part-number-marker') ? countParameter(call, 'part-number-marker', 2 ** 31 - 1) : 0
  const upload = await findUpload(call)
  const beyond = (await call.services.store.parts(upload.uploadId)).filter(part => part.partNumber > marker)
  const shown = beyond.slice(0, max)
  const truncated = max > 0 && beyond.length > max
  const owner = { ID: upload.ownerId, DisplayName: upload.ownerDisplayName }
  const { checksum, storageClass } = settingsOf(upload)
  const content = {
    Bucket: call.bucket,
    Key: parameters.shown(call.key),
    UploadId: upload.uploadId,
    Initiator: owner,
    Owner: owner,
    StorageClass: storageClass,
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
    PartNumberMarker: marker,
    NextPartNumberMarker: truncated ? shown.at(-1)?.partNumber : undefined,
    MaxParts: max,
    EncodingType: parameters.encodingType,
    IsTruncated: truncated,
    Part: shown.map(listedPart),
  }
  return xmlAnswer('ListPartsResult', content, [], s3Namespace)
}

interface UploadPosition {
  readonly key: string
  readonly uploadId: string
}

/** Sorts behind every upload id, and as the end of a key behind every key that begins so. */
const last = '\u{10ffff}'

/** Behind every key of a common prefix. */
function afterPrefix(common: string): UploadPosition {
  return { key: `${common}${last}`, uploadId: last }
}

function startOf(keyMarker: string, uploadIdMarker: string, delimiter: string): UploadPosition | null {
  if (keyMarker === '') return null
  if (uploadIdMarker !== '') return { key: keyMarker, uploadId: uploadIdMarker }
  // A page that ended with a common prefix is followed by what comes after all of it.
  return delimiter !== '' && keyMarker.endsWith(delimiter) ? afterPrefix(keyMarker) : { key: keyMarker, uploadId: last }
}

/** The markers that name a position to the client. */
function shownPosition({ key, uploadId }: UploadPosition): { key: string; uploadId: string | undefined } {
  return uploadId === last ? { key: key.slice(0, -last.length), uploadId: undefined } : { key, uploadId }
}

interface UploadPage {
  readonly uploads: readonly Upload[]
  readonly prefixes: readonly string[]
  /** Where to go on; undefined when everything was listed. */
  readonly next: UploadPosition | undefined
}

/** One page of uploads, rolled up at the delimiter; each common prefix counts once and is then skipped as a whole. */
async function pageOfUploads(
  call: Call,
  scope: { readonly prefix: string; readonly delimiter: string; readonly max: number },
  start: UploadPosition | null,
): Promise<UploadPage> {
  const { prefix, delimiter, max } = scope
  const uploads: Upload[] = []
  const prefixes: string[] = []
  let position = start
  if (max === 0) return { uploads, prefixes, next: undefined }
  for (;;) {
    const found = await call.services.store.uploads(call.bucket, prefix, position, max + 1)
    let jumped = false
    for (const upload of found) {
      if (uploads.length + prefixes.length === max) return { uploads, prefixes, next: position ?? undefined }
      const cut = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length)
      if (cut < 0) {
        uploads.push(upload)
        position = { key: upload.key, uploadId: upload.uploadId }
        continue
      }
      const common = upload.key.slice(0, cut + delimiter.length)
      prefixes.push(common)
      position = afterPrefix(common)
      jumped = true
      break
    }
    if (!jumped && found.length <= max) return { uploads, prefixes, next: undefined }
  }
}

export async function listMultipartUploads(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const parameters = listParameters(call)
  const { prefix, delimiter, shown } = parameters
  const max = countParameter(call, 'max-uploads', limits.listKeysMax)
  const keyMarker = call.query.get('key-marker') ?? ''
  const uploadIdMarker = call.query.get('upload-id-marker') ?? ''
  const start = startOf(keyMarker, uploadIdMarker, delimiter)
  const page = await pageOfUploads(call, { prefix, delimiter, max }, start)
  const next = page.next === undefined ? undefined : shownPosition(page.next)
  const content = {
    Bucket: bucket.name,
    KeyMarker: shown(keyMarker),
    UploadIdMarker: uploadIdMarker,
    NextKeyMarker: next === undefined ? undefined : shown(next.key),
    NextUploadIdMarker: next?.uploadId,
    Prefix: shown(prefix),
    Delimiter: unlessEmpty(shown(delimiter)),
    EncodingType: parameters.encodingType,
    MaxUploads: max,
    IsTruncated: page.next !== undefined,
    Upload: page.uploads.map(upload => listedUpload(upload, shown)),
    CommonPrefixes: page.prefixes.map(common => ({ Prefix: shown(common) })),
  }
  return xmlAnswer('ListMultipartUploadsResult', content, [], s3Namespace)
}

function listedUpload(upload: Upload, shown: (name: string) => string) {
  const owner = { ID: upload.ownerId, DisplayName: upload.ownerDisplayName }
  const { checksum, storageClass } = settingsOf(upload)
  return {
    Key: shown(upload.key),
    UploadId: upload.uploadId,
    Initiator: owner,
    Owner: owner,
    StorageClass: storageClass,
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
    Initiated: upload.initiated,
  }
}
