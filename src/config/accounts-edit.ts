// Changes of an accounts file (authdata.json) as the command line makes them. Pure: JSON in, JSON out. What is not named by a change stays as it
// is, keys of the original program that are unknown here included; a result that could not be read again is refused.
import { type Account, type AccountKey, parseAuthData } from '../s3/auth/account-directory.ts'

/** A change that cannot be made; the message says why. */
export class AccountsEditError extends Error {
  override readonly name = 'AccountsEditError'
}

type JsonObject = Readonly<Record<string, unknown>>

export interface NewAccount {
  readonly name: string
  readonly email: string
  /** 12 digits. */
  readonly shortId: string
  readonly canonicalId: string
  readonly admin: boolean
  readonly key: AccountKey
}

export type AccountsEdit = (json: unknown) => unknown

/** The accounts of a file. Throws AccountsEditError for one that cannot be used. */
export function accountsOf(json: unknown): readonly Account[] {
  const result = parseAuthData(json)
  if (result.ok) return result.directory.accounts
  const lines = result.problems.map(({ path, message }) => `${path || '(whole file)'}: ${message}`)
  throw new AccountsEditError(lines.join('; '))
}

export function addAccount(added: NewAccount): AccountsEdit {
  const { name, email, shortId, canonicalId, admin, key } = added
  const account = {
    name,
    email,
    arn: `arn:aws:iam::${shortId}:root`,
    canonicalID: canonicalId,
    shortid: shortId,
    ...(admin ? { admin } : undefined),
    keys: [key],
  }
  return json => {
    if (json !== undefined && accountsOf(json).some(known => known.name === name)) {
      throw new AccountsEditError(`there is an account ${JSON.stringify(name)} already`)
    }
    return changed(json, list => [...list, account])
  }
}

export function removeAccount(named: string): AccountsEdit {
  return json => {
    const place = placeOf(json, named)
    return changed(json, list => list.filter((_, index) => index !== place))
  }
}

export function addKey(named: string, key: AccountKey): AccountsEdit {
  return json => changeKeys(json, named, keys => [...keys, key])
}

/** Takes the key `access` away, or the only one. With `by` another comes in its place. */
export function removeKey(named: string, access: string | undefined, by?: AccountKey): AccountsEdit {
  return json =>
    changeKeys(json, named, keys => {
      if (access === undefined && keys.length !== 1) {
        throw new AccountsEditError(`${named} has ${keys.length} keys: say which one (see account list)`)
      }
      const kept = access === undefined ? [] : keys.filter(key => !(isObject(key) && key['access'] === access))
      if (access !== undefined && kept.length === keys.length) {
        throw new AccountsEditError(`${named} has no key ${access}`)
      }
      return by === undefined ? kept : [...kept, by]
    })
}

function changeKeys(json: unknown, named: string, change: (keys: readonly unknown[]) => unknown[]): unknown {
  const place = placeOf(json, named)
  return changed(json, list =>
    list.map((account, index) => {
      if (index !== place || !isObject(account)) return account
      const keys: readonly unknown[] = Array.isArray(account['keys']) ? account['keys'] : []
      return { ...account, keys: change(keys) }
    }),
  )
}

/** Where the account of this name or number stands. */
function placeOf(json: unknown, named: string): number {
  const accounts = accountsOf(json)
  const places = accounts.flatMap(({ name, shortId }, index) => (name === named || shortId === named ? [index] : []))
  const [place, another] = places
  if (place === undefined) {
    const known = accounts.map(({ name }) => name).join(', ')
    throw new AccountsEditError(`there is no account ${JSON.stringify(named)} (known: ${known})`)
  }
  if (another !== undefined)
    throw new AccountsEditError(`${JSON.stringify(named)} are several accounts: use the number`)
  return place
}

function changed(json: unknown, change: (list: readonly unknown[]) => unknown[]): unknown {
  const document = isObject(json) ? json : {}
  const list: readonly unknown[] = Array.isArray(document['accounts']) ? document['accounts'] : []
  const result = { ...document, accounts: change(list) }
  accountsOf(result)
  return result
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
