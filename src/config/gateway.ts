// Reads `replication.gateway` and, for the HTTP form, `replication.source` in Backbeat's shape: where the S3 server is
// and which account of the accounts file signs the requests to it.

import { Secret } from '../base/secret.ts'
import { parseHostPort } from './address.ts'
import { nearestName, type Path, type Report } from './problem.ts'
import type { RawReplication } from './schema.ts'
import { ownValue } from './shape.ts'
import type { Credentials, GatewayConfig } from './types.ts'

/** The accounts file: its JSON, or that there is none or a bad one (which is reported already). */
export type AccountsChoice =
  | { readonly kind: 'file'; readonly json: unknown }
  | { readonly kind: 'none' }
  | { readonly kind: 'bad' }

/** The gateway; undefined if something is wrong, which is in the report. */
export function readGateway(raw: RawReplication, accounts: AccountsChoice, report: Report): GatewayConfig | undefined {
  const path = ['replication', 'source']
  if (raw.gateway !== 'http') {
    if (raw.source === undefined) return { kind: 'direct' }
    report.add(path, 'a key that has no place here', 'no source, or `gateway: http`, which reads the source through it')
    return undefined
  }
  if (raw.source === undefined) return { kind: 'http', source: undefined }
  const { s3, transport, auth } = raw.source
  const hostPath = [...path, 's3', 'host']
  const bracketed = s3.host.includes(':') && !s3.host.startsWith('[') ? `[${s3.host}]` : s3.host
  const address = parseHostPort(bracketed, { defaultPort: s3.port })
  if (address === undefined || address.port !== s3.port) {
    report.add(hostPath, report.found(hostPath, s3.host), 'a host name or address')
    return undefined
  }
  const source = { https: transport === 'https', host: address.host, port: address.port }
  if (auth === undefined) return { kind: 'http', source: { ...source, credentials: undefined } }
  const credentials = findAccount(auth.account, [...path, 'auth', 'account'], accounts, report)
  return credentials === undefined ? undefined : { kind: 'http', source: { ...source, credentials } }
}

/** Signs as the first key of a named account. */
function findAccount(name: string, path: Path, accounts: AccountsChoice, report: Report): Credentials | undefined {
  if (accounts.kind === 'bad') return undefined
  if (accounts.kind === 'none') {
    report.add(path, report.found(path, name), 'an account of the file that `accounts` names, but there is none')
    return undefined
  }
  const list = accountList(accounts.json)
  const account = list.find(item => ownValue(item, 'name') === name)
  if (account === undefined) {
    const names = list.map(item => ownValue(item, 'name')).filter(item => typeof item === 'string')
    report.add(path, report.found(path, name), 'the name of an account in the accounts file', nearestName(name, names))
    return undefined
  }
  const key = firstKey(account)
  if (key !== undefined) return { ...key, secretKey: new Secret(key.secretKey), sessionToken: undefined }
  report.add(path, `${report.found(path, name)}, an account without keys`, 'an account with keys {access, secret}')
  return undefined
}

/** The `accounts` of an accounts file. */
export function accountList(json: unknown): readonly unknown[] {
  const accounts = ownValue(json, 'accounts')
  return Array.isArray(accounts) ? accounts : []
}

/** First key of an account. Accounts files hold keys as a list (CloudServer) or as one mapping (Backbeat). */
export function firstKey(account: unknown): { readonly accessKey: string; readonly secretKey: string } | undefined {
  const keys = ownValue(account, 'keys')
  const key: unknown = Array.isArray(keys) ? keys[0] : keys
  const accessKey = ownValue(key, 'access')
  const secretKey = ownValue(key, 'secret')
  if (typeof accessKey !== 'string' || accessKey === '') return undefined
  if (typeof secretKey !== 'string' || secretKey === '') return undefined
  return { accessKey, secretKey }
}
