// What the S3 port answers under `/_/`: Backbeat's internal routes and, for administrators, the control API under `/_/backbeat/api`.
import type { ControlContext } from '../api/control-request.ts'
import { handleControlRequest } from '../api/control-routes.ts'
import type { Destination } from '../locations/multiple-backend.ts'
import type { ApiCall } from '../s3/backbeat-routes/backbeat-call.ts'
import { type BackbeatRoutes, createBackbeatRoutes } from '../s3/backbeat-routes/mount.ts'
import type { Answer } from '../s3/call.ts'
import type { Parts } from './parts.ts'

const apiPrefix = '/_/backbeat/api'

export function mountInternalRoutes(
  parts: Parts,
  destinations: ReadonlyMap<string, Destination>,
  control: ControlContext,
): BackbeatRoutes {
  return createBackbeatRoutes({ destinations, world: parts.world, api: call => answerApi(control, call) })
}

/** Answers a request for the control API that came in at the S3 port. */
export async function answerApi(
  control: ControlContext,
  call: Pick<ApiCall, 'method' | 'target'> & { readonly body: Uint8Array },
): Promise<Answer> {
  const [path = '', ...query] = call.target.split('?')
  const { status, contentType, body } = await handleControlRequest(control, {
    method: call.method,
    path: apiPrefix + path,
    query: new URLSearchParams(query.join('?')),
    body: call.body,
  })
  return { status, headers: ['Content-Type', contentType], body }
}
