// What PostgreSQL and the way to it can answer, sorted by what can be done about it. No message carries the URL's password.
import { DependencyError } from '../../base/dependency.ts'
import { serviceError } from '../../domain/errors.ts'

/** SQLSTATE of an answer, or the code of a failed connection; '' when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

const lostConnection = new Set([
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT', 'NO_ANSWER', 'CROWDED'],
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  // Shut down, crashed, starting up, out of connections, cancelled at its time limit, not the primary any more.
  ...['57P01', '57P02', '57P03', '53300', '57014', '25006'],
  // Let in at the start, and no more.
  ...['28000', '28P01', '3D000'],
])

/** A connection ended with something under way. After that the library's object for it is not to be trusted (see `Database`). */
export function isBrokenConnection(error: unknown): boolean {
  if (['CONNECTION_CLOSED', 'CONNECT_TIMEOUT'].includes(codeOf(error))) return true
  return error instanceof Error && 'syscall' in error && ['read', 'write'].includes(String(error.syscall))
}

/** Nobody can say whether what was asked has been done; another attempt may find the database back. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error)
  return lostConnection.has(code) || code.startsWith('08') || (error instanceof Error && 'syscall' in error)
}

/** The server itself has said no: its transaction has changed nothing. After any other error nobody knows. */
export function isRefusal(error: unknown): boolean {
  const isAnswer = error instanceof Error && error.name === 'PostgresError' && /^[0-9A-Z]{5}$/.test(codeOf(error))
  return isAnswer && !isUnavailable(error)
}

/** The server has cancelled it at its time limit: done again at once, it would take as long again. */
export function isTooLong(error: unknown): boolean {
  return codeOf(error) === '57014'
}

/** The transaction was rolled back for the sake of another one, and can be done again at once. */
export function isCollision(error: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(error))
}

/** Others have taken this process for dead; it must write no more. */
export function isEnded(error: unknown): boolean {
  return codeOf(error) === 'CB001'
}

/** The store is closed: nothing was written by this call. */
export class StoreClosedError extends Error {
  override readonly name = 'StoreClosedError'
}

/** No answer came in time: whether the statement was carried out is unknown. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
  readonly code = 'NO_ANSWER'
}

/** Too much waits for the database already: this was not sent. */
export class CrowdedError extends Error {
  override readonly name = 'CrowdedError'
  readonly code = 'CROWDED'
}

/** What callers of the store see. The S3 front end answers 503 while the database is away: the outcome is unknown, and nothing was promised. */
export function storeError(error: unknown): unknown {
  if (!isUnavailable(error)) return error
  return serviceError('ServiceUnavailable', {
    message: 'The metadata database does not answer. Please try again.',
    cause: error,
  })
}

/** Where the database is and as whom, without the password; null when it is no URL of a PostgreSQL. */
export function placeOf(
  url: string,
): { readonly address: string; readonly database: string; readonly user: string } | null {
  if (!URL.canParse(url)) return null
  const { protocol, hostname, port, pathname, username } = new URL(url)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') return null
  const user = decodeURIComponent(username)
  return { address: `${hostname}:${port || '5432'}`, database: decodeURIComponent(pathname.slice(1)) || user, user }
}

/** Why the process cannot start with this database, and what to do. */
export function openError(error: unknown, url: string): unknown {
  if (error instanceof DependencyError) return error
  const place = placeOf(url) ?? { address: '', database: '', user: '' }
  const failed = (problem: string, remedy: string): DependencyError =>
    new DependencyError('PostgreSQL', problem, remedy, { cause: error })
  const code = codeOf(error)
  if (code === '3D000')
    return failed(
      `there is no database "${place.database}" at ${place.address}`,
      `Create it (createdb -E UTF8 -T template0 ${place.database}), or name another one in the URL`,
    )
  if (code.startsWith('28') || code === 'SASL_SIGNATURE_MISMATCH')
    return failed(
      `${place.address} refuses the credentials of "${place.user}"`,
      'Check user and password in engine.metadata.postgres.url, and pg_hba.conf of the server',
    )
  if (code === '42501' || code === '3F000')
    return failed(
      `"${place.user}" lacks rights in the database "${place.database}" (${messageOf(error)})`,
      `Let it make its own schema: GRANT CREATE, CONNECT ON DATABASE "${place.database}" TO "${place.user}"`,
    )
  if (code === '42P01')
    return failed(
      `the database "${place.database}" at ${place.address} holds nothing of Crossbeat`,
      'Start a process with it first, or name another one in engine.metadata.postgres.url',
    )
  if (code === '53300')
    return failed(
      `${place.address} has no free connection`,
      'Raise max_connections, or lower engine.metadata.postgres.poolMax',
    )
  if (isUnavailable(error))
    return failed(
      `${place.address} cannot be reached (${messageOf(error)})`,
      'Start it, or correct engine.metadata.postgres.url',
    )
  return error
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
