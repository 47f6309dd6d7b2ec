// Many clients at once, each with a part upload and a download under way until the time is over; then all of them break off.
import { randomBytes } from 'node:crypto'
import { sha256Hex } from '../../src/base/hash.ts'
import type { S3Destination } from '../process/crossbeat.ts'
import { type Prepared, prepare, RawConnection } from './raw-s3.ts'
import { serveCommands } from './worker-process.ts'

export interface Transfers {
  readonly target: S3Destination
  readonly clients: number
  readonly forMs: number
  /** What all of them download. */
  readonly download: string
  /** Key of the upload that their parts belong to. */
  readonly upload: { readonly key: string; readonly uploadId: string; readonly partBytes: number }
}

/** How many were whole when the time was over; the others were under way. */
export interface TransfersResult {
  readonly parts: number
  readonly downloads: number
}

async function run({ target, clients, forMs, download, upload }: Transfers): Promise<TransfersResult> {
  const body = randomBytes(upload.partBytes)
  const hash = sha256Hex(body)
  const get = prepare(target, 'GET', `/${target.bucket}/${download}`, null, sha256Hex(''))
  const connections: RawConnection[] = []
  let over = false
  const done = { parts: 0, downloads: 0 }
  const again = async (request: Prepared, what: keyof typeof done): Promise<void> => {
    const connection = await RawConnection.open(target.endpoint)
    connections.push(connection)
    while (!over) {
      const { status } = await connection.send(request)
      if (status !== 200) throw new Error(`one of the ${what} was answered ${status}`)
      done[what] += 1
    }
  }
  const running: Promise<void>[] = []
  for (let client = 1; client <= clients; client++) {
    const path = `/${target.bucket}/${upload.key}?partNumber=${client}&uploadId=${upload.uploadId}`
    running.push(again(prepare(target, 'PUT', path, body, hash), 'parts'), again(get, 'downloads'))
  }
  // Only a failure ends one of them before the time.
  await Promise.race([Promise.all(running), new Promise(resolve => setTimeout(resolve, forMs))])
  over = true
  for (const connection of connections) connection.destroy()
  return done
}

serveCommands<Transfers>(run)
