// Databases on a real PostgreSQL for tests: each made for its user and dropped after it, so that nobody sees another one's data.
import postgres, { type Sql } from 'postgres'
import { uniqueName } from './available.ts'

export interface TestDatabase {
  readonly url: string
  readonly name: string
  drop(): Promise<void>
}

/** A connection of one's own, for what only an administrator does. */
export function connect(url: string): Sql {
  return postgres(url, { max: 1, onnotice: () => {}, fetch_types: false })
}

export async function makeDatabase(
  server: string,
  options = "ENCODING 'UTF8' TEMPLATE template0",
): Promise<TestDatabase> {
  const name = uniqueName('crossbeat').replaceAll('-', '_')
  await administer(server, `CREATE DATABASE ${name} ${options}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { name, url: url.href, drop: () => administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

export async function administer(server: string, statement: string): Promise<void> {
  const sql = connect(server)
  try {
    await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}
