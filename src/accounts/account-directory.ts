// The accounts that may sign requests, read from CloudServer's authdata.json. A directory never changes once made, but one may be put in the
// place of another; every problem of a file is reported with its path, none is repaired silently.

/** The service accounts of Zenko, recognised by their canonical id. */
export type ServiceName = 'replication' | 'lifecycle' | 'gc' | 'md-ingestion'

export interface AccountKey {
  readonly access: string
  readonly secret: string
}

/**
 * Where the rights of a user come from: `account`: what the account may, but administration; `policies`: nothing but what bucket policies allow to
 * its arn or to everybody, and access control lists to everybody.
 */
export type UserRights = 'account' | 'policies'

/** Somebody who works for an account, with keys of their own. */
export interface AccountUser {
  readonly name: string
  readonly arn: string
  /** `account` where the file does not say, as with CloudServer. */
  readonly rights: UserRights
  readonly keys: readonly AccountKey[]
}

export interface Account {
  readonly name: string
  readonly email: string
  readonly arn: string
  readonly canonicalId: string
  /** 12 digits (`shortid` in the file). */
  readonly shortId: string
  /** Shown as Owner/DisplayName: `displayName` of the file, else the name. */
  readonly displayName: string
  readonly keys: readonly AccountKey[]
  readonly users?: readonly AccountUser[]
  /** May use the internal routes and the control API; opens no other account's data. */
  readonly admin: boolean
  readonly service?: ServiceName
  /** Stands for a user with the rights `policies`: that it is of this account opens nothing. */
  readonly byPoliciesOnly?: true
}

export interface KeyOwner {
  /** As the owner of the key may act for it: for a user never as an administrator or service. */
  readonly account: Account
  /** Whose key it is, if it is not the account's own. */
  readonly user?: AccountUser
  readonly key: AccountKey
}

export interface AccountDirectory {
  readonly accounts: readonly Account[]
  findByAccessKey(access: string): KeyOwner | undefined
  findByCanonicalId(canonicalId: string): Account | undefined
}

export interface AuthDataProblem {
  /** Where in the file, as `accounts[0].keys[1].access`. */
  readonly path: string
  readonly message: string
}

export type AuthDataResult =
  | { readonly ok: true; readonly directory: AccountDirectory }
  | { readonly ok: false; readonly problems: readonly AuthDataProblem[] }

/** Makes a directory of accounts already checked; of two equal access keys the first counts. */
export function createAccountDirectory(accounts: readonly Account[]): AccountDirectory {
  const byAccessKey = new Map<string, KeyOwner>()
  const byCanonicalId = new Map<string, Account>()
  for (const account of accounts) {
    if (!byCanonicalId.has(account.canonicalId)) byCanonicalId.set(account.canonicalId, account)
    const own = account.keys.map(key => ({ account, key }))
    const ofUsers = (account.users ?? []).flatMap(user => {
      const acting = actingFor(account, user)
      return user.keys.map(key => ({ account: acting, user, key }))
    })
    for (const owner of [...own, ...ofUsers]) {
      if (!byAccessKey.has(owner.key.access)) byAccessKey.set(owner.key.access, owner)
    }
  }
  return {
    accounts,
    findByAccessKey: access => byAccessKey.get(access),
    findByCanonicalId: canonicalId => byCanonicalId.get(canonicalId),
  }
}

/** The account as one of its users may act for it. Taken from the account here, once, so that no check of an operation can forget it. */
function actingFor({ service: _, ...account }: Account, { rights }: AccountUser): Account {
  return { ...account, admin: false, ...(rights === 'policies' && { byPoliciesOnly: true }) }
}

/** A directory in whose place another can be put while it is used. */
export interface LiveAccountDirectory extends AccountDirectory {
  replace(directory: AccountDirectory): void
}

export function createLiveDirectory(first: AccountDirectory): LiveAccountDirectory {
  let current = first
  return {
    get accounts() {
      return current.accounts
    },
    findByAccessKey: access => current.findByAccessKey(access),
    findByCanonicalId: canonicalId => current.findByCanonicalId(canonicalId),
    replace(directory) {
      current = directory
    },
  }
}

const serviceIdPrefix = 'http://acs.zenko.io/accounts/service/'
const serviceNames: readonly ServiceName[] = ['replication', 'lifecycle', 'gc', 'md-ingestion']

/** The service account a canonical id stands for, if it is one of Zenko's four. */
export function serviceOf(canonicalId: string): ServiceName | undefined {
  if (!canonicalId.startsWith(serviceIdPrefix)) return undefined
  const name = canonicalId.slice(serviceIdPrefix.length)
  return serviceNames.find(known => known === name)
}

const userArn = /^arn:aws:iam::\d{12}:user\/[^\s*?]+$/

type JsonObject = Readonly<Record<string, unknown>>
type Report = (path: string, message: string) => void

/**
 * Reads the parsed JSON of an authdata.json in CloudServer's format. Never throws: gives the directory or every problem found. Keys that
 * are not known are ignored, as CloudServer does (`saml`...).
 */
export function parseAuthData(json: unknown): AuthDataResult {
  const problems: AuthDataProblem[] = []
  const report: Report = (path, message) => {
    problems.push({ path, message })
  }
  const accounts: Account[] = []
  if (!isObject(json)) report('', `must be an object with an "accounts" array, not ${nameOf(json)}`)
  else if (!Array.isArray(json['accounts'])) report('accounts', `must be an array, not ${nameOf(json['accounts'])}`)
  else {
    const list: readonly unknown[] = json['accounts']
    if (list.length === 0) report('accounts', 'must hold at least one account')
    for (const [index, item] of list.entries()) {
      const account = readAccount(item, `accounts[${index}]`, report)
      if (account !== undefined) accounts.push(account)
    }
    checkUnique(list, report)
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, directory: createAccountDirectory(accounts) }
}

function readAccount(item: unknown, path: string, report: Report): Account | undefined {
  if (!isObject(item)) {
    report(path, `must be an object, not ${nameOf(item)}`)
    return undefined
  }
  const name = readText(item, 'name', path, report)
  const email = readText(item, 'email', path, report)
  const arn = readText(item, 'arn', path, report)
  const canonicalId = readText(item, 'canonicalID', path, report)
  const shortId = readText(item, 'shortid', path, report)
  if (email !== '' && !/^[^\s@]+@[^\s@]+$/.test(email)) report(`${path}.email`, 'must be an e-mail address')
  if (shortId !== '' && !/^\d{12}$/.test(shortId)) report(`${path}.shortid`, 'must be 12 digits')
  if (arn !== '' && !/^arn:aws:iam::\d{12}:(?:root|user\/.+)$/.test(arn)) {
    report(`${path}.arn`, 'must look like arn:aws:iam::123456789012:root')
  }
  const displayName = item['displayName'] === undefined ? name : readText(item, 'displayName', path, report)
  const admin = item['admin'] ?? false
  if (typeof admin !== 'boolean') report(`${path}.admin`, `must be true or false, not ${nameOf(admin)}`)
  const keys = readKeys(item['keys'], `${path}.keys`, report)
  const service = serviceOf(canonicalId)
  const users = item['users'] === undefined ? {} : { users: readUsers(item['users'], shortId, `${path}.users`, report) }
  const account = { name, email, arn, canonicalId, shortId, displayName, keys, admin: admin === true, ...users }
  return service === undefined ? account : { ...account, service }
}

/** A user's arn is in the user's account: one of another, or the account's own, would be taken for somebody else in policies. */
function readUsers(value: unknown, shortId: string, path: string, report: Report): readonly AccountUser[] {
  if (!Array.isArray(value)) {
    report(path, `must be an array of users, not ${nameOf(value)}`)
    return []
  }
  const list: readonly unknown[] = value
  return list.flatMap((item, index) => {
    const userPath = `${path}[${index}]`
    if (!isObject(item)) {
      report(userPath, `must be an object, not ${nameOf(item)}`)
      return []
    }
    const name = readText(item, 'name', userPath, report)
    const arn = readText(item, 'arn', userPath, report)
    if (arn !== '' && (!userArn.test(arn) || arn.split(':')[4] !== shortId)) {
      report(`${userPath}.arn`, `must look like arn:aws:iam::${shortId}:user/name`)
    }
    const rights = item['rights'] ?? 'account'
    if (rights !== 'account' && rights !== 'policies') {
      report(`${userPath}.rights`, 'must be "account" or "policies"')
      return []
    }
    return [{ name, arn, rights, keys: readKeys(item['keys'], `${userPath}.keys`, report) }]
  })
}

function readKeys(value: unknown, path: string, report: Report): readonly AccountKey[] {
  // CloudServer takes an account without keys: it owns buckets but nobody can sign as it.
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    report(path, `must be an array of {"access", "secret"}, not ${nameOf(value)}`)
    return []
  }
  const list: readonly unknown[] = value
  const keys: AccountKey[] = []
  for (const [index, item] of list.entries()) {
    const keyPath = `${path}[${index}]`
    if (!isObject(item)) {
      report(keyPath, `must be an object, not ${nameOf(item)}`)
      continue
    }
    const access = readText(item, 'access', keyPath, report)
    const secret = readText(item, 'secret', keyPath, report)
    if (/[\s,:]/.test(access)) report(`${keyPath}.access`, 'must not contain white space, a comma or a colon')
    keys.push({ access, secret })
  }
  return keys
}

/** Gives '' after reporting, so that reading goes on and every problem is found. */
function readText(item: JsonObject, name: string, path: string, report: Report): string {
  const value = item[name]
  if (typeof value === 'string' && value !== '') return value
  if (value === undefined) report(`${path}.${name}`, 'is missing')
  else if (value === '') report(`${path}.${name}`, 'must not be empty')
  else report(`${path}.${name}`, `must be a string, not ${nameOf(value)}`)
  return ''
}

function checkUnique(list: readonly unknown[], report: Report): void {
  for (const name of ['arn', 'email', 'canonicalID']) {
    const seen = new Map<string, number>()
    for (const [index, item] of list.entries()) {
      if (isObject(item)) checkSeen(seen, item[name], index, `accounts[${index}].${name}`, report)
    }
  }
  const arns = new Map<string, number>()
  for (const [index, item] of list.entries()) {
    if (isObject(item) && typeof item['arn'] === 'string') arns.set(item['arn'], arns.get(item['arn']) ?? index)
  }
  const keys = new Map<string, number>()
  for (const [index, item] of list.entries()) {
    if (!isObject(item)) continue
    checkKeys(keys, item, index, `accounts[${index}]`, report)
    const users: readonly unknown[] = Array.isArray(item['users']) ? item['users'] : []
    for (const [place, user] of users.entries()) {
      if (!isObject(user)) continue
      checkSeen(arns, user['arn'], index, `accounts[${index}].users[${place}].arn`, report)
      checkKeys(keys, user, index, `accounts[${index}].users[${place}]`, report)
    }
  }
}

function checkKeys(seen: Map<string, number>, owner: JsonObject, index: number, path: string, report: Report): void {
  const keys: readonly unknown[] = Array.isArray(owner['keys']) ? owner['keys'] : []
  for (const [place, key] of keys.entries()) {
    if (isObject(key)) checkSeen(seen, key['access'], index, `${path}.keys[${place}].access`, report)
  }
}

function checkSeen(seen: Map<string, number>, value: unknown, index: number, path: string, report: Report): void {
  if (typeof value !== 'string' || value === '') return
  const first = seen.get(value)
  if (first === undefined) seen.set(value, index)
  else report(path, `is already used by accounts[${first}]; it must be unique`)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
