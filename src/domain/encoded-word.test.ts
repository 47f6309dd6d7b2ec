// Goal: any text goes round through its printable form, and what others wrote is read as they meant it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../test/properties.ts'
import { decodeWords, encodeWords } from './encoded-word.ts'

test('printable ASCII stays as it is', () => {
  assert.equal(encodeWords('plain text, 1=2?'), 'plain text, 1=2?')
  assert.equal(decodeWords('plain =? text ?='), 'plain =? text ?=')
})

test('other text becomes encoded words of at most 75 characters', () => {
  assert.equal(encodeWords('über'), '=?UTF-8?B?w7xiZXI=?=')
  const words = encodeWords('\u{1f600}'.repeat(100)).split(' ')
  assert.ok(words.length > 1)
  for (const word of words) assert.ok(word.length <= 75, word)
})

test('words in quoted form, in other character sets and between plain text are read', () => {
  assert.equal(decodeWords('=?utf-8?q?=C3=BCber_all?='), 'über all')
  assert.equal(decodeWords('=?ISO-8859-1?Q?=FCber?='), 'über')
  assert.equal(decodeWords('a =?UTF-8?B?w7w=?= b'), 'a ü b')
  assert.equal(decodeWords('=?UTF-8?B?w7w=?= =?UTF-8?B?w7w=?='), 'üü')
})

test('what is no proper word stays', () => {
  for (const text of [
    '=?UTF-8?B?!!!?=',
    '=?UTF-8?B?/w==?=',
    '=?KOI8-R?B?w7w=?=',
    '=?UTF-8?Q?=C3?=',
    '=?UTF-8?Q?=Z?=',
  ]) {
    assert.equal(decodeWords(text), text)
  }
})

test('any text goes round', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text => {
      if (text.includes('=?')) return
      assert.equal(decodeWords(encodeWords(text)), text)
    }),
  )
})
