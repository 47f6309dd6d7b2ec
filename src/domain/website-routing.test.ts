// Goal: every rule fits what it says and sends where it says. Method: tables of rules and requests.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { RoutingRule } from './website.ts'
import { followAll, followRule, pageKey, routingRuleFor, toFolder } from './website-routing.ts'

const pages = (...rules: RoutingRule[]) => ({ kind: 'pages', indexSuffix: 'index.html', rules }) as const
const request = { protocol: 'http', host: 'site.example:8000', basePath: '', key: 'docs/a b.html', query: '' } as const

test('folders are answered by their index document', () => {
  for (const [key, page] of [
    ['', 'index.html'],
    ['docs/', 'docs/index.html'],
    ['docs', 'docs'],
    ['docs/a', 'docs/a'],
  ] as const) {
    assert.equal(pageKey(pages(), key), page)
  }
})

test('the first rule that fits counts; those for errors wait for one', () => {
  const rule = (replaceKey: string, condition?: RoutingRule['condition']): RoutingRule =>
    condition === undefined ? { redirect: { replaceKey } } : { condition, redirect: { replaceKey } }
  const site = pages(
    rule('missing docs', { keyPrefix: 'docs/', errorCode: 404 }),
    rule('missing', { errorCode: 404 }),
    rule('docs', { keyPrefix: 'docs/' }),
    rule('rest'),
  )
  const found = (key: string, status?: number) => routingRuleFor(site, key, status)?.redirect.replaceKey
  assert.equal(found('docs/a'), 'docs')
  assert.equal(found('a'), 'rest')
  assert.equal(found('docs/a', 404), 'missing docs')
  assert.equal(found('a', 404), 'missing')
  assert.equal(found('docs/a', 403), undefined)
})

for (const [what, rule, status, location] of [
  ['a host', { redirect: { hostName: 'h' } }, 301, 'http://h/docs/a%20b.html'],
  ['a protocol', { redirect: { protocol: 'https' } }, 301, 'https://site.example:8000/docs/a%20b.html'],
  ['a code', { redirect: { code: 307, hostName: 'h' } }, 307, 'http://h/docs/a%20b.html'],
  ['a key', { redirect: { replaceKey: 'x?y' } }, 301, 'http://site.example:8000/x%3Fy'],
  [
    'a prefix',
    { condition: { keyPrefix: 'docs/' }, redirect: { replaceKeyPrefix: 'new/' } },
    301,
    'http://site.example:8000/new/a%20b.html',
  ],
  [
    'a prefix of everything',
    { redirect: { replaceKeyPrefix: 'new/' } },
    301,
    'http://site.example:8000/new/docs/a%20b.html',
  ],
] as const) {
  test(`a redirect by ${what}`, () => assert.deepEqual(followRule(rule, request), { status, location }))
}

test('redirects stay below the path of the website unless they leave its host', () => {
  const below = { ...request, basePath: '/site' }
  assert.equal(followRule({ redirect: { replaceKey: 'x' } }, below).location, 'http://site.example:8000/site/x')
  assert.equal(followRule({ redirect: { replaceKey: 'x', hostName: 'h' } }, below).location, 'http://h/x')
  assert.deepEqual(toFolder({ ...below, key: 'docs' }), { status: 302, location: '/site/docs/' })
})

test('what is asked of a page goes with the redirect', () => {
  const asked = { ...request, query: 'a=b%20c' }
  assert.equal(followRule({ redirect: { hostName: 'h' } }, asked).location, 'http://h/docs/a%20b.html?a=b%20c')
})

test('all requests may be sent to another host', () => {
  const all = { kind: 'redirect', hostName: 'h' } as const
  assert.deepEqual(followAll(all, request), { status: 301, location: 'http://h/docs/a%20b.html' })
  assert.equal(followAll(all, { ...request, query: 'a=b%20c' }).location, 'http://h/docs/a%20b.html?a=b%20c')
  assert.equal(followAll({ ...all, protocol: 'https' }, request).location, 'https://h/docs/a%20b.html')
})
