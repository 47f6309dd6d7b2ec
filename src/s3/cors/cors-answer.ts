// What a bucket's CORS rules add to answers: a preflight is answered from them alone, for anybody, and every other answer to a request that
// names its origin, refusals too, tells the browser whether the page may see it.
import { type CorsMethod, type CorsRule, corsRuleFor, isCorsMethod } from '../../domain/cors.ts'
import { serviceError } from '../../domain/errors.ts'
import { noSuchBucket } from '../access/open-bucket.ts'
import type { Answer, FlatHeaders, S3Services } from '../call.ts'
import { headerText } from '../http/answer.ts'
import type { HeaderMap, RequestHead } from '../http/request-head.ts'
import type { RequestTarget } from '../http/request-target.ts'
import { isHeaderName } from './cors-configuration.ts'

/** No page names more headers; so many would cost time with a configuration of many patterns. */
const requestedMax = 100

const vary = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'

/** Answers an OPTIONS request. Throws BadRequest, NoSuchBucket, AccessForbidden. */
export async function preflight(
  services: S3Services,
  { headers }: RequestHead,
  target: RequestTarget,
): Promise<Answer> {
  const origin = headers.get('origin')
  if (origin === undefined || origin === '') {
    throw serviceError('BadRequest', { message: 'Insufficient information. Origin request header needed.' })
  }
  const method = checkedMethod(headers.get('access-control-request-method') ?? 'null')
  const requested = requestedHeaders(headers)
  const name = target.bucket ?? ''
  const bucket = await services.store.bucket(name)
  if (bucket === null) throw noSuchBucket(name)
  const details = { Method: 'OPTIONS', ResourceType: target.key === undefined ? 'BUCKET' : 'OBJECT' }
  const { cors } = bucket.settings
  if (cors === undefined) {
    throw serviceError('AccessForbidden', { message: 'CORSResponse: CORS is not enabled for this bucket.', details })
  }
  const tooMany = requested.length > requestedMax
  const rule = tooMany ? undefined : corsRuleFor(cors, { origin, method, headers: requested })
  if (rule === undefined) throw serviceError('AccessForbidden', { details })
  return { status: 200, headers: ruleHeaders(rule, origin, requested) }
}

/** Throws BadRequest. */
function checkedMethod(method: string): CorsMethod {
  if (isCorsMethod(method)) return method
  throw serviceError('BadRequest', { message: `Invalid Access-Control-Request-Method: ${method.slice(0, 255)}` })
}

/** Names in Access-Control-Request-Headers, lower-case, each once. Throws BadRequest. */
function requestedHeaders(headers: HeaderMap): string[] {
  const names = (headers.get('access-control-request-headers') ?? '').split(',')
  if (names.length === 1 && names[0]?.trim() === '') return []
  const read = names.map(name => {
    const trimmed = name.trim()
    if (isHeaderName(trimmed)) return trimmed.toLowerCase()
    const shown = headerText(name).slice(0, 255)
    throw serviceError('BadRequest', {
      message: `Access-Control-Request-Headers "${shown}" contains invalid character.`,
    })
  })
  return [...new Set(read)]
}

/**
 * What the rules of the bucket say to the origin of a request that is no preflight. A bucket that is not there has none. A request that
 * repeats what its preflight named is judged by that, as S3 does. Throws BadRequest when it repeats it wrongly.
 */
export async function corsHeaders(
  services: S3Services,
  { method, headers }: RequestHead,
  target: RequestTarget,
): Promise<FlatHeaders> {
  const origin = headers.get('origin')
  if (origin === undefined || origin === '' || target.bucket === undefined) return []
  const cors = (await services.store.bucket(target.bucket))?.settings.cors
  if (cors === undefined) return []
  const announced = headers.get('access-control-request-method')
  const requested = requestedHeaders(headers)
  if (requested.length > requestedMax) return []
  const asked = { origin, method: announced === undefined ? method : checkedMethod(announced), headers: requested }
  const rule = corsRuleFor(cors, asked)
  return rule === undefined ? [] : ruleHeaders(rule, origin, requested)
}

function ruleHeaders(rule: CorsRule, origin: string, requested: readonly string[]): FlatHeaders {
  const forAnybody = rule.allowedOrigins.includes('*')
  const headers = ['Access-Control-Allow-Origin', forAnybody ? '*' : origin]
  headers.push('Access-Control-Allow-Methods', rule.allowedMethods.join(', '))
  if (requested.length > 0) headers.push('Access-Control-Allow-Headers', requested.join(', '))
  if (rule.exposeHeaders.length > 0) headers.push('Access-Control-Expose-Headers', rule.exposeHeaders.join(', '))
  if (rule.maxAgeSeconds !== undefined) headers.push('Access-Control-Max-Age', String(rule.maxAgeSeconds))
  // Browsers take credentials only with an origin that is named.
  if (!forAnybody) headers.push('Access-Control-Allow-Credentials', 'true')
  headers.push('Vary', vary)
  return headers
}
