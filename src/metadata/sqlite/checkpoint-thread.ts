// The thread that moves the write-ahead log into the database file, on a connection of its own, so that no commit pays for it. Protocol: each
// `checkpoint` is answered by `checkpointed`; `close` ends the thread.
import { parentPort, workerData } from 'node:worker_threads'
import { Connection } from './connection.ts'

function serve(): void {
  const port = parentPort
  if (port === null) return
  const options: { readonly path: string } = workerData
  const connection = new Connection(options.path)
  // What is moved must be flushed before the log may be overwritten.
  connection.execute('PRAGMA synchronous = NORMAL')
  port.on('message', (order: 'checkpoint' | 'close') => {
    if (order === 'checkpoint') {
      let problem: string | null = null
      try {
        connection.all('PRAGMA wal_checkpoint(PASSIVE)')
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
      }
      port.postMessage({ kind: 'checkpointed', problem })
      return
    }
    connection.close()
    port.close()
  })
}

serve()
