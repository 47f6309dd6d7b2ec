// Replaces `${NAME}` (environment) and `${file:/path}` in every string of a configuration, so that secrets need not stand
// in the file; `$${` stands for a literal `${`. What a reference stands for is never shown in a problem.

import type { Path, Report } from './problem.ts'

/** What references are looked up in. `readText` throws if the file can't be read. */
export type ReferenceSource = {
  readonly variables: Readonly<Record<string, string | undefined>>
  readText(path: string): string
}

const referencePattern = /\$\$\{|\$\{([^}]*)(\}|$)/g
const syntax = `$\{NAME} or $\{file:/path}; $$\{ is a literal $\{`

/** A copy of the value with all references replaced. Unresolved ones are reported and spoil their path. */
export function expandReferences(value: unknown, path: Path, source: ReferenceSource, report: Report): unknown {
  if (typeof value === 'string') return expandText(value, path, source, report)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item, index) => expandReferences(item, [...path, index], source, report))
  const copy = {}
  for (const [key, item] of Object.entries(value)) {
    const expanded = expandReferences(item, [...path, key], source, report)
    // Not an assignment: the key may be `__proto__`.
    Object.defineProperty(copy, key, { value: expanded, enumerable: true, configurable: true, writable: true })
  }
  return copy
}

/** The text as it must be written so that it is read back as it is. */
export function escapeReferences(text: string): string {
  return text.replaceAll('${', () => '$${')
}

function expandText(text: string, path: Path, source: ReferenceSource, report: Report): string {
  if (!text.includes('${')) return text
  let referenced: string | undefined
  const expanded = text.replace(referencePattern, (whole, name: string | undefined, end: string | undefined) => {
    if (name === undefined) return '${'
    referenced ??= whole
    const result = end === '}' ? resolve(name, source) : { problem: 'a reference without its closing brace' }
    if ('text' in result) return result.text
    report.spoil(path, result.problem, result.expected ?? syntax)
    return ''
  })
  if (referenced !== undefined) report.refer(path, referenced)
  return expanded
}

type Resolved = { readonly text: string } | { readonly problem: string; readonly expected?: string }

function resolve(name: string, source: ReferenceSource): Resolved {
  const file = /^file:(.+)$/s.exec(name)?.[1]
  if (file !== undefined) return readReferenced(file, source)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { problem: 'a reference that is no name and no file' }
  const value = Object.hasOwn(source.variables, name) ? source.variables[name] : undefined
  if (value === undefined)
    return { problem: `\${${name}}, which is not set`, expected: 'a variable of the environment' }
  if (value === '') return { problem: `\${${name}}, which is empty`, expected: 'a variable that is not empty' }
  return { text: value }
}

function readReferenced(file: string, source: ReferenceSource): Resolved {
  const expected = 'a file that can be read and is not empty'
  try {
    const text = source.readText(file).replace(/[\r\n]+$/, '')
    return text === '' ? { problem: `\${file:${file}}, which is empty`, expected } : { text }
  } catch (error) {
    return { problem: `\${file:${file}}, which cannot be read (${errorCode(error)})`, expected }
  }
}

/** ENOENT and the like; messages are not shown, since they may quote more than a reader needs. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'error'
}
