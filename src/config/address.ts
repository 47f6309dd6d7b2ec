// Network addresses as text: `host:port`, IPv6 in brackets. Pure.

import { isIP, isIPv6 } from 'node:net'
import type { HostPort } from './types.ts'

const hostName =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i

/** `host:port` or, if a default port is given, `host`. undefined if the text is neither. Port 0 only on request. */
export function parseHostPort(
  text: string,
  options: { readonly defaultPort?: number; readonly zero?: boolean } = {},
): HostPort | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const bracketed = match[1]
  const host = bracketed ?? match[2] ?? ''
  if (bracketed === undefined ? !isHost(host) : !isIPv6(host)) return undefined
  const port = match[3] === undefined ? options.defaultPort : Number(match[3])
  if (port === undefined || port > 65_535 || (port === 0 && options.zero !== true)) return undefined
  return { host, port }
}

/** Whether the text is a host name or an IPv4 address. */
function isHost(text: string): boolean {
  if (!hostName.test(text)) return false
  // Digits and dots only: it must be an address, not a name such as 1.2.3.
  return /^[\d.]+$/.test(text) ? isIP(text) === 4 : true
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true
  if (isIP(host) === 4) return host.startsWith('127.')
  return isIPv6(host) && /^(?:0*:)*0*1$/.test(host)
}

/** The text of an address, as `parseHostPort` reads it. */
export function formatHostPort(address: HostPort): string {
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`
}
