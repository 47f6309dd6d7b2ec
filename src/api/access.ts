// Who may use the control port. A browser must not be led here from a foreign page (Host and Origin are checked), and off loopback, or
// wherever a token is configured, the token is needed. A configured token is compared in constant time and never shown.
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { isLoopback } from '../config/address.ts'
import type { ControlConfig } from '../config/types.ts'
import type { ServiceError } from '../domain/errors.ts'
import { refusal } from './control-request.ts'

export interface AccessRequest {
  readonly path: string
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly authorization: string | undefined
  /** The address of ours that the request came to. */
  readonly localAddress: string | undefined
}

/** Probes of an orchestrator carry no token and learn nothing but yes or no. */
const openPaths = ['/live', '/ready']

/** Null when the request may go on, else why not. `machineName` is how this machine calls itself. */
export function accessRefusal(
  control: ControlConfig,
  machineName: string,
  request: AccessRequest,
): ServiceError | null {
  if (!isOurHost(control, machineName, request)) {
    return refusal('AccessDenied', 'the Host header names another machine')
  }
  if (request.origin !== undefined && !isOurOrigin(request.origin, request.host)) {
    return refusal('AccessDenied', 'requests from pages of another origin are refused')
  }
  if (control.token === undefined || openPaths.includes(request.path)) return null
  if (sameSecret(bearerOf(request.authorization), control.token.reveal())) return null
  return refusal('AccessDenied', 'this control API needs its token (Authorization: Bearer ...)')
}

// A name that an attacker made point to us is the danger; with a token it opens nothing, and only the operator knows our public names.
function isOurHost(control: ControlConfig, machineName: string, request: AccessRequest): boolean {
  if (request.host === undefined) return true
  const name = hostName(request.host)
  if (name === null) return false
  if (name === control.listen.host.toLowerCase() || isLoopback(name)) return true
  if (isLoopback(control.listen.host)) return false
  return control.token !== undefined || name === request.localAddress || name === machineName.toLowerCase()
}

/** The name or address in a Host header, lower-case and without brackets; null when it is neither. */
function hostName(host: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(host)
  const name = (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
  if (match?.[1] !== undefined && isIP(match[1]) !== 6) return null
  return name
}

function isOurOrigin(origin: string, host: string | undefined): boolean {
  if (host === undefined || !/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return false
  const own = `${new URL(origin).protocol}//${host}`
  return URL.canParse(own) && new URL(origin).host === new URL(own).host
}

function bearerOf(authorization: string | undefined): string {
  return /^Bearer +(\S+)\s*$/i.exec(authorization ?? '')?.[1] ?? ''
}

function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
