// The load generator of the S3 rows: raw sockets that are kept open, requests signed beforehand, answers read for their status and length only,
// so that nearly all of the CPU is the server's. The same for every server that is measured. One process; commands one after another.
import { randomBytes } from 'node:crypto'
import { sha256Hex } from '../../src/base/hash.ts'
import type { S3Destination } from '../process/crossbeat.ts'
import { type Prepared, prepare, RawConnection } from './raw-s3.ts'
import { serveCommands } from './worker-process.ts'

export interface S3Load {
  readonly target: S3Destination
  readonly method: 'PUT' | 'GET'
  /** Keys are this and a number below `keys`; or the query of the bucket, for `keys` 0. */
  readonly prefix: string
  readonly keys: number
  /** Requests in all. */
  readonly count: number
  /** Of a PUT's body, or what each answer must have; 0: not looked at. */
  readonly size: number
  readonly clients: number
}

export interface S3LoadResult {
  readonly ms: number
  /** CPU of the generator itself, to be told apart from the server's. */
  readonly cpuMs: number
  readonly eachMs: readonly number[]
}

function prepareAll({ target, method, prefix, keys, count, size }: S3Load): readonly Prepared[] {
  const body = method === 'PUT' ? randomBytes(size) : null
  const hash = sha256Hex(body ?? '')
  const pathOf = (index: number): string =>
    keys === 0 ? `/${target.bucket}?${prefix}` : `/${target.bucket}/${prefix}${index % keys}`
  if (keys === 1) {
    const one = prepare(target, method, pathOf(0), body, hash)
    return Array.from({ length: count }, () => one)
  }
  return Array.from({ length: count }, (_, index) => prepare(target, method, pathOf(index), body, hash))
}

async function run(load: S3Load): Promise<S3LoadResult> {
  const requests = prepareAll(load)
  const connections = await Promise.all(
    Array.from({ length: load.clients }, () =>
      RawConnection.open(load.target.endpoint, load.size > 65_536 ? 262_144 : 65_536),
    ),
  )
  const eachMs: number[] = []
  let next = 0
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await Promise.all(
    connections.map(async connection => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const sentAt = performance.now()
        const { status, size } = await connection.send(request)
        if (status !== 200 || (load.method === 'GET' && load.size > 0 && size !== load.size))
          throw new Error(`${load.method} was answered ${status} with ${size} bytes`)
        eachMs.push(performance.now() - sentAt)
      }
    }),
  )
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  for (const connection of connections) connection.destroy()
  return { ms, cpuMs: (user + system) / 1000, eachMs }
}

serveCommands<S3Load>(run)
