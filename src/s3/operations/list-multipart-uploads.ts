// ListMultipartUploads: uploads under way, by key and then by age, rolled up at a delimiter.

import { limits } from '../../domain/limits.ts'
import type { MetadataStore, Upload } from '../../metadata/metadata-store.ts'
import { openBucket } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { xmlAnswer } from '../http/answer.ts'
import { countParameter, nameEncoding, unlessEmpty } from '../listing.ts'
import { peopleOfUpload, settingsOfUpload } from '../uploads/multipart.ts'
import { s3Namespace, type XmlContent } from '../xml/writer.ts'

type Position = { readonly key: string; readonly uploadId: string }

/** Sorts behind every upload id. */
const behindUploads = '~'
/** Sorts behind every key that begins like the text before it: no key is longer than this. */
const behindKeys = '\u{10ffff}'.repeat(limits.keyBytes / 4)

interface Page {
  readonly uploads: readonly Upload[]
  readonly prefixes: readonly string[]
  readonly truncated: boolean
  readonly last: Position | null
}

interface PageOptions {
  readonly bucket: string
  readonly prefix: string
  readonly delimiter: string
  readonly after: Position | null
  readonly max: number
}

/** The common prefix that a key belongs to. */
function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

async function readPage(store: MetadataStore, options: PageOptions): Promise<Page> {
  const { bucket, prefix, delimiter, max } = options
  const uploads: Upload[] = []
  const prefixes: string[] = []
  let after = options.after
  let last: Position | null = null
  for (;;) {
    const wanted = max - uploads.length - prefixes.length + 1
    const batch = await store.uploads(bucket, prefix, after, wanted)
    let skipped: string | undefined
    for (const upload of batch) {
      const common = commonPrefix(upload.key, prefix, delimiter)
      // The marker may stand for a common prefix that the former page has shown.
      const shownBefore = common !== undefined && (options.after?.key.startsWith(common) ?? false)
      if (!shownBefore && uploads.length + prefixes.length === max) return { uploads, prefixes, truncated: true, last }
      after = { key: upload.key, uploadId: upload.uploadId }
      if (common === undefined) {
        uploads.push(upload)
        last = after
        continue
      }
      if (!shownBefore) {
        prefixes.push(common)
        last = { key: common, uploadId: '' }
      }
      skipped = common
      break
    }
    if (skipped !== undefined) after = { key: skipped + behindKeys, uploadId: behindUploads }
    else if (batch.length < wanted) return { uploads, prefixes, truncated: false, last }
  }
}

function uploadContent(upload: Upload, shown: (name: string) => string): XmlContent {
  const { object, checksum } = settingsOfUpload(upload)
  return {
    Key: shown(upload.key),
    UploadId: upload.uploadId,
    ...peopleOfUpload(upload),
    StorageClass: object.storageClass,
    Initiated: upload.initiated,
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
  }
}

const emptyPage: Page = { uploads: [], prefixes: [], truncated: false, last: null }

export async function listMultipartUploads(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { encodingType, shown } = nameEncoding(call)
  const max = countParameter(call, 'max-uploads', limits.listKeysMax)
  const prefix = call.query.get('prefix') ?? ''
  const delimiter = call.query.get('delimiter') ?? ''
  const keyMarker = call.query.get('key-marker') ?? ''
  // Without a key it means nothing, and S3 ignores it.
  const uploadIdMarker = keyMarker === '' ? '' : (call.query.get('upload-id-marker') ?? '')
  const after =
    keyMarker === '' ? null : { key: keyMarker, uploadId: uploadIdMarker === '' ? behindUploads : uploadIdMarker }
  const page =
    max === 0 ? emptyPage : await readPage(call.services.store, { bucket: bucket.name, prefix, delimiter, after, max })
  const content = {
    Bucket: bucket.name,
    KeyMarker: shown(keyMarker),
    UploadIdMarker: uploadIdMarker,
    NextKeyMarker: page.last === null ? undefined : shown(page.last.key),
    NextUploadIdMarker: page.last?.uploadId,
    Delimiter: unlessEmpty(shown(delimiter)),
    Prefix: unlessEmpty(shown(prefix)),
    MaxUploads: max,
    EncodingType: encodingType,
    IsTruncated: page.truncated,
    Upload: page.uploads.map(upload => uploadContent(upload, shown)),
    CommonPrefixes: page.prefixes.map(common => ({ Prefix: shown(common) })),
  }
  return xmlAnswer('ListMultipartUploadsResult', content, [], s3Namespace)
}
