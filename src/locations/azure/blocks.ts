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
}

type Uploads = Pick<Location, 'initiateUpload' | 'putPart' | 'completeUpload' | 'abortUpload' | 'listUploads'>

export function createBlocks({ channel, world, head }: BlocksOptions): Uploads {
  return {
    initiateUpload: async key => {
      checkedName(key)
      return world.random.uuid().replaceAll('-', '').toLowerCase()
    },
    async putPart(key, uploadId, partNumber, body, checksums, context) {
      const blob = checkedName(key)
      const digests = await digestBlocks(body, checksums, context?.signal)
      for (const [index, block] of digests.blocks.entries()) {
        await putBlock(channel, blob, blockId(uploadId, partNumber, index), block, context)
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
      const stored = await head(key, context?.signal === undefined ? undefined : { signal: context.signal })
      const size = parts.reduce((sum, part) => sum + part.size, 0)
      // Another ETag means that somebody has written since; what we wrote can no longer be seen.
      if (stored === null || (stored.etag === etag && size > 0 && stored.size !== size))
        throw mismatch('committed blob')
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

async function putBlock(
  channel: AzureChannel,
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
    body: requestBody(block.source, { crc32: block.crc32 }, context?.signal),
    contentLength: block.source.size,
    context,
  })
  // Azure repeats the MD5 it has checked; an answer without it confirms nothing.
  if (base64ToHex(answer.headers['content-md5'] ?? '') !== block.md5) throw mismatch('MD5 of a block')
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
