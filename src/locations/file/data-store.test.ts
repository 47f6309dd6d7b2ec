// The file data store over a file system that records what it is asked and fails when told: what is on disk when `finish` answers, and that a
// failed write leaves nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileSystem } from '../../base/files.ts'
import { realWorld } from '../../base/world.ts'
import { openFileDataStore } from './data-store.ts'

interface RecordingFiles extends FileSystem {
  readonly calls: string[]
  /** Files by path; the value is their size. */
  readonly files: Map<string, number>
  /** The next call that begins with this fails with the code. */
  fail(call: string, code: string): void
  /** Folder flushes wait until this is called. */
  release(): void
  hold(): void
}

function recordingFiles(): RecordingFiles {
  const calls: string[] = []
  const files = new Map<string, number>()
  const failures = new Map<string, string>()
  let held: (() => void)[] | undefined
  const called = (name: string, path: string): void => {
    calls.push(`${name} ${path}`)
    const code = failures.get(name)
    if (code === undefined) return
    failures.delete(name)
    throw Object.assign(new Error(`${code}: ${name}`), { code })
  }
  return {
    calls,
    files,
    fail: (call, code) => failures.set(call, code),
    hold: () => {
      held = []
    },
    release() {
      const waiting = held ?? []
      held = undefined
      for (const resume of waiting) resume()
    },
    async makeFolder(path) {
      called('makeFolder', path)
    },
    async create(path) {
      called('create', path)
      files.set(path, 0)
      return {
        async append(chunks) {
          called('append', String(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)))
          for (const chunk of chunks) files.set(path, (files.get(path) ?? 0) + chunk.byteLength)
        },
        flush: async () => called('flush', path),
        close: async () => called('close', path),
      }
    },
    openForReading: async path => {
      throw new Error(`not read here: ${path}`)
    },
    async rename(from, to) {
      called('rename', to)
      files.set(to, files.get(from) ?? 0)
      files.delete(from)
    },
    async remove(path) {
      called('remove', path)
      files.delete(path)
    },
    async flushFolder(path) {
      called('flushFolder', path)
      const waiting = held
      if (waiting !== undefined) await new Promise<void>(resolve => waiting.push(resolve))
    },
    list: async () => [],
  }
}

const open = (files: FileSystem, flush = true) =>
  openFileDataStore({ name: 'us-east-1', folder: '/data', epoch: 'e1', random: realWorld.random, files, flush })

const namesOf = (calls: readonly string[]): readonly string[] => calls.map(call => call.split(' ')[0] ?? '')

test('finish answers when bytes, name and folder are flushed, in this order', async () => {
  const files = recordingFiles()
  const store = await open(files)
  files.calls.length = 0
  const writer = store.create()
  await writer.write(Buffer.alloc(10))
  await writer.finish()
  assert.deepEqual(namesOf(files.calls), [
    ...['create', 'append', 'flush', 'close', 'makeFolder'],
    // The new folder's own name, in both of its parents, then the name in it.
    ...['flushFolder', 'flushFolder', 'rename', 'flushFolder'],
  ])
  assert.match(files.calls.at(-2) ?? '', /^rename \/data\/0\/0\/e1\.00[0-9a-f]{30}$/)
  assert.equal(files.calls.at(-1), 'flushFolder /data/0/0')
})

test('small chunks are written together, and no more than that is held', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const writer = store.create()
  for (let index = 0; index < 10; index += 1) await writer.write(Buffer.alloc(60_000))
  await writer.finish()
  assert.deepEqual(
    files.calls.filter(call => call.startsWith('append')),
    ['append 300000', 'append 300000'],
  )
})

test('writes that end together share the flush of their folder', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const first = store.create()
  await first.finish()
  files.calls.length = 0
  files.hold()
  const finishing = Array.from({ length: 20 }, () => store.create().finish())
  while (files.files.size < 21 || namesOf(files.calls).filter(name => name === 'rename').length < 20) {
    await new Promise<void>(resolve => realWorld.timers.immediate(resolve))
  }
  files.release()
  await Promise.all(finishing)
  assert.equal(files.calls.filter(call => call === 'flushFolder /data/0/0').length, 2)
})

test('without flushing nothing is flushed', async () => {
  const files = recordingFiles()
  const store = await open(files, false)
  const writer = store.create()
  await writer.write(Buffer.alloc(10))
  await writer.finish()
  assert.ok(!namesOf(files.calls).some(name => name.startsWith('flush')))
})

const mebibyte = Buffer.alloc(1024 ** 2)

test('a long body is flushed while it comes, and at its end', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const writer = store.create()
  for (let written = 1; written <= 35; written += 1) {
    await writer.write(mebibyte)
    assert.equal(namesOf(files.calls).filter(name => name === 'flush').length, Math.floor(written / 16))
  }
  await writer.finish()
  assert.equal(namesOf(files.calls).filter(name => name === 'flush').length, 3)
})

test('a flush that fails while the body comes fails the whole: the next one would not tell of it', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const writer = store.create()
  files.fail('flush', 'EIO')
  const write = async (): Promise<void> => {
    for (let written = 0; written < 40; written += 1) await writer.write(mebibyte)
  }
  await assert.rejects(write(), { code: 'EIO' })
  assert.deepEqual([...files.files], [])
})

test('a flush that fails after the last write of a body fails it, too', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const writer = store.create()
  files.fail('flush', 'EIO')
  for (let written = 0; written < 16; written += 1) await writer.write(mebibyte)
  await assert.rejects(writer.finish(), { code: 'EIO' })
  assert.deepEqual([...files.files], [])
})

const failing = [
  ['create', 'ENOSPC'],
  ['append', 'ENOSPC'],
  ['flush', 'EIO'],
  ['close', 'EIO'],
  ['makeFolder', 'ENOSPC'],
  ['rename', 'EIO'],
  ['flushFolder', 'EIO'],
] as const
for (const [call, code] of failing) {
  test(`when ${call} fails with ${code}, finish fails and nothing is left`, async () => {
    const files = recordingFiles()
    const store = await open(files)
    const writer = store.create()
    await writer.write(Buffer.alloc(10))
    files.fail(call, code)
    await assert.rejects(writer.finish(), { code })
    assert.deepEqual([...files.files.keys()], [])
    const again = store.create()
    await again.write(Buffer.alloc(10))
    await again.finish()
    assert.equal(files.files.size, 1)
  })
}

test('a disk that is full in the middle of a write leaves nothing', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const writer = store.create()
  files.fail('append', 'ENOSPC')
  await assert.rejects(writer.write(Buffer.alloc(300_000)), { code: 'ENOSPC' })
  assert.deepEqual([...files.files.keys()], [])
})

test('chunks that are given are freed once they are written, others stay', async () => {
  const files = recordingFiles()
  const store = await open(files)
  const writer = store.create()
  const [given, kept] = [Buffer.allocUnsafeSlow(200_000).fill('g'), Buffer.allocUnsafeSlow(200_000).fill('k')]
  await writer.write(given, 'given')
  assert.equal(given.byteLength, 200_000)
  await writer.write(kept)
  await writer.finish()
  assert.equal(given.byteLength, 0)
  assert.equal(kept.byteLength, 200_000)
  assert.ok(files.calls.includes('append 400000'))
})
