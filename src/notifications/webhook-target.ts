// A target that is sent events by POST: one request for all that have gathered, in their order. Any 2xx takes them; whatever else is said, or
// nothing within the time, they are sent again.
import type { HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { WebhookConfig } from '../config/types.ts'
import { eventDocument } from './event-record.ts'
import type { EventTarget } from './event-target.ts'

export function createWebhookTarget(
  config: Omit<WebhookConfig, 'kind'>,
  http: Pick<HttpClient, 'request'>,
  world: World,
): EventTarget {
  const url = new URL(config.url.reveal())
  return {
    async deliver(messages, signal) {
      const late = new AbortController()
      const timer = world.timers.after(config.timeoutMs, () => late.abort(), { background: true })
      try {
        const body = Buffer.from(eventDocument(messages))
        const { status } = await http.request({
          origin: url.origin,
          method: 'POST',
          path: url.pathname + url.search,
          headers: {
            host: url.host,
            'content-type': 'application/json',
            'content-length': String(body.byteLength),
            ...(config.authorization === undefined ? undefined : { authorization: config.authorization.reveal() }),
          },
          body,
          contentLength: body.byteLength,
          signal: AbortSignal.any([signal, late.signal]),
        })
        if (status < 200 || status > 299) throw new Error(`the webhook answered ${status}`)
      } catch (error) {
        throw late.signal.aborted ? new Error(`no answer of the webhook within ${config.timeoutMs} ms`) : error
      } finally {
        timer.cancel()
      }
    },
    close: async () => {},
  }
}
