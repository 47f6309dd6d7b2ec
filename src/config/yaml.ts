// Reads YAML (and so JSON) into plain values, and knows the line and column of each. Bad syntax, repeated keys, and
// documents built to exhaust memory or stack become problems; nothing is thrown, and no message quotes the document,
// since it may hold secrets. Also writes values as YAML. The one door to the `yaml` package.

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  stringify,
} from 'yaml'
import type { Path } from './problem.ts'

/** A value from a document, or why there is none. */
export type ParsedYaml = {
  readonly value: unknown
  readonly problems: readonly YamlProblem[]
  /** `line:column`, counted from 1, of the value at a path or of the nearest one above it. */
  locate(path: Path): string | undefined
}

export type YamlProblem = { readonly path: Path; readonly found: string; readonly expected: string }

/** The mapping in which keys may repeat: each repetition of a key starts the next entry of a list. */
const looseKey = 'env_replication_endpoints'

const textMax = 4 * 1024 * 1024
const nodesMax = 100_000
const depthMax = 64
const aliasesMax = 1000

/** Parses one document. An empty one has the value null. */
export function parseYaml(text: string): ParsedYaml {
  if (text.length > textMax) return failed({ path: [], found: 'more than 4 MiB', expected: 'a smaller file' })
  const lines = new LineCounter()
  let document: Document.Parsed
  try {
    const options = { uniqueKeys: false, prettyErrors: false, strict: true, stringKeys: false, lineCounter: lines }
    document = parseDocument(text, { ...options, logLevel: 'error' })
  } catch {
    return failed({ path: [], found: 'a document nested too deeply to be read', expected: 'YAML or JSON' })
  }
  const problems: YamlProblem[] = document.errors.slice(0, 5).map(error => {
    const { line, col } = lines.linePos(error.pos[0])
    const found = `${syntaxErrors[error.code] ?? 'something that is not YAML'} at line ${line}, column ${col}`
    return { path: [], found, expected: 'YAML or JSON' }
  })
  if (problems.length > 0) return { ...failed(...problems) }
  const reader = new Reader(document)
  const value = reader.read(document.contents, [], 0)
  return {
    value,
    problems: reader.problems,
    locate(path) {
      const offset = reader.offsetOf(value, path)
      if (offset === undefined) return undefined
      const { line, col } = lines.linePos(offset)
      return `${line}:${col}`
    },
  }
}

function failed(...problems: readonly YamlProblem[]): ParsedYaml {
  return { value: undefined, problems, locate: () => undefined }
}

/** Turns the nodes of one document into values and remembers where each came from. */
class Reader {
  readonly problems: YamlProblem[] = []
  readonly #document: Document.Parsed
  readonly #offsets = new WeakMap<object, Map<string | number, number>>()
  #nodes = 0
  #aliases = 0

  constructor(document: Document.Parsed) {
    this.#document = document
  }

  read(node: unknown, path: Path, depth: number): unknown {
    this.#nodes += 1
    if (this.#nodes > nodesMax || depth > depthMax) {
      if (this.problems.every(problem => problem.expected !== smallerDocument)) {
        this.problems.push({ path, found: 'too many or too deeply nested values', expected: smallerDocument })
      }
      return undefined
    }
    if (isAlias(node)) return this.#alias(node, path, depth)
    if (isScalar(node)) return plainScalar(node.value)
    if (isSeq(node)) return this.#list(node.items, path, depth)
    if (!isMap(node)) return null
    if (path.length === 1 && path[0] === looseKey) return this.#looseList(node.items, path, depth)
    return this.#mapping(node.items, path, depth)
  }

  /** Looking an alias up walks the document, so that their number is bounded too. */
  #alias(node: Alias, path: Path, depth: number): unknown {
    this.#aliases += 1
    const target = this.#aliases > aliasesMax ? undefined : node.resolve(this.#document)
    if (target !== undefined) return this.read(target, path, depth + 1)
    const found = this.#aliases > aliasesMax ? 'too many aliases' : 'an alias without its anchor'
    if (this.#aliases <= aliasesMax + 1) this.problems.push({ path, found, expected: 'a value' })
    return undefined
  }

  #list(items: readonly unknown[], path: Path, depth: number): unknown[] {
    const list: unknown[] = []
    const offsets = new Map<string | number, number>()
    this.#offsets.set(list, offsets)
    for (const [index, item] of items.entries()) {
      remember(offsets, index, item)
      list.push(this.read(item, [...path, index], depth + 1))
    }
    return list
  }

  #mapping(pairs: readonly Pair[], path: Path, depth: number): object {
    const mapping = {}
    const offsets = new Map<string | number, number>()
    this.#offsets.set(mapping, offsets)
    for (const pair of pairs) {
      const key = this.#key(pair, path)
      if (key === undefined) continue
      if (Object.hasOwn(mapping, key)) {
        this.problems.push({ path: [...path, key], found: 'the key a second time', expected: 'each key once' })
        continue
      }
      remember(offsets, key, pair.key)
      define(mapping, key, this.read(pair.value, [...path, key], depth + 1))
    }
    return mapping
  }

  /** `{site: a, type: x, site: b, type: y}` is the list of two entries that it stands for. */
  #looseList(pairs: readonly Pair[], path: Path, depth: number): unknown[] {
    const list: object[] = []
    const listOffsets = new Map<string | number, number>()
    this.#offsets.set(list, listOffsets)
    for (const pair of pairs) {
      const key = this.#key(pair, path)
      if (key === undefined) continue
      let entry = list.at(-1)
      if (entry === undefined || Object.hasOwn(entry, key)) {
        entry = {}
        this.#offsets.set(entry, new Map())
        remember(listOffsets, list.length, pair.key)
        list.push(entry)
      }
      const offsets = this.#offsets.get(entry)
      if (offsets !== undefined) remember(offsets, key, pair.key)
      define(entry, key, this.read(pair.value, [...path, list.length - 1, key], depth + 2))
    }
    return list
  }

  #key(pair: Pair, path: Path): string | undefined {
    const value = isAlias(pair.key) ? pair.key.resolve(this.#document) : pair.key
    const key = isScalar(value) ? plainScalar(value.value) : undefined
    if (typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean') return String(key)
    this.problems.push({ path, found: 'a key that is empty or no text', expected: 'names as keys' })
    return undefined
  }

  offsetOf(root: unknown, path: Path): number | undefined {
    let value = root
    let offset: number | undefined
    for (const step of path) {
      if (typeof value !== 'object' || value === null) return offset
      offset = this.#offsets.get(value)?.get(step) ?? offset
      value = Object.getOwnPropertyDescriptor(value, step)?.value
    }
    return offset
  }
}

const smallerDocument = 'a smaller document'

/** Plain assignment would take the key `__proto__` for the prototype. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

function remember(offsets: Map<string | number, number>, key: string | number, node: unknown): void {
  if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
    const start: unknown = node.range[0]
    if (typeof start === 'number') offsets.set(key, start)
  }
}

function plainScalar(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value
  return value === null || value === undefined ? null : String(value)
}

/** The value as YAML text that parseYaml reads back as it is. */
export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })
}

/** The parser's own messages may quote the document. */
const syntaxErrors: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias without its anchor',
  BAD_DIRECTIVE: 'a bad % directive',
  BAD_DQ_ESCAPE: 'a bad escape in a double-quoted string',
  BAD_INDENT: 'bad indentation, or a bracket that is not closed',
  BAD_SCALAR_START: 'a value that starts with a reserved character (quote it)',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping or list where a plain value belongs',
  BLOCK_IN_FLOW: 'an indented block inside brackets',
  KEY_OVER_1024_CHARS: 'a key that is too long',
  MISSING_CHAR: 'a missing character (a quote, colon, comma or bracket)',
  MULTILINE_IMPLICIT_KEY: 'a key over several lines (is a colon or a quote missing?)',
  MULTIPLE_DOCS: 'a second document',
  RESOURCE_EXHAUSTION: 'too many aliases or nested values',
  TAB_AS_INDENT: 'a tab as indentation',
  TAG_RESOLVE_FAILED: 'a tag that is not known',
  UNEXPECTED_TOKEN: 'something unexpected',
}
