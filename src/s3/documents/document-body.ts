// Reads the XML document that some operations take as their body: bounded, checked against what was declared, parsed strictly.
import { limits } from '../../domain/limits.ts'
import { openPayload, type PayloadOptions } from '../auth/payload-check.ts'
import type { Call } from '../call.ts'
import { readSmallBody } from '../http/request-body.ts'

/** The bytes of the document, at most `bytesMax`. */
export function readDocument(
  call: Call,
  options?: PayloadOptions,
  bytesMax: number = limits.xmlBytes,
): Promise<Buffer> {
  const check = openPayload(call.auth.payload, call.headers, options)
  return readSmallBody(call.body, check, bytesMax)
}
