// Goal: a policy, a list or a block never opens what it should close, for any operation. Method: every operation of the table, tried under every situation of
// access-table.ts and compared with what the facts of its action say; a new operation is tried without being named here.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { operations } from '../../../src/s3/operation-table.ts'
import { attempt, prepareSource, situations } from './access-table.ts'
import { startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  await prepareSource(server)
})

after(() => server.close())

for (const operation of operations) {
  test(`who-may-do-what/${operation.name}`, async () => {
    for (const situation of situations) {
      const { outcome, answer } = await attempt(server, operation, situation)
      const expected = situation.allowed(operation) ? 'allowed' : 'refused'
      assert.equal(outcome, expected, `${situation.name}: ${answer.status} ${answer.body}`)
    }
  })
}
