// What a request declares about its body: how the bytes are framed and what vouches for them. Decided when the request is authenticated,
// carried out by payload-check.ts while the body is read.

/** The key and chain start that chunk signatures are checked with (Signature V4 streaming). */
export interface ChunkSigning {
  /** Signature of the request head: the first link of the chain of chunk signatures. */
  readonly seedSignature: string
  readonly signingKey: Uint8Array
  /** `20130524T000000Z` */
  readonly amzDate: string
  /** `20130524/us-east-1/s3/aws4_request` */
  readonly scope: string
}

export type PayloadDeclaration =
  /** Plain body that no signature covers (UNSIGNED-PAYLOAD, V2, presigned, anonymous). */
  | { readonly kind: 'unsigned' }
  /** Plain body with this SHA-256 (64 lower-case hex digits). */
  | { readonly kind: 'sha256'; readonly hex: string }
  /** aws-chunked body, every chunk signed; with `trailer` a signed trailer follows. */
  | { readonly kind: 'chunked-signed'; readonly signing: ChunkSigning; readonly trailer: boolean }
  /** aws-chunked body, unsigned, with a trailer. */
  | { readonly kind: 'chunked-unsigned' }
