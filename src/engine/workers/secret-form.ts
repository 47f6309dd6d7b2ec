// Secrets for another thread of this process: a Secret cannot be cloned, so it crosses as an object that says what it is, and becomes a Secret
// again there. Never for anything that leaves the process.
import { Secret } from '../../base/secret.ts'

/** A value whose secrets can be cloned. */
export type Plain = { readonly plain: unknown }

const mark = 'secret of this process'

export function withPlainSecrets(value: unknown): Plain {
  return { plain: mapped(value, found => (found instanceof Secret ? { [mark]: found.reveal() } : undefined)) }
}

/** The value as it was given to `withPlainSecrets`; `Value` is its type. */
export function withSecrets<Value>({ plain }: Plain): Value {
  return mapped(plain, found => {
    const text: unknown = Reflect.get(found, mark)
    return typeof text === 'string' ? new Secret(text) : undefined
  }) as Value
}

function mapped(value: unknown, replace: (found: object) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const replaced = replace(value)
  if (replaced !== undefined) return replaced
  if (Array.isArray(value)) return value.map((item: unknown) => mapped(item, replace))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, replace)]))
}
