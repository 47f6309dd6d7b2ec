// Goal: what is in the cache is complete, and is installed once however many want it. Method: a new cache folder and
// installers that only write files.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { cacheFolder, obtainFolder, ServiceUnavailable } from './service-cache.ts'

const cache = mkdtempSync(join(tmpdir(), 'crossbeat-cache-'))
process.env['CROSSBEAT_SERVICES'] = cache
after(() => rmSync(cache, { recursive: true, force: true }))

test('a component is installed once and then found, also by those who ask at the same time', async () => {
  let installations = 0
  const install = async (folder: string): Promise<void> => {
    installations += 1
    writeFileSync(join(folder, 'program'), 'x')
  }
  const all = await Promise.all([1, 2, 3].map(() => obtainFolder('thing-1.0', install)))
  assert.equal(installations, 1)
  assert.deepEqual(
    all.map(({ path }) => path),
    Array(3).fill(join(cache, 'thing-1.0')),
  )
  assert.equal(all.filter(({ fromCache }) => !fromCache).length, 1)
  assert.ok(existsSync(join(cache, 'thing-1.0', 'program')))
})

test('a failed installation passes its error on and leaves nothing, so that the next one starts afresh', async () => {
  const failing = obtainFolder('thing-2.0', async folder => {
    writeFileSync(join(folder, 'half'), 'x')
    throw new Error('the network is down')
  })
  await assert.rejects(failing, /the network is down/)
  assert.deepEqual(
    readdirSync(cache).filter(name => name.includes('thing-2.0')),
    [],
  )
  const again = await obtainFolder('thing-2.0', async () => {})
  assert.equal(again.fromCache, false)
})

test('the lock of an installer that died is taken over', async () => {
  // Process ids end far below this one.
  writeFileSync(join(cache, 'thing-3.0.lock'), `99999999 ${hostname()}\n`)
  assert.equal((await obtainFolder('thing-3.0', async () => {})).fromCache, false)
})

test('a cache folder that cannot be written is refused with what would help', async () => {
  const file = join(cache, 'a-file')
  writeFileSync(file, '')
  process.env['CROSSBEAT_SERVICES'] = join(file, 'below')
  try {
    await assert.rejects(cacheFolder(), error => {
      assert.ok(error instanceof ServiceUnavailable)
      assert.match(error.message, /a-file\/below cannot be written[\s\S]*What would help: set CROSSBEAT_SERVICES/)
      return true
    })
  } finally {
    process.env['CROSSBEAT_SERVICES'] = cache
  }
})
