// What the S3 port answers under `/_/`: for administrators, the control API under `/_/backbeat/api`.
import type { ControlContext } from '../api/control-request.ts'
import { handleControlRequest } from '../api/control-routes.ts'
import { serviceError } from '../domain/errors.ts'
import { limits } from '../domain/limits.ts'
import type { MountedRoutes } from '../s3/server.ts'
import type { Parts } from './embedded.ts'

const apiPrefix = '/_/backbeat/api/'

export function mountInternalRoutes(_parts: Parts, control: ControlContext): MountedRoutes {
  return async (request, response, auth, call) => {
    const [path = ''] = call.head.rawTarget.split('?')
    if (!path.startsWith(apiPrefix)) return false
    if (auth.kind !== 'signed' || !auth.account.admin) throw serviceError('AccessDenied')
    const body = await readBody(request)
    const query = new URLSearchParams(call.head.rawTarget.slice(path.length + 1))
    const answer = await handleControlRequest(control, { method: call.head.method, path, query, body })
    response.writeHead(answer.status, {
      'content-type': answer.contentType,
      'content-length': Buffer.byteLength(answer.body),
    })
    response.end(answer.body)
    return true
  }
}

async function readBody(request: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.byteLength
    if (size > limits.controlBodyBytes) throw serviceError('MaxMessageLengthExceeded')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
