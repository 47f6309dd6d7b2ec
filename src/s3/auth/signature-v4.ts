// AWS Signature Version 4 for S3: canonical request, string to sign, signing keys (cached) and signatures, used both to check incoming
// requests and to sign outgoing ones. Works on raw targets: what is signed is what is on the wire.

export interface SignV4Request {
  readonly method: string
  readonly host: string
  /** Encoded path as it goes on the wire. */
  readonly path: string
  /** Encoded query without '?', in any order; '' when there is none. */
  readonly query: string
  /** Further headers to send and sign: lower-case names, without host, x-amz-date, x-amz-content-sha256 and authorization. */
  readonly headers: Readonly<Record<string, string>>
  /** Lower-case hex SHA-256 of the body, UNSIGNED-PAYLOAD, or a STREAMING-... value. */
  readonly payloadHash: string
  readonly region: string
  readonly service: string
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken?: string
  /** `20130524T000000Z` */
  readonly amzDate: string
}

/**
 * Signs an outgoing request: returns the headers to send, which are those given plus host, x-amz-date, x-amz-content-sha256,
 * x-amz-security-token (if any) and authorization.
 */
export function signV4Headers(request: SignV4Request): Record<string, string> {
  void request
  throw new Error('not written yet')
}

/** Formats milliseconds since 1970 as `20130524T000000Z`. */
export function amzDateOf(now: number): string {
  return new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '')
}
