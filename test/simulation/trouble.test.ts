// Goal: unknown outcomes, crashes, large objects, pauses and locations in trouble. Method: one story each, on virtual time.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unreadableRecords } from '../../src/base/channels.ts'
import { topics } from './pipeline.ts'
import { denied, faultAt, refused, type Scenario, startScenario, unavailable } from './scenario.ts'

const large = 'x'.repeat(6_000)

/** The fault happens this many times. */
function times(count: number, faults: Scenario['faults']): Scenario['faults'] {
  let left = count
  return call => {
    const fault = left > 0 ? faults(call) : undefined
    if (fault !== undefined) left -= 1
    return fault
  }
}

describe('a write of unknown outcome', () => {
  test('that took effect is found by its marker and not repeated', async () => {
    const scenario = await startScenario()
    scenario.faults = times(1, faultAt('aws', 'put', { kind: 'reset-after' }))
    const version = await scenario.put('a', 'one')
    await scenario.drained()
    assert.deepEqual(scenario.operations('aws'), ['put', 'history', 'listUploads'])
    assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
    assert.equal((await scenario.statuses('a', version))['aws'], 'COMPLETED')
  })

  test('that did not take effect is repeated, and read back', async () => {
    const scenario = await startScenario()
    scenario.faults = times(1, faultAt('aws', 'put', { kind: 'hang', ms: 1_000, effect: 'never' }))
    await scenario.put('a', 'one')
    await scenario.drained()
    assert.deepEqual(scenario.operations('aws'), ['put', 'history', 'listUploads', 'put', 'history'])
    assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
  })

  test('without versions is found too, or repeated on the condition of what was read', async () => {
    for (const effect of ['before', 'never'] as const) {
      const scenario = await startScenario()
      await scenario.put('a', 'one')
      await scenario.drained()
      scenario.faults = times(1, faultAt('azure', 'put', { kind: 'hang', ms: 1_000, effect }))
      await scenario.put('a', 'two')
      await scenario.drained()
      assert.deepEqual(scenario.texts('azure', 'a'), ['two'])
    }
  })

  test('that arrives late cannot overwrite what was written since, where writes are conditional', async () => {
    const scenario = await startScenario()
    scenario.faults = times(1, faultAt('azure', 'put', { kind: 'hang', ms: 10_000, effect: 'late' }))
    await scenario.put('a', 'one')
    await scenario.put('a', 'two')
    await scenario.drained()
    await scenario.pass(60_000)
    assert.deepEqual(scenario.texts('azure', 'a'), ['two'])
  })

  test('of a delete marker makes one marker', async () => {
    const scenario = await startScenario()
    await scenario.put('a', 'one')
    scenario.faults = times(2, faultAt('aws', 'delete', { kind: 'reset-after' }))
    await scenario.deleteObject('a')
    await scenario.deleteObject('a')
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), [null, null, 'one'])
  })

  test('of a delete marker takes nothing away of what the destination held before us', async () => {
    const scenario = await startScenario()
    const former = {
      bytes: Buffer.from('former'),
      crc32: '',
      etag: 'e',
      attributes: { userMetadata: {}, tags: {}, markers: {} },
    }
    const marker = { ...former, isDeleteMarker: true, bytes: Buffer.alloc(0) }
    for (const version of [marker, { ...former, isDeleteMarker: false }, marker])
      scenario.clouds.aws.add('source/a', version)
    scenario.faults = times(1, faultAt('aws', 'delete', { kind: 'reset-after' }))
    await scenario.deleteObject('a')
    await scenario.drained()
    const [newest, ...older] = scenario.texts('aws', 'a')
    assert.equal(newest, null)
    assert.deepEqual(older.slice(-2), ['former', null])
  })

  test('that stored other bytes than it was given is taken away and made anew', async () => {
    const scenario = await startScenario()
    scenario.faults = times(1, call => (call.operation === 'put' ? { kind: 'lie' } : undefined))
    const version = await scenario.put('a', 'one')
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
    assert.deepEqual(scenario.texts('azure', 'a'), ['one'])
    assert.equal((await scenario.statuses('a', version))['overall'], 'COMPLETED')
  })

  test('is settled before an older version that is taken out of quarantine', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'put', refused)
    const first = await scenario.put('a', 'one')
    await scenario.drained()
    scenario.faults = times(1, faultAt('aws', 'put', { kind: 'reset-after' }))
    await scenario.put('a', 'two')
    await scenario.until(() => scenario.texts('aws', 'a').length === 1, 'the write takes effect unseen')
    await scenario.run(scenario.pipeline.store.ledger.retry([await scenario.row('aws', 'a', first)]))
    scenario.processor('aws').wake()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['two'])
    assert.equal((await scenario.row('aws', 'a', first)).reason?.class, 'superseded')
  })

  test('of a version that was deleted meanwhile still keeps older versions away', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'put', { kind: 'error', class: 'object', code: 'InvalidArgument', status: 400 })
    const first = await scenario.put('a', 'one')
    await scenario.drained()
    scenario.faults = times(1, faultAt('aws', 'put', { kind: 'reset-after' }))
    const second = await scenario.put('a', 'two')
    await scenario.pass(500)
    await scenario.run(scenario.pipeline.store.deleteVersion({ bucket: 'source', key: 'a', version: second }))
    scenario.processor('aws').wake()
    await scenario.drained()
    await scenario.run(scenario.pipeline.store.ledger.retry([await scenario.row('aws', 'a', first)]))
    scenario.processor('aws').wake()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['two'])
  })
})

describe('a power loss', () => {
  test('that took the results of many versions of a key from the ledger changes nothing at the destination', async () => {
    const scenario = await startScenario()
    for (let count = 0; count < 45; count += 1) {
      if (count % 4 === 3) await scenario.deleteObject('a')
      else await scenario.put('a', `version ${count}`)
    }
    await scenario.drained()
    const there = () => scenario.clouds.aws.versionsOf('source/a').map(version => version.versionId)
    const before = there()
    assert.equal(before.length, 45)
    scenario.kill()
    scenario.operations('aws')
    const { connection } = scenario.database
    connection.run("DELETE FROM applied WHERE site = 'aws'")
    connection.run(`UPDATE ledger SET state = 1, at = 0, unsettled = 1, unfinished = 1, open = 1, destination_version_id = NULL
      WHERE site = 'aws'`)
    await scenario.start()
    await scenario.drained()
    assert.deepEqual(there(), before)
    assert.deepEqual([...new Set(scenario.operations('aws'))].toSorted(), ['history', 'listUploads'])
  })
})

describe('a process that dies', () => {
  test('in the middle of a request leaves nothing twice and nothing out', async () => {
    for (const effect of ['before', 'never'] as const) {
      const scenario = await startScenario()
      scenario.faults = faultAt('aws', 'put', { kind: 'hang', ms: 1e9, effect })
      const version = await scenario.put('a', 'one')
      await scenario.pass(100)
      scenario.kill()
      scenario.faults = () => undefined
      await scenario.start()
      await scenario.drained()
      assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
      assert.equal((await scenario.statuses('a', version))['overall'], 'COMPLETED')
    }
  })

  test('goes on with a large object at the next part', async () => {
    const scenario = await startScenario()
    let parts = 0
    scenario.faults = call => {
      if (call.site !== 'aws' || call.operation !== 'putPart') return undefined
      parts += 1
      return parts > 2 ? { kind: 'hang', ms: 1e9, effect: 'never' } : undefined
    }
    await scenario.put('a', large)
    await scenario.pass(1_000)
    scenario.kill()
    scenario.faults = () => undefined
    scenario.calls.splice(0)
    await scenario.start()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), [large])
    const operations = scenario.operations('aws')
    assert.ok(!operations.includes('initiateUpload'))
    assert.equal(operations.filter(operation => operation === 'putPart').length, 2)
    assert.equal(scenario.clouds.aws.uploads.size, 0)
  })

  test('between the beginning of an upload and its record leaves no upload behind', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'initiateUpload', { kind: 'hang', ms: 1e9, effect: 'before' })
    await scenario.put('a', large)
    await scenario.pass(1_000)
    assert.equal(scenario.clouds.aws.uploads.size, 1)
    scenario.kill()
    scenario.faults = () => undefined
    await scenario.start()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), [large])
    assert.equal(scenario.clouds.aws.uploads.size, 0)
  })
})

describe('a large object', () => {
  test('that takes long keeps no entry from being finished, and is gone on with after a kill', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'putPart', { kind: 'hang', ms: 1e9, effect: 'never' })
    await scenario.put('a', large)
    await scenario.put('b', 'one')
    await scenario.pass(20_000)
    assert.equal(await scenario.processor('aws').lag(), 0)
    assert.equal((await scenario.backlog('aws')).objects, 1)
    scenario.kill()
    scenario.faults = () => undefined
    await scenario.start()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), [large])
    assert.equal(scenario.clouds.aws.uploads.size, 0)
  })

  test('repeats only the part that failed', async () => {
    const scenario = await startScenario()
    scenario.faults = times(1, faultAt('aws', 'putPart', unavailable))
    await scenario.put('a', large)
    await scenario.drained()
    const operations = scenario.operations('aws')
    assert.equal(operations.filter(operation => operation === 'putPart').length, 5)
    assert.equal(operations.filter(operation => operation === 'initiateUpload').length, 1)
    assert.deepEqual(scenario.texts('aws', 'a'), [large])
  })

  test('whose upload the destination has lost begins again', async () => {
    const scenario = await startScenario()
    scenario.faults = times(3, faultAt('aws', 'completeUpload', unavailable))
    await scenario.put('a', large)
    await scenario.pass(500)
    scenario.clouds.aws.uploads.clear()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), [large])
    assert.equal(scenario.clouds.aws.uploads.size, 0)
  })

  test('that is refused for good leaves no upload at the destination', async () => {
    const scenario = await startScenario()
    scenario.faults = call =>
      call.site === 'aws' && call.operation === 'completeUpload'
        ? { kind: 'error', class: 'object', code: 'InvalidRequest', status: 400 }
        : undefined
    const version = await scenario.put('a', large)
    await scenario.drained()
    assert.equal((await scenario.row('aws', 'a', version)).state, 'quarantined')
    assert.equal(scenario.clouds.aws.uploads.size, 0)
  })

  test('that is deleted half-way leaves no upload at the destination', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'completeUpload', unavailable)
    const version = await scenario.put('a', large)
    await scenario.pass(500)
    await scenario.run(scenario.pipeline.store.deleteVersion({ bucket: 'source', key: 'a', version }))
    await scenario.drained()
    assert.equal(scenario.clouds.aws.uploads.size, 0)
  })
})

describe('a pause', () => {
  test('stops taking at once, lets what runs end, keeps the backlog over a restart, and drains in order after it', async () => {
    const scenario = await startScenario()
    scenario.latencyMs = 50
    await scenario.put('running', 'one')
    await scenario.until(() => scenario.processor('azure').state().inFlight > 0, 'a task runs')
    scenario.processor('azure').pause()
    scenario.paused.add('azure')
    await scenario.run(scenario.processor('azure').whenStill())
    const expected = scenario.clouds.azure.changes
    assert.deepEqual(scenario.processor('azure').state().consumers, 'paused')
    for (let key = 0; key < 20; key += 1) for (const text of ['one', 'two']) await scenario.put(`k${key}`, text)
    await scenario.drained('aws')
    await scenario.pass(600_000)
    assert.equal(scenario.clouds.azure.changes, expected)
    const before = await scenario.backlog('azure')
    assert.equal(before.objects, 40 + (scenario.texts('azure', 'running').length === 0 ? 1 : 0))
    scenario.kill()
    await scenario.start()
    await scenario.pass(10_000)
    assert.deepEqual(await scenario.backlog('azure'), before)
    const writes: string[] = []
    scenario.faults = call => {
      if (call.operation === 'put' && call.site === 'azure') writes.push(call.key)
      return undefined
    }
    scenario.processor('azure').resume()
    await scenario.drained()
    for (let key = 0; key < 20; key += 1) assert.deepEqual(scenario.texts('azure', `k${key}`), ['two'])
    assert.equal(writes.filter(key => key.startsWith('source/k')).length, 40)
    assert.equal((await scenario.backlog('azure')).objects, 0)
  })

  test('that is taken back at once costs no time', async () => {
    const scenario = await startScenario()
    scenario.processor('aws').pause()
    scenario.processor('aws').resume()
    await scenario.put('a', 'one')
    const began = scenario.time.now
    await scenario.drained()
    assert.ok(scenario.time.now - began < 100)
  })

  test('parks what waits for a retry at once, and nothing is tried until the resume', async () => {
    const scenario = await startScenario()
    scenario.faults = faultAt('aws', 'put', unavailable)
    await scenario.put('a', 'one')
    await scenario.pass(500)
    scenario.processor('aws').pause()
    await scenario.run(scenario.processor('aws').whenStill())
    const tried = scenario.operations('aws').length
    await scenario.pass(600_000)
    assert.deepEqual([tried, scenario.operations('aws').length], [1, 0])
    scenario.faults = () => undefined
    scenario.processor('aws').resume()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'a'), ['one'])
  })
})

describe('a location in trouble', () => {
  test('that refuses us opens its circuit once, fails no object, and is gone on with when it accepts us again', async () => {
    const scenario = await startScenario()
    scenario.faults = call => (call.site === 'aws' ? denied : undefined)
    const versions = []
    for (let key = 0; key < 30; key += 1) versions.push(await scenario.put(`k${key}`, 'one'))
    await scenario.drained('azure')
    await scenario.pass(300_000)
    assert.equal(scenario.processor('aws').state().circuit, 'open')
    assert.equal(scenario.processor('aws').state().circuitCause?.code, 'AccessDenied')
    const puts = scenario.operations('aws').filter(operation => operation === 'put').length
    assert.ok(puts <= 4, `the circuit opened after ${puts} requests`)
    const { failedObjects, objects } = await scenario.backlog('aws')
    assert.deepEqual([failedObjects, objects], [0, 30])
    scenario.faults = () => undefined
    await scenario.drained()
    assert.equal(scenario.processor('aws').state().circuit, 'closed')
  })

  test('that cannot be reached is left alone after a few connections, and costs the other site nothing', async () => {
    const scenario = await startScenario()
    scenario.faults = call => (call.site === 'aws' ? { kind: 'refused' } : undefined)
    for (let key = 0; key < 50; key += 1) await scenario.put(`k${key}`, 'one')
    await scenario.drained('azure')
    await scenario.pass(60_000)
    assert.equal(scenario.processor('aws').state().circuit, 'open')
    const puts = scenario.operations('aws').filter(operation => operation === 'put').length
    assert.ok(puts <= 16, `${puts} connections`)
    scenario.faults = () => undefined
    await scenario.drained()
  })

  test('that refuses one key only does not keep the others waiting', async () => {
    const scenario = await startScenario()
    scenario.faults = call => (call.site === 'aws' && call.key === 'source/bad' ? denied : undefined)
    await scenario.put('bad', 'one')
    for (let key = 0; key < 20; key += 1) await scenario.put(`k${key}`, 'one')
    await scenario.pass(300_000)
    for (let key = 0; key < 20; key += 1) assert.deepEqual(scenario.texts('aws', `k${key}`), ['one'])
    const { failedObjects, objects } = await scenario.backlog('aws')
    assert.deepEqual([failedObjects, objects], [0, 1])
  })
})

describe('the sweeper', () => {
  test('brings back entries that the topic has lost, for a paused site only at the resume', async () => {
    const scenario = await startScenario()
    scenario.processor('aws').pause()
    await scenario.put('lost', 'one')
    await scenario.put('kept', 'one')
    await scenario.drained('azure')
    // The populator has saved how far it came, and will not publish it again.
    await scenario.pass(2_000)
    scenario.kill()
    scenario.database.connection.run("DELETE FROM topic_records WHERE key LIKE '%lost'")
    scenario.paused.add('aws')
    await scenario.start()
    await scenario.pass(200_000)
    assert.equal(scenario.pipeline.sweeper.state().republished, 0)
    scenario.processor('aws').resume()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'lost'), ['one'])
    assert.equal(scenario.pipeline.sweeper.state().republished, 1)
  })

  test('brings back what no entry tells of any more while nothing else of the site comes', async () => {
    const scenario = await startScenario()
    scenario.processor('aws').pause()
    await scenario.put('lost', 'one')
    await scenario.drained('azure')
    // As if the site had not been configured for a while: its entries went with those that others had read.
    scenario.database.connection.run('DELETE FROM topic_records')
    scenario.processor('aws').resume()
    await scenario.drained()
    assert.deepEqual(scenario.texts('aws', 'lost'), ['one'])
  })

  test('brings back results that were never folded: done, failed and skipped', async () => {
    const scenario = await startScenario('sent')
    scenario.faults = call => (call.key === 'source/refused' && call.operation === 'put' ? refused : undefined)
    scenario.losesResults = true
    const good = await scenario.put('good', 'one')
    const bad = await scenario.put('refused', 'one')
    await scenario.share('good', good)
    await scenario.pass(5_000)
    assert.equal((await scenario.row('aws', 'good', good)).state, 'reported')
    scenario.losesResults = false
    await scenario.drained()
    assert.equal((await scenario.statuses('good', good))['overall'], 'COMPLETED')
    assert.equal((await scenario.row('aws', 'good', good)).reason?.class, 'not-kept', 'its list is none of a cloud')
    assert.equal((await scenario.statuses('refused', bad))['overall'], 'FAILED')
    const [aws] = (await scenario.metadata('good', good)).replicationInfo.backends
    assert.equal(aws?.dataStoreVersionId, scenario.clouds.aws.versionsOf('source/good')[0]?.versionId)
    assert.equal((await scenario.row('aws', 'refused', bad)).reason?.code, 'InvalidArgument')
  })
})

test('a version whose bytes are lost at the source fails, also when its result has to be brought back', async () => {
  const scenario = await startScenario('sent')
  scenario.processor('aws').pause()
  const version = await scenario.put('hollow', large)
  await scenario.drained('azure')
  scenario.disk.clear()
  scenario.losesResults = true
  scenario.processor('aws').resume()
  await scenario.pass(5_000)
  assert.equal((await scenario.row('aws', 'hollow', version)).state, 'reported')
  scenario.losesResults = false
  await scenario.drained()
  assert.equal((await scenario.statuses('hollow', version))['aws'], 'FAILED')
})

describe('a status message', () => {
  test('that cannot be read is told and finished, and those after it are folded', async () => {
    const scenario = await startScenario()
    const problems: string[] = []
    const stop = unreadableRecords.subscribe(record => problems.push(record.problem))
    const { log } = scenario.pipeline
    await scenario.run(log.append(topics.status, [{ key: 'x', value: 'nonsense' }]))
    await scenario.run(log.append(topics.replication, [{ key: 'x', value: '{"bucket":7}' }]))
    const version = await scenario.put('a', 'one')
    await scenario.drained()
    stop()
    assert.equal((await scenario.statuses('a', version))['overall'], 'COMPLETED')
    assert.equal(problems.length, 3)
    assert.equal(scenario.pipeline.status.state().unreadable, 1)
  })
})

describe('data of deleted versions', () => {
  test('is removed from its location, and so is what a dead process left half-written', async () => {
    const scenario = await startScenario()
    const version = await scenario.put('a', large)
    await scenario.drained()
    scenario.disk.set('0.left-behind', Buffer.from('half'))
    assert.equal(scenario.disk.size, 2)
    await scenario.run(scenario.pipeline.store.deleteVersion({ bucket: 'source', key: 'a', version }))
    await scenario.pass(60_000)
    assert.deepEqual([...scenario.disk.keys()], ['0.left-behind'])
    scenario.kill()
    await scenario.start()
    await scenario.pass(1_000)
    assert.equal(scenario.disk.size, 0)
  })
})
