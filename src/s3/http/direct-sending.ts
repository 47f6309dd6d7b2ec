// What an answer's body sends to the client beside its chunks: the system does that, from files, where it can. The chunks between tell when there is
// room again, and find out that the client has gone.
import type { ServerResponse } from 'node:http'
import { type FileOutlet, loadFileSending } from '../../base/send-file.ts'
import type { SendFrom } from '../../locations/data-store.ts'

export interface DirectSending {
  readonly send: SendFrom
  /** So many were sent. */
  bytes(): number
  /** When the body has ended. */
  close(): void
}

export function createDirectSending(response: ServerResponse): DirectSending {
  let outlet: FileOutlet | null | undefined
  let bytes = 0
  return {
    async send(file, position, count) {
      if (outlet === undefined) {
        const open = await loadFileSending()
        outlet = response.socket === null ? null : (open?.(response.socket) ?? null)
      }
      const sent = (await outlet?.send(file, position, count)) ?? 0
      bytes += sent
      return sent
    },
    bytes: () => bytes,
    close: () => outlet?.close(),
  }
}
