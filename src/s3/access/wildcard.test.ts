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

test('wildcard/whether a longer text could match', () => {
  assert.equal(matchesBeyond(pattern('b/*'), 'b/'), true)
  assert.equal(matchesBeyond(pattern('b'), 'b/'), false)
  assert.equal(matchesBeyond(pattern('b/k'), 'b/'), true)
  assert.equal(matchesBeyond(pattern('b/'), 'b/'), false)
  assert.equal(matchesBeyond(pattern('*'), 'b/'), true)
  assert.equal(matchesBeyond(pattern('c*'), 'b/'), false)
})
