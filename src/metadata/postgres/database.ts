// Connections to one PostgreSQL database: prepared statements over a pool that reconnects by itself. The client library is loaded when it is
// first needed, because only the distributed engine needs it.
import type { Sql, TransactionSql } from 'postgres'
import { DependencyError } from '../../base/dependency.ts'
import type { Timers } from '../../base/world.ts'
import { CrowdedError, isBrokenConnection, isUnavailable, NoAnswerError, placeOf } from './failures.ts'

export type Value = string | number | null

/** What runs inside one transaction. */
export interface Transaction {
  rows<Row>(text: string, ...values: Value[]): Promise<readonly Row[]>
  /** Several statements at once, without values. */
  script(text: string): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  readonly connections: number
  readonly timers: Timers
  /** A statement without an answer after this time is given up; its outcome is unknown. */
  readonly answerWithinMs: number
}

type Client = Sql<{ bigint: number }>

/** The server cancels a statement before the process gives it up: what was given up is on a connection that is dead. */
const statementTimeoutMs = 20_000
const idleInTransactionMs = 30_000
const connectTimeoutS = 5
const reconnectDelayMaxS = 1
/** A connection that is not used for so long ends: those of a pool that was given up must not stay for ever. */
const idleTimeoutS = 300
/** What other statements of a pool may still take that is given up because it is silent, or because one of its connections broke. */
const lastAnswersS = { silent: 2, broken: 5 } as const
/** Statements that may wait for each connection. */
const waitingPerConnection = 100

export class Database {
  readonly #connect: () => Client
  readonly #timers: Timers
  readonly #answerWithinMs: number
  readonly #waitingMax: number
  #sql: Client
  /** Statements that the present pool has answered. */
  #answers = 0
  #waiting = 0
  #ended = false

  constructor(connect: () => Client, options: DatabaseOptions) {
    this.#connect = connect
    this.#sql = connect()
    this.#timers = options.timers
    this.#answerWithinMs = options.answerWithinMs
    this.#waitingMax = options.connections * waitingPerConnection
  }

  /** The rows of one statement, a transaction of its own. */
  rows<Row>(text: string, ...values: Value[]): Promise<readonly Row[]> {
    return this.rowsWithin(this.#answerWithinMs, text, ...values)
  }

  /** The same for what is quick, or of use only soon: given up after this time, if that is shorter. */
  async rowsWithin<Row>(withinMs: number, text: string, ...values: Value[]): Promise<readonly Row[]> {
    if (this.#waiting >= this.#waitingMax) throw new CrowdedError(`${this.#waiting} statements wait for an answer`)
    this.#waiting += 1
    try {
      const found: Iterable<unknown> = await this.#inTime(
        this.#sql.unsafe(text, values, { prepare: true }),
        Math.min(withinMs, this.#answerWithinMs),
      )
      // A plain array: the library's own kind carries more than rows.
      return [...found] as Row[]
    } finally {
      this.#waiting -= 1
    }
  }

  /** Runs `work` in one transaction without a time limit of its own; for migrations and counting, not for the hot path. */
  async transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const pool = this.#sql
    let answer: { readonly result: Result } | null = null
    try {
      await pool.begin(async sql => {
        try {
          await sql.unsafe('SET LOCAL statement_timeout = 0').simple()
          answer = { result: await work(transactionOf(sql)) }
        } catch (error) {
          // The library would roll back over the connection that is gone, which ends the process; it rejects by itself.
          if (isBrokenConnection(error)) await new Promise<never>(() => {})
          throw error
        }
      })
    } catch (error) {
      if (isBrokenConnection(error)) this.#replace(pool, lastAnswersS.broken)
      throw error
    }
    return resultOf(answer)
  }

  #inTime<Result>(asked: PromiseLike<Result>, withinMs: number): Promise<Result> {
    const pool = this.#sql
    const answersBefore = this.#answers
    const answered = (): void => {
      if (this.#sql === pool) this.#answers += 1
    }
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        // The server has cancelled by now what was asked before all of that time: what has no answer then has no connection either.
        const isSilent = withinMs >= this.#answerWithinMs || this.#answers === answersBefore
        if (isSilent) this.#replace(pool, lastAnswersS.silent)
        reject(new NoAnswerError(`no answer within ${withinMs} ms`))
      }
      const limit = this.#timers.after(withinMs, giveUp, { background: true })
      asked.then(
        result => {
          limit.cancel()
          answered()
          resolve(result)
        },
        error => {
          limit.cancel()
          if (isBrokenConnection(error)) this.#replace(pool, lastAnswersS.broken)
          else if (!isUnavailable(error)) answered()
          reject(error)
        },
      )
    })
  }

  /**
   * New connections instead of those of a pool that is not to be trusted. The library goes on sending statements over a connection that died in
   * silence (a network that drops packets), and waits for their answers until the system gives it up, a quarter of an hour later. And what it
   * had not sent yet when a connection was closed it sends at the beginning of the next one, where the server takes it for garbage: that one
   * times out, again and again.
   */
  #replace(pool: Client, lastAnswersWithinS: number): void {
    if (this.#ended || this.#sql !== pool) return
    this.#sql = this.#connect()
    this.#answers = 0
    pool.end({ timeout: lastAnswersWithinS }).catch(() => {})
  }

  /** Ends the connections; what is under way has two seconds to end. */
  async close(): Promise<void> {
    this.#ended = true
    await this.#sql.end({ timeout: 2 })
  }

  /** Ends the connections at once, as the end of the process would. */
  async abandon(): Promise<void> {
    this.#ended = true
    await this.#sql.end({ timeout: 0 })
  }
}

/** The one value that a function of the database has answered. */
export function answerOf<Answer>(rows: readonly { readonly value: Answer }[]): Answer {
  const [row] = rows
  if (row === undefined) throw new Error('a function of the database gave no answer')
  return row.value
}

// The compiler does not see that a callback has set it.
function resultOf<Result>(answer: { readonly result: Result } | null): Result {
  if (answer === null) throw new Error('the transaction ended without its work')
  return answer.result
}

function transactionOf(sql: TransactionSql<{ bigint: number }>): Transaction {
  return {
    async rows<Row>(text: string, ...values: Value[]) {
      const found: Iterable<unknown> = await sql.unsafe(text, values, { prepare: true })
      return [...found] as Row[]
    },
    async script(text) {
      await sql.unsafe(text).simple()
    },
  }
}

/** Makes a pool; connects when it is first used. Throws DependencyError without the client library, or when the URL is none. */
export async function openDatabase(options: DatabaseOptions, searchPath: string): Promise<Database> {
  if (placeOf(options.url) === null)
    throw new DependencyError(
      'PostgreSQL',
      'its URL cannot be read',
      'Write it as postgres://user:password@host:5432/database, special characters percent-encoded',
    )
  const postgres = await loadClient()
  const bigint = { to: 20, from: [20], parse: Number, serialize: String }
  const connectPool = (): Client =>
    postgres(options.url, {
      max: options.connections,
      types: { bigint },
      fetch_types: false,
      connect_timeout: connectTimeoutS,
      idle_timeout: idleTimeoutS,
      backoff: attempt => Math.min(reconnectDelayMaxS, 0.05 * 2 ** attempt),
      onnotice: () => {},
      connection: {
        application_name: 'crossbeat',
        search_path: searchPath,
        statement_timeout: statementTimeoutMs,
        idle_in_transaction_session_timeout: idleInTransactionMs,
        // The functions lock first and then read what was committed before: one view for a whole transaction would be too old.
        default_transaction_isolation: 'read committed',
        // Every statement is short and goes by an index, also on tables that were empty when it was planned.
        enable_seqscan: 'off',
        plan_cache_mode: 'force_generic_plan',
        jit: 'off',
      },
    })
  return new Database(connectPool, options)
}

async function loadClient() {
  try {
    return (await import('postgres')).default
  } catch (error) {
    throw new DependencyError(
      'PostgreSQL',
      'its client library (npm package "postgres") is not installed',
      'Run npm ci',
      { cause: error },
    )
  }
}
