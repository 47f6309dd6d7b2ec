// The keys with which the processes of the distributed engine sign requests to each other: made up, in the database for all of them, and another one
// every day. A new key is known to all before anybody signs with it, and a former one ends when nobody signs with it any more; nothing else is
// derived from them, and they are derived from nothing.

import type { AccountKey } from '../accounts/account-directory.ts'
import { newAccountKey } from '../accounts/account-key.ts'
import type { Random, Timer, Timers, World } from '../base/world.ts'
import type { PostgresConfig } from '../config/types.ts'
import { isJsonObject, jsonObject } from '../domain/backbeat-wire.ts'
import type { SharedValues } from '../metadata/postgres/shared-values.ts'

/** What a process does with them at a moment. */
export interface ServiceKeys {
  readonly signing: AccountKey
  /** All that may sign, `signing` among them. */
  readonly accepted: readonly AccountKey[]
}

interface MadeKey extends AccountKey {
  /** By the database's clock, epoch milliseconds. */
  readonly madeAt: number
}

const name = 'service-keys'
const renewMs = 24 * 3_600_000
const lookMs = 10_000
/** By then every process that reaches the database has looked several times. */
const knownMs = 5 * 60_000
/** Nobody has signed with its predecessor for so long that no request of it is under way. */
const aloneMs = 30 * 60_000

/** When another key is made: when the newest is a day old, in any case, or in any case and with an end to all others at once. */
export type Renewal = 'when due' | 'anew' | 'at once'

/** The keys as they are now. Makes the first. */
export async function serviceKeys(
  values: SharedValues,
  random: Random,
  renewal: Renewal = 'when due',
): Promise<ServiceKeys> {
  for (;;) {
    const { value, now } = await values.get(name)
    const stored = readKeys(value)
    const newest = stored.at(-1)
    if (newest !== undefined && renewal === 'when due' && now - newest.madeAt < renewMs)
      return keysAt(stored, newest, now)
    // The one that is signed with now stays, even where another one was made a moment ago.
    const kept = newest === undefined || renewal === 'at once' ? [] : [signingAt(stored, newest, now)]
    const made = { ...newAccountKey(random), madeAt: now }
    const next = [...kept, made]
    if (await values.change(name, value, JSON.stringify({ keys: next }))) return keysAt(next, made, now)
  }
}

/** Takes them as they are from time to time. Answers how to stop. */
export function watchServiceKeys(
  values: SharedValues,
  { random, timers }: { readonly random: Random; readonly timers: Timers },
  take: (keys: ServiceKeys) => void,
): () => void {
  let timer: Timer
  let stopped = false
  const look = async (): Promise<void> => {
    try {
      take(await serviceKeys(values, random))
    } catch {
      // The database is away, which its health tells: those that are known go on.
    }
    if (!stopped) arm()
  }
  const arm = (): void => {
    timer = timers.after(lookMs, () => void look(), { background: true })
  }
  arm()
  return () => {
    stopped = true
    timer.cancel()
  }
}

/** Makes another key for the processes of a database, which take it within ten seconds. Throws DependencyError. */
export async function renewServiceKeys(
  { url }: PostgresConfig,
  { random, timers }: Pick<World, 'random' | 'timers'>,
  renewal: Renewal,
): Promise<ServiceKeys> {
  const { withSharedValues } = await import('../metadata/postgres/shared-values.ts')
  return withSharedValues({ url: url.reveal(), timers }, values => serviceKeys(values, random, renewal))
}

function keysAt(stored: readonly MadeKey[], newest: MadeKey, now: number): ServiceKeys {
  const accepted = now - newest.madeAt < aloneMs ? stored : [newest]
  return { signing: plain(signingAt(stored, newest, now)), accepted: accepted.map(plain) }
}

/** The newest that all know, else the oldest. */
function signingAt(stored: readonly MadeKey[], newest: MadeKey, now: number): MadeKey {
  return stored.findLast(({ madeAt }) => now - madeAt >= knownMs) ?? stored[0] ?? newest
}

function plain({ access, secret }: MadeKey): AccountKey {
  return { access, secret }
}

/** In the order in which they were made; empty for what is none, in whose place others are made. */
function readKeys(text: string | null): readonly MadeKey[] {
  const keys: unknown = text === null ? undefined : jsonObject(text)?.['keys']
  const list: readonly unknown[] = Array.isArray(keys) ? keys : []
  return list.flatMap(item => {
    if (!isJsonObject(item)) return []
    const { access, secret, madeAt } = item
    const isKey = typeof access === 'string' && typeof secret === 'string' && typeof madeAt === 'number'
    return isKey ? [{ access, secret, madeAt }] : []
  })
}
