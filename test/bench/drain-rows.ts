// How fast a backlog drains after a resume, against the same adapter merely putting the same objects with the same concurrency: interleaved
// five times, median of the ratios.

import type { S3Destination } from '../process/crossbeat.ts'
import { median, percentile } from '../process/measure.ts'
import { record, round } from './result.ts'
import { concurrency, destinationBucket, openStage, partsConcurrency, put, type Stage, sourceBucket } from './stage.ts'

interface DrainRow {
  readonly name: string
  readonly count: number
  readonly size: number
  readonly partBytes?: number
  readonly unit: 'objects/s' | 'MB/s'
}

interface Run {
  readonly ours: number
  readonly bare: number
  /** CPU of our processes per object drained. */
  readonly cpuMs: number
}

const mebibyte = 1024 ** 2

const drainRows: readonly DrainRow[] = [
  { name: 'drain 10,000 x 4 KiB', count: 10_000, size: 4096, unit: 'objects/s' },
  { name: 'drain 300 x 1 MiB', count: 300, size: mebibyte, unit: 'MB/s' },
  { name: 'drain 10 x 100 MiB', count: 10, size: 100 * mebibyte, partBytes: 16 * mebibyte, unit: 'MB/s' },
]

function rate(row: DrainRow, count: number, ms: number): number {
  const perSecond = (count * 1000) / ms
  return row.unit === 'objects/s' ? perSecond : (perSecond * row.size) / 1e6
}

async function once(
  stage: Stage,
  destination: S3Destination,
  row: DrainRow,
  count: number,
  round: number,
): Promise<Run> {
  const { crossbeat, load, source } = stage
  const { size, partBytes } = row
  await crossbeat.pause('awsbackend')
  await put(load, source, { prefix: `drain-${round}-`, count, size, concurrency: 16 })
  const cpuBefore = crossbeat.cpuMs()
  const resumedAt = performance.now()
  await crossbeat.resume('awsbackend')
  await crossbeat.drained('awsbackend', 20)
  const drainMs = performance.now() - resumedAt
  const cpuMs = (crossbeat.cpuMs() - cpuBefore) / count
  const multipart = partBytes === undefined ? {} : { partBytes, partsConcurrency }
  // The same keys that the copies have, below the name of their bucket.
  const prefix = `${sourceBucket}/bare-${round}-`
  const bare = await put(load, destination, { prefix, count, size, concurrency, ...multipart })
  return { ours: rate(row, count, drainMs), bare: rate(row, count, bare.ms), cpuMs }
}

export async function benchDrain(
  server: { endpoint: string; accessKey: string; secretKey: string },
  scale: number,
): Promise<void> {
  for (const row of drainRows) {
    const destination = await destinationBucket(server)
    const stage = await openStage({ s3: destination })
    const count = Math.max(5, Math.round(row.count * scale))
    try {
      await put(stage.load, stage.source, { prefix: 'warm-', count: 2000, size: 4096, concurrency: 16 })
      await put(stage.load, destination, { prefix: 'warm-bare-', count: 2000, size: 4096, concurrency })
      await stage.crossbeat.drained('awsbackend', 50)
      const runs: Run[] = []
      for (let index = 0; index < 5; index++) runs.push(await once(stage, destination, row, count, index))
      const ratios = runs.map(run => run.ours / run.bare)
      const ratio = median(ratios)
      const ours = round(median(runs.map(run => run.ours)), 1)
      const bare = round(median(runs.map(run => run.bare)), 1)
      record({
        name: row.name,
        measured: `${round(ratio, 2)} (${ours} against ${bare} ${row.unit})`,
        limit: 'at least 0.8',
        passed: ratio >= 0.8,
        figures: {
          ratio,
          ratios: ratios.map(value => round(value, 3)),
          worst: percentile(ratios, 0),
          unit: row.unit,
          cpuMsPerObject: round(median(runs.map(run => run.cpuMs)), 2),
          ours,
          bare,
        },
      })
    } finally {
      await stage.close()
    }
  }
}
