// ListParts: the parts that an upload has so far, by number.
import { limits } from '../../domain/limits.ts'
import type { UploadPart } from '../../metadata/metadata-store.ts'
import { openBucket } from '../access/open-bucket.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { xmlAnswer } from '../http/answer.ts'
import { countParameter, nameEncoding } from '../listing.ts'
import { checksumContent, defaultChecksum } from '../objects/checksum-request.ts'
import { pushAbortDate } from '../objects/expiry-headers.ts'
import { quoted } from '../objects/object-headers.ts'
import { findUpload, peopleOfUpload, settingsOfUpload } from '../uploads/multipart.ts'
import { s3Namespace, type XmlContent } from '../xml/writer.ts'

function partContent(part: UploadPart, hasChoice: boolean): XmlContent {
  const isDefault = !hasChoice && part.checksum?.algorithm === defaultChecksum
  return {
    PartNumber: part.partNumber,
    LastModified: part.lastModified,
    ETag: quoted(part.etag),
    Size: part.size,
    ...checksumContent(isDefault ? undefined : part.checksum),
  }
}

export async function listParts(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { encodingType, shown } = nameEncoding(call)
  const maxParts = countParameter(call, 'max-parts', limits.listKeysMax)
  const after = countParameter(call, 'part-number-marker', limits.partNumberMax, 0)
  const upload = await findUpload(call)
  const { object, checksum } = settingsOfUpload(upload)
  const all = await call.services.store.parts(upload.uploadId)
  const rest = all.filter(part => part.partNumber > after)
  const page = rest.slice(0, maxParts)
  const content = {
    Bucket: bucket.name,
    Key: shown(call.key),
    UploadId: upload.uploadId,
    ...peopleOfUpload(upload),
    StorageClass: object.storageClass,
    PartNumberMarker: after,
    NextPartNumberMarker: page.at(-1)?.partNumber ?? after,
    MaxParts: maxParts,
    EncodingType: encodingType,
    IsTruncated: maxParts > 0 && rest.length > page.length,
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
    Part: page.map(part => partContent(part, checksum !== null)),
  }
  const headers: FlatHeaders = []
  pushAbortDate(headers, bucket, call.key, upload.initiated)
  return xmlAnswer('ListPartsResult', content, headers, s3Namespace)
}
