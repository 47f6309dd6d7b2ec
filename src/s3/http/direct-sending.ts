// What an answer's body sends to the client beside its chunks: the system does that, from files, where it can. The chunks between tell when there is
// room again, and find out that the client has gone.
import type { ServerResponse } from 'node:http'
import { loadSendFile } from '../../base/send-file.ts'
import type { SendFrom } from '../../locations/data-store.ts'

export interface DirectSending {
  readonly send: SendFrom
  /** So many were sent. */
  bytes(): number
}

export function createDirectSending(response: ServerResponse): DirectSending {
  let bytes = 0
  return {
    async send(file, position, count) {
      const sendFile = await loadSendFile()
      if (sendFile === null || response.socket === null) return 0
      const sent = await sendFile(response.socket, file, position, count)
      bytes += sent
      return sent
    },
    bytes: () => bytes,
  }
}
