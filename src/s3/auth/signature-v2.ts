// AWS Signature Version 2 for S3 (HMAC-SHA1 over method, a few headers and the canonical resource), header and query forms. Old, but it is
// what a Backbeat's route client signs with.

export interface SignV2Request {
  readonly method: string
  /** Encoded path and query as on the wire. */
  readonly target: string
  /** Lower-case names; x-amz-date or date must be among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly accessKey: string
  readonly secretKey: string
}

/** Gives the value of the Authorization header, `AWS key:signature`. */
export function signV2Authorization(request: SignV2Request): string {
  void request
  throw new Error('not written yet')
}
