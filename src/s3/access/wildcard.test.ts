// Goal: stars and question marks match as documented, in bounded time. Method: a table, and patterns that take backtracking matchers for ever.
import assert from 'node:assert/strict'
import test from 'node:test'
import { matches, matchesBeyond, patternOf, tokensOf } from './wildcard.ts'

const pattern = (text: string) => patternOf(tokensOf(text))

const cases: readonly (readonly [string, string, boolean])[] = [
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'anything/at all', true],
  ['a*', 'a', true],
  ['a*', 'ba', false],
  ['*a', 'ba', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['?', '', false],
  ['?', '\u{1f600}', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['*/*', 'a/b/c', true],
  ['b/*/x*', 'b/1/2/xy', true],
  ['b/*/x*', 'b/x', false],
  ['a*?b', 'ab', false],
  ['a*?b', 'axb', true],
  ['[a-z].', 'b.', false],
  ['*ab*', 'aab', true],
  ['*ab*b', 'aab', false],
  ['*a?c*', 'xabac-abc', true],
  ['*a?c*c', 'xabc', false],
  ['*?b*b?*', 'abb\u{1f600}', true],
  ['*??*', 'a', false],
]
for (const [text, subject, expected] of cases) {
  test(`wildcard/'${text}' ${expected ? 'takes' : 'does not take'} '${subject}'`, () => {
    assert.equal(matches(pattern(text), subject), expected)
  })
}

test('wildcard/a text with stars in it stands for itself', () => {
  assert.equal(matches(patternOf([{ text: 'a*' }, 'any']), 'ab'), false)
  assert.equal(matches(patternOf([{ text: 'a*' }, 'any']), 'a*b'), true)
})

test('wildcard/many stars on long texts take no time to speak of', () => {
  const started = performance.now()
  assert.equal(matches(pattern(`${'a*'.repeat(500)}b`), 'a'.repeat(100_000)), false)
  assert.equal(matches(pattern(`*${'?a'.repeat(400)}*b`), 'a'.repeat(10_000)), false)
  assert.ok(performance.now() - started < 5000)
})

test('wildcard/the place between two stars is the leftmost, found as by trying each', () => {
  const letters = (count: number, seed: number) =>
    Array.from({ length: count }, (_, index) => ((seed * 7919 + index * index * (seed + 3)) % 5 < 3 ? 'a' : 'b')).join(
      '',
    )
  for (let seed = 0; seed < 300; seed++) {
    const text = letters(20 + (seed % 60), seed)
    const wanted = letters(1 + (seed % 5), seed + 1)
    const open = `${wanted.slice(0, seed % 3)}?${wanted.slice(seed % 3)}`
    const tries = Array.from(text, (_, at) => text.slice(at))
    assert.equal(matches(pattern(`*${wanted}*`), text), text.includes(wanted))
    const found = tries.some(rest => matches(pattern(open), rest.slice(0, open.length)))
    assert.equal(matches(pattern(`*${open}*`), text), found, `${open} in ${text}`)
  }
})

test('wildcard/long pieces are found, also behind a beginning of themselves', () => {
  const long = 'ab'.repeat(150)
  assert.equal(matches(pattern(`*${long}c*`), `ab${long}cd`), true)
  assert.equal(matches(pattern(`*${long}c*`), `${long}${long}d`), false)
  assert.equal(matches(pattern(`*${long}?d*`), `ab${long}cde`), true)
  assert.equal(matches(pattern(`*${long}?d*`), `ab${long}cce`), false)
})

test('wildcard/a long piece in a longer text takes the time of reading both', () => {
  const started = performance.now()
  for (let round = 0; round < 2; round++) {
    for (const piece of [`${'a'.repeat(9000)}b`, `b${'a'.repeat(9000)}`, `${'a'.repeat(4500)}b${'a'.repeat(4500)}`]) {
      assert.equal(matches(pattern(`*${piece}*`), 'a'.repeat(18_000)), false)
      assert.equal(matches(pattern(`*?${piece}*`), 'a'.repeat(18_000)), false)
    }
  }
  // Trying each place would take 12 times 81 million comparisons.
  assert.ok(performance.now() - started < 5000)
})

test('wildcard/whether a longer text could match', () => {
  assert.equal(matchesBeyond(pattern('b/*'), 'b/'), true)
  assert.equal(matchesBeyond(pattern('b'), 'b/'), false)
  assert.equal(matchesBeyond(pattern('b/k'), 'b/'), true)
  assert.equal(matchesBeyond(pattern('b/'), 'b/'), false)
  assert.equal(matchesBeyond(pattern('*'), 'b/'), true)
  assert.equal(matchesBeyond(pattern('c*'), 'b/'), false)
})
