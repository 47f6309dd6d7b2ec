// Goal: a put is sent again only when it surely was not stored, and no number of them waits without bound. Method: commits in hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realWorld } from '../../base/world.ts'
import { isRefusal, isUnavailable, storeError } from './failures.ts'
import { PutLanes } from './put-lanes.ts'

function failure(name: string, code?: string): Error {
  return Object.assign(new Error('no'), { name }, code === undefined ? {} : { code })
}

function lanes(commit: (items: readonly string[]) => Promise<readonly string[]>) {
  return new PutLanes<string, string>({ timers: realWorld.timers, lanes: 1, batchMax: 8, waitingMax: 4, commit })
}

const unknown = [
  failure('Error', 'EPIPE'),
  failure('Error', 'ERR_SSL_WRONG_VERSION_NUMBER'),
  failure('TypeError'),
  failure('PostgresError', '57P01'),
]

for (const error of unknown) {
  test(`puts whose outcome is unknown are refused and not sent again: ${error.name} ${Reflect.get(error, 'code')}`, async () => {
    const sent: (readonly string[])[] = []
    const all = lanes(async items => {
      sent.push(items)
      throw error
    })
    const settled = await Promise.allSettled(['a', 'b'].map(item => all.add(item)))
    assert.deepEqual(sent, [['a', 'b']])
    assert.ok(settled.every(result => result.status === 'rejected' && result.reason === error))
    assert.equal(isRefusal(error), false)
  })
}

test('one put that the server refuses does not keep the others of its commit', async () => {
  const all = lanes(async items => {
    if (items.includes('bad')) throw failure('PostgresError', '23505')
    return items
  })
  const settled = await Promise.allSettled(['a', 'bad', 'b'].map(item => all.add(item)))
  assert.deepEqual(
    settled.map(result => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('puts beyond what may wait are refused as unavailable, and none is lost', async () => {
  const begun = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  const all = lanes(async items => {
    begun.resolve()
    await free.promise
    return items
  })
  const first = all.add('a')
  await begun.promise
  const waiting = ['b', 'c', 'd', 'e'].map(item => all.add(item))
  await assert.rejects(all.add('f'), error => isUnavailable(error) && storeError(error) !== error)
  free.resolve()
  assert.deepEqual(await Promise.all([first, ...waiting]), ['a', 'b', 'c', 'd', 'e'])
})
