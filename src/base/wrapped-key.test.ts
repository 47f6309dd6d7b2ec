// Goal: a wrapped key comes back under its own wrapping key only, and a check knows its key and no other. Method: both, with keys that differ.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realWorld } from './world.ts'
import { isKeyOfCheck, keyCheck, unwrapKey, wrapKey } from './wrapped-key.ts'

const { random } = realWorld
const under = Buffer.alloc(32, 1)
const other = Buffer.alloc(32, 2)
const key = Buffer.alloc(32, 3)

test('a key comes back under the key that it was wrapped under', () => {
  const wrapped = wrapKey(under, key, random)
  assert.deepEqual(unwrapKey(under, wrapped), key)
  assert.ok(!Buffer.from(wrapped, 'base64').includes(key))
})

test('it does not under another one, nor when it is damaged', () => {
  const wrapped = wrapKey(under, key, random)
  assert.equal(unwrapKey(other, wrapped), null)
  const bytes = Buffer.from(wrapped, 'base64')
  for (const at of [0, 20, 63]) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    assert.equal(unwrapKey(under, changed.toString('base64')), null)
  }
  for (const text of ['', 'x', bytes.subarray(1).toString('base64')]) assert.equal(unwrapKey(under, text), null)
})

test('equal keys do not look equal', () => {
  assert.notEqual(wrapKey(under, key, random), wrapKey(under, key, random))
  assert.notEqual(keyCheck(key, random), keyCheck(key, random))
})

test('a check knows its key and no other', () => {
  const check = keyCheck(key, random)
  assert.ok(isKeyOfCheck(key, check))
  assert.ok(!isKeyOfCheck(other, check))
  assert.ok(!isKeyOfCheck(key, ''))
})
