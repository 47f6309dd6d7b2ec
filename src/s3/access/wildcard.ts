// Matching text with `*` and `?`, without regular expressions and without backtracking: between two stars the leftmost place is always good
// enough. A piece without `?` is found in time of text plus piece, one with `?` in time of text times piece over 32: policies and requests are written by
// strangers, and all others wait.

/** `any` is `*`, `one` is `?`; a text stands for itself, whatever is in it. */
export type Token = 'any' | 'one' | { readonly text: string }

/** What stands between two stars: texts, with any one character between two of them. */
type Piece = readonly string[]

export interface Pattern {
  readonly pieces: readonly Piece[]
}

/** Reads `*` and `?` in a text. */
export function tokensOf(text: string): Token[] {
  return text
    .split(/([*?])/)
    .filter(part => part !== '')
    .map(part => (part === '*' ? 'any' : part === '?' ? 'one' : { text: part }))
}

export function patternOf(tokens: readonly Token[]): Pattern {
  const pieces: string[][] = []
  let piece: string[] = []
  let run = ''
  for (const token of tokens) {
    if (typeof token === 'object') run += token.text
    else {
      piece.push(run)
      run = ''
      if (token === 'any') {
        pieces.push(piece)
        piece = []
      }
    }
  }
  pieces.push([...piece, run])
  return { pieces }
}

/** Whether the pattern takes the whole text. */
export function matches({ pieces }: Pattern, text: string): boolean {
  if (pieces.some(piece => piece.length > 1)) return matchesPlaces(pieces.map(placesOf), text)
  return matchesTexts(pieces.map(textOf), text)
}

function textOf([text = '']: Piece): string {
  return text
}

function matchesTexts(pieces: readonly string[], text: string): boolean {
  const first = pieces[0] ?? ''
  if (pieces.length === 1) return text === first
  const last = pieces.at(-1) ?? ''
  const end = text.length - last.length
  if (first.length > end || !text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = piece.length > end - at ? -1 : indexOfText(text, piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

/** The engine's own search is linear up to a length of this order. */
const engineSearchMax = 200

function indexOfText(text: string, wanted: string, from: number): number {
  if (wanted.length <= engineSearchMax) return text.indexOf(wanted, from)
  const borders = bordersOf(wanted)
  let matched = 0
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    while (matched > 0 && wanted.charCodeAt(matched) !== unit) matched = borders[matched - 1] ?? 0
    if (wanted.charCodeAt(matched) === unit) matched += 1
    if (matched === wanted.length) return at + 1 - matched
  }
  return -1
}

/** Knuth, Morris and Pratt: how much of the text's beginning also ends each of its beginnings. */
function bordersOf(text: string): Uint32Array {
  const borders = new Uint32Array(text.length)
  let border = 0
  for (let at = 1; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    while (border > 0 && text.charCodeAt(border) !== unit) border = borders[border - 1] ?? 0
    if (text.charCodeAt(border) === unit) border += 1
    borders[at] = border
  }
  return borders
}

/** Characters by their code, and places where any one may stand. */
type Places = readonly number[]

const anyOne = -1

function codesOf(text: string): number[] {
  return Array.from(text, character => character.codePointAt(0) ?? 0)
}

function placesOf(piece: Piece): Places {
  return piece.flatMap((run, index) => (index === 0 ? codesOf(run) : [anyOne, ...codesOf(run)]))
}

/** Where each character stands in a text: a bit by place. */
interface PlacedText {
  readonly text: string
  readonly codes: readonly number[]
  readonly bits: ReadonlyMap<number, Uint32Array>
}

function placedText(text: string): PlacedText {
  const codes = codesOf(text)
  const bits = new Map<number, Uint32Array>()
  for (const [at, code] of codes.entries()) {
    const places = bits.get(code) ?? new Uint32Array((codes.length >>> 5) + 1)
    bits.set(code, places)
    places[at >>> 5] = (places[at >>> 5] ?? 0) | (1 << (at & 31))
  }
  return { text, codes, bits }
}

/** A policy asks many patterns about the same text. */
let latest = placedText('')

function fits(places: Places, codes: readonly number[], at: number): boolean {
  if (at < 0 || at + places.length > codes.length) return false
  return places.every((wanted, index) => wanted === anyOne || wanted === codes[at + index])
}

function matchesPlaces(pieces: readonly Places[], text: string): boolean {
  if (latest.text !== text) latest = placedText(text)
  const { codes } = latest
  const first = pieces[0] ?? []
  if (pieces.length === 1) return first.length === codes.length && fits(first, codes, 0)
  const last = pieces.at(-1) ?? []
  const end = codes.length - last.length
  if (first.length > end || !fits(first, codes, 0) || !fits(last, codes, end)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = piece.length > end - at ? -1 : indexOfPlaces(latest, piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

/** All beginnings are tried at once: each character of the piece strikes out those where another one stands. */
function indexOfPlaces({ codes, bits }: PlacedText, piece: Places, from: number): number {
  const words = (codes.length >>> 5) + 1
  const open = new Uint32Array(words).fill(0xffff_ffff, from >>> 5)
  open[from >>> 5] = (0xffff_ffff << (from & 31)) >>> 0
  for (const [offset, code] of piece.entries()) {
    if (code === anyOne) continue
    const places = bits.get(code)
    if (places === undefined || !strike(open, places, offset)) return -1
  }
  const word = open.findIndex(places => places !== 0)
  return word < 0 ? -1 : word * 32 + (31 - Math.clz32((open[word] ?? 0) & -(open[word] ?? 0)))
}

/** Leaves the beginnings that have the character at that offset; false when there are none. */
function strike(open: Uint32Array, places: Uint32Array, offset: number): boolean {
  const skipped = offset >>> 5
  const shift = offset & 31
  let left = 0
  for (let word = 0; word < open.length; word++) {
    const low = (places[word + skipped] ?? 0) >>> shift
    const high = shift === 0 ? 0 : (places[word + skipped + 1] ?? 0) << (32 - shift)
    const kept = (open[word] ?? 0) & (low | high)
    open[word] = kept
    left |= kept
  }
  return left !== 0
}

/** Whether the pattern takes some text that is longer than this one and begins with it. */
export function matchesBeyond({ pieces }: Pattern, beginning: string): boolean {
  const codes = codesOf(beginning)
  const first = placesOf(pieces[0] ?? [])
  const compared = Math.min(first.length, codes.length)
  if (!fits(first.slice(0, compared), codes, 0)) return false
  // Behind the first star anything may follow.
  return pieces.length > 1 || first.length > codes.length
}
