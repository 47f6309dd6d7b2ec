// Valid requests of every operation in the table: with parameters and headers that belong to them, and ids that earlier answers told.
import { type OperationEntry, operations } from '../../src/s3/operation-table.ts'
import type { AccountName } from '../compatibility/s3/test-server.ts'
import type { Dice } from './dice.ts'
import { documentOf, formBoundary, type Known } from './documents.ts'

export type Pair = readonly [name: string, value: string]

/** How the body goes on the wire. */
export type Payload = 'signed' | 'unsigned' | 'chunks' | 'chunks-with-trailer' | 'unsigned-chunks'

/** A request before it is signed: what is changed in it is signed with it. */
export interface FuzzRequest {
  readonly operation: string
  readonly method: string
  /** Percent-encoded as it goes on the wire. */
  readonly path: string
  /** Percent-encoded names and values. */
  readonly query: readonly Pair[]
  /** Lower-case names, without those of signature and framing. */
  readonly headers: readonly Pair[]
  readonly body: Buffer
  readonly payload: Payload
  readonly signing: 'headers' | 'query' | 'none'
  readonly account: AccountName
}

export const buckets = ['fuzz-0', 'fuzz-1', 'fuzz-2'] as const

const listing: readonly Pair[] = [
  ['prefix', 'k'],
  ['delimiter', '%2F'],
  ['max-keys', '2'],
  ['encoding-type', 'url'],
  ['marker', 'k1'],
  ['start-after', 'k1'],
  ['fetch-owner', 'true'],
  ['key-marker', 'k1'],
  ['version-id-marker', 'null'],
  ['upload-id-marker', 'x'],
  ['max-uploads', '2'],
  ['max-parts', '2'],
  ['part-number-marker', '1'],
  ['max-buckets', '2'],
]

const reading: readonly Pair[] = [
  ['partNumber', '1'],
  ['response-content-type', 'text%2Fplain'],
  ['response-content-disposition', 'inline'],
  ['response-cache-control', 'no-cache'],
]

const objectHeaders: readonly Pair[] = [
  ['content-type', 'text/plain'],
  ['content-encoding', 'gzip'],
  ['content-disposition', 'attachment'],
  ['cache-control', 'max-age=1'],
  ['expires', 'Thu, 01 Dec 2050 16:00:00 GMT'],
  ['x-amz-meta-a', 'b'],
  ['x-amz-tagging', 'a=1&b=2'],
  ['x-amz-acl', 'private'],
  ['x-amz-grant-read', 'id="canonical-lisa"'],
  ['x-amz-storage-class', 'STANDARD'],
  ['x-amz-checksum-algorithm', 'CRC32'],
  ['x-amz-checksum-crc32', 'AAAAAA=='],
  ['x-amz-sdk-checksum-algorithm', 'SHA256'],
  ['x-amz-server-side-encryption', 'AES256'],
  ['x-amz-server-side-encryption-customer-algorithm', 'AES256'],
  ['x-amz-server-side-encryption-customer-key', 'MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE='],
  ['x-amz-server-side-encryption-customer-key-md5', 'hRasmdxgYDKV3nvbahU1MA=='],
  ['x-amz-object-lock-mode', 'GOVERNANCE'],
  ['x-amz-object-lock-retain-until-date', '2099-01-01T00:00:00Z'],
  ['x-amz-object-lock-legal-hold', 'OFF'],
  ['x-amz-website-redirect-location', '/other'],
  ['x-amz-metadata-directive', 'REPLACE'],
  ['x-amz-tagging-directive', 'COPY'],
  ['x-amz-copy-source-range', 'bytes=0-1'],
  ['x-amz-copy-source-if-match', '*'],
  ['content-md5', '1B2M2Y8AsgTpgAmY7PhCfg=='],
  ['if-match', '"d41d8cd98f00b204e9800998ecf8427e"'],
  ['if-none-match', '*'],
]

const readingHeaders: readonly Pair[] = [
  ['range', 'bytes=0-3'],
  ['if-match', '*'],
  ['if-none-match', '"x"'],
  ['if-modified-since', 'Thu, 01 Dec 1994 16:00:00 GMT'],
  ['if-unmodified-since', 'Thu, 01 Dec 2094 16:00:00 GMT'],
  ['x-amz-checksum-mode', 'ENABLED'],
  ['x-amz-object-attributes', 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize'],
  ['x-amz-expected-bucket-owner', '123456789012'],
  ['origin', 'https://a.example.com'],
  ['access-control-request-method', 'PUT'],
  ['x-amz-bypass-governance-retention', 'true'],
]

/** Headers that requests of any operation may have: what mutations add. */
export const allHeaders: readonly Pair[] = [...objectHeaders, ...readingHeaders]
export const allParameters: readonly Pair[] = [
  ...listing,
  ...reading,
  ...operations.flatMap(({ resource }): Pair[] => {
    const name = resource.split('?')[1]
    return name === undefined ? [] : [[name, '']]
  }),
]

function some<T>(dice: Dice, list: readonly T[], probability: number): readonly T[] {
  return list.filter(() => dice.chance(probability))
}

interface Place {
  readonly bucket: string
  readonly key: string
  readonly query: readonly Pair[]
}

/** A place that may exist: an upload's, a version's, or just a key. */
function placeOf(dice: Dice, known: Known, parameter: string | undefined): Place {
  const bucket = dice.pick(buckets)
  const key = dice.chance(0.1) ? `d${dice.int(3)}/k${dice.int(3)}` : `k${dice.int(6)}`
  if (parameter === 'uploadId') {
    const upload = known.uploads[dice.int(known.uploads.length)]
    const query: Pair[] = [
      ['partNumber', String(1 + dice.int(3))],
      ['uploadId', upload?.id ?? 'none'],
    ]
    return { bucket: upload?.bucket ?? bucket, key: upload?.key ?? key, query }
  }
  const version = dice.chance(0.2) ? known.versions[dice.int(known.versions.length)] : undefined
  const query: Pair[] = version === undefined ? [] : [['versionId', version.id]]
  return { bucket: version?.bucket ?? bucket, key: version?.key ?? key, query }
}

function parameterOf(dice: Dice, known: Known, name: string): readonly Pair[] {
  if (name === 'uploadId') return []
  if (name === 'list-type') {
    const token = dice.chance(0.2) ? known.tokens[dice.int(known.tokens.length)] : undefined
    return [[name, '2'], ...(token === undefined ? [] : [['continuation-token', token] as const])]
  }
  return [[name, '']]
}

function headersOf(dice: Dice, { name, method, header }: OperationEntry, bucket: string): readonly Pair[] {
  const writes = method === 'PUT' || method === 'POST'
  const headers = [...some(dice, writes ? objectHeaders : [], 0.05), ...some(dice, readingHeaders, 0.06)]
  if (header !== undefined) headers.push([header, `/${bucket}/k${dice.int(6)}`])
  if (name === 'PostObject') headers.push(['content-type', `multipart/form-data; boundary=${formBoundary}`])
  return headers
}

const payloads: readonly Payload[] = [
  'signed',
  'signed',
  'unsigned',
  'chunks',
  'chunks-with-trailer',
  'unsigned-chunks',
]

/** Objects live mostly in the store itself, and now and then in a file. */
function objectBody(dice: Dice): Buffer {
  return dice.chance(0.1) ? Buffer.alloc(20_000 + dice.int(60_000), dice.int(256)) : dice.bytes(dice.int(40))
}

/** Operations that make and read what others work on. */
const frequent = operations.filter(({ name }) =>
  /^(?:PutObject|PostObject|CopyObject|GetObject|UploadPart|UploadPartCopy|\w+MultipartUpload|ListObject\w*)$/.test(
    name,
  ),
)

export function validRequest(dice: Dice, known: Known): FuzzRequest {
  const entry = dice.pick(dice.chance(0.4) ? frequent : operations)
  const [level = '', parameter] = entry.resource.split('?')
  const { bucket, key, query } = placeOf(dice, known, parameter)
  const document = documentOf(entry.name, dice, known)
  const isObject = level === 'object'
  const holdsData = entry.method === 'PUT' && isObject && document === undefined && entry.header === undefined
  const path = level === 'service' ? '/' : isObject ? `/${bucket}/${key}` : `/${bucket}`
  const optional =
    entry.method === 'GET' || entry.method === 'HEAD' ? [...some(dice, listing, 0.1), ...some(dice, reading, 0.04)] : []
  return {
    operation: entry.name,
    method: entry.method,
    path,
    query: [
      ...(parameter === undefined ? [] : parameterOf(dice, known, parameter)),
      ...(isObject ? query : []),
      ...optional,
    ],
    headers: headersOf(dice, entry, bucket),
    body: document === undefined ? (holdsData ? objectBody(dice) : Buffer.alloc(0)) : Buffer.from(document),
    payload: holdsData ? dice.pick(payloads) : 'signed',
    signing: entry.name === 'PostObject' ? 'none' : dice.chance(0.08) ? 'query' : 'headers',
    // A bucket that the other account makes would stay closed to the first.
    account: entry.name !== 'CreateBucket' && dice.chance(0.1) ? 'lisa' : 'bart',
  }
}
