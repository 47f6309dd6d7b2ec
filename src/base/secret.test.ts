// Goal: no common way of printing a value shows a secret's text. Method: print it in each of those ways.

import assert from 'node:assert/strict'
import test from 'node:test'
import { format, inspect } from 'node:util'
import { Secret } from './secret.ts'

test('a secret gives its text only to reveal', () => {
  assert.equal(new Secret('wJalrXUtnFEMI').reveal(), 'wJalrXUtnFEMI')
})

test('printing a secret, or anything that holds one, never shows its text', () => {
  const secret = new Secret('wJalrXUtnFEMI')
  const holder = { credentials: { secretKey: secret }, list: [secret] }
  const shown = [
    `${secret}`,
    String(secret),
    secret.toString(),
    JSON.stringify(holder),
    inspect(holder, { showHidden: true, depth: 9 }),
    format('%s %o %j', secret, holder, holder),
    JSON.stringify({ ...secret }),
    JSON.stringify(structuredClone({ ...secret })),
  ]
  for (const text of shown) assert.ok(!text.includes('wJalr'), text)
})

test('two secrets are compared by their text', () => {
  assert.ok(new Secret('a').equals(new Secret('a')))
  assert.ok(!new Secret('a').equals(new Secret('b')))
})
