// Cost of one small object: CPU from PUT to COMPLETED, lag when idle, durable PUTs, and whether a long backlog makes an object dearer.
import { median, percentile } from '../process/measure.ts'
import type { Passage } from './recording-proxy.ts'
import { record, round } from './result.ts'
import { destinationBucket, openStage, put, sourceBucket } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'

interface Server {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
}

const size = 4096

export async function benchCpu(server: Server, scale: number): Promise<void> {
  const count = Math.round(5000 * scale)
  const stage = await openStage({ s3: await destinationBucket(server) })
  try {
    await put(stage.load, stage.source, { prefix: 'warm-', count: 2000, size, concurrency: 16 })
    await stage.crossbeat.drained('awsbackend', 100)
    const runs: number[] = []
    for (let index = 0; index < 3; index++) {
      const before = stage.crossbeat.cpuMs()
      await put(stage.load, stage.source, { prefix: `cpu-${index}-`, count, size, concurrency: 16 })
      await stage.crossbeat.drained('awsbackend', 250)
      runs.push((stage.crossbeat.cpuMs() - before) / count)
    }
    const perObject = median(runs)
    record({
      name: 'CPU per 4 KiB object, PUT to COMPLETED',
      measured: `${round(perObject, 2)} ms`,
      limit: 'at most 2 ms',
      passed: perObject <= 2,
      figures: { perObjectMs: perObject, runs, count },
    })
  } finally {
    await stage.close()
  }
}

export async function benchLag(server: Server, scale: number): Promise<void> {
  const count = Math.round(500 * scale)
  const proxy = new WorkerProcess('recording-proxy.ts')
  const destination = await destinationBucket(server)
  const [host = '', port = ''] = destination.endpoint.split(':')
  const far = await proxy.ask<{ port: number }>({ kind: 'open', name: 'far', host, port: Number(port) })
  const proxied = { ...destination, endpoint: `127.0.0.1:${far.port}` }
  const stage = await openStage({ s3: proxied })
  try {
    const [nearHost = '', nearPort = ''] = stage.crossbeat.s3.split(':')
    const near = await proxy.ask<{ port: number }>({
      kind: 'open',
      name: 'near',
      host: nearHost,
      port: Number(nearPort),
    })
    const source = { ...stage.source, endpoint: `127.0.0.1:${near.port}` }
    await put(stage.load, source, { prefix: 'warm-', count: 500, size, concurrency: 1 })
    await put(stage.load, proxied, { prefix: 'warm-bare-', count: 500, size, concurrency: 1 })
    await stage.crossbeat.drained('awsbackend', 100)
    const lags: number[] = []
    const bares: number[] = []
    for (let index = 0; index < count; index++) {
      const prefix = `lag-${index}-`
      await put(stage.load, source, { prefix, count: 1, size, concurrency: 1 })
      const accepted = await proxy.ask<Passage>({ kind: 'wait', name: 'near', path: `/${sourceBucket}/${prefix}0` })
      const path = `/${destination.bucket}/${sourceBucket}/${prefix}0`
      const arrived = await proxy.ask<Passage>({ kind: 'wait', name: 'far', path })
      lags.push(arrived.answeredAt - accepted.answeredAt)
      const bare = await put(stage.load, proxied, { prefix: `bare-${index}-`, count: 1, size, concurrency: 1 })
      bares.push(bare.eachMs[0] ?? Number.NaN)
    }
    const middle = percentile(lags, 0.5) / percentile(bares, 0.5)
    const tail = percentile(lags, 0.99) / percentile(bares, 0.99)
    const shown = (values: readonly number[]): string =>
      `${round(percentile(values, 0.5), 2)}/${round(percentile(values, 0.99), 2)} ms`
    record({
      name: 'lag when idle, p50 and p99 against a bare PUT',
      measured: `${round(middle, 2)} and ${round(tail, 2)} (${shown(lags)} against ${shown(bares)})`,
      limit: 'at most 2 and 4',
      passed: middle <= 2 && tail <= 4,
      figures: {
        p50Ratio: middle,
        p99Ratio: tail,
        lagP50: percentile(lags, 0.5),
        lagP99: percentile(lags, 0.99),
        count,
      },
    })
  } finally {
    await stage.close()
    proxy.stop()
  }
}

export async function benchDurablePut(scale: number): Promise<void> {
  const count = Math.round(4000 * scale)
  const durable = await openStage({ flush: true })
  const careless = await openStage({ flush: false })
  try {
    const ratios: number[] = []
    const rates: number[] = []
    for (const stage of [durable, careless])
      await put(stage.load, stage.source, { prefix: 'warm-', count: 2000, size, concurrency: 32 })
    for (let index = 0; index < 5; index++) {
      const what = { prefix: `put-${index}-`, count, size, concurrency: 32 }
      const flushed = await put(durable.load, durable.source, what)
      const unflushed = await put(careless.load, careless.source, what)
      ratios.push(unflushed.ms / flushed.ms)
      rates.push((count * 1000) / flushed.ms)
    }
    const ratio = median(ratios)
    record({
      name: 'durable PUT of 4 KiB, 32 clients, against no flushing',
      measured: `${round(ratio, 2)} (${round(median(rates), 0)} PUT/s)`,
      limit: 'at least 0.5',
      passed: ratio >= 0.5,
      figures: { ratio, ratios, putsPerSecond: median(rates) },
    })
  } finally {
    await durable.close()
    await careless.close()
  }
}

async function firstThousand(server: Server, more: number): Promise<number> {
  const stage = await openStage({ s3: await destinationBucket(server) })
  try {
    await put(stage.load, stage.source, { prefix: 'warm-', count: 2000, size, concurrency: 16 })
    await stage.crossbeat.drained('awsbackend', 100)
    await stage.crossbeat.pause('awsbackend')
    const total = 1000 + more
    await put(stage.load, stage.source, { prefix: 'more-', count: total, size, concurrency: 32 })
    await stage.crossbeat.quiet()
    const before = stage.crossbeat.cpuMs()
    await stage.crossbeat.resume('awsbackend')
    const left = await stage.crossbeat.drained('awsbackend', 10, total - 1000)
    return (stage.crossbeat.cpuMs() - before) / (total - left)
  } finally {
    await stage.crossbeat.kill()
    stage.crossbeat.remove()
    stage.load.stop()
  }
}

export async function benchBacklog(server: Server, scale: number): Promise<void> {
  const more = Math.round(99_000 * scale)
  const alone: number[] = []
  const crowded: number[] = []
  for (let index = 0; index < 5; index++) {
    alone.push(await firstThousand(server, 0))
    crowded.push(await firstThousand(server, more))
  }
  // Each pair within the same half minute: the machine's own pace changes in between.
  const ratios = crowded.map((value, index) => value / (alone[index] ?? Number.NaN))
  const ratio = median(ratios)
  record({
    name: `CPU per object after a resume, ${more} more behind`,
    measured: `${round(ratio, 2)} (${round(median(crowded), 2)} against ${round(median(alone), 2)} ms)`,
    limit: 'within 15 %',
    passed: ratio <= 1.15,
    figures: { ratio, ratios, alone, crowded },
  })
}
