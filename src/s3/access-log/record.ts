// One line of an access log, as S3 writes it (S3 User Guide, "Amazon S3 server access log format"): 26 fields, parted by spaces, `-` where there is
// nothing to say. What comes from clients can neither end a field nor a line.
import type { Bucket } from '../../domain/bucket.ts'
import type { AuthResult } from '../auth/auth-result.ts'
import type { HeaderMap } from '../http/request-head.ts'

/** A request that was answered. */
export interface LoggedRequest {
  readonly bucket: Bucket
  readonly auth: AuthResult
  readonly requestId: string
  readonly clientAddress: string
  readonly method: string
  /** Path and query as sent. */
  readonly rawTarget: string
  readonly headers: HeaderMap
  /** '' for requests to the bucket. */
  readonly key: string
  readonly query: ReadonlyMap<string, string>
  readonly status: number
  readonly errorCode?: string
  readonly requestBytes: number
  readonly responseBytes: number
  /** Epoch milliseconds of its arrival. */
  readonly at: number
  readonly durationMs: number
  /** Of an encrypted connection. */
  readonly tls?: { readonly version: string; readonly cipher: string }
}

/** Names of sub-resources that are not their own in capitals. */
const ofBuckets: ReadonlyMap<string, string> = new Map([
  ['delete', 'MULTI_OBJECT_DELETE'],
  ['logging', 'LOGGING_STATUS'],
  ['policy', 'BUCKETPOLICY'],
  ['policyStatus', 'BUCKETPOLICYSTATUS'],
  ['versions', 'BUCKETVERSIONS'],
])
const ofObjects: ReadonlyMap<string, string> = new Map([
  ['attributes', 'OBJECT_ATTRIBUTES'],
  ['legal-hold', 'LEGAL_HOLD'],
  ['tagging', 'OBJECT_TAGGING'],
])
const subResources: readonly string[] = [
  ...[
    'accelerate',
    'acl',
    'attributes',
    'cors',
    'delete',
    'encryption',
    'legal-hold',
    'lifecycle',
    'location',
    'logging',
  ],
  ...['notification', 'object-lock', 'ownershipControls', 'policy', 'policyStatus', 'publicAccessBlock', 'replication'],
  ...['requestPayment', 'retention', 'tagging', 'uploads', 'versioning', 'versions', 'website'],
]

/** `REST.<method>.<resource>`. */
export function loggedOperation({ method, key, query }: Pick<LoggedRequest, 'method' | 'key' | 'query'>): string {
  return `REST.${method}.${resourceOf(method, key, query)}`
}

function resourceOf(method: string, key: string, query: ReadonlyMap<string, string>): string {
  if (query.has('uploadId')) return method === 'PUT' ? 'PART' : 'UPLOAD'
  const named = subResources.find(name => query.has(name))
  if (named === undefined) return key === '' ? 'BUCKET' : 'OBJECT'
  return (key === '' ? ofBuckets : ofObjects).get(named) ?? named.replaceAll('-', '_').toUpperCase()
}

/** The line, without its end. */
export function logLine(request: LoggedRequest): string {
  const { bucket, auth, headers, key, query, status, method } = request
  return [
    bucket.ownerId,
    bucket.name,
    `[${logTime(request.at)}]`,
    field(request.clientAddress),
    auth.kind === 'anonymous' ? '-' : auth.account.arn === auth.arn ? auth.account.canonicalId : auth.arn,
    request.requestId,
    loggedOperation(request),
    key === '' ? '-' : encodeURIComponent(key).replaceAll('%2F', '/'),
    quotedField(`${method} ${withoutSignature(request.rawTarget)} HTTP/1.1`),
    String(status),
    request.errorCode ?? '-',
    count(request.responseBytes),
    method === 'PUT' && key !== '' ? count(request.requestBytes) : '-',
    String(Math.ceil(request.durationMs)),
    '-',
    quotedField(headers.get('referer')),
    quotedField(headers.get('user-agent')),
    field(query.get('versionId')),
    request.requestId,
    auth.kind === 'anonymous' ? '-' : auth.scheme.startsWith('v2') ? 'SigV2' : 'SigV4',
    request.tls?.cipher ?? '-',
    auth.kind === 'anonymous' ? '-' : auth.scheme.endsWith('presigned') ? 'QueryString' : 'AuthHeader',
    field(headers.get('host')),
    request.tls?.version ?? '-',
    '-',
    '-',
  ].join(' ')
}

/** Whoever reads the log could use a presigned URL that still counts. */
function withoutSignature(rawTarget: string): string {
  return rawTarget.replace(/([?&](?:X-Amz-Signature|X-Amz-Security-Token|Signature)=)[^&]*/gi, '$1-')
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `06/Feb/2019:00:00:38 +0000` */
function logTime(at: number): string {
  const [date = '', time = ''] = new Date(at).toISOString().split('T')
  const [year, month, day] = date.split('-')
  return `${day}/${months[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`
}

function count(bytes: number): string {
  return bytes === 0 ? '-' : String(bytes)
}

function field(text: string | undefined): string {
  return text === undefined || text === '' ? '-' : encodeURI(text.toWellFormed()).replaceAll('"', '%22')
}

function quotedField(text: string | undefined): string {
  return text === undefined || text === '' ? '"-"' : `"${text.replace(/["\\\p{Cc}]/gu, escaped)}"`
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}
