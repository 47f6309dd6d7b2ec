// Goal: no request, valid or mutated, of any operation, kills or hangs the server, is answered 500, makes it grow or leaves half an object.
// Method: the fuzzer (test/fuzz) for a minute; FUZZ_SECONDS and FUZZ_SEED choose otherwise, and `npm run fuzz` runs it by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initHashes } from '../../../src/base/hash.ts'
import { operations } from '../../../src/s3/operation-table.ts'
import { fuzz } from '../../fuzz/fuzzer.ts'
import { reportText } from '../../fuzz/report.ts'

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 60)
const seed = Number(process.env['FUZZ_SEED'] ?? 1)

test(`fuzz/a minute of requests, seed ${seed}`, { timeout: (seconds + 120) * 1000 }, async () => {
  await initHashes()
  const report = await fuzz({ seconds, seed })
  console.log(`Fuzzer, seed ${seed}: ${reportText(report)}`)
  assert.ok(report.inputs > seconds * 20, `${report.inputs} inputs`)
  assert.equal(report.operations.size, new Set(operations.map(({ name }) => name)).size)
})
