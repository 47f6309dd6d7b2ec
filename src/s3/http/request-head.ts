// The head of an HTTP request as the S3 front end reads it: method, raw target and headers, nothing decoded. Header names are lower
// case, repeated headers are joined with a comma as Signature V4 wants them, and values are the bytes as sent (one character per byte).

/** Header name in lower case -> value; latin1 text, one character per byte received. */
export type HeaderMap = ReadonlyMap<string, string>

export interface RequestHead {
  readonly method: string
  /** Request target exactly as sent: path and query, percent-encoding untouched. */
  readonly rawTarget: string
  readonly headers: HeaderMap
}

/** Makes the header map of node's `rawHeaders` (name, value, name, value...). Repeated headers are joined with ','. */
export function headerMap(rawHeaders: readonly string[]): HeaderMap {
  const map = new Map<string, string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = rawHeaders[index + 1] ?? ''
    const earlier = map.get(name)
    map.set(name, earlier === undefined ? value : `${earlier},${value}`)
  }
  return map
}

/** Bytes of node's `rawHeaders` as they were sent: with a colon, a space and an end of line each. */
export function headerBytes(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + 2, 0)
}

/** Makes a header map of plain entries (tests, callers that have an object). */
export function headersOf(entries: Readonly<Record<string, string>>): HeaderMap {
  const map = new Map<string, string>()
  for (const [name, value] of Object.entries(entries)) map.set(name.toLowerCase(), value)
  return map
}
