// The accounts that may sign requests, read from CloudServer's authdata.json. A directory never changes once made; every problem of a file
// is reported with its path, none is repaired silently.

/** The service accounts of Zenko, recognised by their canonical id. */
export type ServiceName = 'replication' | 'lifecycle' | 'gc' | 'md-ingestion'

export interface AccountKey {
  readonly access: string
  readonly secret: string
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
  /** May use the internal routes and the control API; opens no other account's data. */
  readonly admin: boolean
  readonly service?: ServiceName
}

export interface KeyOwner {
  readonly account: Account
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
    for (const key of account.keys) if (!byAccessKey.has(key.access)) byAccessKey.set(key.access, { account, key })
  }
  return {
    accounts,
    findByAccessKey: access => byAccessKey.get(access),
    findByCanonicalId: canonicalId => byCanonicalId.get(canonicalId),
  }
}

/** Reads the parsed JSON of an authdata.json. Never throws: gives the directory or every problem found. */
export function parseAuthData(json: unknown): AuthDataResult {
  void json
  throw new Error('not written yet')
}
