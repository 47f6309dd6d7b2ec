// Goal: a website endpoint serves pages, index documents, redirects and error documents as S3's does, to nobody known, by host and by path.
// Method: a bucket that everybody may read, requests with the Host of the endpoint.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { startTestServer, type TestServer } from './test-server.ts'

const endpoint = 'website.example'
let server: TestServer

before(async () => {
  server = await startTestServer({ websiteEndpoints: [endpoint] })
  for (const bucket of ['site', 'closed', 'moved', 'bare']) await server.send({ method: 'PUT', path: `/${bucket}` })
  for (const bucket of ['site', 'moved']) await openToAll(bucket)
  const pages = { 'index.html': 'home', 'docs/index.html': 'docs', 'docs/a b.html': 'a b', 'error.html': 'sorry' }
  for (const [key, body] of Object.entries(pages)) {
    const path = `/site/${encodeURIComponent(key)}`
    await server.send({ method: 'PUT', path, body, headers: { 'content-type': 'text/html' } })
  }
  await configure('closed', index)
})

after(() => server.close())

async function openToAll(bucket: string): Promise<void> {
  const statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }
  const body = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  await server.send({ method: 'DELETE', path: `/${bucket}?publicAccessBlock` })
  const answer = await server.send({ method: 'PUT', path: `/${bucket}?policy`, body })
  assert.equal(answer.status, 204, answer.body)
}

const index = '<IndexDocument><Suffix>index.html</Suffix></IndexDocument>'
const withError = `${index}<ErrorDocument><Key>error.html</Key></ErrorDocument>`

async function configure(bucket: string, content: string): Promise<void> {
  const body = `<WebsiteConfiguration>${content}</WebsiteConfiguration>`
  const answer = await server.send({ method: 'PUT', path: `/${bucket}?website`, body })
  assert.equal(answer.status, 200, answer.body)
}

function rules(...contents: string[]): string {
  return `<RoutingRules>${contents.map(content => `<RoutingRule>${content}</RoutingRule>`).join('')}</RoutingRules>`
}

function visit(path: string, bucket = 'site', more: { method?: string; headers?: Record<string, string> } = {}) {
  const host = bucket === '' ? endpoint : `${bucket}.${endpoint}:8000`
  return server.send({ method: more.method ?? 'GET', path, as: null, headers: { ...more.headers, host } })
}

test('website/pages, and index documents of folders', async () => {
  await configure('site', index)
  for (const [path, body] of [
    ['/', 'home'],
    ['/index.html', 'home'],
    ['/docs/', 'docs'],
    ['/docs/a%20b.html', 'a b'],
    ['/docs/a%20b.html?versionId=none&response-content-type=a', 'a b'],
  ] as const) {
    const answer = await visit(path)
    assert.equal(answer.status, 200, path)
    assert.equal(answer.body, body)
    assert.equal(answer.headers['content-type'], 'text/html')
  }
  const head = await visit('/docs/', 'site', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '4', ''])
  const part = await visit('/', 'site', { headers: { range: 'bytes=1-2' } })
  assert.deepEqual([part.status, part.body], [206, 'om'])
  const same = await visit('/', 'site', { headers: { 'if-none-match': '*' } })
  assert.equal(same.status, 304)
})

test('website/the path names the bucket where the host does not', async () => {
  await configure('site', index)
  assert.equal((await visit('/site/docs/', '')).body, 'docs')
  const folder = await visit('/site/docs', '')
  assert.deepEqual([folder.status, folder.headers['location']], [302, '/site/docs/'])
})

test('website/a folder without its slash is redirected if it has an index', async () => {
  await configure('site', index)
  const folder = await visit('/docs')
  assert.deepEqual([folder.status, folder.headers['location'], folder.body], [302, '/docs/', ''])
  assert.equal((await visit('/other')).status, 404)
})

test('website/errors are pages, with the error in headers too', async () => {
  await configure('site', index)
  const missing = await visit('/missing<a>.html'.replace('<a>', '%3Ca%3E'))
  assert.equal(missing.status, 404)
  assert.match(missing.headers['content-type'] ?? '', /^text\/html/)
  assert.equal(missing.headers['x-amz-error-code'], 'NoSuchKey')
  assert.match(missing.body, /<title>404 Not Found<\/title>/)
  assert.match(missing.body, /<li>Code: NoSuchKey<\/li>/)
  assert.match(missing.body, /<li>Key: missing&lt;a&gt;.html<\/li>/)
  assert.equal((await visit('/missing', 'site', { method: 'HEAD' })).body, '')
  for (const [answer, status, code] of [
    [await visit('/', 'nowhere'), 404, 'NoSuchBucket'],
    [await visit('/', ''), 404, 'NoSuchBucket'],
    [await visit('/', 'bare'), 404, 'NoSuchWebsiteConfiguration'],
    [await visit('/index.html', 'closed'), 403, 'AccessDenied'],
    [await visit('/', 'site', { method: 'POST' }), 405, 'MethodNotAllowed'],
    [await visit('/', 'site', { method: 'PUT' }), 405, 'MethodNotAllowed'],
    [await visit('/%ff'), 400, 'InvalidURI'],
  ] as const) {
    assert.equal(answer.status, status, code)
    assert.match(answer.body, new RegExp(`<li>Code: ${code}</li>`))
  }
})

test('website/signatures and headers of the API change nothing', async () => {
  await configure('site', index)
  const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=none', 'x-amz-expected-bucket-owner': '1' }
  assert.equal((await visit('/', 'site', { headers })).status, 200)
})

test('website/the error document stands for pages that are not there', async () => {
  await configure('site', withError)
  const missing = await visit('/missing', 'site', { headers: { range: 'bytes=0-1', 'if-none-match': '*' } })
  assert.deepEqual([missing.status, missing.body], [404, 'sorry'])
  assert.equal(missing.headers['x-amz-error-code'], 'NoSuchKey')
  await configure('site', withError.replace('error.html', 'none.html'))
  const neither = await visit('/missing')
  assert.equal(neither.status, 404)
  assert.match(neither.body, /An Error Occurred While Attempting to Retrieve a Custom Error Document/)
  assert.match(neither.body, /<li>Key: none.html<\/li>/)
})

test('website/routing rules, before and after the page was looked for', async () => {
  const condition = (content: string) => `<Condition>${content}</Condition>`
  await configure(
    'site',
    withError +
      rules(
        `${condition('<KeyPrefixEquals>old/</KeyPrefixEquals>')}<Redirect><ReplaceKeyPrefixWith>docs/</ReplaceKeyPrefixWith></Redirect>`,
        `${condition('<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>gone/</KeyPrefixEquals>')}<Redirect><HostName>h.example</HostName><Protocol>https</Protocol><HttpRedirectCode>302</HttpRedirectCode></Redirect>`,
      ),
  )
  const old = await visit('/old/a%20b.html')
  assert.deepEqual([old.status, old.headers['location']], [301, `http://site.${endpoint}:8000/docs/a%20b.html`])
  const gone = await visit('/gone/x')
  assert.deepEqual([gone.status, gone.headers['location']], [302, 'https://h.example/gone/x'])
  assert.equal((await visit('/missing')).body, 'sorry')
  assert.equal((await visit('/docs/')).body, 'docs')
})

test('website/all requests may go to another host', async () => {
  await configure('moved', '<RedirectAllRequestsTo><HostName>h.example</HostName></RedirectAllRequestsTo>')
  const answer = await visit('/a/b?c=d', 'moved')
  assert.deepEqual([answer.status, answer.headers['location']], [301, 'http://h.example/a/b?c=d'])
})

test('website/an object may send its visitors elsewhere', async () => {
  await configure('site', index)
  const headers = { 'x-amz-website-redirect-location': 'https://h.example/x' }
  await server.send({ method: 'PUT', path: '/site/away', headers, body: 'not shown' })
  const answer = await visit('/away')
  assert.deepEqual([answer.status, answer.headers['location'], answer.body], [301, 'https://h.example/x', ''])
  assert.equal((await server.send({ method: 'GET', path: '/site/away' })).body, 'not shown')
})

test('website/cors rules hold there too', async () => {
  await configure('site', index)
  const rule = '<CORSRule><AllowedOrigin>http://a</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>'
  await server.send({ method: 'PUT', path: '/site?cors', body: `<CORSConfiguration>${rule}</CORSConfiguration>` })
  const page = await visit('/', 'site', { headers: { origin: 'http://a' } })
  assert.equal(page.headers['access-control-allow-origin'], 'http://a')
  const asked = { origin: 'http://a', 'access-control-request-method': 'GET' }
  assert.equal((await visit('/', 'site', { method: 'OPTIONS', headers: asked })).status, 200)
  const refused = await visit('/', 'site', { method: 'OPTIONS', headers: { ...asked, origin: 'http://b' } })
  assert.equal(refused.status, 403)
  assert.match(refused.body, /<li>Code: AccessForbidden<\/li>/)
})
