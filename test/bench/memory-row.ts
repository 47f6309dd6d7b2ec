// Peak memory while large objects are on their way to two sites at once, at sinks that check every byte.
import { watchMemory } from '../process/measure.ts'
import { record, round } from './result.ts'
import { openStage, put } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'

const mebibyte = 1024 ** 2

interface Totals {
  readonly s3Bytes: number
  readonly azureBytes: number
  readonly wrong: number
  readonly s3Objects: number
  readonly azureObjects: number
}

export async function benchMemory(scale: number): Promise<void> {
  const sinks = new WorkerProcess('sinks.ts')
  const ports = await sinks.ask<{ s3Port: number; azurePort: number }>({ kind: 'open' })
  const keys = { accessKey: 'sink', secretKey: 'sinksecret' }
  const s3 = { endpoint: `127.0.0.1:${ports.s3Port}`, bucket: 'sink', ...keys }
  const azure = {
    endpoint: `http://127.0.0.1:${ports.azurePort}/sinkaccount/`,
    container: 'sink',
    account: 'sinkaccount',
    key: 'c2luaw==',
  }
  const stage = await openStage({ s3, azure })
  try {
    const memory = watchMemory(stage.crossbeat.pid, 50)
    for (const site of ['awsbackend', 'azurebackend']) await stage.crossbeat.pause(site)
    const sizes = { many: Math.round(256 * scale) * mebibyte, one: Math.round(5120 * scale) * mebibyte }
    await put(stage.load, stage.source, { prefix: 'many-', count: 16, size: sizes.many, concurrency: 4 })
    const large = { prefix: 'one-', count: 1, size: Math.min(sizes.one, 512 * mebibyte), concurrency: 1 }
    if (sizes.one > large.size)
      await stage.load.ask({ kind: 'put-large', target: stage.source, key: 'one-0', size: sizes.one })
    else await put(stage.load, stage.source, large)
    for (const site of ['awsbackend', 'azurebackend']) await stage.crossbeat.resume(site)
    for (const site of ['awsbackend', 'azurebackend']) await stage.crossbeat.drained(site, 200)
    const { peakBytes, samples } = memory.stop()
    const totals = await sinks.ask<Totals>({ kind: 'totals' })
    const expected = 16 * sizes.many + sizes.one
    const whole = totals.wrong === 0 && totals.s3Bytes === expected && totals.azureBytes === expected
    record({
      name: 'peak memory, 16 x 256 MiB and 5 GiB to two sites',
      measured: `${round(peakBytes / mebibyte, 0)} MB${whole ? '' : ' (bytes lost or wrong)'}`,
      limit: 'under 400 MB',
      passed: whole && peakBytes < 400 * mebibyte,
      figures: { peakBytes, samples, totals, expected },
    })
  } finally {
    await stage.close()
    sinks.stop()
  }
}
