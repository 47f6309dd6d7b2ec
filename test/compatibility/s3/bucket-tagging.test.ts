// Goal: tags of buckets are stored, replaced and deleted, with S3's limits and errors. Method: raw requests, a table of wrong sets.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { errorCode, errorMessage, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/tagged' })
})

after(() => server.close())

function put(pairs: readonly (readonly [string, string])[], path = '/tagged?tagging') {
  const tags = pairs.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`)
  return server.send({ method: 'PUT', path, body: `<Tagging><TagSet>${tags.join('')}</TagSet></Tagging>` })
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => [`key ${index}`, 'v'] as const)

test('bucket-tagging/none, stored, replaced, deleted', async () => {
  const read = () => server.send({ method: 'GET', path: '/tagged?tagging' })
  const none = await read()
  assert.equal(none.status, 404)
  assert.equal(errorCode(none), 'NoSuchTagSet')
  assert.equal((await put([['Hello', 'World']])).status, 204)
  assert.match((await read()).body, /<TagSet><Tag><Key>Hello<\/Key><Value>World<\/Value><\/Tag><\/TagSet>/)
  assert.equal((await put(numbered(50))).status, 204)
  assert.equal((await read()).body.match(/<Tag>/g)?.length, 50)
  assert.equal((await server.send({ method: 'DELETE', path: '/tagged?tagging' })).status, 204)
  assert.equal((await read()).status, 404)
  await put([['a', 'b']])
  assert.equal((await put([])).status, 204)
  assert.equal((await read()).status, 404)
})

for (const [what, pairs, code, message] of [
  ['51 tags', numbered(51), 'BadRequest', /cannot be greater than 50/],
  ['an empty key', [['', 'v']], 'InvalidTag', /TagKey/],
  ['too long a key', [['k'.repeat(129), 'v']], 'InvalidTag', /TagKey/],
  ['too long a value', [['k', 'v'.repeat(257)]], 'InvalidTag', /TagValue/],
  ['a character of its own', [['k?', 'v']], 'InvalidTag', /TagKey/],
  [
    'a key twice',
    [
      ['k', 'v'],
      ['k', 'w'],
    ],
    'InvalidTag',
    /same key/,
  ],
  ['a key of the system', [['aws:k', 'v']], 'InvalidTag', /System tags/],
] as const) {
  test(`bucket-tagging/refused: ${what}`, async () => {
    const answer = await put(pairs)
    assert.equal(answer.status, 400)
    assert.equal(errorCode(answer), code)
    assert.match(errorMessage(answer), message)
  })
}

test('bucket-tagging/refused: no document, a bucket that is not there, another account', async () => {
  assert.equal(
    errorCode(await server.send({ method: 'PUT', path: '/tagged?tagging', body: '<Tags/>' })),
    'MalformedXML',
  )
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? '<Tagging><TagSet/></Tagging>' : ''
    assert.equal(errorCode(await server.send({ method, path: '/nowhere?tagging', body })), 'NoSuchBucket')
    assert.equal(errorCode(await server.send({ method, path: '/tagged?tagging', body, as: 'lisa' })), 'AccessDenied')
  }
})

test('bucket-tagging/a bucket may be made with tags, and is not made with wrong ones', async () => {
  const make = (name: string, tags: string) => {
    const body = `<CreateBucketConfiguration><Tags>${tags}</Tags></CreateBucketConfiguration>`
    return server.send({ method: 'PUT', path: `/${name}`, body })
  }
  const tag = (key: string) => `<Tag><Key>${key}</Key><Value>v</Value></Tag>`
  assert.equal((await make('born-tagged', tag('a') + tag('b'))).status, 200)
  const { body } = await server.send({ method: 'GET', path: '/born-tagged?tagging' })
  assert.equal(body.match(/<Tag>/g)?.length, 2)
  for (const [tags, code] of [
    [tag('a') + tag('a'), 'InvalidTag'],
    [tag(''), 'InvalidTag'],
    [Array.from({ length: 51 }, (_, index) => tag(`k${index}`)).join(''), 'BadRequest'],
    ['<Key>a</Key>', 'MalformedXML'],
  ] as const) {
    assert.equal(errorCode(await make('unborn', tags)), code)
  }
  assert.equal((await server.send({ method: 'HEAD', path: '/unborn' })).status, 404)
  assert.equal((await make('born-plain', '')).status, 200)
  assert.equal((await server.send({ method: 'GET', path: '/born-plain?tagging' })).status, 404)
})
