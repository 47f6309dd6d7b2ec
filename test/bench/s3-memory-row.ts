// Peak memory with many clients at once, each with a part upload and a download of one shared large object under way.
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { watchMemory } from '../process/measure.ts'
import { record, round } from './result.ts'
import type { Transfers, TransfersResult } from './s3-transfers.ts'
import { openStage, s3Client } from './stage.ts'
import { WorkerProcess } from './worker-process.ts'

const mebibyte = 1024 ** 2
const clients = 200

export async function benchTransferMemory(scale: number): Promise<void> {
  const stage = await openStage({ replicate: false })
  const { crossbeat, source, load } = stage
  const transfers = new WorkerProcess('s3-transfers.ts')
  const client = s3Client(source.endpoint, source)
  try {
    const size = Math.max(64, Math.round(1024 * scale)) * mebibyte
    await load.ask({ kind: 'put-large', target: source, key: 'shared', size })
    const created = await client.send(new CreateMultipartUploadCommand({ Bucket: source.bucket, Key: 'parts' }))
    const uploadId = created.UploadId ?? ''
    const memory = watchMemory(crossbeat.pid, 100)
    const cpuBefore = crossbeat.cpuMs()
    const command: Transfers = {
      ...{ target: source, clients, forMs: 60_000 * scale, download: 'shared' },
      upload: { key: 'parts', uploadId, partBytes: 16 * mebibyte },
    }
    const done = await transfers.ask<TransfersResult>(command)
    const cpuMs = crossbeat.cpuMs() - cpuBefore
    await client.send(new AbortMultipartUploadCommand({ Bucket: source.bucket, Key: 'parts', UploadId: uploadId }))
    const { peakBytes, samples } = memory.stop()
    record({
      name: `peak memory, ${clients} clients with a part upload and a download of 1 GiB each`,
      measured: `${round(peakBytes / mebibyte, 0)} MB`,
      limit: 'under 300 MB',
      passed: peakBytes < 300 * mebibyte,
      figures: { peakBytes, samples, cpuMs, ...done },
    })
  } finally {
    client.destroy()
    transfers.stop()
    await stage.close()
  }
}
