// The load generator and the baseline in one: puts many objects through the product's own S3 adapter, towards Crossbeat (load) or straight to
// the destination (baseline), so that both send the same requests and the same checksums.
import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { bytesSource, sliceSource } from '../../src/base/byte-source.ts'
import { createHttpClient } from '../../src/base/http-client.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { createS3Location } from '../../src/locations/aws_s3/location.ts'
import type { CompletedPart, Location, ObjectAttributes } from '../../src/locations/location.ts'
import type { S3Destination } from '../process/crossbeat.ts'
import { serveCommands } from './worker-process.ts'

export interface PutMany {
  readonly kind: 'put'
  readonly target: S3Destination
  readonly prefix: string
  readonly count: number
  readonly size: number
  readonly concurrency: number
  /** Objects are sent as multipart uploads with parts of this size, `partsConcurrency` at a time. */
  readonly partBytes?: number
  readonly partsConcurrency?: number
  /** Begins no more puts after this time, however many there were to be. */
  readonly forMs?: number
  /** Begins no more puts than so many a second. */
  readonly perSecond?: number
}

/** One object too large to hold in memory: a multipart upload that sends the same part again and again. */
export interface PutLarge {
  readonly kind: 'put-large'
  readonly target: S3Destination
  readonly key: string
  readonly size: number
}

/** Elapsed time of the whole, and of each put in order of completion. */
export interface PutManyResult {
  readonly ms: number
  readonly eachMs: readonly number[]
}

const attributes: ObjectAttributes = {
  contentType: 'application/octet-stream',
  userMetadata: {},
  markers: { 'scal-replication-status': 'REPLICA', 'scal-version-id': 'aJfG35aUKYOz00000000001I4j3QKItW' },
  tags: {},
}

const locations = new Map<string, Location>()

function locationOf(target: S3Destination): Location {
  const id = `${target.endpoint}/${target.bucket}`
  const known = locations.get(id)
  if (known !== undefined) return known
  const credentials = { accessKey: target.accessKey, secretKey: new Secret(target.secretKey) }
  const details = {
    awsEndpoint: target.endpoint,
    bucketName: target.bucket,
    bucketMatch: true,
    region: 'us-east-1',
    https: false,
    pathStyle: true,
    serverSideEncryption: false,
    supportsVersioning: true,
    supportsObjectLock: false,
    credentials,
  }
  const location = createS3Location({ name: id, details, http: createHttpClient(), world: realWorld })
  locations.set(id, location)
  return location
}

function hexCrc32(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0')
}

async function putMultipart(location: Location, key: string, body: Uint8Array, command: PutMany): Promise<void> {
  const partBytes = command.partBytes ?? body.byteLength
  const uploadId = await location.initiateUpload(key, attributes)
  const numbers = Array.from({ length: Math.ceil(body.byteLength / partBytes) }, (_, index) => index + 1)
  const source = bytesSource(body)
  const parts: CompletedPart[] = []
  const one = async (): Promise<void> => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      const start = (number - 1) * partBytes
      const part = sliceSource(source, start, Math.min(start + partBytes, body.byteLength))
      const checksum = hexCrc32(part.bytes ?? new Uint8Array())
      const result = await location.putPart(key, uploadId, number, part, { crc32: checksum })
      parts[number - 1] = { ...result, partNumber: number, size: part.size, crc32: checksum }
    }
  }
  await Promise.all(Array.from({ length: command.partsConcurrency ?? 10 }, one))
  await location.completeUpload(key, uploadId, parts, attributes)
}

async function putMany(command: PutMany): Promise<PutManyResult> {
  const location = locationOf(command.target)
  const body = randomBytes(command.size)
  const md5 = createHash('md5').update(body).digest('hex')
  const checksums = { md5, crc32: hexCrc32(body) }
  const eachMs: number[] = []
  let next = 0
  const startedAt = performance.now()
  const { forMs = Number.POSITIVE_INFINITY, perSecond = Number.POSITIVE_INFINITY } = command
  const one = async (): Promise<void> => {
    while (next < command.count && performance.now() - startedAt < forMs) {
      const number = next++
      const earlyMs = startedAt + (number * 1000) / perSecond - performance.now()
      if (earlyMs > 1) await new Promise(resolve => setTimeout(resolve, earlyMs))
      const key = `${command.prefix}${number}`
      const putAt = performance.now()
      if (command.partBytes !== undefined) await putMultipart(location, key, body, command)
      else await location.put(key, bytesSource(body), checksums, attributes)
      eachMs.push(performance.now() - putAt)
    }
  }
  await Promise.all(Array.from({ length: command.concurrency }, one))
  return { ms: performance.now() - startedAt, eachMs }
}

async function putLarge(command: PutLarge): Promise<object> {
  const location = locationOf(command.target)
  const partBytes = 64 * 1024 ** 2
  const body = randomBytes(partBytes)
  const uploadId = await location.initiateUpload(command.key, attributes)
  const parts: CompletedPart[] = []
  for (let sent = 0; sent < command.size; sent += partBytes) {
    const bytes = body.subarray(0, Math.min(partBytes, command.size - sent))
    const checksum = hexCrc32(bytes)
    const partNumber = parts.length + 1
    const result = await location.putPart(command.key, uploadId, partNumber, bytesSource(bytes), { crc32: checksum })
    parts.push({ ...result, partNumber, size: bytes.byteLength, crc32: checksum })
  }
  return location.completeUpload(command.key, uploadId, parts, attributes)
}

serveCommands<PutMany | PutLarge>(async command => (command.kind === 'put' ? putMany(command) : putLarge(command)))
