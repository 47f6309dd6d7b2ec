// Changes of an accounts file (authdata.json) as the command line makes them. Pure: JSON in, JSON out. What is not named by a change stays as it
// is, keys of the original program that are unknown here included; a result that could not be read again is refused.
import { type Account, type AccountKey, type AccountUser, parseAuthData, type UserRights } from './account-directory.ts'

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

export interface NewUser {
  /** Names the user in its arn, too. */
  readonly name: string
  readonly rights: UserRights
  readonly key: AccountKey
}

/** Whose keys: an account's by its name or number, or those of one of its users by name. */
export interface KeysOf {
  readonly account: string
  readonly user?: string
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

/** As in IAM (API Reference, CreateUser): what goes unquoted in an arn; two names that differ in case only are one. */
const userName = /^[\w+=,.@-]{1,64}$/

export function addUser(account: string, { name, rights, key }: NewUser): AccountsEdit {
  return json => {
    if (!userName.test(name)) {
      throw new AccountsEditError(
        `${JSON.stringify(name)} cannot be the name of a user: 1 to 64 letters, digits and _+=,.@- are`,
      )
    }
    const { known, users } = usersOf(json, account)
    if (users.some(user => user.name.toLowerCase() === name.toLowerCase())) {
      throw new AccountsEditError(`${known.name} has a user ${JSON.stringify(name)} already`)
    }
    const user = { name, arn: `arn:aws:iam::${known.shortId}:user/${name}`, rights, keys: [key] }
    return changeUsers(json, account, list => [...list, user])
  }
}

export function removeUser(account: string, name: string): AccountsEdit {
  return json => {
    const { place } = userOf(json, account, name)
    return changeUsers(json, account, list => list.filter((_, index) => index !== place))
  }
}

export function addKey(of: KeysOf, key: AccountKey): AccountsEdit {
  return json => changeKeys(json, of, keys => [...keys, key])
}

/** Takes the key `access` away, or the only one. With `by` another comes in its place. */
export function removeKey(of: KeysOf, access: string | undefined, by?: AccountKey): AccountsEdit {
  const named = of.user ?? of.account
  return json =>
    changeKeys(json, of, keys => {
      if (access === undefined && keys.length !== 1) {
        throw new AccountsEditError(
          `${named} has ${keys.length} keys: say which one (see ${of.user === undefined ? 'account list' : 'account user list'})`,
        )
      }
      const kept = access === undefined ? [] : keys.filter(key => !(isObject(key) && key['access'] === access))
      if (access !== undefined && kept.length === keys.length) {
        throw new AccountsEditError(`${named} has no key ${access}`)
      }
      return by === undefined ? kept : [...kept, by]
    })
}

type Change = (list: readonly unknown[]) => unknown[]

function changeKeys(json: unknown, { account, user }: KeysOf, change: Change): unknown {
  if (user === undefined) {
    const place = placeOf(json, account)
    return changed(json, list => changeAt(list, place, 'keys', change))
  }
  const { place } = userOf(json, account, user)
  return changeUsers(json, account, list => changeAt(list, place, 'keys', change))
}

function changeUsers(json: unknown, account: string, change: Change): unknown {
  const place = placeOf(json, account)
  return changed(json, list => changeAt(list, place, 'users', change))
}

/** Changes the list `name` of the object that stands there. */
function changeAt(list: readonly unknown[], place: number, name: 'keys' | 'users', change: Change): unknown[] {
  return list.map((item, index) => {
    if (index !== place || !isObject(item)) return item
    const inner: readonly unknown[] = Array.isArray(item[name]) ? item[name] : []
    return { ...item, [name]: change(inner) }
  })
}

/** The users of the account of this name or number. Throws AccountsEditError if there is none. */
export function usersOf(
  json: unknown,
  account: string,
): { readonly known: Account; readonly users: readonly AccountUser[] } {
  const known = accountsOf(json)[placeOf(json, account)]
  if (known === undefined) throw new AccountsEditError(`there is no account ${JSON.stringify(account)}`)
  return { known, users: known.users ?? [] }
}

/** The user of this name or arn, and where it stands. */
function userOf(json: unknown, account: string, named: string): { readonly user: AccountUser; readonly place: number } {
  const { known, users } = usersOf(json, account)
  const found = users.flatMap((user, place) => (user.name === named || user.arn === named ? [{ user, place }] : []))
  const [first, another] = found
  if (first === undefined) {
    const names = users.map(({ name }) => name).join(', ') || 'none'
    throw new AccountsEditError(`${known.name} has no user ${JSON.stringify(named)} (known: ${names})`)
  }
  if (another !== undefined) throw new AccountsEditError(`${JSON.stringify(named)} are several users: use the arn`)
  return first
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

function changed(json: unknown, change: Change): unknown {
  const document = isObject(json) ? json : {}
  const list: readonly unknown[] = Array.isArray(document['accounts']) ? document['accounts'] : []
  const result = { ...document, accounts: change(list) }
  accountsOf(result)
  return result
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
