// Goal: what a version's way to a site looks like, step by step. Method: one story each, on virtual time, with the faults it is about.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultAt, refused, startScenario, unavailable } from './scenario.ts'

describe('a version', () => {
  test('arrives with one request per site, and its status says where it is', async () => {
    const scenario = await startScenario()
    const version = await scenario.put('a', 'hello')
    assert.deepEqual(await scenario.statuses('a', version), { overall: 'PENDING', aws: 'PENDING', azure: 'PENDING' })
    await scenario.drained()
    assert.deepEqual(await scenario.statuses('a', version), {
      overall: 'COMPLETED',
      aws: 'COMPLETED',
      azure: 'COMPLETED',
    })
    assert.deepEqual(
      scenario.calls.map(call => call.operation),
      ['put', 'put'],
    )
    const [aws] = (await scenario.metadata('a', version)).replicationInfo.backends
    assert.equal(aws?.dataStoreVersionId, scenario.clouds.aws.versionsOf('source/a')[0]?.versionId)
    assert.deepEqual(scenario.texts('azure', 'a'), ['hello'])
  })

  test('of zero bytes is one put', async () => {
    const scenario = await startScenario()
    await scenario.put('empty', '')
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'empty'), [''])
    assert.deepEqual(scenario.operations('aws'), ['put'])
  })

  test('is PROCESSING while one site has it and another does not', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('azure', 'put', unavailable)
    const version = await scenario.put('a', 'hello')
    await scenario.drained('aws')
    await scenario.pass(100)
    assert.deepEqual(await scenario.statuses('a', version), {
      overall: 'PROCESSING',
      aws: 'COMPLETED',
      azure: 'PENDING',
    })
    const row = await scenario.row('azure', 'a', version)
    assert.equal(row.state, 'waiting')
    assert.deepEqual([row.reason?.code, row.reason?.status, row.attempts], ['InternalError', 500, 1])
  })

  test('is tried again with growing pauses until it arrives', async () => {
    const scenario = await startScenario()
    let left = 4
    scenario.faults = call => {
      if (call.site !== 'aws' || call.operation !== 'put' || left === 0) return undefined
      left -= 1
      return { kind: 'throttle' }
    }
    const began = scenario.time.now
    await scenario.put('a', 'hello')
    await scenario.drained()
    assert.deepEqual(scenario.operations('aws'), ['put', 'put', 'put', 'put', 'put'])
    const seconds = (scenario.time.now - began) / 1_000
    assert.ok(seconds > 11 && seconds < 16, `1 + 2 + 4 + 8 seconds less a fifth of jitter, took ${seconds}`)
  })

  test('waits at least as long as the destination asks', async () => {
    const scenario = await startScenario()
    let left = 1
    scenario.faults = call => {
      if (call.site !== 'aws' || left === 0) return undefined
      left -= 1
      return { kind: 'throttle', retryAfterMs: 90_000 }
    }
    await scenario.put('a', 'hello')
    await scenario.pass(89_000)
    assert.deepEqual(scenario.operations('aws'), ['put'])
    await scenario.drained()
    assert.deepEqual(scenario.operations('aws'), ['put'])
  })

  test('that can never be accepted ends FAILED with its reason, lets newer ones pass, and can be retried by hand', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('azure', 'put', refused)
    const first = await scenario.put('a', 'first')
    await scenario.drained()
    assert.deepEqual(await scenario.statuses('a', first), { overall: 'FAILED', aws: 'COMPLETED', azure: 'FAILED' })
    const failed = await scenario.row('azure', 'a', first)
    assert.deepEqual(
      [failed.state, failed.reason?.class, failed.reason?.code],
      ['quarantined', 'object', 'InvalidArgument'],
    )
    const { objects, failedObjects } = await scenario.backlog('azure')
    assert.deepEqual([objects, failedObjects], [0, 1])

    scenario.faults = () => undefined
    await scenario.run(scenario.pipeline.store.ledger.retry([failed]))
    scenario.processor('azure').wake()
    await scenario.drained()
    assert.deepEqual(await scenario.statuses('a', first), {
      overall: 'COMPLETED',
      aws: 'COMPLETED',
      azure: 'COMPLETED',
    })
    assert.deepEqual(scenario.texts('azure', 'a'), ['first'])
  })

  test('that was deleted before it was copied ends without a trace', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'put', unavailable)
    const version = await scenario.put('a', 'hello')
    await scenario.pass(500)
    await scenario.run(scenario.pipeline.store.deleteVersion({ bucket: 'source', key: 'a', version }))
    scenario.faults = () => undefined
    await scenario.drained()
    await scenario.pass(60_000)
    assert.deepEqual(scenario.texts('aws', 'a'), [])
    assert.equal((await scenario.backlog('aws')).objects, 0)
  })
})

describe('the order of a key', () => {
  test('is kept through retries: newer versions wait behind an older one, other keys do not', async () => {
    const scenario = await startScenario()
    scenario.faults = call => (call.key === 'source/a' && call.site === 'aws' ? unavailable : undefined)
    await scenario.put('a', 'one')
    await scenario.pass(100)
    const second = await scenario.put('a', 'two')
    await scenario.put('b', 'other')
    await scenario.pass(2_000)
    assert.deepEqual(scenario.texts('aws', 'b'), ['other'])
    assert.equal((await scenario.row('aws', 'a', second)).state, 'blocked')
    assert.equal(scenario.processor('aws').state().held, 0)
    scenario.faults = () => undefined
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['two', 'one'])
    assert.deepEqual(scenario.texts('azure', 'a'), ['two'])
  })

  test('a version retried late is superseded by the newer one that is there', async () => {
    const scenario = await startScenario()
    scenario.faults = call =>
      call.operation === 'put' && scenario.texts(call.site, 'a').length === 0 ? refused : undefined
    const first = await scenario.put('a', 'one')
    await scenario.drained()
    scenario.faults = () => undefined
    const second = await scenario.put('a', 'two')
    await scenario.drained()
    for (const site of ['aws', 'azure'] as const) {
      await scenario.run(scenario.pipeline.store.ledger.retry([await scenario.row(site, 'a', first)]))
      scenario.processor(site).wake()
    }
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['two'])
    assert.deepEqual(scenario.texts('azure', 'a'), ['two'])
    assert.deepEqual(await scenario.statuses('a', first), { overall: '', aws: 'SKIPPED', azure: 'SKIPPED' })
    assert.equal((await scenario.row('aws', 'a', first)).reason?.class, 'superseded')
    assert.equal((await scenario.statuses('a', second))['overall'], 'COMPLETED')
  })

  test('a delete marker becomes one where there are versions, and removes the object where there are none', async () => {
    const scenario = await startScenario()
    await scenario.put('a', 'one')
    await scenario.deleteObject('a')
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), [null, 'one'])
    assert.deepEqual(scenario.texts('azure', 'a'), [])
    await scenario.put('a', 'two')
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['two', null, 'one'])
    assert.deepEqual(scenario.texts('azure', 'a'), ['two'])
  })
})

describe('changed tags', () => {
  test('are set on the version that is there, with one request and no new version', async () => {
    const scenario = await startScenario()
    const version = await scenario.put('a', 'one')
    await scenario.drained()
    scenario.calls.splice(0)
    await scenario.tag('a', version, { colour: 'red' })
    assert.equal((await scenario.statuses('a', version))['overall'], 'PENDING')
    await scenario.drained()
    assert.deepEqual(
      scenario.calls.map(call => call.operation),
      ['putTags', 'putTags'],
    )
    assert.deepEqual(scenario.clouds.aws.versionsOf('source/a')[0]?.attributes.tags, { colour: 'red' })
    assert.deepEqual(scenario.clouds.azure.versionsOf('source/a')[0]?.attributes.tags, { colour: 'red' })
    assert.equal((await scenario.statuses('a', version))['overall'], 'COMPLETED')
  })

  test('that come while the data is being copied arrive too, and the copy is not made twice', async () => {
    const scenario = await startScenario()
    scenario.latencyMs = 1_000
    const version = await scenario.put('a', 'one')
    await scenario.until(() => scenario.calls.length === 2, 'both copies are under way')
    await scenario.tag('a', version, { colour: 'red' })
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
    assert.deepEqual(scenario.clouds.aws.versionsOf('source/a')[0]?.attributes.tags, { colour: 'red' })
    assert.deepEqual(scenario.clouds.azure.versionsOf('source/a')[0]?.attributes.tags, { colour: 'red' })
  })

  test('of an older version change it in its place', async () => {
    const scenario = await startScenario()
    const first = await scenario.put('a', 'one')
    await scenario.put('a', 'two')
    await scenario.drained()
    await scenario.tag('a', first, { colour: 'red' })
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['two', 'one'])
    assert.deepEqual(scenario.clouds.aws.versionsOf('source/a')[1]?.attributes.tags, { colour: 'red' })
    assert.deepEqual(scenario.clouds.azure.versionsOf('source/a')[0]?.attributes.tags, {})
    assert.deepEqual(await scenario.statuses('a', first), { overall: 'COMPLETED', aws: 'COMPLETED', azure: 'SKIPPED' })
  })

  test('of a copy that somebody removed make a new copy', async () => {
    const scenario = await startScenario()
    const version = await scenario.put('a', 'one')
    await scenario.drained()
    const [copy] = scenario.clouds.aws.versionsOf('source/a')
    scenario.clouds.aws.remove('source/a', copy?.versionId ?? '')
    scenario.clouds.azure.remove('source/a', '')
    await scenario.tag('a', version, { colour: 'red' })
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
    assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
    assert.equal((await scenario.statuses('a', version))['overall'], 'COMPLETED')
  })
})
