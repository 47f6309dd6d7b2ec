// Goal: `/api/v1`, the checks of who may ask, and the OpenAPI document. Method: the real server, with requests handed in.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { nobody } from '../../control/control-plane.ts'
import { openControlApi } from './control-api.ts'

const location = '/api/v1/locations/awsbackend'

test('a location shows what is wanted, what is done and what is to do', async () => {
  const api = await openControlApi()
  const { gate, processor } = api.plane.addGate('awsbackend')
  await gate.start()
  const oldestAt = api.plane.world.clock.now() - 4_500
  api.backlogs.push({ site: 'awsbackend', objects: 2, bytes: 7, oldestAt, failedObjects: 1, failedBytes: 5 })
  assert.deepEqual(await api.json('GET', location), {
    status: 200,
    json: {
      name: 'awsbackend',
      type: 'aws_s3',
      default: true,
      desired: { paused: false, reasons: [], resumeAt: null, generation: 0, by: '', why: '' },
      state: 'running',
      processors: 1,
      inFlight: 0,
      standsStill: false,
      trouble: null,
      removedUnread: 0,
      backlog: { objects: 2, bytes: 7, oldestAt: '2029-12-31T23:59:55.500Z', oldestAgeSeconds: 4.5 },
      failed: { objects: 1, bytes: 5 },
    },
  })
  processor.inFlight = 1
  const paused = await api.json('POST', `${location}/pause`, '{"by":"lisa","why":"disk full"}')
  const desired = { paused: true, reasons: ['manual'], by: 'lisa', why: 'disk full', generation: 1 }
  assert.partialDeepStrictEqual(paused, { status: 200, json: { state: 'pausing', desired } })
  await api.plane.world.settle()
  assert.partialDeepStrictEqual((await api.json('GET', location)).json, {
    state: 'paused',
    inFlight: 1,
    standsStill: false,
    trouble: null,
    removedUnread: 0,
  })
  processor.inFlight = 0
  await api.plane.world.advance(100)
  assert.partialDeepStrictEqual((await api.json('GET', location)).json, {
    state: 'paused',
    inFlight: 0,
    standsStill: true,
    trouble: null,
    removedUnread: 0,
  })
  const list = await api.json('GET', '/api/v1/locations')
  assert.partialDeepStrictEqual(list.json, {
    locations: [{ name: 'awsbackend' }, { name: 'azurebackend', type: 'azure' }],
  })
  await api.close()
})

test('a schedule is set, replaced and taken back; on a running location it is a conflict', async () => {
  const api = await openControlApi()
  const put = (body: string) => api.json('PUT', `${location}/schedule`, body)
  assert.partialDeepStrictEqual(await put('{"seconds":60}'), {
    status: 409,
    json: { code: 409, OperationAborted: true },
  })
  await api.json('POST', `${location}/pause`)
  const resumeAt = (moment: string | null) => ({ status: 200, json: { desired: { paused: true, resumeAt: moment } } })
  assert.partialDeepStrictEqual(await put('{"seconds":60}'), resumeAt('2030-01-01T00:01:00.000Z'))
  assert.partialDeepStrictEqual(await put('{"at":"2030-01-01T12:00:00+02:00"}'), resumeAt('2030-01-01T10:00:00.000Z'))
  assert.partialDeepStrictEqual(await api.json('DELETE', `${location}/schedule`), resumeAt(null))
  const resumed = await api.json('POST', `${location}/resume`)
  assert.partialDeepStrictEqual(resumed, { status: 200, json: { desired: { paused: false } } })
  await api.close()
})

test('wrong bodies, names and methods are refused and change nothing', async () => {
  const api = await openControlApi()
  await api.plane.controller.pause('awsbackend', nobody)
  const before = await api.plane.controller.desired('awsbackend')
  const bodies = [
    ...[
      '',
      '{}',
      '[]',
      'null',
      '1',
      'x',
      '{"seconds":0}',
      '{"seconds":1.5}',
      '{"seconds":"60"}',
      '{"seconds":31536001}',
    ],
    ...['{"at":"tomorrow"}', '{"at":"2029-12-31T00:00:00Z"}', '{"at":"2040-01-01T00:00:00Z"}', '{"at":1}'],
    ...['{"seconds":60,"at":"2030-01-01T12:00:00Z"}', '{"hours":1}', `{"seconds":60,"why":"${'x'.repeat(1025)}"}`],
  ]
  for (const body of bodies) {
    const answer = await api.json('PUT', `${location}/schedule`, body)
    assert.partialDeepStrictEqual(answer, { status: 400, json: { code: 400, MalformedPOSTRequest: true } }, body)
  }
  assert.equal((await api.json('POST', `${location}/pause`, '{"by":1}')).status, 400)
  assert.deepEqual(await api.plane.controller.desired('awsbackend'), before)
  for (const [method, path] of [
    ['GET', '/api/v1/locations/nope'],
    ['POST', '/api/v1/locations/nope/pause'],
    ['GET', '/api/v1/nosuch'],
    ['DELETE', '/api/v1/locations/awsbackend'],
    ['GET', '/api/v1/locations/__proto__'],
    ['GET', `/api/v1/locations/${'x'.repeat(5000)}`],
  ] as const) {
    assert.partialDeepStrictEqual(await api.json(method, path), { status: 404, json: { RouteNotFound: true } }, path)
  }
  assert.equal((await api.json('GET', '/api/v1/locations/%zz')).status, 400)
  await api.close()
})

test('a foreign Host or Origin is refused, on every route', async () => {
  const api = await openControlApi()
  const status = async (headers: Readonly<Record<string, string>>, path = '/_/crr/pause'): Promise<number> =>
    (await api.send('POST', path, undefined, headers)).status
  for (const host of ['localhost', 'localhost:8900', '127.0.0.1', '127.0.0.1:8900', '[::1]:8900', 'LOCALHOST']) {
    assert.equal(await status({ host }), 200, host)
    assert.equal(await status({ host, origin: `http://${host}` }), 200, host)
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1:8900',
    'a@localhost',
  ]) {
    assert.equal(await status({ host }), 403, host)
    assert.equal(await status({ host }, '/api/v1/locations/awsbackend/pause'), 403, host)
    assert.equal(await status({ host }, '/nosuch'), 403, host)
  }
  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost:3000',
    'file://',
    'http://localhost.evil.example',
  ]) {
    assert.equal(await status({ host: 'localhost:8900', origin }), 403, origin)
  }
  assert.equal(await status({ host: 'localhost:99999', origin: 'http://localhost' }), 403)
  await api.close()
})

test('with a token every route but the probes needs it', async () => {
  const api = await openControlApi({ token: 'correct-horse-battery', insecure: true, listen: '0.0.0.0:0' })
  const get = (path: string, authorization?: string, host = 'backup.example') =>
    api.send('GET', path, undefined, { host, ...(authorization === undefined ? {} : { authorization }) })
  for (const path of ['/_/crr/status', '/api/v1/locations', '/metrics', '/nosuch', '/api/v1/openapi.json']) {
    assert.equal((await get(path)).status, 403, path)
    assert.equal((await get(path, 'Bearer wrong')).status, 403, path)
    assert.equal((await get(path, 'Basic correct-horse-battery')).status, 403, path)
    assert.notEqual((await get(path, 'Bearer correct-horse-battery')).status, 403, path)
  }
  for (const path of ['/live', '/ready']) assert.equal((await get(path)).status, 200)
  const { body } = await get('/_/crr/status', 'Bearer wrong')
  assert.ok(!body.includes('horse'))
  await api.close()
})

test('off loopback without a token another name is still refused', async () => {
  const api = await openControlApi({ insecure: true, listen: '0.0.0.0:0' })
  assert.equal((await api.send('GET', '/_/crr/status', undefined, { host: 'evil.example' })).status, 403)
  assert.equal((await api.send('GET', '/_/crr/status', undefined, { host: '127.0.0.1:8900' })).status, 200)
  await api.close()
})

test('the OpenAPI document is the one in docs/reference, and describes every route', async () => {
  const api = await openControlApi()
  const document = await api.server.openapi()
  const served = await api.json('GET', '/api/v1/openapi.json')
  assert.deepEqual(served.json, JSON.parse(JSON.stringify(document)))
  const file = new URL('../../../docs/reference/openapi.json', import.meta.url)
  const stale = 'docs/reference/openapi.json is stale: node test/control/write-openapi.ts'
  assert.equal(readFileSync(file, 'utf8'), `${JSON.stringify(document, null, 2)}\n`, stale)
  const paths = new Map<string, unknown>(Object.entries(document)).get('paths')
  assert.deepEqual(Object.keys(paths ?? {}).sort(), [
    '/api/v1/locations',
    '/api/v1/locations/{name}',
    '/api/v1/locations/{name}/pause',
    '/api/v1/locations/{name}/resume',
    '/api/v1/locations/{name}/schedule',
  ])
  await api.close()
})

test('a pause that has outlasted its topic says how many entries are gone', async () => {
  const api = await openControlApi()
  api.removed.set('azurebackend', 12)
  await api.plane.controller.pause('azurebackend', nobody)
  const shown = async (): Promise<unknown> => {
    const { json } = await api.json('GET', '/api/v1/locations/azurebackend')
    return typeof json === 'object' && json !== null ? Reflect.get(json, 'removedUnread') : undefined
  }
  assert.equal(await shown(), 12)
  await api.plane.controller.resume('azurebackend', nobody)
  assert.equal(await shown(), 0)
  await api.close()
})
