// The one writer of a database: opens it, migrates it, takes note of what a former process left, and carries out batches of commands, one
// transaction each. Runs in its own thread, or inline for simulations. Never half of a batch: a commit that fails refuses all of it.

import { state } from '../ledger-form.ts'
import { type BucketChanges, countBucketChange } from './bucket-cache.ts'
import type { Command } from './commands.ts'
import { Connection, isFinal } from './connection.ts'
import { carryOut } from './handlers.ts'
import { migrate } from './schema.ts'
import { WriteContext } from './write-context.ts'

export interface WriterOptions {
  readonly path: string
  /** Replication group of new version ids. */
  readonly group: string
  /** False only for measurements: commits are not flushed. */
  readonly flush: boolean
  /** Identity of the machine's boot; after another boot a power loss may have taken unflushed commits. */
  readonly bootId: string
  readonly now: number
  /** Counted here, for other threads that remember buckets. */
  readonly bucketChanges?: BucketChanges
}

export interface Batch {
  readonly commands: readonly Command[]
  /** Has a command that must be on disk before it is answered. */
  readonly durable: boolean
  /** Finish what the checkpoint thread has begun, so that the log starts again at its beginning. */
  readonly restartLog: boolean
}

export type CommandReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }

/** What a batch has done to the database. */
export interface BatchOutcome {
  readonly journaled: boolean
  /** Pages of the write-ahead log that are not in the database file yet. */
  readonly logPages: number
  /** Set when the database can be believed no longer: the process has to end. */
  readonly fatal: string | null
}

export interface BatchReply extends BatchOutcome {
  readonly replies: readonly CommandReply[]
}

/** Pages of the log. From the first bound on, the writer ends a checkpoint itself so that the log can start anew; at the second it waits for it. */
const logPagesLong = 16_000
const logPagesMax = 64_000
/** The log is looked at once in so many commands. */
const commandsBetweenTending = 64

/** Called by simulations at named moments; whatever it throws is a crash at that moment. */
export type CrashPoint = (name: string) => void

export class Writer {
  readonly connection: Connection
  readonly context: WriteContext
  readonly #options: WriterOptions
  readonly #crashPoint: CrashPoint
  #synchronous = ''
  #sinceTended = 0
  #fatal: string | null = null

  /** Throws when the database cannot be opened, or is of a newer schema. `connection` is an open database in memory to go on with. */
  constructor(options: WriterOptions, connection?: Connection, crashPoint: CrashPoint = () => {}) {
    this.#options = options
    this.#crashPoint = crashPoint
    this.connection = connection ?? new Connection(options.path)
    if (connection === undefined) {
      this.connection.execute('PRAGMA journal_mode = WAL')
      this.connection.execute('PRAGMA wal_autocheckpoint = 0')
      this.connection.execute('PRAGMA cache_size = -8192')
      this.connection.execute('PRAGMA temp_store = MEMORY')
      // Where a plain flush stops at the drive's own cache (macOS), this one goes through it; elsewhere it changes nothing.
      this.connection.execute('PRAGMA fullfsync = ON')
      this.connection.execute('PRAGMA checkpoint_fullfsync = ON')
    }
    this.#setSynchronous(options.flush ? 'FULL' : 'OFF')
    migrate(this.connection, options.path)
    const epoch = recover(this.connection, options)
    this.context = new WriteContext(this.connection, options.group, epoch)
  }

  run(batch: Batch): BatchReply {
    if (this.#fatal !== null) return refuseAll(batch, this.#fatal, true)
    try {
      if (this.#options.flush) this.#setSynchronous(batch.durable ? 'FULL' : 'NORMAL')
      return this.#transact(batch)
    } catch (error) {
      return this.#giveUp(batch, error)
    }
  }

  #transact(batch: Batch): BatchReply {
    const { connection, context } = this
    const replies = this.#carryOutAll(batch.commands)
    context.flushSums()
    this.#crashPoint('before-commit')
    connection.run('COMMIT')
    context.committed()
    const { bucketChanges } = this.#options
    if (context.takeBucketsChanged() && bucketChanges !== undefined) countBucketChange(bucketChanges)
    this.#crashPoint('after-commit')
    const logPages = this.#tendLog(batch)
    return { replies, journaled: context.journaled, logPages, fatal: this.#fatal }
  }

  /** A command hardly ever fails: only when one has, the batch is done again with a way back to before each. */
  #carryOutAll(commands: readonly Command[]): readonly CommandReply[] {
    this.#begin()
    try {
      return commands.map(command => {
        this.#beforeCommand(command)
        return { ok: true, value: this.#carryOut(command) }
      })
    } catch (error) {
      if (isFinal(error) || !this.#rolledBack()) throw error
    }
    this.context.undoBatch()
    this.#begin()
    return commands.map(command => this.#carryOutAlone(command))
  }

  #begin(): void {
    this.context.journaled = false
    this.connection.run('BEGIN IMMEDIATE')
  }

  /** False where SQLite has ended the transaction by itself (no space left): then nothing of the batch can be done. */
  #rolledBack(): boolean {
    try {
      this.connection.run('ROLLBACK')
      return true
    } catch (error) {
      if (isFinal(error)) throw error
      return false
    }
  }

  /** Counting afresh counts what is stored, so the sums gathered so far have to be stored first. */
  #beforeCommand(command: Command): void {
    if (command.kind === 'recount') this.context.flushSums()
  }

  #carryOut(command: Command): unknown {
    this.context.beginCommand(command.now)
    return carryOut(this.context, command)
  }

  #carryOutAlone(command: Command): CommandReply {
    const { connection, context } = this
    this.#beforeCommand(command)
    connection.run('SAVEPOINT command')
    try {
      const value = this.#carryOut(command)
      connection.run('RELEASE command')
      return { ok: true, value }
    } catch (error) {
      if (isFinal(error)) throw error
      connection.run('ROLLBACK TO command')
      connection.run('RELEASE command')
      context.undoCommand()
      return { ok: false, message: messageOf(error) }
    }
  }

  #giveUp(batch: Batch, error: unknown): BatchReply {
    this.context.undoBatch()
    try {
      this.connection.run('ROLLBACK')
    } catch (rollbackError) {
      // SQLite has rolled back by itself after some errors; a second failure on a sound database changes nothing.
      if (isFinal(rollbackError)) this.#fatal = messageOf(rollbackError)
    }
    if (isFinal(error)) this.#fatal = messageOf(error)
    return refuseAll(batch, messageOf(error), this.#fatal !== null)
  }

  #setSynchronous(mode: 'FULL' | 'NORMAL' | 'OFF'): void {
    if (this.#synchronous === mode) return
    this.connection.execute(`PRAGMA synchronous = ${mode}`)
    this.#synchronous = mode
  }

  /**
   * Answers how many pages of the log are still to be moved, 0 while too little has been done to ask. A long log is emptied here, where nothing
   * can be added meanwhile.
   */
  #tendLog({ commands, restartLog: restart }: Batch): number {
    if (this.#options.path === ':memory:') return 0
    this.#sinceTended += commands.length
    if (!restart && this.#sinceTended < commandsBetweenTending) return 0
    this.#sinceTended = 0
    try {
      const found = this.connection.get<{ log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)')
      const { log, checkpointed } = found ?? { log: 0, checkpointed: 0 }
      if (log > logPagesMax) this.connection.all('PRAGMA wal_checkpoint(TRUNCATE)')
      else if (restart && log > logPagesLong) this.connection.all('PRAGMA wal_checkpoint(PASSIVE)')
      else return log - checkpointed
    } catch (error) {
      // The batch is safe in the log all the same; only what comes after a broken disk cannot be.
      if (isFinal(error)) this.#fatal = messageOf(error)
    }
    return 0
  }

  close(): void {
    if (this.#options.path !== ':memory:' && this.#fatal === null)
      this.connection.all('PRAGMA wal_checkpoint(TRUNCATE)')
    this.connection.close()
  }
}

function refuseAll(batch: Batch, message: string, final: boolean): BatchReply {
  const replies = batch.commands.map((): CommandReply => ({ ok: false, message }))
  return { replies, journaled: false, logPages: 0, fatal: final ? message : null }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Takes note of what the former process left, and answers the new epoch. Its claims are dead: their rows are pending again, and because nobody
 * told how far they came, unsettled. After a boot without an orderly end, commits that were not flushed may be lost, so no open row is settled.
 */
function recover(connection: Connection, options: WriterOptions): number {
  connection.run('BEGIN IMMEDIATE')
  const meta = (name: string): unknown =>
    connection.get<{ value: unknown }>('SELECT value FROM meta WHERE name = ?', name)?.value
  const epoch = Number(meta('epoch') ?? 0) + 1
  // Where the system does not tell its boots apart, each start may be one.
  const otherBoot = options.bootId === '' || meta('boot_id') !== options.bootId
  const powerLost = epoch > 1 && otherBoot && meta('clean') !== 1
  const sites = connection.all<{ site: string }>('SELECT site FROM site_sums')
  for (const { site } of sites) {
    connection.run(
      `UPDATE ledger SET state = ?, unsettled = 1, token = NULL, at = ? WHERE site = ? AND state = ${state.claimed} AND at IS NOT NULL`,
      state.loose,
      options.now,
      site,
    )
    if (powerLost) connection.run('UPDATE ledger SET unsettled = 1 WHERE site = ? AND unfinished = 1', site)
  }
  const set = 'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'
  connection.run(set, 'epoch', epoch)
  connection.run(set, 'boot_id', options.bootId)
  connection.run(set, 'clean', 0)
  connection.run('COMMIT')
  return epoch
}
