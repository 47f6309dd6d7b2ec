// One SQLite connection with its prepared statements, each prepared once per SQL text. Rows come back as plain objects of the shape the
// caller's SQL selects. Everything here is synchronous: connections live in the writer's thread, or serve short indexed reads.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

interface ConnectionOptions {
  readonly readOnly?: boolean
  /** How long a statement waits for another connection's lock, milliseconds. */
  readonly busyTimeoutMs?: number
  /**
   * Reads share a transaction until `refresh` is called; this arranges a call for the end of the turn of the event loop. Every commit of
   * another connection empties this one's cache at its next transaction, so a transaction for each read would read everything afresh.
   */
  readonly endOfTurn?: (end: () => void) => void
}

export class Connection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #valueStatements = new Map<string, StatementSync>()
  readonly #endOfTurn: ((end: () => void) => void) | null
  #sharing = false
  #inSnapshot = false

  /** Opens a file, or a database in memory that lives as long as this connection (`:memory:`). Throws when it cannot. */
  constructor(path: string, options: ConnectionOptions = {}) {
    this.#database = new DatabaseSync(path, {
      readOnly: options.readOnly ?? false,
      timeout: options.busyTimeoutMs ?? 10_000,
    })
    this.#endOfTurn = options.endOfTurn ?? null
  }

  #share(): void {
    if (this.#endOfTurn === null || this.#sharing || this.#inSnapshot) return
    this.run('BEGIN')
    this.#sharing = true
    this.#endOfTurn(() => this.refresh())
  }

  /** Another connection has committed: the next read sees it. */
  refresh(): void {
    if (!this.#sharing) return
    this.#sharing = false
    this.run('COMMIT')
  }

  #statement(sql: string, asValues = false): StatementSync {
    const statements = asValues ? this.#valueStatements : this.#statements
    const known = statements.get(sql)
    if (known !== undefined) return known
    const prepared = this.#database.prepare(sql)
    prepared.setReturnArrays(asValues)
    statements.set(sql, prepared)
    return prepared
  }

  /** The first row, or undefined. */
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    this.#share()
    const row: unknown = this.#statement(sql).get(...values)
    return row as Row | undefined
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    this.#share()
    const rows: unknown = this.#statement(sql).all(...values)
    return rows as Row[]
  }

  /** Rows as their values in the order of the columns: without the names, half the cost of a small row. For the hottest reads. */
  values<Values extends readonly unknown[]>(sql: string, ...values: SQLInputValue[]): Values[] {
    this.#share()
    const rows: unknown = this.#statement(sql, true).all(...values)
    return rows as Values[]
  }

  /** Rows one by one: leaving the loop early reads no further. A statement must not be started again while its rows are being read. */
  rows<Row>(sql: string, ...values: SQLInputValue[]): IterableIterator<Row> {
    const rows: unknown = this.#statement(sql).iterate(...values)
    return rows as IterableIterator<Row>
  }

  /** Answers how many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }

  /** Answers the rowid of the inserted row. */
  insert(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid)
  }

  /** Runs a script; not for the hot path. */
  execute(sql: string): void {
    this.#database.exec(sql)
  }

  /** Runs `read` in one read transaction, so that its statements see one state. */
  snapshot<Result>(read: () => Result): Result {
    this.refresh()
    this.run('BEGIN')
    this.#inSnapshot = true
    try {
      return read()
    } finally {
      this.#inSnapshot = false
      this.run('COMMIT')
    }
  }

  close(): void {
    this.refresh()
    // An end of turn that is still to come finds nothing to end.
    this.#statements.clear()
    this.#valueStatements.clear()
    this.#database.close()
  }
}

/** SQLite's extended result code of an error thrown by a connection; null when it is another error. */
function resultCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null
  return typeof error.errcode === 'number' ? error.errcode : null
}

/** I/O error, corruption, not a database: after these nothing that the connection says can be believed. */
export function isFinal(error: unknown): boolean {
  const code = resultCodeOf(error)
  return code !== null && [10, 11, 26].includes(code & 0xff)
}
