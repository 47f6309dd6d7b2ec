// Goal: processes that share a database agree on the keys with which they sign to each other: nobody signs with one that others do not know, none
// stays for ever, and two who make one at once end with the same. Method: the real functions over values in memory, with a clock in hand.
import assert from 'node:assert/strict'
import test from 'node:test'
import { realWorld } from '../base/world.ts'
import type { SharedValues } from '../metadata/postgres/shared-values.ts'
import { type Renewal, serviceKeys } from './service-keys.ts'

const { random } = realWorld
const minute = 60_000

function shared(): SharedValues & { now: number; text: string | null } {
  return {
    now: 1_000_000,
    text: null,
    async get() {
      return { value: this.text, now: this.now }
    },
    async change(_, from, to) {
      if (this.text !== from) return false
      this.text = to
      return true
    },
  }
}

const look = (values: SharedValues, renewal?: Renewal) => serviceKeys(values, random, renewal)

test('the first key is made once, whoever comes first, and stays', async () => {
  const values = shared()
  const [one, other] = await Promise.all([look(values), look(values)])
  assert.deepEqual(one, other)
  assert.deepEqual(one.accepted, [one.signing])
  values.now += 23 * 60 * minute
  assert.deepEqual(await look(values), one)
})

test('after a day there is another one: known first, then signed with, then alone', async () => {
  const values = shared()
  const { signing: first } = await look(values)
  values.now += 24 * 60 * minute
  const made = await look(values)
  const second = made.accepted[1]
  assert.deepEqual(made, { signing: first, accepted: [first, second] })
  values.now += 4 * minute
  assert.deepEqual(await look(values), made)
  values.now += minute
  assert.deepEqual(await look(values), { signing: second, accepted: [first, second] })
  values.now += 25 * minute
  assert.deepEqual(await look(values), { signing: second, accepted: [second] })
})

test('a key is made anew when asked for; asked twice, the one that is signed with stays', async () => {
  const values = shared()
  const { signing: first } = await look(values)
  const once = await look(values, 'anew')
  assert.deepEqual(once.signing, first)
  const twice = await look(values, 'anew')
  assert.equal(twice.accepted.length, 2)
  assert.deepEqual([twice.signing, twice.accepted[0]], [first, first])
  assert.notDeepEqual(twice.accepted[1], once.accepted[1])
})

test('all keys end at once when asked for', async () => {
  const values = shared()
  const { signing: first } = await look(values)
  const { signing, accepted } = await look(values, 'at once')
  assert.notDeepEqual(signing, first)
  assert.deepEqual(accepted, [signing])
})

test('what is no list of keys is replaced', async () => {
  const values = shared()
  for (const text of ['', '{', '{"keys":1}', '{"keys":[{"access":"a"}]}']) {
    values.text = text
    const { signing } = await look(values)
    assert.deepEqual((await look(values)).signing, signing)
  }
})
