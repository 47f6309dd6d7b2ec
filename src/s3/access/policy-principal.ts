// The principals of a policy statement (AWS JSON policy elements: Principal): everybody, an account by its id, its arn or its canonical id, or one user
// of an account by arn. Services and federated users do not exist here: they are understood and never match.
import type { Requester } from './requester.ts'

export interface Principals {
  /** Whoever it is, anonymous or not. */
  readonly everybody: boolean
  /** Account ids. */
  readonly accounts: ReadonlySet<string>
  readonly arns: ReadonlySet<string>
  readonly canonicalIds: ReadonlySet<string>
}

const accountId = /^\d{12}$/
const rootArn = /^arn:aws:iam::([^:/*?]+):root$/
const userArn = /^arn:aws:(?:iam::[^:/*?]+:(?:user|role|federated-user)|sts::[^:/*?]+:assumed-role)\/[^*?]+$/
/** Unique ids of users and roles: there are none here, and policies that were accepted with them mean nobody. */
const uniqueId = /^(?:AIDA|AROA)[A-Z0-9]{12,}$/
const canonicalId = /^[0-9a-f]{64}$/
type IsCanonicalId = (id: string) => boolean
const otherKinds = new Set(['Service', 'Federated'])

/** Null for what S3 would not take. `isCanonicalId` tells the ids of accounts here; without it the policy was accepted before. */
export function readPrincipals(value: unknown, isCanonicalId: IsCanonicalId | undefined): Principals | null {
  const found = {
    everybody: false,
    accounts: new Set<string>(),
    arns: new Set<string>(),
    canonicalIds: new Set<string>(),
  }
  const kinds =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [['AWS', value]]
  if (kinds.length === 0) return null
  for (const [kind, items] of kinds) {
    const names: readonly unknown[] = Array.isArray(items) ? items : [items]
    if (names.length === 0) return null
    // A star beside others would make them meaningless: S3 takes it for a mistake.
    if (names.length > 1 && names.includes('*')) return null
    for (const name of names) {
      if (typeof name !== 'string' || !add(found, String(kind), name, isCanonicalId)) return null
    }
  }
  return found
}

interface Found {
  everybody: boolean
  readonly accounts: Set<string>
  readonly arns: Set<string>
  readonly canonicalIds: Set<string>
}

function add(found: Found, kind: string, name: string, isCanonicalId: IsCanonicalId | undefined): boolean {
  if (kind === 'CanonicalUser') {
    if (!canonicalId.test(name) && isCanonicalId?.(name) === false) return false
    found.canonicalIds.add(name)
    return true
  }
  if (kind !== 'AWS') return otherKinds.has(kind) && name !== '' && name !== '*'
  if (name === '*') found.everybody = true
  else if (accountId.test(name)) found.accounts.add(name)
  else if (userArn.test(name)) found.arns.add(name)
  else if (isCanonicalId !== undefined || !uniqueId.test(name)) {
    const account = rootArn.exec(name)?.[1]
    if (account === undefined) return false
    found.accounts.add(account)
  }
  return true
}

/** Whether it is about whoever asks. Who names an account means its users, too; `isByName`: only those who are named themselves. */
export function isPrincipal(
  principals: Principals,
  requester: Requester,
  arn: string | undefined,
  isByName = false,
): boolean {
  if (principals.everybody) return true
  if (requester === null || arn === undefined) return false
  if (principals.arns.has(arn)) return true
  if (isByName) return false
  return principals.accounts.has(requester.shortId) || principals.canonicalIds.has(requester.canonicalId)
}
