// The S3 server against the third-party one on the same disk: small and large PUT and GET, in turns, as the median of the ratios. The other
// server does not flush what it acknowledges; ours does. `MINIO_ENDPOINT`, `MINIO_ACCESS_KEY` and `MINIO_SECRET_KEY` name one that does: it is
// reported beside.
import { readFileSync } from 'node:fs'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { CrossbeatProcess, type S3Destination } from '../process/crossbeat.ts'
import { cpuMs, median, processTree } from '../process/measure.ts'
import { type S3Address, uniqueName } from '../services/available.ts'
import { record, round } from './result.ts'
import type { S3Load, S3LoadResult } from './s3-load.ts'
import { s3Client } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'

const mebibyte = 1024 ** 2
const rounds = 5

interface SpeedRow {
  readonly name: string
  readonly method: 'PUT' | 'GET'
  readonly size: number
  readonly clients: number
  readonly count: number
  readonly limit: number
}

const small = { size: 4096, clients: 32, limit: 1 }
const large = { size: 64 * mebibyte, clients: 10, limit: 0.8 }
const rows = {
  put: { name: 'PUT 4 KiB, 32 clients, durable', method: 'PUT', count: 10_000, ...small },
  get: { name: 'GET 4 KiB, 32 clients', method: 'GET', count: 20_000, ...small },
  'put-large': { name: 'PUT 64 MiB', method: 'PUT', count: 30, ...large },
  'get-large': { name: 'GET 64 MiB', method: 'GET', count: 80, ...large },
} as const satisfies Readonly<Record<string, SpeedRow>>

/** A plain bucket at a server. */
async function bucketAt(server: Omit<S3Destination, 'bucket'>): Promise<S3Destination> {
  const endpoint = server.endpoint.replace(/^http:\/\//, '')
  const bucket = uniqueName('speed')
  const client = s3Client(endpoint, server)
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
  return { endpoint, bucket, accessKey: server.accessKey, secretKey: server.secretKey }
}

function minio(): Omit<S3Destination, 'bucket'> | null {
  const { MINIO_ENDPOINT: endpoint, MINIO_ACCESS_KEY: accessKey, MINIO_SECRET_KEY: secretKey } = process.env
  return endpoint === undefined ? null : { endpoint, accessKey: accessKey ?? '', secretKey: secretKey ?? '' }
}

interface Measured {
  readonly perSecond: number
  readonly clientCpuMs: number
}

/** CPU of the third-party server so far, where it is ours; 0 where it runs elsewhere. */
function otherCpuMs(): number {
  const own = processTree(process.pid).filter(pid => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'versitygw')
  return cpuMs(own)
}

async function once(
  load: WorkerProcess,
  row: SpeedRow,
  target: S3Destination,
  what: Omit<S3Load, 'target' | 'method' | 'size' | 'clients'>,
): Promise<Measured> {
  const { method, size, clients } = row
  const { ms, cpuMs } = await load.ask<S3LoadResult>({ target, method, size, clients, ...what })
  return { perSecond: (what.count * 1000) / ms, clientCpuMs: cpuMs / what.count }
}

/** The servers take turns; answers with the figures of each, by round. */
async function measure(
  row: SpeedRow,
  count: number,
  targets: readonly S3Destination[],
  cpuOf: (index: number) => number,
) {
  const load = new WorkerProcess('s3-load.ts')
  const isPut = row.method === 'PUT'
  const keys = Math.min(count, row.size > mebibyte ? 4 : 2000)
  try {
    const requests = (round: number) =>
      isPut ? { prefix: `r${round}-`, keys: Math.max(2, count), count } : { prefix: 'warm-', keys, count }
    for (const target of targets) {
      await once(load, { ...row, method: 'PUT' }, target, { prefix: 'warm-', keys, count: keys })
      // Compiled code and warm caches are what every server has after its first second.
      await once(load, row, target, requests(rounds))
    }
    const results: Measured[][] = []
    const costs: number[][] = [[], []]
    for (let round = 0; round < rounds; round++) {
      const figures: Measured[] = []
      for (const [index, target] of targets.entries()) {
        const before = cpuOf(index)
        figures.push(await once(load, row, target, requests(round)))
        costs[index]?.push((cpuOf(index) - before) / count)
      }
      results.push(figures)
    }
    return { results, costs: costs.map(each => round(median(each), 3)) }
  } finally {
    load.stop()
  }
}

export async function benchSpeed(name: keyof typeof rows, server: S3Address, scale: number): Promise<void> {
  const row: SpeedRow = rows[name]
  const count = Math.max(row.clients, Math.round(row.count * scale))
  const crossbeat = await CrossbeatProcess.start({})
  try {
    const third = minio()
    const servers = [{ endpoint: crossbeat.s3, ...crossbeat.keys }, server, ...(third === null ? [] : [third])]
    const targets = await Promise.all(servers.map(each => bucketAt(each)))
    const cpuOf = (index: number): number => (index === 0 ? crossbeat.cpuMs() : index === 1 ? otherCpuMs() : 0)
    const { results, costs } = await measure(row, count, targets, cpuOf)
    const scaleTo = (perSecond: number): number =>
      row.size > mebibyte ? round((perSecond * row.size) / 1e6, 0) : round(perSecond, 0)
    const ratios = results.map(([ours, theirs]) => (ours?.perSecond ?? 0) / (theirs?.perSecond ?? Number.NaN))
    const rates = targets.map((_, index) => scaleTo(median(results.map(figures => figures[index]?.perSecond ?? 0))))
    const unit = row.size > mebibyte ? 'MB/s' : 'requests/s'
    const ratio = median(ratios)
    record({
      name: row.name,
      measured: `${round(ratio, 2)} (${rates[0]} against ${rates[1]} ${unit}${third === null ? '' : `; MinIO ${rates[2]}`})`,
      limit: `at least ${row.limit}`,
      passed: ratio >= row.limit,
      figures: {
        ratio,
        ratios: ratios.map(value => round(value, 3)),
        cpuMsPerRequest: { ours: costs[0], other: costs[1] },
        clientCpuMsPerRequest: round(median(results.map(([ours]) => ours?.clientCpuMs ?? 0)), 3),
        count,
      },
    })
  } finally {
    await crossbeat.stop()
  }
}
