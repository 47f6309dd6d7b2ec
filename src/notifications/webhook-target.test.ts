// Goal: a webhook gets one document for the events that have gathered, and only its yes counts. Method: a network that answers from a script.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualWorld } from '../../test/control/manual-world.ts'
import { scriptedHttp } from '../../test/fakes/scripted-http.ts'
import { Secret } from '../base/secret.ts'
import { createWebhookTarget } from './webhook-target.ts'

const config = {
  name: 'audit',
  url: new Secret('https://events.example:8443/s3?key=1'),
  authorization: new Secret('Bearer abc'),
  timeoutMs: 10_000,
}
const messages = [1, 2].map(number => ({ topicKey: 'b%2Fk', at: 0, record: `{"n":${number}}` }))
const never = new AbortController().signal

test('events are posted as one document', async () => {
  const http = scriptedHttp(() => ({ status: 204 }))
  await createWebhookTarget(config, http, createManualWorld()).deliver(messages, never)
  const [request] = http.sent
  assert.deepEqual(
    [request?.method, request?.origin, request?.path, request?.headers['authorization'], request?.body.toString()],
    ['POST', 'https://events.example:8443', '/s3?key=1', 'Bearer abc', '{"Records":[{"n":1},{"n":2}]}'],
  )
})

for (const status of [301, 400, 500]) {
  test(`an answer of ${status} takes nothing`, async () => {
    const target = createWebhookTarget(
      config,
      scriptedHttp(() => ({ status })),
      createManualWorld(),
    )
    await assert.rejects(target.deliver(messages, never), new RegExp(String(status)))
  })
}

test('an answer that does not come in time is none', async () => {
  const world = createManualWorld()
  const request = (given: { signal?: AbortSignal | undefined }) =>
    new Promise<never>((_, reject) => given.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
  const delivery = createWebhookTarget(config, { request }, world).deliver(messages, never)
  const refused = assert.rejects(delivery, /no answer of the webhook within 10000 ms/)
  await world.advance(10_000)
  await refused
})
