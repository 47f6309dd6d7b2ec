// Goal: website configurations are stored as given or refused with S3's errors. Method: raw requests, a table of wrong documents.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { errorCode, errorMessage, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  await server.send({ method: 'PUT', path: '/site' })
})

after(() => server.close())

function put(content: string) {
  const body = `<WebsiteConfiguration>${content}</WebsiteConfiguration>`
  return server.send({ method: 'PUT', path: '/site?website', body })
}

const read = () => server.send({ method: 'GET', path: '/site?website' })
const remove = () => server.send({ method: 'DELETE', path: '/site?website' })

const index = '<IndexDocument><Suffix>index.html</Suffix></IndexDocument>'
const all = '<RedirectAllRequestsTo><HostName>other.example</HostName></RedirectAllRequestsTo>'
const host = '<Redirect><HostName>h.example</HostName></Redirect>'

function rules(...contents: string[]): string {
  return `<RoutingRules>${contents.map(content => `<RoutingRule>${content}</RoutingRule>`).join('')}</RoutingRules>`
}

test('website/none, stored as given, replaced, deleted', async () => {
  const none = await read()
  assert.equal(none.status, 404)
  assert.equal(errorCode(none), 'NoSuchWebsiteConfiguration')
  const full =
    `${index}<ErrorDocument><Key>errors/all.html</Key></ErrorDocument>` +
    rules(
      '<Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>a/</KeyPrefixEquals>' +
        '</Condition><Redirect><Protocol>https</Protocol><HostName>h.example</HostName><ReplaceKeyPrefixWith>b/' +
        '</ReplaceKeyPrefixWith><HttpRedirectCode>307</HttpRedirectCode></Redirect>',
      '<Redirect><ReplaceKeyWith>all.html</ReplaceKeyWith></Redirect>',
    )
  assert.equal((await put(full)).status, 200)
  const stored = await read()
  assert.ok(stored.body.includes(full), stored.body)
  assert.equal((await put(all)).status, 200)
  assert.ok((await read()).body.endsWith(`${all}</WebsiteConfiguration>`))
  assert.equal((await remove()).status, 204)
  assert.equal((await read()).status, 404)
  assert.equal((await remove()).status, 204)
})

const condition = (content: string) => `<Condition>${content}</Condition>`
const errorIs = (code: string) => condition(`<HttpErrorCodeReturnedEquals>${code}</HttpErrorCodeReturnedEquals>`) + host
const redirectBy = (code: string) => `<Redirect><HttpRedirectCode>${code}</HttpRedirectCode></Redirect>`

for (const [what, content, code, message] of [
  ['nothing', '', 'InvalidArgument', /IndexDocument Suffix must be provided/],
  ['an empty index', '<IndexDocument><Suffix/></IndexDocument>', 'InvalidArgument', /IndexDocument Suffix is not well/],
  ['an index in a folder', '<IndexDocument><Suffix>a/b</Suffix></IndexDocument>', 'InvalidArgument', /not well formed/],
  [
    'an empty error key',
    `${index}<ErrorDocument><Key/></ErrorDocument>`,
    'InvalidArgument',
    /ErrorDocument Key is not/,
  ],
  ['no error key', `${index}<ErrorDocument/>`, 'MalformedXML', /./],
  ['all requests and pages', all + index, 'MalformedXML', /./],
  ['all requests and rules', all + rules(host), 'MalformedXML', /./],
  ['all requests to nowhere', '<RedirectAllRequestsTo/>', 'MalformedXML', /./],
  ['a protocol', all.replace('</R', '<Protocol>ftp</Protocol></R'), 'InvalidRequest', /Invalid protocol/],
  [
    'a protocol of a rule',
    index + rules('<Redirect><Protocol>ftp</Protocol></Redirect>'),
    'InvalidRequest',
    /protocol/,
  ],
  ['no rules', `${index}<RoutingRules/>`, 'MalformedXML', /./],
  ['an empty condition', index + rules(`<Condition/>${host}`), 'MalformedXML', /./],
  ['a rule without redirect', index + rules(condition('<KeyPrefixEquals>a</KeyPrefixEquals>')), 'MalformedXML', /./],
  ['an empty redirect', index + rules('<Redirect/>'), 'MalformedXML', /./],
  ['error 399', index + rules(errorIs('399')), 'InvalidRequest', /HTTP error code \(399\) is not valid/],
  ['error 4xx', index + rules(errorIs('4xx')), 'MalformedXML', /./],
  ['redirect 300', index + rules(redirectBy('300')), 'InvalidRequest', /redirect code \(300\) is not valid/],
  ['redirect 3xx', index + rules(redirectBy('3xx')), 'MalformedXML', /./],
  [
    'key and prefix replaced',
    index +
      rules('<Redirect><ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith></Redirect>'),
    'InvalidRequest',
    /but not both/,
  ],
  ['51 rules', index + rules(...Array.from({ length: 51 }, () => host)), 'InvalidRequest', /^51 routing rules.* 50\.$/],
  ['129 KiB', index + rules(host.replace('h.', 'h'.repeat(132_096))), 'MaxMessageLengthExceeded', /./],
] as const) {
  test(`website/refused: ${what}`, async () => {
    const answer = await put(content)
    assert.equal(answer.status, 400)
    assert.equal(errorCode(answer), code)
    assert.match(errorMessage(answer), message)
    assert.equal((await read()).status, 404)
  })
}

test('website/refused: a bucket that is not there, another account', async () => {
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? `<WebsiteConfiguration>${index}</WebsiteConfiguration>` : ''
    assert.equal(errorCode(await server.send({ method, path: '/nowhere?website', body })), 'NoSuchBucket')
    assert.equal(errorCode(await server.send({ method, path: '/site?website', body, as: 'lisa' })), 'AccessDenied')
  }
})
