// Goal: a started server is ready when we say so, ends when told, quotes its log when it fails, and never outlives us.
// Method: small Node programs in place of real servers.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDataFolder, type Running, startService } from './service-process.ts'

const listening = `
  const server = require('node:http').createServer((request, response) => response.end('hello'))
  server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port))`

async function start(program: string): Promise<{ running: Running; folder: string }> {
  const data = await openDataFolder('test', undefined)
  const running = await startService({
    name: 'the small server',
    command: process.execPath,
    args: ['--eval', program],
    logFile: join(data.path, 'log'),
    ready: async log => {
      const port = /port (\d+)/.exec(log())?.[1]
      return port === undefined ? undefined : Number(port)
    },
    cleanUp: data.remove,
  })
  return { running, folder: data.path }
}

test('a started server answers, and after stop neither it nor its data is there', async () => {
  const { running, folder } = await start(listening)
  assert.equal(await (await fetch(running.endpoint)).text(), 'hello')
  await running.stop()
  assert.throws(() => process.kill(running.pid, 0), /ESRCH/)
  assert.ok(!existsSync(folder))
  await running.stop()
})

test('a killed server can still be stopped, which cleans up', async () => {
  const { running, folder } = await start(listening)
  running.kill()
  await running.stop()
  assert.ok(!existsSync(folder))
})

test('a server that ends while it starts is reported with the end of its log', async () => {
  const failing = start("console.error('cannot open the data folder'); process.exit(4)")
  await assert.rejects(failing, /the small server ended while it started \(exit code 4\):\n {4}cannot open the data/)
})

test('a program that does not exist is reported as such', async () => {
  const data = await openDataFolder('test', undefined)
  const failing = startService({
    name: 'nothing',
    command: join(data.path, 'no-such-program'),
    args: [],
    logFile: join(data.path, 'log'),
    ready: async () => undefined,
    cleanUp: data.remove,
  })
  await assert.rejects(failing, /nothing ended while it started \(.*ENOENT\)/)
})

test('a server does not outlive a parent that is killed, nor does its temporary data', {
  timeout: 120_000,
}, async () => {
  // The parent starts a server through our modules and tells where it listens; then it gets no chance to clean up.
  const program = `
    import { join } from 'node:path'
    import { openDataFolder, startService } from './service-process.ts'
    const data = await openDataFolder('test', undefined)
    await startService({
      name: 'x', command: process.execPath, args: ['--eval', ${JSON.stringify(listening)}],
      logFile: join(data.path, 'log'), cleanUp: data.remove,
      ready: async log => Number(/port (\\d+)/.exec(log())?.[1]) || undefined,
    }).then(running => console.log(JSON.stringify([running.endpoint, data.path])))
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = await once(parent.stdout, 'data')
  const [endpoint, folder] = JSON.parse(String(chunk))
  const connection = await fetch(endpoint)
  assert.equal(connection.status, 200)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  while (existsSync(folder)) await fetch(endpoint).catch(() => {})
  await assert.rejects(fetch(endpoint))
})
