// Goal: when a delete marker is deleted, a destination without versions gets the version again that is current now, and only that one, in the
// order of the key, whatever happens between; a destination with versions is left alone. Method: scenarios on virtual time.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultAt, type Scenario, startScenario, unavailable } from './scenario.ts'

const arrived = { overall: 'COMPLETED', aws: 'COMPLETED', azure: 'COMPLETED' }

/** A key whose object was removed for a delete marker. */
async function removed(scenario: Scenario) {
  const first = await scenario.put('a', 'one')
  const marker = await scenario.deleteObject('a')
  await scenario.drained()
  assert.deepEqual(scenario.texts('azure', 'a'), [])
  scenario.operations('azure')
  return { first, marker }
}

for (const results of ['folded', 'sent'] as const) {
  describe(`a delete marker that is deleted, results ${results}`, () => {
    test('brings back the version under it with one request, without a timer', async () => {
      const scenario = await startScenario(results)
      const { first, marker } = await removed(scenario)
      const began = scenario.time.now
      await scenario.deleteVersion('a', marker)
      assert.deepEqual(await scenario.statuses('a', first), {
        overall: 'PROCESSING',
        aws: 'COMPLETED',
        azure: 'PENDING',
      })
      await scenario.drained()
      assert.ok(scenario.time.now - began < 1_000, `took ${scenario.time.now - began} ms`)
      assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
      assert.deepEqual(scenario.operations('azure'), ['put'])
      assert.deepEqual(await scenario.statuses('a', first), arrived)
      assert.deepEqual(scenario.texts('aws', 'a'), [null, 'one'])
    })

    test('while it is being carried out brings it back, too', async () => {
      const scenario = await startScenario(results)
      const first = await scenario.put('a', 'one')
      await scenario.drained()
      scenario.latencyMs = 500
      const marker = await scenario.deleteObject('a')
      await scenario.until(() => scenario.operations('azure').includes('delete'), 'the object is being removed')
      await scenario.deleteVersion('a', marker)
      await scenario.drained()
      await scenario.pass(10_000)
      assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
      assert.deepEqual(await scenario.statuses('a', first), arrived)
    })
  })
}

describe('the version under a deleted delete marker', () => {
  test('waits for the end of a pause, and is not sent where the marker never arrived', async () => {
    const scenario = await startScenario()
    const { first, marker } = await removed(scenario)
    const other = await scenario.put('b', 'two')
    await scenario.drained()
    scenario.operations('azure')
    scenario.processor('azure').pause()
    await scenario.deleteVersion('a', marker)
    await scenario.deleteVersion('b', await scenario.deleteObject('b'))
    await scenario.pass(60_000)
    assert.deepEqual(scenario.operations('azure'), [])
    scenario.processor('azure').resume()
    await scenario.drained()
    assert.deepEqual(scenario.operations('azure'), ['put'])
    assert.deepEqual([scenario.texts('azure', 'a'), scenario.texts('azure', 'b')], [['one'], ['two']])
    for (const [key, version] of [
      ['a', first],
      ['b', other],
    ] as const)
      assert.deepEqual(await scenario.statuses(key, version), arrived)
  })

  test('is sent after a kill', async () => {
    const scenario = await startScenario()
    const { first, marker } = await removed(scenario)
    await scenario.deleteVersion('a', marker)
    scenario.kill()
    await scenario.start()
    await scenario.drained()
    assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
    assert.deepEqual(await scenario.statuses('a', first), arrived)
  })

  test('goes before newer ones, and a new marker removes it again', async () => {
    const scenario = await startScenario()
    const { marker } = await removed(scenario)
    scenario.faults = faultAt('azure', 'put', unavailable)
    await scenario.deleteVersion('a', marker)
    await scenario.put('a', 'two')
    const last = await scenario.deleteObject('a')
    await scenario.pass(5_000)
    scenario.faults = () => undefined
    scenario.operations('azure')
    await scenario.drained()
    const changes = scenario.operations('azure').filter(operation => operation !== 'history')
    assert.deepEqual(changes, ['put', 'put', 'delete'])
    assert.deepEqual(await scenario.statuses('a', last), arrived)
    assert.deepEqual(scenario.texts('azure', 'a'), [])
  })

  test('is the oldest one when all newer ones are deleted quickly', async () => {
    const scenario = await startScenario()
    const versions = [await scenario.put('a', 'one'), await scenario.put('a', 'two'), await scenario.put('a', 'three')]
    const marker = await scenario.deleteObject('a')
    await scenario.drained()
    const [first, second, third] = versions
    assert.ok(first && second && third)
    for (const version of [marker, third, second]) await scenario.deleteVersion('a', version)
    await scenario.drained()
    await scenario.pass(10_000)
    assert.deepEqual(await scenario.statuses('a', first), arrived)
    assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
  })

  test('is found whole when the answer to its second coming is lost', async () => {
    const scenario = await startScenario()
    const { first, marker } = await removed(scenario)
    scenario.faults = faultAt('azure', 'put', { kind: 'reset-after' })
    await scenario.deleteVersion('a', marker)
    await scenario.until(() => scenario.operations('azure').includes('put'), 'it is sent')
    scenario.faults = () => undefined
    await scenario.drained()
    assert.deepEqual(
      scenario.operations('azure').filter(operation => operation === 'put'),
      [],
    )
    assert.deepEqual(await scenario.statuses('a', first), arrived)
  })

  test('is not sent where no rule covers it any more, and does not say that it is there', async () => {
    const scenario = await startScenario()
    const { first, marker } = await removed(scenario)
    scenario.isCovered = false
    await scenario.deleteVersion('a', marker)
    await scenario.drained()
    assert.deepEqual(scenario.operations('azure'), [])
    assert.deepEqual(await scenario.statuses('a', first), { overall: 'COMPLETED', aws: 'COMPLETED', azure: 'SKIPPED' })
    assert.equal((await scenario.row('azure', 'a', first)).reason?.class, 'not-wanted')
  })
})

test('an object that is deleted for good leaves its copy where it is', async () => {
  const scenario = await startScenario()
  const first = await scenario.put('a', 'one')
  const second = await scenario.put('a', 'two')
  await scenario.drained()
  await scenario.deleteVersion('a', second)
  await scenario.pass(60_000)
  assert.deepEqual(scenario.texts('azure', 'a'), ['two'])
  assert.deepEqual(await scenario.statuses('a', first), arrived)
  const marker = await scenario.deleteObject('a')
  await scenario.drained()
  await scenario.deleteVersion('a', marker)
  await scenario.drained()
  assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
})
