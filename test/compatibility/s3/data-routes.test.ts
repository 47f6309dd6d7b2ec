// Goal: data on a node's disk is had by processes of the installation only, by its exact name, in ranges that make sense. Method: tables of
// requests to one front end with one piece of data on its disk.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { readFailureHeader } from '../../../src/domain/backbeat-wire.ts'
import { patterned } from '../../conformance/location-subject.ts'
import { type FrontEnd, type Layout, openLayout } from './data-node.ts'
import { type AccountName, type RawAnswer, startTestServer, type TestServer } from './test-server.ts'

let base: TestServer
let layout: Layout
let front: FrontEnd
let name = ''
const bytes = patterned(300_000)

before(async () => {
  base = await startTestServer()
  layout = await openLayout(base.store)
  front = await layout.start('node')
  name = await written()
})

after(async () => {
  await front.close()
  await layout.close()
  await base.close()
})

async function written(): Promise<string> {
  const writer = front.data.own.get('us-east-1')?.create()
  assert.ok(writer !== undefined)
  await writer.write(bytes)
  await writer.finish()
  return writer.key
}

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly range?: string | null
  readonly as?: AccountName | null
}

function ask({ method = 'GET', path = `us-east-1/${name}`, range = 'bytes=0-9', as = 'replication' }: Asked) {
  const headers = range === null ? {} : { range }
  return front.server.send({ method, path: `/_/crossbeat/data/${path}`, headers, as })
}

function codeOf(answer: RawAnswer): string {
  return /"code":"(\w+)"/.exec(answer.body)?.[1] ?? ''
}

for (const as of ['replication', 'admin'] as const) {
  test(`data-routes/the ${as} account reads exactly the range it asks for`, async () => {
    const answer = await ask({ as, range: 'bytes=100-100' })
    assert.equal(answer.status, 206)
    assert.equal(answer.headers['content-length'], '1')
    assert.equal((await ask({ as, range: 'bytes=0-299999' })).status, 206)
  })
}

for (const as of ['bart', null] as const) {
  for (const method of ['GET', 'DELETE']) {
    test(`data-routes/${method} as ${as ?? 'nobody'} is refused, whether there is such data or not`, async () => {
      for (const path of [`us-east-1/${name}`, 'us-east-1/nothing', 'nowhere/nothing', '']) {
        const answer = await ask({ method, path, as })
        assert.equal(answer.status, 403, path)
        assert.equal(codeOf(answer), 'AccessDenied')
      }
      assert.equal((await ask({})).status, 206)
    })
  }
}

test('data-routes/paths that are no data of a node lead nowhere', async () => {
  const paths = [
    '',
    'us-east-1',
    'us-east-1/',
    'us-east-1/..%2f..%2fcredentials',
    `us-east-1/..%2f${name}`,
    `us-east-1/../${name}`,
    `us-east-1/${name}%00`,
    `us-east-1/${name}/more`,
    `us-east-1/./${name}`,
    'us-east-1/credentials',
    'us-east-1/17.00abcdef',
    `us-east-1/${name.toUpperCase()}`,
    `us-east-1/n0123456789abcdef-e1.${'0'.repeat(2000)}`,
    '%2e%2e/%2e%2e/etc/passwd',
  ]
  for (const path of paths) {
    for (const method of ['GET', 'DELETE']) {
      const answer = await ask({ method, path })
      assert.equal(answer.status, 400, `${method} ${path}: ${answer.status} ${answer.body}`)
      assert.ok(!answer.body.includes(layout.path('node')))
    }
  }
  assert.equal((await ask({})).status, 206)
})

for (const range of [
  null,
  '',
  'bytes=',
  'bytes=-',
  'bytes=-5',
  'bytes=5-',
  'bytes=9-5',
  'bytes=0-1,3-4',
  'bytes=a-b',
  'bytes=0x0-0x9',
  'lines=0-9',
  'bytes=1e3-1e4',
  `bytes=0-${'9'.repeat(40)}`,
]) {
  test(`data-routes/the range ${String(range).slice(0, 20)} is refused`, async () => {
    const answer = await ask({ range })
    assert.equal(answer.status, 416)
    assert.equal(codeOf(answer), 'InvalidRange')
    assert.equal(answer.headers['x-crossbeat-failure'], undefined)
  })
}

for (const range of ['bytes=0-300000', 'bytes=300000-300000', 'bytes=999999999999998-999999999999998']) {
  test(`data-routes/${range} is more than there is, and says so with its class`, async () => {
    const answer = await ask({ range })
    assert.equal(answer.status, 416)
    const facts = readFailureHeader(answer.headers['x-crossbeat-failure'])
    assert.deepEqual([facts?.class, facts?.code], ['object', 'SourceDataDamaged'])
  })
}

test('data-routes/data that this node wrote and that is not there is gone', async () => {
  const answer = await ask({ path: `us-east-1/${front.nodeId}-e1.00ffff` })
  assert.equal(answer.status, 404)
  assert.equal(readFailureHeader(answer.headers['x-crossbeat-failure'])?.class, 'source-gone')
})

test('data-routes/data of another node, or of a location that is not here, is not said to be gone', async () => {
  for (const path of ['us-east-1/n0123456789abcdef-e1.00ffff', `mars/${name}`]) {
    for (const method of ['GET', 'DELETE']) {
      const answer = await ask({ method, path })
      assert.equal(answer.status, 421, path)
      assert.equal(answer.headers['x-crossbeat-failure'], undefined)
    }
  }
})

test('data-routes/other methods are refused', async () => {
  for (const method of ['PUT', 'POST']) assert.equal((await ask({ method })).status, 405)
})

test('data-routes/what is removed is gone, and can be removed again', async () => {
  const path = `us-east-1/${await written()}`
  for (const _ of [1, 2]) assert.equal((await ask({ method: 'DELETE', path })).status, 204)
  assert.equal((await ask({ path })).status, 404)
})

test('data-routes/other paths behind the underscore stay what they were', async () => {
  const answer = await front.server.send({ method: 'GET', path: '/_/crossbeat/other', as: 'admin' })
  assert.equal(answer.status, 400)
})
