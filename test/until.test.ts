// Goal: a wait ends with what it found, or says what it waited for; what is thrown ends it, or is tried again where that was asked for.
import assert from 'node:assert/strict'
import test from 'node:test'
import { eventually, until } from './until.ts'

/** Answers, or throws, one after another, and the last one for ever. */
function looks<Seen>(...seen: readonly (Seen | Error)[]): () => Seen {
  let next = 0
  return () => {
    const now = seen[Math.min(next, seen.length - 1)]
    next += 1
    if (now instanceof Error || now === undefined) throw now
    return now
  }
}

for (const wait of [until, eventually]) {
  test(`${wait.name}/what is found ends the wait, also when it is 0 or nothing but text`, async () => {
    assert.equal(await wait('a number', looks<number | false | null>(false, null, 0)), 0)
    assert.equal(await wait('a text', looks('')), '')
  })

  test(`${wait.name}/a wait in vain says for what`, async () => {
    await assert.rejects(
      wait('the moon', () => undefined, 1),
      /^Error: not within 1 ms: the moon$/,
    )
  })
}

test('until/what is thrown ends the wait', async () => {
  await assert.rejects(until('it', looks<boolean>(false, new Error('broken'), true)), /^Error: broken$/)
})

test('eventually/what is thrown is tried again, and told when the wait was in vain', async () => {
  assert.equal(await eventually('it', looks(new Error('broken'), 'found')), 'found')
  const failure = await eventually('it', looks(new Error('broken')), 1).catch((error: unknown) => error)
  assert.ok(failure instanceof Error && failure.cause instanceof Error)
  assert.equal(failure.cause.message, 'broken')
})
