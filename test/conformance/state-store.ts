// The conformance suite of the state store: every adapter passes it.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { StateStore } from '../../src/control/state-store.ts'

export interface StateStoreSubject {
  readonly store: StateStore
  /** Closes in order and opens the same store again, as a new process. */
  reopen(): Promise<StateStoreSubject>
  close(): Promise<void>
}

export interface StateStoreAdapter {
  readonly name: string
  /** Why it cannot be tested here. */
  readonly skip?: string | false
  open(): Promise<StateStoreSubject>
}

const path = '/backbeat/replication/state/aws'

export function stateStoreConformance(adapter: StateStoreAdapter): void {
  describe(`state store: ${adapter.name}`, { skip: adapter.skip ?? false }, () => {
    valueSuite(adapter)
    watchSuite(adapter)
    leaseSuite(adapter)
  })
}

async function opened(adapter: StateStoreAdapter, test: TestContext): Promise<StateStoreSubject> {
  const subject = await adapter.open()
  test.after(() => subject.close())
  return subject
}

function valueSuite(adapter: StateStoreAdapter): void {
  it('changes a value only for whoever knows its version, over restarts, too', async test => {
    const subject = await opened(adapter, test)
    const { store } = subject
    assert.equal(await store.get(path), null)
    assert.deepEqual(await store.set(path, 'x', 3), { ok: false, current: null })
    const first = await store.set(path, 'a', 0)
    assert.ok(first.ok && first.version > 0)
    assert.deepEqual(await store.set(path, 'b', 0), { ok: false, current: { value: 'a', version: first.version } })
    const { store: again } = await subject.reopen()
    assert.deepEqual(await again.get(path), { value: 'a', version: first.version })
    const second = await again.set(path, 'b', first.version)
    assert.ok(second.ok && second.version > first.version)
    assert.equal((await again.set(path, 'c', first.version)).ok, false)
  })

  it('lets one of several competing changes win', async test => {
    const { store } = await opened(adapter, test)
    const results = await Promise.all(['a', 'b', 'c'].map(value => store.set(path, value, 0)))
    assert.equal(results.filter(result => result.ok).length, 1)
  })

  it('deletes with the right version only, and counts on when the value is made again', async test => {
    const { store } = await opened(adapter, test)
    const made = await store.set(path, 'a', 0)
    assert.ok(made.ok)
    assert.equal((await store.delete(path, made.version + 1)).ok, false)
    assert.equal((await store.delete(path, made.version)).ok, true)
    assert.equal(await store.get(path), null)
    const again = await store.set(path, 'a', 0)
    assert.ok(again.ok && again.version > made.version, 'nobody takes it for the one that was deleted')
  })

  it('names what lies directly below a path', async test => {
    const { store } = await opened(adapter, test)
    for (const name of ['/a/x', '/a/y/1', '/a/y/2', '/a.b/z', '/ab']) await store.set(name, '', 0)
    assert.deepEqual(await store.children('/a'), ['x', 'y'])
    assert.deepEqual(await store.children('/a/y'), ['1', '2'])
    assert.deepEqual(await store.children('/nowhere'), [])
  })

  it('forgets ephemeral values with their process', async test => {
    const subject = await opened(adapter, test)
    await subject.store.setEphemeral('/live/me', 'v1')
    await subject.store.setEphemeral('/live/me', 'v2')
    assert.equal((await subject.store.get('/live/me'))?.value, 'v2')
    assert.deepEqual(await subject.store.children('/live'), ['me'])
    const { store } = await subject.reopen()
    assert.equal(await store.get('/live/me'), null)
    assert.deepEqual(await store.children('/live'), [])
  })
}

function watchSuite(adapter: StateStoreAdapter): void {
  it('calls a watcher after a change at or below its path, and not after others', async test => {
    const { store } = await opened(adapter, test)
    let calls = 0
    let called: () => void = () => {}
    const next = () =>
      new Promise<void>(resolve => {
        called = resolve
      })
    const stop = store.watch('/a', () => {
      calls += 1
      called()
    })
    for (const change of [
      () => store.set('/a', '1', 0),
      () => store.set('/a/b/c', '1', 0),
      () => store.setEphemeral('/a/live', '1'),
    ]) {
      const heard = next()
      await change()
      await heard
    }
    const before = calls
    await store.set('/ab', '1', 0)
    await store.set('/a', '2', 0)
    let last = next()
    await store.set('/a/z', '1', 0)
    await last
    assert.equal(calls, before + 1)
    stop()
    last = new Promise(resolve => store.watch('/a', resolve))
    await store.set('/a/y', '1', 0)
    await last
    assert.equal(calls, before + 1)
  })
}

function leaseSuite(adapter: StateStoreAdapter): void {
  it('gives a lease to one holder at a time, each with a greater epoch, over restarts, too', async test => {
    const subject = await opened(adapter, test)
    const { store } = subject
    const first = await store.lease('/leases/x', 'me')
    assert.ok(first)
    assert.equal(first.lost.aborted, false)
    assert.equal(await store.lease('/leases/x', 'else'), null)
    assert.ok(await store.lease('/leases/y', 'else'))
    await first.release()
    const second = await store.lease('/leases/x', 'else')
    assert.ok(second && second.epoch > first.epoch)
    await first.release()
    assert.equal(await store.lease('/leases/x', 'me'), null, 'a former holder releases nothing')
    const { store: again } = await subject.reopen()
    assert.equal(second.lost.aborted, true)
    const third = await again.lease('/leases/x', 'me')
    assert.ok(third && third.epoch > second.epoch)
  })
}
