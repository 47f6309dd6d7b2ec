// Goal: the routes of the original, request by request, and the stricter rules where it has them. Method: a table of requests with
// their answers, on both prefixes; sequences for what a request leaves behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ControlApi, openControlApi } from './control-api.ts'

const enabled = { awsbackend: 'enabled', azurebackend: 'enabled' }
const none = { awsbackend: 'none', azurebackend: 'none' }

type Expected =
  | object
  | 'RouteNotFound'
  | 'MethodNotAllowed'
  | 'InvalidQueryParameter'
  | 'NotImplemented'
  | 'InvalidURI'
const statusOf = {
  RouteNotFound: 404,
  MethodNotAllowed: 405,
  InvalidQueryParameter: 400,
  NotImplemented: 501,
  InvalidURI: 400,
} as const

/** Requests that leave everything as it was, each with its answer: 200 and this JSON, or this error. */
const matrix: readonly (readonly [method: string, path: string, expected: Expected])[] = [
  ['GET', 'crr/status', enabled],
  ['GET', 'crr/status/', enabled],
  ['GET', 'crr/status/all', enabled],
  ['GET', 'crr/status/azurebackend', { azurebackend: 'enabled' }],
  ['GET', 'crr/status/azurebackend/', { azurebackend: 'enabled' }],
  ['GET', 'crr/status/azure%62ackend', { azurebackend: 'enabled' }],
  ['GET', 'crr/status/awsbackend/extra', { awsbackend: 'enabled' }],
  ['GET', 'crr/status/nope', 'RouteNotFound'],
  ['GET', 'crr/status/%zz', 'InvalidURI'],
  ['GET', 'crr/status/a%2Fb', 'RouteNotFound'],
  ['POST', 'crr/status', 'RouteNotFound'],
  ['DELETE', 'crr/status', 'RouteNotFound'],
  ['GET', 'crr', 'RouteNotFound'],
  ['GET', 'crr/', 'RouteNotFound'],
  ['GET', 'crr/nosuch', 'RouteNotFound'],
  ['GET', '', 'RouteNotFound'],
  ['GET', '../x', 'RouteNotFound'],
  ['GET', '/crr/status', 'RouteNotFound'],
  ['GET', 'crr//status', 'RouteNotFound'],
  ['GET', 'crr/pause/awsbackend', 'RouteNotFound'],
  ['DELETE', 'crr/pause/awsbackend', 'RouteNotFound'],
  ['POST', 'crr/pause/nope', 'RouteNotFound'],
  ['POST', 'crr/resume', {}],
  ['POST', 'crr/resume/', {}],
  ['POST', 'crr/resume/all', {}],
  ['POST', 'crr/resume/awsbackend', {}],
  ['POST', 'crr/resume/awsbackend/', {}],
  ['POST', 'crr/resume/awsbackend/foo', 'RouteNotFound'],
  ['GET', 'crr/resume/awsbackend/foo', 'RouteNotFound'],
  ['DELETE', 'crr/resume/awsbackend/foo', 'RouteNotFound'],
  ['POST', 'crr/resume/awsbackend/schedule/foo', 'RouteNotFound'],
  ['POST', 'crr/resume/schedule', 'RouteNotFound'],
  ['POST', 'crr/resume/nope', 'RouteNotFound'],
  ['POST', 'crr/resume/nope/schedule', 'RouteNotFound'],
  ['POST', 'crr/resume//schedule', 'RouteNotFound'],
  ['GET', 'crr/resume', none],
  ['GET', 'crr/resume/all', none],
  ['GET', 'crr/resume/awsbackend', { awsbackend: 'none' }],
  ['GET', 'crr/resume/awsbackend/schedule', { awsbackend: 'none' }],
  ['GET', 'crr/resume/nope', 'RouteNotFound'],
  ['POST', 'crr/resume/awsbackend/schedule', {}],
  ['POST', 'crr/resume/all/schedule', {}],
  ['DELETE', 'crr/resume', {}],
  ['DELETE', 'crr/resume/awsbackend', {}],
  ['DELETE', 'crr/resume/awsbackend/schedule', {}],
  ['DELETE', 'crr/resume/all/schedule', {}],
  ['DELETE', 'crr/resume/nope/schedule', 'RouteNotFound'],
  ['GET', 'ingestion/status', {}],
  ['GET', 'lifecycle/status/all', {}],
  ['GET', 'ingestion/status/awsbackend', 'RouteNotFound'],
  ['POST', 'lifecycle/pause', {}],
  ['POST', 'ingestion/resume/all/schedule', {}],
  ['GET', 'lifecycle/resume', {}],
  ['GET', 'lifecycle/failed', 'RouteNotFound'],
  ['GET', 'crr/failed/b/k', { IsTruncated: false, Versions: [] }],
  ['GET', 'crr/failed?marker=x', 'InvalidQueryParameter'],
  ['GET', 'crr/failed?marker=', 'InvalidQueryParameter'],
  ['GET', 'crr/failed?sitename=', 'InvalidQueryParameter'],
  ['GET', 'crr/failed?sitename=awsbackend&sitename=azurebackend', 'InvalidQueryParameter'],
  ['GET', 'crr/failed?sitename=nope', { IsTruncated: false, Versions: [] }],
  ['DELETE', 'crr/failed', 'RouteNotFound'],
  ['GET', 'metrics/crr', 'RouteNotFound'],
  ['GET', 'metrics', 'RouteNotFound'],
  ['GET', 'metrics/crr/nope', 'RouteNotFound'],
  ['GET', 'metrics/crr/awsbackend/nosuch', 'RouteNotFound'],
  ['POST', 'metrics/crr/awsbackend', 'RouteNotFound'],
  ['GET', 'metrics/crr/awsbackend/progress/b', 'RouteNotFound'],
  ['GET', 'metrics/crr/awsbackend/progress/b/k', 'RouteNotFound'],
  ['GET', 'metrics/crr/all/progress/b/k?versionId=v', 'RouteNotFound'],
  ['GET', 'metrics/crr/awsbackend/pending/b/k?versionId=v', 'RouteNotFound'],
  ['POST', 'healthcheck', 'MethodNotAllowed'],
  ['GET', 'healthcheck/deep', 'RouteNotFound'],
  ['POST', 'monitoring/metrics', 'MethodNotAllowed'],
  ['GET', 'configuration/workflows', 'MethodNotAllowed'],
  ['POST', 'configuration/workflows', 'NotImplemented'],
  ['PUT', 'crr/status', 'MethodNotAllowed'],
  ['PATCH', 'crr/pause', 'MethodNotAllowed'],
  ['OPTIONS', 'crr/status', 'MethodNotAllowed'],
]

for (const prefix of ['/_/', '/_/backbeat/api/']) {
  test(`every request below ${prefix} has the answer of the table`, async () => {
    const api = await openControlApi()
    for (const [method, path, expected] of matrix) {
      const { status, json } = await api.json(method, prefix + path)
      const where = `${method} ${prefix}${path}`
      if (typeof expected === 'object') {
        assert.deepEqual([status, json], [200, expected], where)
        continue
      }
      assert.equal(status, statusOf[expected], where)
      assert.partialDeepStrictEqual(json, { code: status, message: expected, [expected]: true }, where)
    }
    await api.close()
  })
}

test('HEAD is refused with 405 and no body, and other paths are not found', async () => {
  const api = await openControlApi()
  const head = await api.send('HEAD', '/_/crr/status')
  assert.deepEqual([head.status, head.body], [405, ''])
  for (const path of ['/', '/nosuch', '/crr/status', '/_', '/index.html']) {
    assert.partialDeepStrictEqual(await api.json('GET', path), { status: 404, json: { RouteNotFound: true } }, path)
  }
  await api.close()
})

test('an unknown location is answered with the known ones', async () => {
  const api = await openControlApi()
  const { json } = await api.json('POST', '/_/crr/pause/nope')
  const description = 'unknown location "nope"; known: awsbackend, azurebackend'
  assert.deepEqual(json, { code: 404, description, message: 'RouteNotFound', RouteNotFound: true })
  await api.close()
})

test('answers are JSON with their length', async () => {
  const api = await openControlApi()
  const { headers } = await api.send('GET', '/_/crr/status')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['content-length'], '49')
  await api.close()
})

test('pause and resume show in the status at once, one location or all', async () => {
  const api = await openControlApi()
  const status = async (): Promise<unknown> => (await api.json('GET', '/_/crr/status')).json
  assert.deepEqual(await api.json('POST', '/_/crr/pause/awsbackend', '{"x":1}'), { status: 200, json: {} })
  assert.deepEqual(await status(), { awsbackend: 'disabled', azurebackend: 'enabled' })
  await api.json('POST', '/_/backbeat/api/crr/pause')
  assert.deepEqual(await status(), { awsbackend: 'disabled', azurebackend: 'disabled' })
  await api.json('POST', '/_/crr/resume/azurebackend', 'not json, and not read')
  assert.deepEqual(await status(), { awsbackend: 'disabled', azurebackend: 'enabled' })
  await api.json('POST', '/_/crr/resume/all')
  assert.deepEqual(await status(), enabled)
  await api.close()
})

test('a resume or a pause cancels the schedule', async () => {
  const api = await openControlApi()
  for (const command of ['resume', 'pause']) {
    await api.json('POST', '/_/crr/pause/awsbackend')
    await api.json('POST', '/_/crr/resume/awsbackend/schedule', '{"hours":2}')
    assert.deepEqual(await scheduled(api), '2030-01-01T02:00:00.000Z')
    await api.json('POST', `/_/crr/${command}/awsbackend`)
    assert.deepEqual(await scheduled(api), 'none')
  }
  await api.close()
})

test('a schedule for all reaches the paused ones only; deleting it leaves them paused', async () => {
  const api = await openControlApi()
  await api.json('POST', '/_/crr/pause/azurebackend')
  await api.json('POST', '/_/crr/resume/all/schedule', '{"hours":1}')
  const { json } = await api.json('GET', '/_/crr/resume/all')
  assert.deepEqual(json, { awsbackend: 'none', azurebackend: '2030-01-01T01:00:00.000Z' })
  await api.json('DELETE', '/_/crr/resume/all/schedule')
  assert.deepEqual((await api.json('GET', '/_/crr/resume')).json, none)
  assert.deepEqual((await api.json('GET', '/_/crr/status')).json, { ...enabled, azurebackend: 'disabled' })
  await api.close()
})

async function scheduled(api: ControlApi): Promise<unknown> {
  const { json } = await api.json('GET', '/_/crr/resume/awsbackend')
  return new Map<string, unknown>(Object.entries(json ?? {})).get('awsbackend')
}

const accepted: readonly (readonly [body: string | undefined, hours: number])[] = [
  [undefined, 6],
  ['', 6],
  ['{}', 6],
  ['{"other":1}', 6],
  ['{"hours":6}', 6],
  ['{"hours":1}', 1],
  ['{"hours":8760}', 8760],
  ['{"hours":"7"}', 7],
  ['{"hours":"8760"}', 8760],
  ['{"hours":1e3}', 1000],
  [' {"hours": 2.0}\n', 2],
]
const refused = [
  ...['0', '-1', '""', 'null', 'true', 'false', '1.5', '0.5', '[]', '[2]', '{}', '8761', '1000000000', '1e9'],
  `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  ...['"abc"', '"0"', '"1.5"', '" 2"', '"+2"', '"0x10"', '"1e3"', '"8761"', '"99999999999999999999"'],
].map(hours => `{"hours":${hours}}`)
const notObjects = [
  '[]',
  '6',
  'null',
  '"6"',
  'true',
  'hours=6',
  '{"hours":6',
  '{hours:6}',
  '\u0000',
  ' ',
  '{"hours":6}}',
]

test('hours is a whole number from 1 to 8760; left out it is 6', async () => {
  const api = await openControlApi()
  await api.json('POST', '/_/crr/pause/awsbackend')
  for (const [body, hours] of accepted) {
    await api.json('DELETE', '/_/crr/resume/awsbackend/schedule')
    assert.deepEqual(await api.json('POST', '/_/crr/resume/awsbackend/schedule', body), { status: 200, json: {} }, body)
    const at = new Date(api.plane.world.clock.now() + hours * 3_600_000).toISOString()
    assert.equal(await scheduled(api), at, body)
  }
  await api.close()
})

test('every other body is refused and leaves the schedule as it was', async () => {
  const api = await openControlApi()
  await api.json('POST', '/_/crr/pause/awsbackend')
  await api.json('POST', '/_/crr/resume/awsbackend/schedule', '{"hours":3}')
  for (const body of [...refused, ...notObjects]) {
    const answer = await api.json('POST', '/_/crr/resume/awsbackend/schedule', body)
    assert.partialDeepStrictEqual(answer, { status: 400, json: { code: 400, MalformedPOSTRequest: true } }, body)
    assert.equal(await scheduled(api), '2030-01-01T03:00:00.000Z', body)
  }
  await api.close()
})

test('a body is JSON whatever its content type says, and limited to 1 MiB', async () => {
  const api = await openControlApi()
  await api.json('POST', '/_/crr/pause/awsbackend')
  for (const type of [
    'application/x-www-form-urlencoded',
    'text/plain',
    'application/xml',
    'multipart/form-data',
    '*',
  ]) {
    await api.json('DELETE', '/_/crr/resume/awsbackend')
    const { status } = await api.send('POST', '/_/crr/resume/awsbackend/schedule', '{"hours":4}', {
      'content-type': type,
    })
    assert.equal(status, 200, type)
    assert.equal(await scheduled(api), '2030-01-01T04:00:00.000Z', type)
  }
  const padded = `{"hours":5,"pad":"${'x'.repeat(1024 ** 2)}"}`
  const { status } = await api.json('POST', '/_/crr/resume/awsbackend/schedule', padded)
  assert.equal(status, 400)
  assert.equal(await scheduled(api), '2030-01-01T04:00:00.000Z')
  const deep = '['.repeat(500_000)
  assert.equal((await api.json('POST', '/_/crr/resume/awsbackend/schedule', deep)).status, 400)
  await api.close()
})
