// Goal: failed replication is listed, paged and retried as the original does it, for keys of any form and failures of any age. Method: rows in
// quarantine written by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LedgerRow } from '../../../src/metadata/ledger.ts'
import { type ControlApi, failedRow, openControlApi, shownId } from './control-api.ts'

interface Page {
  readonly IsTruncated: boolean
  readonly NextMarker?: number
  readonly Versions: readonly { readonly Key: string }[]
}

async function list(api: ControlApi, query: string): Promise<Page> {
  return (await api.json('GET', `/_/crr/failed?${query}`)).json as Page
}

async function allPages(api: ControlApi): Promise<readonly string[]> {
  const keys: string[] = []
  let marker = ''
  for (let pages = 0; pages < 100; pages += 1) {
    const page = await list(api, `sitename=awsbackend${marker}`)
    keys.push(...page.Versions.map(version => version.Key))
    if (!page.IsTruncated) return keys
    marker = `&marker=${page.NextMarker}`
  }
  throw new Error('the listing does not end')
}

test('a failed version is listed with what the original tells of it', async () => {
  const api = await openControlApi()
  const row = failedRow(1)
  api.rows.push(row, failedRow(2, { site: 'azurebackend' }), failedRow(3, { state: 'completed' }))
  assert.deepEqual((await api.json('GET', '/_/crr/failed?sitename=awsbackend')).json, {
    IsTruncated: false,
    Versions: [
      {
        Bucket: 'src',
        Key: 'key-1',
        VersionId: shownId(row),
        StorageClass: 'awsbackend',
        Size: 11,
        LastModified: '2023-11-14T22:13:20.001Z',
      },
    ],
  })
  assert.deepEqual(await list(api, 'site=awsbackend'), { IsTruncated: false, Versions: [] })
  await api.close()
})

test('pages of at most 100 follow each other without gaps and without repetitions', async () => {
  const api = await openControlApi()
  for (let serial = 0; serial < 250; serial += 1) api.rows.push(failedRow(serial))
  const first = await list(api, 'sitename=awsbackend')
  assert.deepEqual([first.IsTruncated, first.Versions.length], [true, 100])
  const keys = await allPages(api)
  assert.equal(keys.length, 250)
  assert.equal(new Set(keys).size, 250)
  await api.close()
})

test('many failures of one millisecond do not stop the paging', async () => {
  const api = await openControlApi()
  const reason = (at: number): LedgerRow['reason'] => ({ class: 'object', code: 'X', message: '', at })
  for (let serial = 0; serial < 330; serial += 1) {
    api.rows.push(failedRow(serial, { reason: { class: 'object', code: 'X', message: '', at: serial < 150 ? 9 : 5 } }))
  }
  api.rows.push(failedRow(330, { reason: reason(4) ?? { class: 'object', code: '', message: '', at: 4 } }))
  const keys = await allPages(api)
  assert.deepEqual([keys.length, new Set(keys).size], [331, 331])
  await api.close()
})

test('the failures of one version are found under its key, decoded', async () => {
  const api = await openControlApi()
  const key = 'a b/ü:%/?#'
  const row = failedRow(1, { key })
  api.rows.push(row, { ...row, site: 'azurebackend' }, failedRow(1, { key: 'other' }))
  const encoded = key.split('/').map(encodeURIComponent).join('/')
  for (const path of [encoded, encodeURIComponent(key)]) {
    const { json } = await api.json('GET', `/_/crr/failed/src/${path}?versionId=${shownId(row)}`)
    const { IsTruncated, Versions } = json as Page
    assert.deepEqual([IsTruncated, Versions.map(version => version.Key)], [false, [key, key]])
  }
  const nothing = await api.json('GET', `/_/crr/failed/src/${encoded}?versionId=nonsense`)
  assert.deepEqual(nothing, { status: 200, json: { IsTruncated: false, Versions: [] } })
  await api.close()
})

test('a retry answers what was in quarantine, once, and tells the processors of its sites', async () => {
  const api = await openControlApi()
  const row = failedRow(1)
  api.rows.push(row, failedRow(2))
  const item = { Bucket: 'src', Key: 'key-1', VersionId: shownId(row), StorageClass: 'awsbackend' }
  const items = [item, item, { ...item, Key: 'absent' }, { ...item, StorageClass: 'nope' }, { ...item, VersionId: 'x' }]
  const answer = await api.json('POST', '/_/crr/failed', JSON.stringify(items))
  const shown = { ...item, Size: 11, LastModified: '2023-11-14T22:13:20.001Z', ReplicationStatus: 'PENDING' }
  assert.deepEqual(answer, { status: 200, json: [shown] })
  assert.deepEqual(api.retried, ['awsbackend'])
  assert.deepEqual((await api.json('POST', '/_/crr/failed', JSON.stringify([item]))).json, [])
  const forced = await api.json('POST', '/_/crr/failed', JSON.stringify([{ ...item, ForceRetry: true }]))
  assert.deepEqual(forced.json, [shown])
  assert.deepEqual(
    api.rows.map(({ state }) => state),
    ['pending', 'quarantined'],
  )
  await api.close()
})

test('bodies that are no list of versions are refused', async () => {
  const api = await openControlApi()
  const good = { Bucket: 'b', Key: 'k', StorageClass: 'awsbackend' }
  const bad = [
    ...['', 'x', '[]', '{}', 'null', '1', '"a"', '[1]', '[null]', '[[]]', '[{}]'],
    ...[{ Bucket: '' }, { Key: 1 }, { StorageClass: null }, { VersionId: 7 }, { ForceRetry: 'yes' }].map(change =>
      JSON.stringify([{ ...good, ...change }]),
    ),
  ]
  for (const body of bad) {
    const answer = await api.json('POST', '/_/crr/failed', body)
    assert.partialDeepStrictEqual(answer, { status: 400, json: { MalformedPOSTRequest: true } }, body)
  }
  assert.deepEqual((await api.json('POST', '/_/crr/failed', JSON.stringify([good]))).json, [])
  await api.close()
})
