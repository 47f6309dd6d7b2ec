// Multipart uploads as blocks: a part is one block or, above 100 MiB, several; block ids are made from upload id, part and sub-part, so that a
// part sent again replaces itself (names and sizes are Backbeat's). Each block carries its MD5. Blocks that are never committed expire.
import { type ByteSource, sliceSource } from '../../base/byte-source.ts'
import { createHasher } from '../../base/hash.ts'
import type { World } from '../../base/world.ts'
import { base64ToHex, digestSource, hexToBase64, requestBody } from '../checked-body.ts'
import { failureOf } from '../cloud-failure.ts'
import type { CompletedPart, KnownChecksums, Location, RequestContext, StoredObject } from '../location.ts'
import { blobHeaders, blockBytesMax, checkedName, mismatch, plainETag, preconditionHeaders } from './blob.ts'
import type { AzureChannel } from './channel.ts'

export interface BlocksOptions {
  readonly channel: AzureChannel
  readonly world: World
  readonly head: (key: string, context?: RequestContext) => Promise<StoredObject | null>
  readonly get: (key: string, context?: RequestContext) => Promise<AsyncIterable<Uint8Array>>
}

type Uploads = Pick<Location, 'initiateUpload' | 'putPart' | 'completeUpload' | 'abortUpload' | 'listUploads'>

export function createBlocks(options: BlocksOptions): Uploads {
  const { channel, world } = options
  // Azure repeats the MD5 of each block it has checked, Azurite does not. Until this location has been seen to do so for all blocks, a
  // committed blob is read back.
  const confirmation: Confirmation = { seen: false, missed: false }
  return {
    initiateUpload: async key => {
      checkedName(key)
      return world.random.uuid().replaceAll('-', '').toLowerCase()
    },
    async putPart(key, uploadId, partNumber, body, checksums, context) {
      const blob = checkedName(key)
      const digests = await digestBlocks(body, checksums, context?.signal)
      for (const [index, block] of digests.blocks.entries()) {
        await putBlock(channel, confirmation, blob, blockId(uploadId, partNumber, index), block, context)
      }
      return { etag: digests.md5, subParts: digests.blocks.length }
    },
    async completeUpload(key, uploadId, parts, attributes, context) {
      const ids = parts.flatMap(part => blockIds(uploadId, part))
      const list = `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.map(id => `<Latest>${id}</Latest>`).join('')}</BlockList>`
      const body = Buffer.from(list, 'ascii')
      const answer = await channel.send({
        method: 'PUT',
        blob: checkedName(key),
        query: { comp: 'blocklist' },
        headers: {
          ...blobHeaders(attributes, undefined),
          ...preconditionHeaders(context?.precondition),
          'content-type': 'application/xml',
        },
        body,
        contentLength: body.byteLength,
        context,
      })
      const etag = plainETag(answer)
      const confirmed = confirmation.seen && !confirmation.missed
      await requireCommitted(options, key, etag, parts, confirmed, context)
      return { versionId: '', etag }
    },
    // Uncommitted blocks go by themselves within a week, or with the next write of the blob.
    abortUpload: async () => {},
    listUploads: async () => [],
  }
}

interface Block {
  readonly source: ByteSource
  readonly md5: string
  readonly crc32: string
}

/** Cuts a part into blocks and hashes them in one reading. Throws ChecksumMismatch if the part is not what its CRC32 says. */
async function digestBlocks(
  body: ByteSource,
  checksums: KnownChecksums,
  signal: AbortSignal | undefined,
): Promise<{ readonly blocks: readonly Block[]; readonly md5: string }> {
  const whole = createHasher('MD5')
  const crc = createHasher('CRC32')
  const blocks: Block[] = []
  for (let start = 0; start < body.size; start += blockBytesMax) {
    const source = sliceSource(body, start, Math.min(start + blockBytesMax, body.size))
    const isOnly = source.size === body.size
    const { crc32, md5 = '' } = await digestSource(
      isOnly ? source : alsoInto(source, [whole, crc]),
      { md5: true },
      signal,
    )
    blocks.push({ source, md5, crc32 })
  }
  const only = blocks.length === 1 ? blocks[0] : undefined
  const crc32 = only === undefined ? crc.digest().toString('hex') : only.crc32
  if (checksums.crc32 !== undefined && checksums.crc32 !== crc32) {
    throw failureOf(
      'transient',
      'ChecksumMismatch',
      'The bytes of the part are not those its checksum was computed over',
    )
  }
  return { blocks, md5: only?.md5 ?? whole.digest().toString('hex') }
}

interface Taker {
  update(chunk: Uint8Array): void
}

/** A source whose chunks, as they are read, also go into other hashes. */
function alsoInto(source: ByteSource, takers: readonly Taker[]): ByteSource {
  return {
    size: source.size,
    async *open(start, end, signal) {
      for await (const chunk of source.open(start, end, signal)) {
        for (const taker of takers) taker.update(chunk)
        yield chunk
      }
    },
  }
}

interface Confirmation {
  seen: boolean
  missed: boolean
}

async function putBlock(
  channel: AzureChannel,
  confirmation: Confirmation,
  blob: string,
  id: string,
  block: Block,
  context: RequestContext | undefined,
): Promise<void> {
  const answer = await channel.send({
    method: 'PUT',
    blob,
    query: { comp: 'block', blockid: id },
    headers: { 'content-md5': hexToBase64(block.md5) },
    // Hashed a moment ago, and Azure checks the MD5.
    body: requestBody(block.source, {}, context?.signal),
    contentLength: block.source.size,
    context,
  })
  const md5 = answer.headers['content-md5']
  if (md5 === undefined) confirmation.missed = true
  else if (base64ToHex(md5) === block.md5) confirmation.seen = true
  else throw mismatch('MD5 of a block')
}

/** The blob as committed is what was sent; if it is not, it goes again, so that nobody takes it for the object. */
async function requireCommitted(
  { channel, head, get }: BlocksOptions,
  key: string,
  etag: string,
  parts: readonly CompletedPart[],
  confirmed: boolean,
  context: RequestContext | undefined,
): Promise<void> {
  const reading = context?.signal === undefined ? undefined : { signal: context.signal }
  const stored = await head(key, reading)
  // Another ETag, or none, means that somebody has written since; what we wrote can no longer be seen.
  if (stored === null || stored.etag !== etag) throw mismatch('committed blob')
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  const sizeKnown = parts.every(part => part.size > 0)
  const good =
    (!sizeKnown || stored.size === size) &&
    (confirmed || !sizeKnown || (await holdsParts(await get(key, reading), parts, context?.signal)))
  if (good) return
  await channel.send({
    method: 'DELETE',
    blob: key,
    headers: { 'if-match': `"${etag}"` },
    context: reading,
    accept: [404, 412],
  })
  throw mismatch('committed blob')
}

/** The bytes are those of the parts one after the other, by the MD5 that each part was answered with. */
async function holdsParts(
  bytes: AsyncIterable<Uint8Array>,
  parts: readonly CompletedPart[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const waiting = [...parts]
  let part = waiting.shift()
  let left = part?.size ?? 0
  let md5 = createHasher('MD5')
  for await (const chunk of bytes) {
    signal?.throwIfAborted()
    for (let at = 0; at < chunk.byteLength; ) {
      if (part === undefined) return false
      const piece = chunk.subarray(at, at + left)
      md5.update(piece)
      at += piece.byteLength
      left -= piece.byteLength
      if (left > 0) continue
      if (md5.digest().toString('hex') !== part.etag) return false
      part = waiting.shift()
      left = part?.size ?? 0
      md5 = createHasher('MD5')
    }
  }
  return part === undefined
}

/** The ids of all blocks of a part, in order. */
function blockIds(uploadId: string, part: CompletedPart): readonly string[] {
  const count = part.subParts ?? Math.ceil(part.size / blockBytesMax)
  return Array.from({ length: count }, (_, index) => blockId(uploadId, part.partNumber, index))
}

const blockNameChars = 64

/** Base64 of `<uploadId>|partNumber<5 digits>|subPart<2 digits>|`, filled up with '%' to 64 characters. */
export function blockId(uploadId: string, partNumber: number, subPart: number): string {
  const part = String(partNumber).padStart(5, '0')
  const name = `${uploadId}|partNumber${part}|subPart${String(subPart).padStart(2, '0')}|`
  return Buffer.from(name.padEnd(blockNameChars, '%'), 'utf8').toString('base64')
}
