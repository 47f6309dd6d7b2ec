// What a website does with a request: which key answers it, and where it is sent instead (Amazon S3 User Guide, "Configuring a webpage
// redirect").
import type {
  RoutingCondition,
  RoutingRedirect,
  RoutingRule,
  WebsiteConfiguration,
  WebsiteProtocol,
} from './website.ts'

export type WebsitePages = WebsiteConfiguration & { kind: 'pages' }

/** What a request says, for the places of a redirect that its rule does not name. */
export interface WebsiteRequest {
  readonly protocol: WebsiteProtocol
  /** As the client named it, with its port. */
  readonly host: string
  /** Path of the website at this host; '' for its root. */
  readonly basePath: string
  readonly key: string
  /** As sent, without its question mark. */
  readonly query: string
}

/** Where a client is sent. */
export interface WebsiteRedirect {
  readonly status: number
  readonly location: string
}

/** The key of a page: a folder's is that of its index document. */
export function pageKey({ indexSuffix }: WebsitePages, key: string): string {
  return key === '' || key.endsWith('/') ? key + indexSuffix : key
}

/** The rule for a request; `status` is the error it would end with, undefined before that is known. */
export function routingRuleFor(
  { rules }: WebsitePages,
  key: string,
  status: number | undefined,
): RoutingRule | undefined {
  return rules.find(({ condition }) => {
    // Rules without a condition on the outcome are followed before there is one.
    if (condition?.errorCode !== status) return false
    return condition?.keyPrefix === undefined || key.startsWith(condition.keyPrefix)
  })
}

/** Keys as they stand in a URL: slashes stay. */
function urlPath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

function queryOf({ query }: WebsiteRequest): string {
  return query === '' ? '' : `?${query}`
}

export function followRule({ condition, redirect }: RoutingRule, request: WebsiteRequest): WebsiteRedirect {
  const protocol = redirect.protocol ?? request.protocol
  const base = redirect.hostName ?? request.host + request.basePath
  const key = redirectedKey(redirect, condition, request.key)
  return { status: redirect.code ?? 301, location: `${protocol}://${base}/${urlPath(key)}${queryOf(request)}` }
}

function redirectedKey(
  { replaceKey, replaceKeyPrefix }: RoutingRedirect,
  condition: RoutingCondition | undefined,
  key: string,
): string {
  if (replaceKey !== undefined) return replaceKey
  if (replaceKeyPrefix === undefined) return key
  return replaceKeyPrefix + key.slice(condition?.keyPrefix?.length ?? 0)
}

export function followAll(
  { hostName, protocol }: WebsiteConfiguration & { kind: 'redirect' },
  request: WebsiteRequest,
): WebsiteRedirect {
  const base = `${protocol ?? request.protocol}://${hostName}`
  return { status: 301, location: `${base}/${urlPath(request.key)}${queryOf(request)}` }
}

/** A folder that was asked for without its slash. */
export function toFolder({ basePath, key }: WebsiteRequest): WebsiteRedirect {
  return { status: 302, location: `${basePath}/${urlPath(key)}/` }
}
