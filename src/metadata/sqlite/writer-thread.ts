// The thread that owns all writes. Protocol: after start it posts `ready` or `failed`; then it answers every `batch` with `done`, in order;
// `close` closes the database and ends the thread.
import { parentPort, workerData } from 'node:worker_threads'
import { type Batch, type BatchReply, Writer, type WriterOptions } from './writer.ts'

export type WriterMessage =
  | { readonly kind: 'ready'; readonly epoch: number }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'done'; readonly reply: BatchReply }
  | { readonly kind: 'closed' }

export type WriterOrder = { readonly kind: 'batch'; readonly batch: Batch } | { readonly kind: 'close' }

function serve(): void {
  const port = parentPort
  if (port === null) return
  const post = (message: WriterMessage): void => port.postMessage(message)
  const options: WriterOptions = workerData
  let writer: Writer
  try {
    writer = new Writer(options)
  } catch (error) {
    post({ kind: 'failed', error })
    return
  }
  post({ kind: 'ready', epoch: writer.context.epoch })
  port.on('message', (order: WriterOrder) => {
    if (order.kind === 'batch') {
      post({ kind: 'done', reply: writer.run(order.batch) })
      return
    }
    writer.close()
    post({ kind: 'closed' })
    port.close()
  })
}

serve()
