// Mounts the `/_/backbeat` routes into the S3 server: from node's request and response to a call and back to an answer, with the same care for
// bodies, stalled clients and broken connections as every other request gets.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AuthResult } from '../auth/auth-result.ts'
import type { Answer } from '../call.ts'
import { createIdleWatch, type IdleWatch } from '../http/idle-watch.ts'
import { incomingBody } from '../http/request-body.ts'
import { abortSignalOf, writeAnswer } from '../http/response.ts'
import type { MountedCall, MountedRoutes } from '../http/server.ts'
import { type BackbeatCall, type BackbeatRoutesOptions, internalAccount, readBackbeatPath } from './backbeat-call.ts'
import { answerError, runBackbeatCall } from './routes.ts'

export interface BackbeatRoutes {
  /** For `S3ServerOptions.mountedRoutes`. */
  readonly serve: MountedRoutes
  /** Stops watching; for when the server has closed. */
  close(): void
}

const defaultIdleMs = 30_000

export function createBackbeatRoutes(options: BackbeatRoutesOptions): BackbeatRoutes {
  const idle = createIdleWatch(options.world.timers, options.idleMs ?? defaultIdleMs)
  return {
    serve: (request, response, auth, mounted) => serve({ options, idle, request, response, auth, mounted }),
    close: () => idle.close(),
  }
}

interface Exchange {
  readonly options: BackbeatRoutesOptions
  readonly idle: IdleWatch
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly auth: AuthResult
  readonly mounted: MountedCall
}

async function serve(exchange: Exchange): Promise<boolean> {
  const path = readBackbeatPath(exchange.mounted.target.key)
  if (path === null) return false
  const { response, idle, options } = exchange
  const { requestId } = exchange.mounted
  const answer = await answerOf(exchange, path, requestId)
  await writeAnswer(response, answer, { requestId, close: false, idle, timers: options.world.timers })
  return true
}

async function answerOf(
  exchange: Exchange,
  path: NonNullable<ReturnType<typeof readBackbeatPath>>,
  requestId: string,
): Promise<Answer> {
  const { request, response, auth, mounted, idle, options } = exchange
  const { head, target, services } = mounted
  try {
    const call: BackbeatCall = {
      ...path,
      services,
      requestId,
      head,
      headers: head.headers,
      target,
      query: target.query,
      auth,
      isSecure: mounted.isSecure,
      clientAddress: mounted.clientAddress,
      action: 's3:ReplicateObject',
      account: internalAccount({ auth }),
      destinations: options.destinations,
      // The S3 server has already told a client that waited for it to go on.
      body: incomingBody({ request, response, awaitsContinue: false, idle }),
      opened: () => undefined,
      signal: () => abortSignalOf(response),
    }
    return await runBackbeatCall(call, options.api)
  } catch (error) {
    return answerError(error, requestId)
  }
}
