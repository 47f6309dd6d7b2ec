// Bucket policies: what a policy says about a request, and whether it is public. A policy is compiled once and remembered by its text, so that a
// request costs no parsing; what could not be put cannot be here either.
import { BlockList } from 'node:net'
import type { Condition } from './condition.ts'
import { isAction } from './policy-actions.ts'
import { type Policy, readPolicy, type Statement } from './policy-document.ts'
import { isPrincipal } from './policy-principal.ts'
import type { RequestFacts } from './request-facts.ts'
import { templateMatches, variablesOf } from './template.ts'

/** What is allowed to an account is not yet allowed to a user of it that has no rights but by policies; what is denied to it is. */
function principalMatches({ effect, principals, notPrincipals }: Statement, facts: RequestFacts): boolean {
  const isByName = effect === 'Allow' && facts.requester?.byPoliciesOnly === true
  return isPrincipal(principals, facts.requester, facts.arn, isByName) !== notPrincipals
}

function applies(statement: Statement, facts: RequestFacts, resource: string): boolean {
  return (
    principalMatches(statement, facts) &&
    statement.actions.some(action => isAction(action, facts.action)) !== statement.notActions &&
    statement.resources.some(template => templateMatches(template, resource, facts)) !== statement.notResources &&
    statement.conditions.every(condition => condition.holds(facts))
  )
}

/** What the policy says: a denial wins over everything, silence is neither. */
export function policyVerdict(policy: Policy, facts: RequestFacts, resource: string): 'allow' | 'deny' | 'silent' {
  let verdict: 'allow' | 'silent' = 'silent'
  for (const statement of policy.statements) {
    if (!applies(statement, facts, resource)) continue
    if (statement.effect === 'Deny') return 'deny'
    verdict = 'allow'
  }
  return verdict
}

/** Whether a statement that allows the request looks at the tags which it sets: it has considered them, and allows them, too. */
export function allowsByTags(policy: Policy, facts: RequestFacts, resource: string): boolean {
  return policy.statements.some(
    statement =>
      statement.effect === 'Allow' &&
      statement.conditions.some(({ key }) => key.startsWith('s3:requestobjecttag')) &&
      applies(statement, facts, resource),
  )
}

/** Whether some condition or variable asks for what may stand in a body. */
export function looksAtBody({ statements }: Policy): boolean {
  return statements.some(
    ({ conditions, resources }) =>
      resources.some(template => variablesOf(template).some(isOfBody)) ||
      conditions.some(({ key, values }) => isOfBody(key) || values.some(value => variableOfBody.test(value))),
  )
}

const variableOfBody = /\$\{\s*s3:(?:requestobjecttag|object-lock-)/i

function isOfBody(key: string): boolean {
  return /^s3:(?:requestobjecttag|object-lock-)/i.test(key)
}

/** Keys whose fixed values say who is meant (S3 user guide, "The meaning of public"). */
const narrowing: ReadonlySet<string> = new Set([
  ...['aws:principalarn', 'aws:principalaccount', 'aws:principalorgid', 'aws:principalorgpaths', 'aws:sourcearn'],
  ...['aws:sourcevpc', 'aws:sourcevpce', 'aws:sourceowner', 'aws:sourceaccount', 'aws:userid', 'aws:sourceip'],
  ...['aws:sourceorgid', 's3:dataaccesspointarn', 's3:dataaccesspointaccount'],
  's3:x-amz-server-side-encryption-aws-kms-key-id',
])

/** Ranges of addresses wider than these are half the world. */
const narrowestBits = { ipv4: 8, ipv6: 32 }

function narrows({ key, fixed, values, operator }: Condition): boolean {
  if (!narrowing.has(key)) return false
  if (key !== 'aws:sourceip') return fixed && !operator.startsWith('ForAllValues:')
  return fixed && values.every(isNarrowRange)
}

function isNarrowRange(range: string): boolean {
  const [address = '', bits] = range.split('/')
  if (bits === undefined) return true
  const width = Number(bits)
  if (!address.includes(':')) return width >= narrowestBits.ipv4
  // Every address of IPv4 can be written as one of IPv6.
  if (!sharesMapped(address, width)) return width >= narrowestBits.ipv6
  return width - mapped.bits >= narrowestBits.ipv4
}

const mapped = { first: '::ffff:0:0', bits: 96 }

/** Whether the range holds addresses of IPv4. */
function sharesMapped(address: string, width: number): boolean {
  const inBoth = new BlockList()
  inBoth.addSubnet(address, Math.min(width, mapped.bits), 'ipv6')
  return inBoth.check(mapped.first, 'ipv6')
}

/** Whether it allows something to everybody, or to all but some. */
export function isPublicPolicy({ statements }: Policy): boolean {
  return statements.some(
    ({ effect, principals, notPrincipals, conditions }) =>
      effect === 'Allow' && (principals.everybody || notPrincipals) && !conditions.some(narrows),
  )
}

/** In characters of the texts: what is compiled takes a few times as much. */
const rememberedMax = 2 * 1024 * 1024
const remembered = new Map<string, Policy>()
let rememberedLength = 0

/** The stored policy, compiled. */
export function policyOf(text: string): Policy {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const policy = readPolicy(text)
  for (const oldest of remembered.keys()) {
    if (rememberedLength + text.length <= rememberedMax) break
    remembered.delete(oldest)
    rememberedLength -= oldest.length
  }
  remembered.set(text, policy)
  rememberedLength += text.length
  return policy
}
