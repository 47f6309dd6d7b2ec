// The folder belongs to one living process, and to nobody after that one is dead.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DataDirBusyError, openDataDir, ownerOf, readBootId } from './data-dir.ts'

function folder(context: TestContext): string {
  const parent = mkdtempSync(join(tmpdir(), 'crossbeat-data-dir-'))
  context.after(() => rmSync(parent, { recursive: true }))
  return join(parent, 'deep', 'data')
}

test('the folder is made, for its owner only', context => {
  const path = folder(context)
  const dataDir = openDataDir(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  assert.equal(dataDir.databasePath, join(path, 'crossbeat.db'))
  assert.equal(dataDir.bootId, readBootId())
  dataDir.release()
})

test('a second opener fails and says who holds the folder, until it is released', context => {
  const path = folder(context)
  const dataDir = openDataDir(path)
  assert.throws(
    () => openDataDir(path),
    (error: unknown) => error instanceof DataDirBusyError && error.pid === process.pid && /pid \d+/.test(error.message),
  )
  assert.deepEqual(ownerOf(path), { pid: process.pid })
  dataDir.release()
  dataDir.release()
  assert.equal(ownerOf(path), null)
  openDataDir(path).release()
})

test('another process is kept out, and a killed one leaves no lock that counts', async context => {
  const path = folder(context)
  const module = fileURLToPath(new URL('./data-dir.ts', import.meta.url))
  const script = `import(${JSON.stringify(module)}).then(({ openDataDir }) => {
    openDataDir(${JSON.stringify(path)}); console.log('open'); setInterval(() => {}, 1000) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  assert.throws(
    () => openDataDir(path),
    (error: unknown) => error instanceof DataDirBusyError && error.pid === child.pid,
  )
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.ok(existsSync(join(path, 'lock')))
  assert.equal(ownerOf(path), null)
  openDataDir(path).release()
})

test('a lock of another boot, of a process id in use again, or one that makes no sense is taken over', context => {
  const path = folder(context)
  openDataDir(path).release()
  const lock = join(path, 'lock')
  for (const text of [`${process.pid}\nanother-boot\n1\n`, `${process.pid}\n${readBootId()}\n1\n`, 'nonsense', '']) {
    writeFileSync(lock, text)
    const dataDir = openDataDir(path)
    assert.ok(readFileSync(lock, 'utf8').startsWith(`${process.pid}\n${readBootId()}\n`))
    dataDir.release()
  }
})

test('a folder whose lock was taken over is not released by its former owner', context => {
  const path = folder(context)
  const dataDir = openDataDir(path)
  const lock = join(path, 'lock')
  writeFileSync(lock, `1\n${readBootId()}\n\n`)
  dataDir.release()
  assert.ok(existsSync(lock))
})
