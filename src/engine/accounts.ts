// The accounts of a start: read from the configured authdata.json, or one administrator whose keys are made into `<dataDir>/credentials` and
// shown once. A service account for our own replication half is added in memory, with a key of this process or those that all processes share.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type Account,
  type AccountDirectory,
  type AccountKey,
  createAccountDirectory,
  createLiveDirectory,
  parseAuthData,
} from '../accounts/account-directory.ts'
import { newAccountKey } from '../accounts/account-key.ts'
import { realFiles } from '../base/files.ts'
import { Secret } from '../base/secret.ts'
import type { Random } from '../base/world.ts'
import type { Credentials } from '../config/types.ts'
import type { ServiceKeys } from './service-keys.ts'

/** What a start knows of accounts. */
export interface Accounts {
  readonly directory: AccountDirectory
  /** What the processes of an installation sign with to each other, and the HTTP gateway when nothing else is configured; may change at any time. */
  service(): AccountKey
  /** Of the administrator that is made when there is no accounts file. */
  readonly administratorKey?: AccountKey
  /** Set when the administrator's keys were made at this start: the only time they are shown. */
  readonly made?: AccountKey
  /** Where the administrator's keys lie, when there is no accounts file. */
  readonly credentialsFile?: string
  /** The file they come from, and how to take it again as it is now. Rejects with AccountsError: nothing has changed then. */
  readonly source?: { readonly file: string; renew(): Promise<void> }
}

/** Thrown for an accounts or credentials file that cannot be used; the message says where and what would be right. */
export class AccountsError extends Error {}

const profile = 'crossbeat'
const serviceCanonicalId = 'http://acs.zenko.io/accounts/service/replication'

export async function loadAccounts(options: {
  readonly accountsFile: string | undefined
  readonly dataDir: string
  readonly random: Random
}): Promise<Accounts> {
  const service = newAccountKey(options.random)
  if (options.accountsFile !== undefined) {
    return fromFile(options.accountsFile, { signing: service, accepted: [service] }, () => undefined)
  }
  const credentialsFile = join(options.dataDir, 'credentials')
  const stored = await readCredentials(credentialsFile)
  const key = stored ?? newAccountKey(options.random)
  if (stored === null) await writeCredentials(credentialsFile, key)
  const directory = withService([administrator(key)], [service])
  const accounts = { directory, service: () => service, administratorKey: key, credentialsFile }
  return stored === null ? { ...accounts, made: key } : accounts
}

/**
 * Accounts that many processes share: the file, and a service account with keys that all of them know. Where the file has that service account, its first
 * key is what is signed with.
 */
export async function loadSharedAccounts(
  accountsFile: string,
  keys: ServiceKeys,
): Promise<Accounts & { take(keys: ServiceKeys): void }> {
  return fromFile(accountsFile, keys, configuredService)
}

/** What to sign with, always as it is at the moment. */
export function serviceCredentials({ service }: Pick<Accounts, 'service'>): Credentials {
  return {
    get accessKey() {
      return service().access
    },
    get secretKey() {
      return new Secret(service().secret)
    },
    sessionToken: undefined,
  }
}

/** `preferred`: what of the file is signed with instead of the key made for it. */
async function fromFile(
  file: string,
  first: ServiceKeys,
  preferred: (accounts: readonly Account[]) => AccountKey | undefined,
): Promise<Accounts & { take(keys: ServiceKeys): void }> {
  let accounts = await readAccounts(file)
  let keys = first
  const directory = createLiveDirectory(withService(accounts, keys.accepted))
  const replace = (): void => directory.replace(withService(accounts, keys.accepted))
  const renew = async (): Promise<void> => {
    accounts = await readAccounts(file)
    replace()
  }
  return {
    directory,
    service: () => preferred(accounts) ?? keys.signing,
    source: { file, renew },
    take(next) {
      keys = next
      replace()
    },
  }
}

function configuredService(accounts: readonly Account[]): AccountKey | undefined {
  return accounts.find(account => account.canonicalId === serviceCanonicalId)?.keys[0]
}

/** The administrator that was made into a data folder; null where there is none. Throws AccountsError. */
export async function storedAdministrator(dataDir: string): Promise<Account | null> {
  const key = await readCredentials(join(dataDir, 'credentials'))
  return key === null ? null : administrator(key)
}

function administrator(key: AccountKey): Account {
  return {
    name: 'administrator',
    email: 'administrator@crossbeat.invalid',
    arn: 'arn:aws:iam::100000000001:root',
    canonicalId: '6e6f7420616e2061777320616c6c6f63617465642063616e6f6e6963616c2069',
    shortId: '100000000001',
    displayName: 'administrator',
    keys: [key],
    admin: true,
  }
}

/** The configured service account, if any, also signs with the keys made for it. */
function withService(accounts: readonly Account[], keys: readonly AccountKey[]): AccountDirectory {
  if (accounts.some(account => account.canonicalId === serviceCanonicalId)) {
    return createAccountDirectory(
      accounts.map(account =>
        account.canonicalId === serviceCanonicalId ? { ...account, keys: [...account.keys, ...keys] } : account,
      ),
    )
  }
  const service: Account = {
    name: 'Replication',
    email: 'replication@crossbeat.invalid',
    arn: 'arn:aws:iam::100000000002:root',
    canonicalId: serviceCanonicalId,
    shortId: '100000000002',
    displayName: 'Replication',
    keys,
    admin: false,
    service: 'replication',
  }
  return createAccountDirectory([...accounts, service])
}

async function readAccounts(file: string): Promise<readonly Account[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new AccountsError(`accounts: cannot read ${file}: ${messageOf(error)}`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The parser's message quotes the file, which is full of secrets.
    throw new AccountsError(`accounts: ${file} is not JSON`)
  }
  const result = parseAuthData(json)
  if (result.ok) return result.directory.accounts
  const lines = result.problems.map(problem => `  ${problem.path || '(whole file)'}: ${problem.message}`)
  throw new AccountsError(`accounts: ${file} is not usable:\n${lines.join('\n')}`)
}

async function readCredentials(file: string): Promise<AccountKey | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new AccountsError(`cannot read ${file}: ${messageOf(error)}`)
  }
  const section = text.split(/^\[/m).find(part => part.startsWith(`${profile}]`)) ?? ''
  const access = /^aws_access_key_id\s*=\s*(\S+)\s*$/m.exec(section)?.[1]
  const secret = /^aws_secret_access_key\s*=\s*(\S+)\s*$/m.exec(section)?.[1]
  if (access !== undefined && secret !== undefined) return { access, secret }
  throw new AccountsError(
    `${file} has no [${profile}] profile with aws_access_key_id and aws_secret_access_key; restore it, or remove the file to have new keys made`,
  )
}

/** Flushed before anybody sees the keys: keys that were shown must still open the store after a power loss. */
async function writeCredentials(file: string, key: AccountKey): Promise<void> {
  const temporary = `${file}.new`
  const text = `[${profile}]\naws_access_key_id = ${key.access}\naws_secret_access_key = ${key.secret}\n`
  // One left by a start that was cut off may have any mode; a new file has that of a secret.
  await realFiles.remove(temporary)
  const made = await realFiles.create(temporary)
  try {
    await made.append([Buffer.from(text)])
    await made.flush()
  } finally {
    await made.close()
  }
  await realFiles.rename(temporary, file)
  await realFiles.flushFolder(dirname(file))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
