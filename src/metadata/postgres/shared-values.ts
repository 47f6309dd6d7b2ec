// Small values that all processes of a database share, beside the metadata: in the table `meta`, compared and set.
import type { Timers } from '../../base/world.ts'
import { openDatabase, type Value } from './database.ts'
import { openError } from './failures.ts'
import { namespace } from './schema.ts'

export interface SharedValues {
  /** Null where there is none. `now`: by the clock that all share, epoch milliseconds. */
  get(name: string): Promise<{ readonly value: string | null; readonly now: number }>
  /** Sets the value if it is still `from`; false: it is not, and nothing has changed. */
  change(name: string, from: string | null, to: string): Promise<boolean>
}

type Run = <Row>(text: string, ...values: Value[]) => Promise<readonly Row[]>

export function sharedValues(run: Run): SharedValues {
  return {
    async get(name) {
      const [row] = await run<{ value: string | null; now: number }>(
        'SELECT (SELECT value FROM meta WHERE name = $1) AS value, moment(NULL) AS now',
        name,
      )
      return { value: row?.value ?? null, now: row?.now ?? 0 }
    },
    async change(name, from, to) {
      const rows =
        from === null
          ? await run('INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1', name, to)
          : await run('UPDATE meta SET value = $3 WHERE name = $1 AND value = $2 RETURNING 1', name, from, to)
      return rows.length === 1
    },
  }
}

/** Those of a database that processes use already, for a moment's work. Throws DependencyError. */
export async function withSharedValues<Result>(
  { url, timers }: { readonly url: string; readonly timers: Timers },
  work: (values: SharedValues) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase({ url, connections: 1, timers, answerWithinMs: 10_000 }, namespace)
  try {
    return await work(sharedValues((text, ...values) => database.rows(text, ...values)))
  } catch (error) {
    throw openError(error, url)
  } finally {
    await database.abandon()
  }
}
