// What a stream looks like whose first piece was waited for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begun } from './byte-source.ts'

function stream(pieces: readonly number[], seen: { closed: boolean }): AsyncIterable<Uint8Array> {
  return (async function* () {
    try {
      for (const piece of pieces) yield new Uint8Array([piece])
    } finally {
      seen.closed = true
    }
  })()
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const found: number[] = []
  for await (const chunk of chunks) found.push(...chunk)
  return found
}

test('the whole stream comes, its first piece included', async () => {
  const seen = { closed: false }
  assert.deepEqual(await all(await begun(stream([1, 2, 3], seen))), [1, 2, 3])
  assert.ok(seen.closed)
  assert.deepEqual(await all(await begun(stream([], seen))), [])
})

test('a failure before the first piece shows at once', async () => {
  const next = (): Promise<IteratorResult<Uint8Array>> => Promise.reject(new Error('gone'))
  const failing = { [Symbol.asyncIterator]: () => ({ next }) }
  await assert.rejects(begun(failing), /gone/)
})

test('what is left early is closed, also if nobody has begun to read it', async () => {
  const unread = { closed: false }
  await (await begun(stream([1, 2], unread))).return?.()
  assert.ok(unread.closed)
  const half = { closed: false }
  for await (const _ of await begun(stream([1, 2, 3], half))) break
  assert.ok(half.closed)
})
