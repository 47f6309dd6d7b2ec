// Goal: conditions of bucket policies are asked about what an operation uses: its version, its tags, its lock, wherever the request says them. Method: raw
// signed requests of two accounts.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { crc32, type Headers, lisa, policySteps } from './policy-steps.ts'
import { startTestServer, type TestServer, versioningEnabled } from './test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.close())

const { send, bucket, put } = policySteps(() => server, 'policy-facts')

test('bucket-policy/the version that a copy or a deletion is about is the one that conditions are asked about', async () => {
  const name = await bucket()
  assert.equal((await send('PUT', `/${name}?versioning=`, 'bart', {}, versioningEnabled)).status, 200)
  const version = async () => String((await send('PUT', `/${name}/v`, 'bart', {}, 'x')).headers['x-amz-version-id'])
  const [open, closed] = [await version(), await version()]
  const only = (...versions: string[]) => ({ Condition: { StringEquals: { 's3:VersionId': versions } } })
  await put(
    name,
    { Principal: lisa, Action: ['s3:PutObject', 's3:GetObject'] },
    { Principal: lisa, Action: ['s3:GetObjectVersion', 's3:DeleteObjectVersion'], ...only(open) },
  )
  const copy = async (source: string, address = '') =>
    (await send('PUT', `/${name}/copy${address}`, 'lisa', { 'x-amz-copy-source': `/${name}/v${source}` })).status
  assert.equal(await copy(`?versionId=${open}`), 200)
  assert.equal(await copy(`?versionId=${closed}`), 403)
  const remove = async (wanted: string, address: string) => {
    const body = `<Delete><Object><Key>v</Key><VersionId>${wanted}</VersionId></Object></Delete>`
    const headers = { 'x-amz-checksum-crc32': crc32(body) }
    return (await send('POST', `/${name}?delete=${address}`, 'lisa', headers, body)).body
  }
  assert.match(await remove(closed, ''), /<Code>AccessDenied</)
  assert.match(await remove(closed, `&versionId=${open}`), /<Code>AccessDenied</)
  assert.match(await remove(open, `&versionId=${closed}`), /<Deleted>/)
})

test('bucket-policy/tags that a copy takes from its source are what conditions are asked about', async () => {
  const name = await bucket()
  await send('PUT', `/${name}/secret`, 'bart', { 'x-amz-tagging': 'security=secret' }, 'x')
  await send('PUT', `/${name}/public`, 'bart', { 'x-amz-tagging': 'security=public' }, 'x')
  const secret = { Condition: { StringEquals: { 's3:RequestObjectTag/security': 'secret' } } }
  await put(
    name,
    { Principal: lisa, Action: ['s3:PutObject', 's3:PutObjectTagging', 's3:GetObject', 's3:GetObjectTagging'] },
    { Principal: lisa, Effect: 'Deny', Action: 's3:PutObject', ...secret },
  )
  const copy = async (source: string, more: Headers = {}) =>
    (await send('PUT', `/${name}/copy`, 'lisa', { 'x-amz-copy-source': `/${name}/${source}`, ...more })).status
  assert.equal(await copy('secret'), 403)
  assert.equal(await copy('secret', { 'x-amz-tagging': 'security=public' }), 403)
  assert.equal(await copy('public'), 200)
  assert.equal(await copy('public', { 'x-amz-tagging': 'security=secret' }), 200)
  const replaced = { 'x-amz-tagging-directive': 'REPLACE', 'x-amz-tagging': 'security=public' }
  assert.equal(await copy('secret', replaced), 200)
  assert.equal(await copy('public', { ...replaced, 'x-amz-tagging': 'security=secret' }), 403)
})

test('bucket-policy/headers do not speak for tags and holds that stand in the body', async () => {
  const name = await bucket({ 'x-amz-bucket-object-lock-enabled': 'true' })
  const variable = ['$', '{s3:RequestObjectTag/prefix}'].join('')
  const off = { Condition: { StringEquals: { 's3:object-lock-mode': 'GOVERNANCE' } } }
  await put(
    name,
    { Principal: lisa, Action: 's3:PutObjectTagging', Resource: `arn:aws:s3:::${name}/${variable}` },
    { Principal: lisa, Action: 's3:PutObjectRetention', ...off },
  )
  const tagging = (value: string) =>
    `<Tagging><TagSet><Tag><Key>prefix</Key><Value>${value}</Value></Tag></TagSet></Tagging>`
  const tag = async (value: string, headers: Headers = {}) =>
    (await send('PUT', `/${name}/k?tagging=`, 'lisa', headers, tagging(value))).status
  assert.equal(await tag('other', { 'x-amz-tagging': 'prefix=k' }), 403)
  assert.equal(await tag('k'), 200)
  const mode = { 'x-amz-object-lock-mode': 'GOVERNANCE' }
  assert.equal((await send('PUT', `/${name}/k?retention=`, 'lisa', mode, '<Retention/>')).status, 403)
})
