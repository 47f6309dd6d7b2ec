// The numbered schema of the database. However many processes start at once, one of them migrates and the others wait for it; a newer schema is
// refused. Everything happens in one transaction, so a migration that fails changes nothing. A database that was restored into another
// cluster has transaction numbers of a former life in its journal: it begins anew from the ledger.
import { DependencyError } from '../../base/dependency.ts'
import { bucketFunctions, changeFunctions, uploadFunctions } from './change-functions.ts'
import type { Database, Transaction } from './database.ts'
import { epochFunctions, foldFunctions, reportFunctions, sumFunctions } from './fold-functions.ts'
import { claimFunctions, rowFunctions } from './ledger-functions.ts'
import { tables } from './tables.ts'
import { commonFunctions, putFunctions } from './version-functions.ts'

const version2 = `
ALTER TABLE buckets ADD COLUMN settings text;
DROP FUNCTION IF EXISTS with_tags(text, json), change_bucket(text, text, text);
`

/** Functions only. */
const functionsOnly = 'SELECT 1;'

/** What happened, in buckets that tell of events: JSON. */
const journalEvents = `
ALTER TABLE journal ADD COLUMN event text;
DROP FUNCTION IF EXISTS add_entry(bigint, text, bigint, text, text, text, integer);
`

/** Functions that take the bucket that was seen have one parameter more. */
const seenBuckets = `
DROP FUNCTION IF EXISTS create_upload(bigint, json), change_bucket(text, text, text, json), delete_bucket(text);
`

/** A delete marker leaves none where there are no versions: it has removed the object. */
const removals = "UPDATE applied SET kind = 'removal' WHERE kind = 'delete-marker' AND destination_version_id = '';"

/** Rows end with what of their version a site can not hold; messages are compared by what keeps the version, too. */
const warnings = `
DROP FUNCTION IF EXISTS completed_at_once(bigint, ledger, text),
  fold_one(bigint, bigint, text, text, text, text, text, integer, text, json, text);
`

/** Processes of the older program write no more until they are started anew: they would call functions that mean something else by now. */
const endFormer = 'UPDATE epochs SET ended = true WHERE NOT ended;'

const functions = [
  commonFunctions,
  rowFunctions,
  putFunctions,
  changeFunctions,
  uploadFunctions,
  bucketFunctions,
  claimFunctions,
  sumFunctions,
  foldFunctions,
  reportFunctions,
  epochFunctions,
  endFormer,
].join('\n')

export interface Schema {
  /** SQL scripts of the tables; the n-th leads from schema n to schema n + 1. Released ones never change. */
  readonly steps: readonly string[]
  /** Made anew after the last step: functions and views are always those of this program. */
  readonly functions: string
}

const newestSchema: Schema = {
  steps: [
    tables,
    version2,
    functionsOnly,
    functionsOnly,
    journalEvents,
    functionsOnly,
    seenBuckets,
    functionsOnly,
    removals,
    functionsOnly,
    warnings,
  ],
  functions,
}

/** The schema, in PostgreSQL's sense, that holds everything of ours; set as search path of each connection. */
export const namespace = 'crossbeat'

/** What the database is known by. */
export interface Identity {
  /** Made up when the database was; part of the names of data. */
  readonly store: string
  /** The system identifier of its cluster. */
  readonly cluster: string
}

/** Two numbers that no other use of advisory locks in this database has: keys are locked by one number each. */
const migrationLock = '73, 1'

/** Brings the database to the newest schema. Throws DependencyError when it is ahead of this program. */
export async function migrate(
  database: Database,
  newStoreName: string,
  { steps, functions }: Schema = newestSchema,
): Promise<Identity> {
  return database.transaction(async transaction => {
    await transaction.rows(`SELECT 1 AS one FROM pg_advisory_xact_lock(${migrationLock})`)
    const found = await schemaOf(transaction)
    if (found > steps.length)
      throw new DependencyError(
        'PostgreSQL',
        `the database has schema ${found}, this version of Crossbeat knows schemas up to ${steps.length}`,
        'Start the newer version, or use another database',
        { lasting: true },
      )
    if (found === 0) await transaction.script(`CREATE SCHEMA IF NOT EXISTS ${namespace}`)
    for (const step of steps.slice(found)) await transaction.script(step)
    if (found < steps.length) await transaction.script(functions)
    if (found === 0) await setMeta(transaction, 'store', newStoreName)
    if (found < steps.length) await setMeta(transaction, 'schema', String(steps.length))
    const cluster = await clusterOf(transaction)
    await settleIn(transaction, cluster)
    return { store: (await meta(transaction, 'store')) ?? newStoreName, cluster }
  })
}

async function schemaOf(transaction: Transaction): Promise<number> {
  const [table] = await transaction.rows<{ found: string | null }>(
    `SELECT to_regclass('${namespace}.meta')::text AS found`,
  )
  return table?.found === null || table === undefined ? 0 : Number((await meta(transaction, 'schema')) ?? 0)
}

async function meta(transaction: Transaction, name: string): Promise<string | null> {
  const [row] = await transaction.rows<{ value: string }>('SELECT value FROM meta WHERE name = $1', name)
  return row?.value ?? null
}

async function setMeta(transaction: Transaction, name: string, value: string): Promise<void> {
  await transaction.rows(
    'INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    name,
    value,
  )
}

async function clusterOf(transaction: Transaction): Promise<string> {
  const [row] = await transaction.rows<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()')
  return row?.id ?? ''
}

/**
 * In another cluster the journal's transaction numbers mean nothing. What it had to say is in the ledger: its pending rows are due at once.
 * Positions that readers have kept name the former cluster and are taken for the beginning.
 */
async function settleIn(transaction: Transaction, cluster: string): Promise<void> {
  const known = await meta(transaction, 'cluster')
  if (known === cluster) return
  if (known !== null) {
    await transaction.rows('DELETE FROM journal')
    await transaction.rows('UPDATE ledger SET state = 1, at = moment(NULL) WHERE state = 0')
  }
  await setMeta(transaction, 'cluster', cluster)
}
