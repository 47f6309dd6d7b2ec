// What a request declares about its body: how the bytes are framed and what vouches for them. Decided when the request is authenticated,
// carried out by payload-check.ts while the body is read.

import type { HmacKey } from '../../base/hash.ts'
import { serviceError } from '../../domain/errors.ts'
import type { HeaderMap } from '../http/request-head.ts'

/** The key and chain start that chunk signatures are checked with (Signature V4 streaming). */
export interface ChunkSigning {
  /** Signature of the request head: the first link of the chain of chunk signatures. */
  readonly seedSignature: string
  readonly signingKey: HmacKey
  /** `20130524T000000Z` */
  readonly amzDate: string
  /** `20130524/us-east-1/s3/aws4_request` */
  readonly scope: string
}

/** Of no bytes. */
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

export type PayloadDeclaration =
  /** Plain body that no signature covers (UNSIGNED-PAYLOAD, V2, presigned, anonymous). */
  | { readonly kind: 'unsigned' }
  /** Plain body with this SHA-256 (64 lower-case hex digits; what an anonymous request says instead matches no body). */
  | { readonly kind: 'sha256'; readonly hex: string }
  /** aws-chunked body, every chunk signed; with `trailer` a signed trailer follows. */
  | { readonly kind: 'chunked-signed'; readonly signing: ChunkSigning; readonly trailer: boolean }
  /** aws-chunked body, unsigned, with a trailer. */
  | { readonly kind: 'chunked-unsigned' }

/**
 * Reads the value of x-amz-content-sha256. `signing` is at hand for Signature V4 only: without it, signed chunks are refused.
 * Throws InvalidArgument (no such value), InvalidRequest (signed chunks without a V4 signature, V4A chunks).
 */
export function declarePayload(contentSha256: string, signing: ChunkSigning | undefined): PayloadDeclaration {
  switch (contentSha256) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'unsigned' }
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked-unsigned' }
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      if (signing === undefined) {
        throw serviceError('InvalidRequest', {
          message:
            "Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.",
        })
      }
      return { kind: 'chunked-signed', signing, trailer: contentSha256.endsWith('-TRAILER') }
  }
  if (contentSha256.startsWith('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD')) {
    throw serviceError('InvalidRequest', {
      message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
    })
  }
  if (/^[0-9a-fA-F]{64}$/.test(contentSha256)) return { kind: 'sha256', hex: contentSha256.toLowerCase() }
  throw serviceError('InvalidArgument', {
    message:
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, ' +
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, ' +
      'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    details: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: contentSha256.slice(0, 128) },
  })
}

/** The payload of a request that is not signed: a hash is compared as it stands. Throws as declarePayload. */
export function declareAnonymous(headers: HeaderMap): PayloadDeclaration {
  const declared = headers.get('x-amz-content-sha256') ?? ''
  const isKeyword = /^(?:UNSIGNED|STREAMING)-/.test(declared)
  return declared === '' || isKeyword ? declareUnsigned(headers) : { kind: 'sha256', hex: declared.toLowerCase() }
}

/** The payload of a request whose signature does not cover the body. */
export function declareUnsigned(headers: HeaderMap): PayloadDeclaration {
  const declared = headers.get('x-amz-content-sha256')
  return declared === undefined ? { kind: 'unsigned' } : declarePayload(declared, undefined)
}
