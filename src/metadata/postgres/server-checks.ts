// What a PostgreSQL must be like before anything is entrusted to it. What would lose acknowledged writes is refused at the start; what only a
// power loss would show is told by health.
import { DependencyError } from '../../base/dependency.ts'
import type { Database } from './database.ts'

interface ServerSettings {
  readonly version: number
  readonly shown_version: string
  readonly encoding: string
  readonly synchronous_commit: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly standby: boolean
}

const settingsSql = `SELECT current_setting('server_version_num')::integer AS version, current_setting('server_version') AS shown_version,
  current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, pg_is_in_recovery() AS standby`

const versionMin = 140_000

async function settings(database: Database): Promise<ServerSettings> {
  const [found] = await database.rows<ServerSettings>(settingsSql)
  if (found === undefined) throw new Error('the server shows no settings')
  return found
}

/** Throws DependencyError when the server cannot keep our promises. */
export async function checkServer(database: Database): Promise<void> {
  const found = await settings(database)
  const refuse = (problem: string, remedy: string, lasting = false): never => {
    throw new DependencyError('PostgreSQL', problem, remedy, { lasting })
  }
  if (found.version < versionMin) refuse(`it is version ${found.shown_version}`, 'Use 14 or newer', true)
  if (found.encoding !== 'UTF8')
    refuse(`the database's encoding is ${found.encoding}`, 'Make it with createdb -E UTF8 -T template0', true)
  if (['off', 'local', 'remote_write'].includes(found.synchronous_commit))
    refuse(
      `synchronous_commit is ${found.synchronous_commit}: an acknowledged write could be lost`,
      'Set it to on (or remote_apply) for the server, the database and the user',
    )
  if (found.standby)
    refuse('it is a standby, which takes no writes', 'Name the primary in engine.metadata.postgres.url')
}

/** What is not as it should be while all works; null: nothing. */
export async function serverWarning(database: Database): Promise<string | null> {
  const found = await settings(database)
  if (found.standby) return 'it has become a standby: name the primary'
  const [held] = await database.rows<{ seconds: number }>(heldSql)
  const seconds = held?.seconds ?? 0
  if (seconds > heldBackS)
    return `the journal has been held back for ${seconds} s by an older transaction: end it (pg_stat_activity and pg_prepared_xacts show whose it is)`
  const off = (['fsync', 'full_page_writes'] as const).filter(name => found[name] === 'off')
  return off.length > 0
    ? `${off.join(' and ')} ${off.length > 1 ? 'are' : 'is'} off: a power loss can destroy the database; switch it on`
    : null
}

/** The age of the oldest entry that is not shown: whoever holds it back, one at work, one that is idle or one that is prepared. */
const heldSql = `SELECT ((moment(NULL) - at) / 1000)::integer AS seconds FROM journal WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY xid, seq LIMIT 1`

/** New entries are not read while an older transaction may still write some. */
const heldBackS = 20
