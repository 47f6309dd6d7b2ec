// Matching text with `*` and `?`, without regular expressions and without backtracking: between two stars the leftmost place is always good
// enough. A piece is found in time of text plus piece for each of its `?`, and less where what stands between them is short: policies and requests are
// written by strangers, and all others wait.

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
  if (pieces.some(piece => piece.length > 1)) return matchesRuns(pieces.map(runsOf), text)
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
  return wanted.length <= engineSearchMax
    ? text.indexOf(wanted, from)
    : firstPlace(latestUnits(text), unitsOf(wanted), from)
}

/** A policy asks many patterns about the same text: what is made of the latest is kept. */
function ofLatest<Made>(make: (text: string) => Made): (text: string) => Made {
  let latest = { text: '', made: make('') }
  return text => {
    if (latest.text !== text) latest = { text, made: make(text) }
    return latest.made
  }
}

const latestUnits = ofLatest(unitsOf)

function unitsOf(text: string): Codes {
  const units = new Uint32Array(text.length)
  for (let at = 0; at < text.length; at++) units[at] = text.charCodeAt(at)
  return units
}

/** Characters by their numbers. */
type Codes = Uint32Array

/** Calls `found` with each place where `wanted` begins, from `from` on, until it answers true. `wanted` is not empty. */
function eachPlace(codes: Codes, wanted: Codes, from: number, found: (at: number) => boolean): void {
  const borders = bordersOf(wanted)
  let matched = 0
  for (let at = from; at < codes.length; at++) {
    const code = codes[at]
    while (matched > 0 && (matched === wanted.length || wanted[matched] !== code)) matched = borders[matched - 1] ?? 0
    if (wanted[matched] === code) matched += 1
    if (matched === wanted.length && found(at + 1 - matched)) return
  }
}

function firstPlace(codes: Codes, wanted: Codes, from: number): number {
  let first = -1
  eachPlace(codes, wanted, from, at => {
    first = at
    return true
  })
  return first
}

/** Knuth, Morris and Pratt: how much of the text's beginning also ends each of its beginnings. */
function bordersOf(codes: Codes): Uint32Array {
  const borders = new Uint32Array(codes.length)
  let border = 0
  for (let at = 1; at < codes.length; at++) {
    const code = codes[at]
    while (border > 0 && codes[border] !== code) border = borders[border - 1] ?? 0
    if (codes[border] === code) border += 1
    borders[at] = border
  }
  return borders
}

/** A piece as what stands between its question marks: texts, each so many characters behind the piece's beginning. */
interface Runs {
  readonly runs: readonly { readonly codes: Codes; readonly offset: number }[]
  readonly length: number
}

function codesOf(text: string): Codes {
  const codes = new Uint32Array(text.length)
  let count = 0
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) ?? 0
    codes[count] = code
    count += 1
    at += code > 0xffff ? 2 : 1
  }
  return codes.subarray(0, count)
}

function runsOf(piece: Piece): Runs {
  let length = -1
  const runs = piece.map(run => {
    const [codes, offset] = [codesOf(run), length + 1]
    length = offset + codes.length
    return { codes, offset }
  })
  return { runs: runs.filter(run => run.codes.length > 0), length }
}

/** Where each character stands in a text: a bit by place. */
interface PlacedText {
  readonly codes: Codes
  readonly bits: ReadonlyMap<number, Uint32Array>
}

function placedText(text: string): PlacedText {
  const codes = codesOf(text)
  const bits = new Map<number, Uint32Array>()
  for (const [at, code] of codes.entries()) {
    const places = bits.get(code) ?? new Uint32Array((codes.length >>> 5) + 1)
    bits.set(code, places)
    setBit(places, at)
  }
  return { codes, bits }
}

function setBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31))
}

const latestPlaces = ofLatest(placedText)

function fits({ runs, length }: Runs, codes: Codes, at: number): boolean {
  if (at < 0 || at + length > codes.length) return false
  return runs.every(run => run.codes.every((wanted, index) => wanted === codes[at + run.offset + index]))
}

function matchesRuns(pieces: readonly Runs[], text: string): boolean {
  const placed = latestPlaces(text)
  const { codes } = placed
  const [first, last] = [pieces[0], pieces.at(-1)]
  if (first === undefined || last === undefined) return false
  if (pieces.length === 1) return first.length === codes.length && fits(first, codes, 0)
  const end = codes.length - last.length
  if (first.length > end || !fits(first, codes, 0) || !fits(last, codes, end)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = piece.length > end - at ? -1 : indexOfRuns(placed, piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

/** Up to this length each character of a run is looked up by itself, beyond it the run is searched once. */
const shortRunMax = 16

/** All beginnings are tried at once: each run strikes out those where it does not stand. */
function indexOfRuns(placed: PlacedText, { runs }: Runs, from: number): number {
  const words = (placed.codes.length >>> 5) + 1
  const open = new Uint32Array(words).fill(0xffff_ffff, from >>> 5)
  open[from >>> 5] = (0xffff_ffff << (from & 31)) >>> 0
  for (const { codes, offset } of runs) {
    const isLeft =
      codes.length > shortRunMax
        ? strikeRun(open, placed, codes, offset, from)
        : strikeEach(open, placed, codes, offset)
    if (!isLeft) return -1
  }
  const word = open.findIndex(places => places !== 0)
  return word < 0 ? -1 : word * 32 + (31 - Math.clz32((open[word] ?? 0) & -(open[word] ?? 0)))
}

function strikeEach(open: Uint32Array, { bits }: PlacedText, codes: Codes, offset: number): boolean {
  return codes.every((code, index) => {
    const places = bits.get(code)
    return places !== undefined && strike(open, places, offset + index)
  })
}

function strikeRun(open: Uint32Array, placed: PlacedText, run: Codes, offset: number, from: number): boolean {
  const places = new Uint32Array(open.length)
  eachPlace(placed.codes, run, from + offset, at => {
    setBit(places, at)
    return false
  })
  return strike(open, places, offset)
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
  const { runs, length } = runsOf(pieces[0] ?? [])
  const isSame = runs.every(run =>
    run.codes.every((wanted, index) => run.offset + index >= codes.length || wanted === codes[run.offset + index]),
  )
  // Behind the first star anything may follow.
  return isSame && (pieces.length > 1 || length > codes.length)
}
