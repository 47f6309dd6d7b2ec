// Reads TypeScript as text, for the rules of tidy.ts (the compiler has no JavaScript API in this version). Relies on the
// formatter: a function ends at the first line that begins with a closing brace at the indentation of its opening line.

/** A function's first line (counted from 1) and its length in lines. */
export interface FunctionSpan {
  readonly line: number
  readonly length: number
  readonly text: string
}

const beforeRegex = /(^|[(,=:[!&|?{};+\n]|=>|\breturn|\btypeof|\bcase)\s*$/

/**
 * The source with the contents of comments, strings, templates and regular expressions replaced by spaces, line by line
 * in place, so that what is left is code. Expressions inside templates stay.
 */
export function codeOnly(source: string): string {
  let out = ''
  let at = 0
  // Depth of braces at which each open template expression ends.
  const templates: number[] = []
  let depth = 0
  const blank = (end: number): void => {
    out += source.slice(at, end).replace(/[^\n]/g, ' ')
    at = end
  }
  while (at < source.length) {
    const char = source[at] ?? ''
    const two = source.slice(at, at + 2)
    if (two === '//') blank(endOf(source, '\n', at))
    else if (two === '/*') blank(endOf(source, '*/', at) + 2)
    else if (char === "'" || char === '"') blank(endOfString(source, at, char))
    else if (char === '/' && beforeRegex.test(out.slice(-40))) blank(endOfRegex(source, at))
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop()
      const end = endOfTemplatePart(source, at + 1)
      const opens = source.slice(end - 2, end) === '${'
      blank(end)
      if (opens) templates.push(depth)
    } else {
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      out += char
      at += 1
    }
  }
  return out
}

/** The specifiers of static imports, re-exports and dynamic imports, each with its line; `typeOnly` for `import type`. */
export function importsOf(source: string): { specifier: string; line: number; typeOnly: boolean }[] {
  const pattern = /^(import|export)\b([^'"`;]*?)\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm
  return [...source.matchAll(pattern)].map(match => ({
    specifier: match[3] ?? match[4] ?? match[5] ?? '',
    line: lineAt(source, match.index),
    typeOnly: /^\s*type\b/.test(match[2] ?? ''),
  }))
}

/** Every function with a block body: declarations, methods, and arrow functions. `text` is its source. */
export function functionsOf(source: string): readonly FunctionSpan[] {
  const lines = codeOnly(source).split('\n')
  const original = source.split('\n')
  const found: FunctionSpan[] = []
  for (const [index, line] of lines.entries()) {
    if (!opensFunction(line)) continue
    const indent = /^\s*/.exec(line)?.[0] ?? ''
    const end = lines.findIndex((other, at) => at > index && other.startsWith(`${indent}}`))
    if (end < 0) continue
    const length = end - index + 1
    found.push({ line: index + 1, length, text: original.slice(index, end + 1).join('\n') })
  }
  return found
}

/** The line (from 1) of a position. */
export function lineAt(source: string, index: number): number {
  return source.slice(0, index).split('\n').length
}

function opensFunction(line: string): boolean {
  const trimmed = line.trimEnd()
  if (!trimmed.endsWith('{')) return false
  if (/^\s*(\}\s*)?(if|else|for|while|switch|catch|try|do|with|class|interface|type|export class)\b/.test(trimmed))
    return false
  return /=>\s*\{$/.test(trimmed) || /\)(\s*:[^=]+)?\s*\{$/.test(trimmed)
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from + 1)
  return end < 0 ? source.length : end
}

function endOfString(source: string, from: number, quote: string): number {
  let at = from + 1
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfRegex(source: string, from: number): number {
  let inClass = false
  for (let at = from + 1; at < source.length; at += 1) {
    const char = source[at]
    if (char === '\\') at += 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '\n') return from + 1
    else if (char === '/' && !inClass) return at + 1
  }
  return source.length
}

// Ends after the closing backtick or after the `${` of an expression.
function endOfTemplatePart(source: string, from: number): number {
  let at = from
  while (at < source.length) {
    if (source[at] === '\\') at += 2
    else if (source[at] === '`') return at + 1
    else if (source.slice(at, at + 2) === '${') return at + 2
    else at += 1
  }
  return source.length
}
