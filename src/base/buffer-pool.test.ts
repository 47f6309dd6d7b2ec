// Goal: buffers come back into use, and the pool keeps no more than it may. Method: takes and releases, compared by identity of memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBufferPool } from './buffer-pool.ts'

const kibibyte = 1024

test('a released buffer is used again by the next one of about its size, cut to the size asked for', () => {
  const pool = createBufferPool(1024 * kibibyte)
  const first = pool.take(100 * kibibyte)
  first.release()
  const second = pool.take(90 * kibibyte)
  assert.equal(second.bytes.buffer, first.bytes.buffer)
  assert.equal(second.bytes.byteLength, 90 * kibibyte)
})

test('two buffers in use are never the same memory, also when one was released twice', () => {
  const pool = createBufferPool(1024 * kibibyte)
  const first = pool.take(64 * kibibyte)
  first.release()
  first.release()
  assert.notEqual(pool.take(64 * kibibyte).bytes.buffer, pool.take(64 * kibibyte).bytes.buffer)
})

test('no more is kept than allowed', () => {
  const pool = createBufferPool(128 * kibibyte)
  const taken = [1, 2, 3].map(() => pool.take(64 * kibibyte))
  for (const buffer of taken) buffer.release()
  const again = [1, 2, 3].map(() => pool.take(64 * kibibyte).bytes.buffer)
  const known = new Set(taken.map(buffer => buffer.bytes.buffer))
  assert.equal(again.filter(memory => known.has(memory)).length, 2)
})
