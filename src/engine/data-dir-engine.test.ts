// Goal: no engine ever takes the data of the other kind for its own leftovers.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { OtherEngineError, takeDataDir } from './data-dir-engine.ts'

let path = ''
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'crossbeat-data-dir-'))
})
afterEach(() => rmSync(path, { recursive: true }))

function folder() {
  return { path, databasePath: join(path, 'crossbeat.db') }
}

test("a new folder is either engine's, and stays so", () => {
  takeDataDir(folder(), 'distributed')
  takeDataDir(folder(), 'distributed')
  assert.throws(() => takeDataDir(folder(), 'embedded'), OtherEngineError)
})

test("a folder with the database of the embedded engine is not the distributed one's", () => {
  takeDataDir(folder(), 'embedded')
  writeFileSync(folder().databasePath, '')
  assert.throws(() => takeDataDir(folder(), 'distributed'), /holds data of the embedded engine/)
  takeDataDir(folder(), 'embedded')
})
