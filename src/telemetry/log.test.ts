// Goal: what happens is logged at its level as one JSON object per line, and no secret gets through. Method: events published on the real
// channels, lines collected in memory.
import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { test } from 'node:test'
import { scheduler } from 'node:timers/promises'
import { circuitEvents, controlEvents, defects, s3Requests } from '../base/channels.ts'
import { untouchedSite } from '../domain/site-control.ts'
import { fileDestination, startLog } from './log.ts'
import { maskSecrets } from './mask.ts'

function collect(level: 'debug' | 'info' | 'warn'): {
  lines: () => readonly unknown[]
  text: () => string
  end: () => void
} {
  const written: string[] = []
  const end = startLog(level, { write: line => written.push(line) })
  return { lines: () => written.map(line => JSON.parse(line)), text: () => written.join(''), end }
}

const request = { requestId: 'r', operation: 'PutObject', durationMs: 3, requestBytes: 1, responseBytes: 1 }

test('each event is one JSON line with level, time and message', () => {
  const log = collect('info')
  controlEvents.publish({ kind: 'changed', site: 'aws', command: 'pause', state: { ...untouchedSite, generation: 2 } })
  const [line] = log.lines()
  assert.partialDeepStrictEqual(line, {
    level: 'info',
    msg: 'site control changed',
    site: 'aws',
    command: 'pause',
    generation: 2,
  })
  log.end()
})

test('what is below the level is left out; nothing is logged after the end', () => {
  const log = collect('warn')
  s3Requests.publish({ ...request, status: 200 })
  s3Requests.publish({ ...request, status: 503 })
  assert.equal(log.lines().length, 1)
  log.end()
  s3Requests.publish({ ...request, status: 503 })
  assert.equal(log.lines().length, 1)
})

test('a log that cannot be written stops nothing', { skip: process.platform !== 'linux' }, async () => {
  const full = await open('/dev/full', 'w')
  const end = startLog('info', fileDestination(full.fd))
  for (let line = 0; line < 3; line += 1) {
    defects.publish({ where: 'here', error: new Error('no') })
    await scheduler.yield()
  }
  end()
  await full.close()
})

test('errors show their name, code and causes, but no secret that their text quotes', () => {
  const log = collect('info')
  const cause = new Error(
    'GET https://acct.blob.core.windows.net/c?sv=1&sig=abcDEF%3D&se=2 refused, Authorization: Bearer abc.def-ghi',
  )
  defects.publish({ where: 'here', error: new TypeError('no', { cause }) })
  circuitEvents.publish({
    site: 'aws',
    state: 'open',
    cause: { class: 'location', code: 'AccessDenied', message: 'http://user:hunter2@host/ secretKey="verySecret"' },
  })
  for (const secret of ['abcDEF', 'abc.def', 'hunter2', 'verySecret']) assert.ok(!log.text().includes(secret), secret)
  assert.ok(log.text().includes('TypeError'))
  assert.equal(log.lines().length, 2)
  log.end()
})

test('ordinary text is left as it is', () => {
  const text = 'PUT /bucket/key?partNumber=3&uploadId=x answered 503 SlowDown, request id 4711'
  assert.equal(maskSecrets(text), text)
})
