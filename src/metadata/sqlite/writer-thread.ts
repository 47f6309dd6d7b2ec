// The thread that owns all writes. Protocol: after start it posts `ready` or `failed`; then it answers every `batch` with `done`, in order;
// `join` brings the port of another thread, whose batches are answered there in order, and told of here as `beside`; `close` closes the database
// and ends the thread.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type Batch, type BatchOutcome, type BatchReply, Writer, type WriterOptions } from './writer.ts'

export type WriterMessage =
  | { readonly kind: 'ready'; readonly epoch: number }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'done'; readonly reply: BatchReply }
  | ({ readonly kind: 'beside' } & BatchOutcome)
  | { readonly kind: 'closed' }

export type WriterOrder =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'join'; readonly port: MessagePort }
  | { readonly kind: 'close' }

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
  const joined = new Set<MessagePort>()
  const join = (other: MessagePort): void => {
    joined.add(other)
    other.on('message', (batch: Batch) => {
      const reply = writer.run(batch)
      other.postMessage(reply)
      const { journaled, logPages, fatal } = reply
      if (journaled || logPages > 0 || fatal !== null) post({ kind: 'beside', journaled, logPages, fatal })
    })
    other.on('close', () => joined.delete(other))
  }
  port.on('message', (order: WriterOrder) => {
    if (order.kind === 'batch') {
      post({ kind: 'done', reply: writer.run(order.batch) })
      return
    }
    if (order.kind === 'join') {
      join(order.port)
      return
    }
    for (const other of joined) other.close()
    writer.close()
    post({ kind: 'closed' })
    port.close()
  })
}

serve()
