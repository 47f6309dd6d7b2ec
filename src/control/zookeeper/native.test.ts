// A machine on which ZooKeeper's client is not compiled and cannot be.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DependencyError } from '../../base/dependency.ts'
import { loadNativeClient } from './native.ts'

test('without a compiler it is said what is missing and what would help, and nothing is left behind', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-no-compiler-'))
  const { CROSSBEAT_SERVICES: services, PATH: path } = process.env
  t.after(async () => {
    if (services === undefined) delete process.env['CROSSBEAT_SERVICES']
    else process.env['CROSSBEAT_SERVICES'] = services
    process.env['PATH'] = path
    await rm(folder, { recursive: true })
  })
  process.env['CROSSBEAT_SERVICES'] = folder
  process.env['PATH'] = folder
  await assert.rejects(loadNativeClient(), (error: unknown) => {
    assert.ok(error instanceof DependencyError)
    assert.equal(error.dependency, 'ZooKeeper')
    assert.match(error.message, /no program "g\+\+" on the PATH/)
    assert.match(error.message, /apt-get install build-essential python3/)
    return true
  })
  assert.deepEqual(await readdir(folder), [])
})
