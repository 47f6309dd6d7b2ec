// Requests to the data route of another S3 role: one path per piece, signed (V4) with the keys that the processes of an installation share.
import { sha256Hex } from '../../base/hash.ts'
import type { HttpRequest } from '../../base/http-client.ts'
import { amzDateOf, signV4Headers, uriEncode } from '../../base/signature-v4.ts'
import type { Credentials, HostPort } from '../../config/types.ts'
import { dataRoute } from '../data-holders.ts'

export interface DataRequest {
  readonly method: 'GET' | 'DELETE'
  readonly location: string
  readonly dataName: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal | undefined
}

const emptyHash = sha256Hex('')

/** `now` is epoch milliseconds. */
export function signedRequest(
  server: HostPort,
  credentials: Credentials,
  now: number,
  request: DataRequest,
): HttpRequest {
  const host = `${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`
  const path = `${dataRoute}/${uriEncode(request.location)}/${uriEncode(request.dataName)}`
  const { accessKey, secretKey, sessionToken } = credentials
  const headers = signV4Headers({
    method: request.method,
    // A client leaves the usual port out of the header.
    host: server.port === 80 ? host.slice(0, -':80'.length) : host,
    path,
    query: '',
    headers: request.headers ?? {},
    payloadHash: emptyHash,
    region: 'us-east-1',
    service: 's3',
    amzDate: amzDateOf(now),
    accessKey,
    secretKey: secretKey.reveal(),
    ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
  })
  return { origin: `http://${host}`, method: request.method, path, headers, signal: request.signal }
}
