// Matching text with `*` and `?`, without regular expressions and without backtracking: between two stars the leftmost place is always good
// enough, so the time is bounded by the length of the text times that of the longest piece.

/** `any` is `*`, `one` is `?`; a text stands for itself, whatever is in it. */
export type Token = 'any' | 'one' | { readonly text: string }

/** What stands between two stars: characters, and places where any one may stand. */
type Piece = readonly (string | null)[]

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
  const pieces: (string | null)[][] = [[]]
  for (const token of tokens) {
    if (token === 'any') pieces.push([])
    else if (token === 'one') pieces.at(-1)?.push(null)
    else pieces.at(-1)?.push(...token.text)
  }
  return { pieces }
}

function fits(piece: Piece, characters: readonly string[], at: number): boolean {
  if (at < 0 || at + piece.length > characters.length) return false
  return piece.every((wanted, index) => wanted === null || wanted === characters[at + index])
}

/** Whether the pattern takes the whole text. */
export function matches({ pieces }: Pattern, text: string): boolean {
  const characters = [...text]
  const first = pieces[0] ?? []
  if (pieces.length === 1) return first.length === characters.length && fits(first, characters, 0)
  const last = pieces.at(-1) ?? []
  const end = characters.length - last.length
  if (first.length > end || !fits(first, characters, 0) || !fits(last, characters, end)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    while (at + piece.length <= end && !fits(piece, characters, at)) at += 1
    if (at + piece.length > end) return false
    at += piece.length
  }
  return true
}

/** Whether the pattern takes some text that is longer than this one and begins with it. */
export function matchesBeyond({ pieces }: Pattern, beginning: string): boolean {
  const characters = [...beginning]
  const first = pieces[0] ?? []
  const compared = Math.min(first.length, characters.length)
  if (!fits(first.slice(0, compared), characters, 0)) return false
  // Behind the first star anything may follow.
  return pieces.length > 1 || first.length > characters.length
}
