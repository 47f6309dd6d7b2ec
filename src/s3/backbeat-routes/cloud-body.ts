// The body of a cloud write on its way to the destination. Its digest is known to be right before the destination has the last byte: small
// bodies are checked in memory, bodies whose checksums the sender declared stream through with the last piece held back, and all others are
// checked on disk first. So a wrong digest never makes anything visible at a cloud.
import { type ByteSource, bytesSource } from '../../base/byte-source.ts'
import { serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import type { KnownChecksums } from '../../locations/location.ts'
import { openPayload, type PayloadCheck, type PayloadFacts } from '../auth/payload-check.ts'
import type { BodySink } from '../call.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { crc32Of } from './cloud-headers.ts'

/** Bodies up to this size are checked in memory. */
const memoryBytesMax = 1024 * 1024
/** Bytes that may wait for the destination before the sender is asked to wait. */
const windowBytes = 512 * 1024

export interface Written<Result> {
  readonly result: Result
  readonly facts: PayloadFacts
}

/** Carries out a write with checked bytes. */
export type BodyWrite<Result> = (source: ByteSource, checksums: KnownChecksums, facts?: PayloadFacts) => Promise<Result>

/**
 * Receives the body and hands it to `write`. Throws BadDigest (nothing visible at the destination), IncompleteBody, MissingContentLength,
 * EntityTooLarge, and whatever `write` throws.
 */
export async function writeBody<Result>(call: BackbeatCall, write: BodyWrite<Result>): Promise<Written<Result>> {
  const { headers } = call
  const md5 = hexDigest(headers.get('content-md5'))
  const check = openPayload(call.auth.payload, headers, { contentMd5: 'hex' })
  const size = check.decodedLength
  if (size === undefined) throw serviceError('MissingContentLength')
  if (size > limits.singlePutBytes) throw serviceError('EntityTooLarge')
  const crc32 = crc32Of(headers)
  if (size <= memoryBytesMax) return writeFromMemory(call, check, size, crc32, write)
  if (md5 !== undefined && crc32 !== undefined) return writeThrough(call, check, size, { md5, crc32 }, write)
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

/** Needs a place for the bytes, but neither trust in the sender nor memory for them. */
async function writeFromDisk<Result>(
  call: BackbeatCall,
  check: PayloadCheck,
  size: number,
  crc32: string | undefined,
  write: BodyWrite<Result>,
): Promise<Written<Result>> {
  const [store] = call.services.dataStores.values()
  if (store === undefined) throw serviceError('InternalError')
  const writer = store.create()
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
    const source = {
      size,
      open: (start: number, end: number, signal?: AbortSignal) => store.read(writer.key, start, end, signal),
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
  const pipe = createPipe(size)
  const receiving = call.body.receive(check, pipe.sink).then(facts => {
    requireCrc32(facts, declared.crc32)
    pipe.end()
    return facts
  })
  receiving.catch(pipe.fail)
  try {
    const result = await write(pipe.source, declared)
    return { result, facts: await receiving }
  } catch (error) {
    // Whatever ended the write, a body that was wrong is the better reason.
    pipe.abandon()
    throw pipe.failure() ?? error
  }
}

interface Pipe {
  readonly sink: BodySink
  readonly source: ByteSource
  /** All bytes have come and are right. */
  end(): void
  fail(error: unknown): void
  /** Nobody reads any more. */
  abandon(): void
  /** Why the body broke, unless it did because nobody read it. */
  failure(): unknown
}

/** From a body that pushes to a reader that pulls, holding back the newest piece until the whole body is known to be right. */
function createPipe(size: number): Pipe {
  const queue: Buffer[] = []
  let queued = 0
  let state: 'open' | 'ended' | 'failed' | 'abandoned' = 'open'
  let error: unknown
  let opened = false
  let wakeReader = (): void => {}
  let roomWaiters: (() => void)[] = []

  const changed = (): void => {
    wakeReader()
    if (state === 'open' && queued > windowBytes) return
    const waiters = roomWaiters
    roomWaiters = []
    for (const resolve of waiters) resolve()
  }
  async function* read(): AsyncGenerator<Uint8Array> {
    let held: Buffer | undefined
    for (;;) {
      while (queue.length === 0 && state === 'open') {
        await new Promise<void>(resolve => {
          wakeReader = resolve
        })
      }
      if (state === 'failed') throw error
      const piece = queue.shift()
      if (piece === undefined) break
      queued -= piece.length
      changed()
      if (held !== undefined) yield held
      held = piece
    }
    if (held !== undefined) yield held
  }
  const move = (next: typeof state): void => {
    if (state === 'open' || (state === 'ended' && next === 'abandoned')) state = next
    changed()
  }
  return {
    sink: {
      take(piece) {
        // What comes after the write has ended is of no use to anybody; the server bounds how much of it is read.
        if (state !== 'open') return undefined
        queue.push(piece)
        queued += piece.length
        wakeReader()
        return queued > windowBytes ? new Promise(resolve => roomWaiters.push(resolve)) : undefined
      },
    },
    source: {
      size,
      open(start, end) {
        if (!opened && start === 0 && end === size) {
          opened = true
          return read()
        }
        throw new Failure({
          class: 'transient',
          code: 'BodyNotRepeatable',
          message: 'The body of the request can be read only once',
        })
      },
    },
    end: () => move('ended'),
    fail(reason) {
      if (state === 'open') error = reason
      move('failed')
    },
    abandon: () => move('abandoned'),
    failure: () => (state === 'failed' ? error : undefined),
  }
}
