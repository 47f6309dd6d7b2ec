// The thread that owns all writes. Protocol: after start it posts `ready` or `failed`; then it answers every `batch` with `done`, in order;
// `join` brings the port of another thread, whose batches are answered there in order, and told of here as `beside`; `left` says that such a port is
// closed and all its batches are carried out; `close` closes the database and ends the thread.
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type Batch, type BatchOutcome, type BatchReply, Writer, type WriterOptions } from './writer.ts'

export type WriterMessage =
  | { readonly kind: 'ready'; readonly epoch: number }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'done'; readonly reply: BatchReply }
  | ({ readonly kind: 'beside' } & BatchOutcome)
  | { readonly kind: 'left'; readonly id: number }
  | { readonly kind: 'closed' }

export type WriterOrder =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'join'; readonly id: number; readonly port: MessagePort }
  | { readonly kind: 'close' }

/** Batches that wait at the ports at the same time share a transaction and its flush; each gets its own part of the replies. */
class Counter {
  readonly #writer: Writer
  readonly #post: (message: WriterMessage) => void
  readonly #joined = new Set<MessagePort>()

  constructor(writer: Writer, post: (message: WriterMessage) => void) {
    this.#writer = writer
    this.#post = post
  }

  join(id: number, port: MessagePort): void {
    this.#joined.add(port)
    port.on('message', (batch: Batch) => this.run({ port, batch }))
    // A port says that it is closed behind the last of its messages.
    port.on('close', () => {
      this.#joined.delete(port)
      this.#post({ kind: 'left', id })
    })
  }

  /** Of the owner when `port` is null. */
  run(first: { readonly port: MessagePort | null; readonly batch: Batch }): void {
    const given = [first]
    for (const port of this.#joined) {
      const waiting: { readonly message: Batch } | undefined =
        port === first.port ? undefined : receiveMessageOnPort(port)
      if (waiting !== undefined) given.push({ port, batch: waiting.message })
    }
    const batches = given.map(({ batch }) => batch)
    const whole = given.length === 1 ? first.batch : together(batches)
    const { replies, ...outcome } = this.#writer.run(whole)
    let at = 0
    let owners = false
    for (const { port, batch } of given) {
      const own = { ...outcome, replies: replies.slice(at, at + batch.commands.length) }
      at += batch.commands.length
      if (port === null) {
        owners = true
        this.#post({ kind: 'done', reply: own })
      } else port.postMessage(own)
    }
    const { journaled, logPages, fatal } = outcome
    if (!owners && (journaled || logPages > 0 || fatal !== null)) this.#post({ kind: 'beside', ...outcome })
  }

  close(): void {
    for (const port of this.#joined) port.close()
    this.#writer.close()
  }
}

function together(batches: readonly Batch[]): Batch {
  return {
    commands: batches.flatMap(({ commands }) => commands),
    durable: batches.some(({ durable }) => durable),
    restartLog: batches.some(({ restartLog }) => restartLog),
  }
}

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
  const counter = new Counter(writer, post)
  port.on('message', (order: WriterOrder) => {
    if (order.kind === 'batch') counter.run({ port: null, batch: order.batch })
    else if (order.kind === 'join') counter.join(order.id, order.port)
    else {
      counter.close()
      post({ kind: 'closed' })
      port.close()
    }
  })
}

serve()
