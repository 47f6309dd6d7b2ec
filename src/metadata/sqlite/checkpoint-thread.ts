// The thread that moves the write-ahead log into the database file, on a connection of its own, so that no commit pays for it. Protocol: each
// `checkpoint` is answered by a CheckpointMessage; `close` ends the thread.
import { parentPort, workerData } from 'node:worker_threads'
import { Connection, isFinal } from './connection.ts'

export interface CheckpointMessage {
  /** The disk has failed: what was thought to be flushed may not be. */
  readonly fatal: string | null
}

function checkpoint(connection: Connection): string | null {
  try {
    connection.all('PRAGMA wal_checkpoint(PASSIVE)')
    return null
  } catch (error) {
    // Anything else (no space left) leaves the log as it is, for the next time.
    return isFinal(error) && error instanceof Error ? error.message : null
  }
}

function serve(): void {
  const port = parentPort
  if (port === null) return
  const options: { readonly path: string } = workerData
  const connection = new Connection(options.path)
  // What is moved must be flushed before the log may be overwritten.
  connection.execute('PRAGMA synchronous = NORMAL')
  connection.execute('PRAGMA checkpoint_fullfsync = ON')
  port.on('message', (order: 'checkpoint' | 'close') => {
    if (order === 'checkpoint') {
      port.postMessage({ fatal: checkpoint(connection) } satisfies CheckpointMessage)
      return
    }
    connection.close()
    port.close()
  })
}

serve()
