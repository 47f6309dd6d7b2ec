// Reads a raw request target into bucket, key and query, path-style or, where the host names the bucket, virtual-host-style. The key is opaque: dots, double slashes and leading slashes stay
// as sent; only percent-encoding is undone (a '+' is a space, as S3 and CloudServer read it) and the result must be UTF-8.

import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'

export interface QueryParameter {
  readonly name: string
  /** Undefined when the parameter was sent without '='. */
  readonly value: string | undefined
}

export interface RequestTarget {
  /** Path as sent, without query, never empty; starts with '/'. */
  readonly rawPath: string
  /** Query as sent, without '?'; empty when there is none. */
  readonly rawQuery: string
  /** Named by the host, or the first path segment, decoded; undefined for the service itself ('/'). Not checked as a bucket name. */
  readonly bucket: string | undefined
  /** What follows the bucket, decoded; undefined when empty. */
  readonly key: string | undefined
  /** Decoded query; a valueless parameter maps to ''; of a repeated one the first counts. */
  readonly query: ReadonlyMap<string, string>
  /** Decoded query in the order sent, with repetitions and valueless parameters. */
  readonly parameters: readonly QueryParameter[]
}

const noQuery: ReadonlyMap<string, string> = new Map()
const noParameters: readonly QueryParameter[] = []

/** Splits a raw target into path and query; an absolute-form target (sent to proxies) loses scheme and authority. Throws InvalidURI. */
export function splitTarget(rawTarget: string): { readonly path: string; readonly query: string } {
  let target = rawTarget
  if (!target.startsWith('/')) {
    const absolute = /^https?:\/\/[^/?#]*/i.exec(target)
    if (absolute === null) throw serviceError('InvalidURI', { details: { URI: rawTarget.slice(0, 1024) } })
    target = target.slice(absolute[0].length)
    if (!target.startsWith('/')) target = `/${target}`
  }
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

/**
 * Parses a raw target; with `hostBucket` the whole path is the key. Throws InvalidURI (bad percent-encoding, not UTF-8, NUL) and
 * KeyTooLongError.
 */
export function parseRequestTarget(rawTarget: string, hostBucket?: string): RequestTarget {
  const { path, query: rawQuery } = splitTarget(rawTarget)
  const { bucket, key } =
    hostBucket === undefined ? pathNames(path, rawTarget) : { bucket: hostBucket, key: keyOf(path.slice(1)) }
  // Behind `/_/` the path holds more than a key; its routes check the key they find in it.
  if (key !== undefined && bucket !== '_') checkKeyLength(key)
  if (rawQuery === '') return { rawPath: path, rawQuery, bucket, key, query: noQuery, parameters: noParameters }
  const parameters = parseQuery(rawQuery)
  const query = new Map<string, string>()
  for (const { name, value } of parameters) if (!query.has(name)) query.set(name, value ?? '')
  return { rawPath: path, rawQuery, bucket, key, query, parameters }
}

function pathNames(path: string, rawTarget: string): Pick<RequestTarget, 'bucket' | 'key'> {
  const slash = path.indexOf('/', 1)
  const rawBucket = slash < 0 ? path.slice(1) : path.slice(1, slash)
  const rawKey = slash < 0 ? '' : path.slice(slash + 1)
  const bucket = rawBucket === '' ? undefined : decodeComponent(rawBucket)
  // '//key' names no bucket: it must not be read as an object of the service.
  if (bucket === undefined && rawKey !== '')
    throw serviceError('InvalidURI', { details: { URI: rawTarget.slice(0, 1024) } })
  return { bucket, key: keyOf(rawKey) }
}

function keyOf(rawKey: string): string | undefined {
  return rawKey === '' ? undefined : decodeComponent(rawKey)
}

/** The same target without parameters. */
export function withoutQuery(target: RequestTarget): RequestTarget {
  return { ...target, rawQuery: '', query: noQuery, parameters: noParameters }
}

/** Throws KeyTooLongError when a decoded key has more than 1024 bytes of UTF-8. */
export function checkKeyLength(key: string): void {
  // A UTF-16 unit makes at most 3 bytes: short keys, nearly all of them, are not measured.
  if (key.length * 3 <= limits.keyBytes) return
  const size = Buffer.byteLength(key, 'utf8')
  if (size > limits.keyBytes) {
    throw serviceError('KeyTooLongError', { details: { Size: String(size), MaxSizeAllowed: String(limits.keyBytes) } })
  }
}

/** Parses a raw query string, keeping order, repetitions and the difference between `a` and `a=`. Throws InvalidURI. */
export function parseQuery(rawQuery: string): readonly QueryParameter[] {
  const parameters: QueryParameter[] = []
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 0) parameters.push({ name: decodeComponent(pair), value: undefined })
    else
      parameters.push({ name: decodeComponent(pair.slice(0, equals)), value: decodeComponent(pair.slice(equals + 1)) })
  }
  return parameters
}

const plainText = /^[A-Za-z0-9\-._~!$'()*,;:@/=&]*$/

/**
 * Undoes percent-encoding and '+' of one component. Characters above 0x7f are the raw bytes of the request line (latin1) and are read
 * as UTF-8 with the rest. Throws InvalidURI.
 */
export function decodeComponent(raw: string): string {
  if (plainText.test(raw)) return raw
  let decoded: string
  try {
    decoded = decodeURIComponent(escapeRawBytes(raw.replaceAll('+', ' ')))
  } catch (cause) {
    throw serviceError('InvalidURI', { details: { URI: raw.slice(0, 1024) }, cause })
  }
  if (decoded.includes('\0')) throw serviceError('InvalidURI', { details: { URI: raw.slice(0, 1024) } })
  return decoded
}

/** Percent-encodes the bytes above 0x7f that some clients put into the request line unencoded. */
function escapeRawBytes(raw: string): string {
  return raw.replace(/[\x80-\uffff]/g, character => {
    const code = character.charCodeAt(0)
    return code > 0xff ? encodeURIComponent(character) : `%${code.toString(16)}`
  })
}
