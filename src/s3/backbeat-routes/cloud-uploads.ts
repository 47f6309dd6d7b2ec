// Multipart uploads to a cloud, part by part (Backbeat wire format, "Cloud data operations"). The list of parts comes in the odd form of the
// original, one-element arrays, and is read without ever trusting it.
import { md5Hex } from '../../base/hash.ts'
import { isJsonObject, wireHeaders } from '../../domain/backbeat-wire.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { CompletedPart, WriteResult } from '../../locations/location.ts'
import {
  abortUpload,
  completeUpload,
  type Destination,
  destinationKey,
  initiateUpload,
  putPart as putPartAtCloud,
} from '../../locations/multiple-backend.ts'
import { openPayload } from '../auth/payload-check.ts'
import { headerValue } from '../http/answer.ts'
import { readSmallBody } from '../http/request-body.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { writeBody } from './cloud-body.ts'
import { attributesOf, crc32Of, partNumberOf, preconditionOf, uploadIdOf, wholeSizeOf } from './cloud-headers.ts'
import { type CloudOperation, locationOf } from './cloud-objects.ts'
import { copyHeaders, jsonAnswer } from './wire-answer.ts'

export const initiate: CloudOperation = async (call, destination) => {
  const copied = attributesOf(call.headers)
  const size = wholeSizeOf(call.headers)
  return jsonAnswer({ uploadId: await initiateUpload(destination, call, copied, size, { signal: call.signal() }) })
}

export const putPart: CloudOperation = async (call, destination) => {
  const partNumber = partNumberOf(call.headers)
  const uploadId = uploadIdOf(call.headers)
  // Where there is no upload but blocks, a part is cut into them, and each is hashed before it is sent.
  const repeatable = destination.location.capabilities.clientMadeUploadIds
  const { result, facts } = await writeBody(call, { repeatable }, (source, checksums) =>
    putPartAtCloud(destination, call, uploadId, partNumber, source, checksums, { signal: call.signal() }),
  )
  const body = {
    partNumber: call.headers.get('x-scal-part-number'),
    ETag: /^[0-9a-f]{32}$/.test(result.etag) ? result.etag : facts.md5Hex,
    numberSubParts: result.subParts,
  }
  return jsonAnswer(body, [wireHeaders.etag, headerValue(result.etag), wireHeaders.crc32, result.crc32])
}

export const complete: CloudOperation = async (call, destination) => {
  const uploadId = uploadIdOf(call.headers)
  const copied = attributesOf(call.headers)
  const check = openPayload(call.auth.payload, call.headers, { contentMd5: 'ignore' })
  const parts = readParts(await readSmallBody(call.body, check, limits.metadataPutBytes))
  const size = wholeSizeOf(call.headers)
  const crc32 = crc32Of(call.headers)
  const whole = { ...(size === undefined ? {} : { size }), ...(crc32 === undefined ? {} : { crc32 }) }
  const context = { signal: call.signal(), ...preconditionOf(call.headers) }
  const written = await completeUpload(destination, call, uploadId, parts, whole, copied, context)
  const stored = { size: size ?? (await sizeOf(call, destination, written, parts)), etag: wholeETag(written, parts) }
  const location = [locationOf(call, destination, written, stored)]
  return jsonAnswer({ versionId: written.versionId, location }, copyHeaders(written, destination, copied))
}

export const abort: CloudOperation = async (call, destination) => {
  await abortUpload(destination, call, uploadIdOf(call.headers), { signal: call.signal() })
  return jsonAnswer({})
}

/** The sum of what the parts say; where they do not, the cloud is asked about this very version. */
async function sizeOf(
  call: BackbeatCall,
  destination: Destination,
  written: WriteResult,
  parts: readonly CompletedPart[],
): Promise<number | undefined> {
  if (parts.every(part => part.size > 0)) return parts.reduce((sum, part) => sum + part.size, 0)
  try {
    const stored = await destination.location.head(destinationKey(destination, call), written.versionId)
    return stored?.size
  } catch {
    // The upload is complete whatever becomes of the question; the size is left out, as the original does.
    return undefined
  }
}

/** The cloud's ETag where it is one of S3's kind, else the one that S3 would give these parts. */
function wholeETag(written: WriteResult, parts: readonly CompletedPart[]): string {
  if (/^[0-9a-f]{32}(-\d+)?$/.test(written.etag)) return written.etag
  return `${md5Hex(Buffer.from(parts.map(part => part.etag).join(''), 'hex'))}-${parts.length}`
}

/** Reads the list of parts. Throws MalformedPOSTRequest for anything that is none. */
function readParts(body: Buffer): readonly CompletedPart[] {
  let list: unknown
  try {
    list = JSON.parse(body.toString('utf8'))
  } catch {
    throw serviceError('MalformedPOSTRequest')
  }
  if (!Array.isArray(list)) throw malformed('the body is not an array of parts')
  if (list.length === 0 || list.length > limits.partNumberMax) throw malformed('there are 1 to 10000 parts')
  const items: readonly unknown[] = list
  return items.map(readPart)
}

function readPart(item: unknown): CompletedPart {
  if (!isJsonObject(item)) throw malformed('a part is not an object')
  const partNumber = wholeNumber(only(item['PartNumber']))
  const etag = only(item['ETag'])
  if (partNumber === undefined || partNumber < 1 || partNumber > limits.partNumberMax) throw malformed('a PartNumber')
  if (typeof etag !== 'string') throw malformed('an ETag')
  const subParts = item['NumberSubParts'] === undefined ? undefined : wholeNumber(only(item['NumberSubParts']))
  if (item['NumberSubParts'] !== undefined && subParts === undefined) throw malformed('a NumberSubParts')
  const size = item['Size'] === undefined ? 0 : wholeNumber(only(item['Size']))
  if (size === undefined) throw malformed('a Size')
  const crc32 = only(item['ChecksumCRC32'])
  return {
    partNumber,
    etag: etag.replace(/^"|"$/g, ''),
    size,
    ...(subParts === undefined ? {} : { subParts }),
    ...(typeof crc32 === 'string' && /^[0-9a-f]{8}$/.test(crc32) ? { crc32 } : {}),
  }
}

/** The original wraps each value into an array of one. */
function only(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value
}

function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

function malformed(what: string): Error {
  return serviceError('MalformedPOSTRequest', { message: `The list of parts is not well-formed: ${what}.` })
}
