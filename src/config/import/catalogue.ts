// A catalogue of keys: for each key of a source file, what an import does with it. Tables of rules are data; this walks a
// file's keys through one and leaves no key without a finding.

import type { Path } from '../problem.ts'
import { asMapping } from '../shape.ts'
import type { Findings, SourceName } from './finding.ts'

/** A verdict and its reason. */
export type Judgement =
  | { readonly verdict: 'converted' }
  | { readonly verdict: 'not needed' | 'not supported'; readonly text: string }
  /** Another part of the import reports about this key. */
  | { readonly verdict: 'elsewhere' }

/** Pattern of a key (`*` is any one name, a final `**` the rest), and the judgement, by value if need be. */
export type Rule = readonly [pattern: string, judge: Judgement | ((value: unknown) => Judgement)]

export const converted: Judgement = { verdict: 'converted' }
export const elsewhere: Judgement = { verdict: 'elsewhere' }

/** The key has no counterpart because its purpose is served otherwise. */
export function notNeeded(text: string): Judgement {
  return { verdict: 'not needed', text }
}

/** The key has a purpose that is not served; the text is the consequence. */
export function notSupported(text: string): Judgement {
  return { verdict: 'not supported', text }
}

/** Judges every key of a file. The first rule that matches decides; a key without a rule is unknown. */
export function judgeKeys(source: SourceName, root: unknown, rules: readonly Rule[], findings: Findings): void {
  const parsed = rules.map(([pattern, judge]) => ({ steps: pattern.split('.'), judge }))
  for (const { path, value } of leaves(root, [])) {
    const rule = parsed.find(({ steps }) => matches(steps, path))
    if (rule === undefined) {
      findings.add(source, path, 'unknown', 'it has no effect here')
      continue
    }
    const judgement = typeof rule.judge === 'function' ? rule.judge(value) : rule.judge
    if (judgement.verdict === 'elsewhere') continue
    findings.add(source, path, judgement.verdict, judgement.verdict === 'converted' ? '' : judgement.text)
  }
}

const depthMax = 32

/** Keys whose value is no mapping, or an empty one. Lists count as one value. */
export function* leaves(value: unknown, path: Path): Generator<{ readonly path: Path; readonly value: unknown }> {
  const mapping = asMapping(value)
  const entries = mapping === undefined ? [] : Object.entries(mapping)
  if (entries.length === 0 || path.length >= depthMax) {
    if (path.length > 0) yield { path, value }
    return
  }
  for (const [key, item] of entries) yield* leaves(item, [...path, key])
}

function matches(steps: readonly string[], path: Path): boolean {
  const open = steps.at(-1) === '**'
  const fixed = open ? steps.slice(0, -1) : steps
  if (open ? path.length < fixed.length : path.length !== fixed.length) return false
  return fixed.every((step, index) => step === '*' || step === path[index])
}
