// The body of a cloud write on its way to the destination. Its digest is known to be right before the destination has the last byte: small
// bodies are checked in memory, bodies whose checksums the sender declared stream through with the last piece held back, and all others are
// checked on disk first. So a wrong digest never makes anything visible at a cloud.
import { type ByteSource, bytesSource } from '../../base/byte-source.ts'
import { dataKeyOf } from '../../base/sealed-bytes.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import type { KnownChecksums } from '../../locations/location.ts'
import { createSealedWriter, readSealed } from '../../locations/sealed-data.ts'
import { openPayload, type PayloadCheck, type PayloadFacts } from '../auth/payload-check.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { BodyPipe } from './body-pipe.ts'
import { crc32Of } from './cloud-headers.ts'

/** Bodies up to this size are checked in memory. */
const memoryBytesMax = 1024 * 1024

export interface Written<Result> {
  readonly result: Result
  readonly facts: PayloadFacts
}

export interface BodyNeeds {
  /** The write reads the bytes more than once, whatever is known of them. */
  readonly repeatable: boolean
}

/** Carries out a write with checked bytes. */
export type BodyWrite<Result> = (source: ByteSource, checksums: KnownChecksums, facts?: PayloadFacts) => Promise<Result>

/**
 * Receives the body and hands it to `write`. Throws BadDigest (nothing visible at the destination), IncompleteBody, MissingContentLength,
 * EntityTooLarge, and whatever `write` throws.
 */
export async function writeBody<Result>(
  call: BackbeatCall,
  needs: BodyNeeds,
  write: BodyWrite<Result>,
): Promise<Written<Result>> {
  const { headers } = call
  const md5 = hexDigest(headers.get('content-md5'))
  const check = openPayload(call.auth.payload, headers, { contentMd5: 'hex' })
  const size = check.decodedLength
  if (size === undefined) throw serviceError('MissingContentLength')
  if (size > limits.singlePutBytes) throw serviceError('EntityTooLarge')
  const crc32 = crc32Of(headers)
  if (size <= memoryBytesMax) return writeFromMemory(call, check, size, crc32, write)
  if (md5 !== undefined && crc32 !== undefined && !needs.repeatable)
    return writeThrough(call, check, size, { md5, crc32 }, write)
  return writeFromDisk(call, check, size, crc32, write)
}

/** Content-MD5 of these routes is hex; anything else can match no body. */
export function hexDigest(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  if (/^[0-9a-fA-F]{32}$/.test(value)) return value.toLowerCase()
  throw serviceError('BadDigest')
}

function checksumsOf(facts: PayloadFacts): { readonly md5: string; readonly crc32: string } {
  return { md5: facts.md5Hex, crc32: Buffer.from(facts.crc32, 'base64').toString('hex') }
}

function requireCrc32(facts: PayloadFacts, declared: string | undefined): void {
  if (declared === undefined || checksumsOf(facts).crc32 === declared) return
  throw serviceError('BadDigest', { message: 'The CRC32 you specified did not match what we received.' })
}

async function writeFromMemory<Result>(
  call: BackbeatCall,
  check: PayloadCheck,
  size: number,
  crc32: string | undefined,
  write: BodyWrite<Result>,
): Promise<Written<Result>> {
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  const facts = await call.body.receive(check, {
    take(piece) {
      if (at + piece.length > size) throw serviceError('IncompleteBody')
      piece.copy(bytes, at)
      at += piece.length
      return undefined
    },
  })
  requireCrc32(facts, crc32)
  return { result: await write(bytesSource(bytes), checksumsOf(facts), facts), facts }
}

/**
 * Needs a place for the bytes, but neither trust in the sender nor memory for them. What may lie encrypted at the source lies encrypted here, too,
 * under a key that ends with the request.
 */
async function writeFromDisk<Result>(
  call: BackbeatCall,
  check: PayloadCheck,
  size: number,
  crc32: string | undefined,
  write: BodyWrite<Result>,
): Promise<Written<Result>> {
  const [store] = call.services.dataStores.values()
  if (store === undefined) throw serviceError('InternalError')
  const dataKey = dataKeyOf(call.services.world.random.bytes(32))
  const writer = createSealedWriter(store, dataKey)
  try {
    let tail = Promise.resolve()
    const facts = await call.body
      .receive(check, {
        take(piece) {
          tail = tail.then(() => writer.write(piece))
          return tail
        },
      })
      .finally(() => tail.catch(() => undefined))
    requireCrc32(facts, crc32)
    await tail
    await writer.finish()
    const data = { store, name: writer.key, dataKey, size }
    const source = {
      size,
      open: (start: number, end: number, signal?: AbortSignal) => readSealed(data, { start, end }, signal),
    }
    return { result: await write(source, checksumsOf(facts), facts), facts }
  } finally {
    await writer.discard()
  }
}

async function writeThrough<Result>(
  call: BackbeatCall,
  check: PayloadCheck,
  size: number,
  declared: { readonly md5: string; readonly crc32: string },
  write: BodyWrite<Result>,
): Promise<Written<Result>> {
  const pipe = new BodyPipe(size)
  const receiving = call.body.receive(check, pipe).then(facts => {
    requireCrc32(facts, declared.crc32)
    pipe.end()
    return facts
  })
  receiving.catch(error => pipe.fail(error))
  try {
    const result = await write(pipe, declared)
    return { result, facts: await receiving }
  } catch (error) {
    // Whatever ended the write, a body that was wrong is the better reason.
    pipe.abandon()
    throw pipe.failure ?? error
  }
}
