// Memory that is freed at once: only what is alone in it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freeAtOnce, isAlone } from './spent-buffers.ts'

test('bytes that are alone in their memory are freed, and empty then', () => {
  const bytes = Buffer.allocUnsafeSlow(65_536)
  const { buffer } = bytes
  assert.ok(isAlone(bytes))
  freeAtOnce(bytes)
  assert.deepEqual([bytes.byteLength, buffer.byteLength], [0, 0])
  // What is empty is freed already.
  freeAtOnce(bytes)
  freeAtOnce(new Uint8Array(0))
})

test('bytes among others, or that other threads may see, stay', () => {
  const whole = Buffer.from('abcdef')
  const part = new Uint8Array(new ArrayBuffer(8), 0, 7).fill(1)
  const seenByOthers = new Uint8Array(new SharedArrayBuffer(8)).fill(1)
  for (const bytes of [whole.subarray(1, 3), part, seenByOthers]) freeAtOnce(bytes)
  assert.equal(whole.toString(), 'abcdef')
  assert.equal(part.join(''), '1111111')
  assert.equal(seenByOthers.join(''), '11111111')
})
