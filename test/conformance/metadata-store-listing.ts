// The part of the metadata store's suite about listings: their order, their pages, and what they pass over.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ListedVersion, ListOptions, MetadataStore } from '../../src/metadata/metadata-store.ts'
import { seededDice } from '../fuzz/dice.ts'
import { makeBucket, put } from './store-fixtures.ts'
import { opened, page, type StoreAdapter } from './store-subject.ts'

async function names(store: MetadataStore, options: Partial<ListOptions>): Promise<string[]> {
  const listing = await store.list({ ...page, bucket: 'b', ...options })
  return listing.entries.map(entry => (entry.kind === 'prefix' ? `${entry.prefix}*` : entry.version.key))
}

/** All pages of a listing. */
async function paged(store: MetadataStore, options: Partial<ListOptions>): Promise<string[]> {
  const found: string[] = []
  let from: Partial<ListOptions> = {}
  for (let count = 0; count < 1000; count += 1) {
    const listing = await store.list({ ...page, bucket: 'b', ...options, ...from })
    for (const entry of listing.entries)
      found.push(entry.kind === 'prefix' ? `${entry.prefix}*` : `${entry.version.key}@${entry.version.versionId}`)
    if (!listing.truncated) return found
    assert.ok(listing.next)
    const { key, versionId } = listing.next
    from = { after: key, ...(versionId !== undefined && { versionAfter: versionId }) }
  }
  assert.fail('the listing does not end')
}

export function listingSuite(adapter: StoreAdapter): void {
  const keys = [
    'a',
    'a/',
    'a/b',
    'a/c/d',
    'a\u0001',
    'b',
    'é',
    'z',
    '\u{1F600}',
    '\uFFFD',
    'photos/1',
    'photos/2',
    'photos0',
  ]

  it('lists keys in the order of their UTF-8 bytes', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const key of keys) await put(store, 'b', key)
    const sorted = keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
    assert.deepEqual(await names(store, {}), sorted)
    assert.deepEqual(await names(store, { after: 'b' }), sorted.slice(sorted.indexOf('b') + 1))
    assert.deepEqual(await names(store, { prefix: 'a/' }), ['a/', 'a/b', 'a/c/d'])
    assert.deepEqual(await names(store, { prefix: 'photos' }), ['photos/1', 'photos/2', 'photos0'])
    assert.deepEqual(await names(store, { bucket: 'nowhere' }), [])
  })

  it('gathers common prefixes, page by page, none twice', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const key of keys) await put(store, 'b', key)
    for (let index = 0; index < 30; index += 1) await put(store, 'b', `many/${index}`)
    const all = await names(store, { delimiter: '/' })
    assert.deepEqual(all, [
      'a',
      'a\u0001',
      'a/*',
      'b',
      'many/*',
      'photos/*',
      'photos0',
      'z',
      'é',
      '\uFFFD',
      '\u{1F600}',
    ])
    for (const maxKeys of [1, 2, 3, 100]) {
      const pages = await paged(store, { delimiter: '/', maxKeys })
      assert.deepEqual(
        pages.map(name => name.replace(/@.*$/, '')),
        all,
      )
    }
    assert.deepEqual(await names(store, { prefix: 'a/', delimiter: '/' }), ['a/', 'a/b', 'a/c/*'])
    assert.deepEqual(await names(store, { prefix: 'a/', delimiter: '/', after: 'a/c/d' }), [])
    assert.deepEqual(await names(store, { delimiter: '/', after: 'many/' }), all.slice(5))
    assert.deepEqual(await names(store, { delimiter: '/', after: 'many/3' }), all.slice(5))
    assert.deepEqual(
      await names(store, { delimiter: 'any' }),
      (await names(store, { delimiter: 'any' })).toSorted(order),
    )
  })

  it('passes over keys with many versions and over delete markers', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const writes: Promise<unknown>[] = []
    for (const key of ['x', 'y', 'z']) for (let count = 0; count < 40; count += 1) writes.push(put(store, 'b', key))
    await Promise.all(writes)
    await put(store, 'b', 'y', { deleteMarker: true })
    assert.deepEqual(await names(store, {}), ['x', 'z'])
    const first = await store.list({ ...page, bucket: 'b', maxKeys: 1 })
    assert.equal(first.truncated, true)
    assert.deepEqual(first.next, { key: 'x' })
    const second = await store.list({ ...page, bucket: 'b', maxKeys: 1, after: 'x' })
    assert.equal(second.truncated, false)
    assert.deepEqual(await store.list({ ...page, bucket: 'b', maxKeys: 0 }), { entries: [], truncated: false })
  })

  it('finds what is left between many deleted keys, on pages of every size', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const deleted = Array.from({ length: 150 }, (_, index) => `k${String(index).padStart(3, '0')}`)
    await Promise.all(deleted.map(key => put(store, 'b', key, { deleteMarker: !['k070', 'k071'].includes(key) })))
    await Promise.all(['a', 'z/1', 'z/2', 'z/3'].map(key => put(store, 'b', key)))
    for (const maxKeys of [1, 2, 50]) {
      const found = await paged(store, { delimiter: '/', maxKeys })
      assert.deepEqual(
        found.map(name => name.replace(/@.*$/, '')),
        ['a', 'k070', 'k071', 'z/*'],
      )
    }
  })

  it('lists all versions, newest first within a key, one of each key the latest', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    for (const key of ['x', 'y', 'x/1', 'x']) {
      await put(store, 'b', key)
      await put(store, 'b', key, { deleteMarker: true })
    }
    const listing = await store.list({ ...page, bucket: 'b', what: 'versions' })
    const versions = listing.entries.map(entry => (entry.kind === 'version' ? entry.version : assert.fail('a prefix')))
    assert.deepEqual(
      versions.map(version => [version.key, version.isLatest, version.isDeleteMarker]),
      [
        ['x', true, true],
        ['x', false, false],
        ['x', false, true],
        ['x', false, false],
        ['x/1', true, true],
        ['x/1', false, false],
        ['y', true, true],
        ['y', false, false],
      ],
    )
    const all = versions.map(version => `${version.key}@${version.versionId}`)
    for (const maxKeys of [1, 2, 3, 5])
      assert.deepEqual(await paged(store, { what: 'versions', maxKeys }), all, `pages of ${maxKeys}`)
    assert.deepEqual(await paged(store, { what: 'versions', maxKeys: 2, delimiter: '/', prefix: 'x' }), [
      ...all.slice(0, 4),
      'x/*',
    ])
  })

  it('shows what a plain reading of all versions would show, for any delimiter, prefix and page', async test => {
    const { store } = await opened(adapter, test)
    await makeBucket(store, 'b')
    const dice = seededDice(7)
    const character = (): string => dice.pick(['a', 'b', '/', 'é', '\u{10ffff}', '\ud7ff', '\u0001'])
    const written = Array.from({ length: 250 }, () => Array.from({ length: 1 + dice.int(5) }, character).join(''))
    for (const key of written) await put(store, 'b', key, { deleteMarker: dice.chance(0.2) })
    const all = await store.list({ ...page, bucket: 'b', what: 'versions' })
    const versions = all.entries.flatMap(entry => (entry.kind === 'version' ? [entry.version] : []))
    assert.equal(versions.length, written.length)
    for (const delimiter of ['/', 'ab', 'é', '\u{10ffff}', '\ud7ff', 'a\u{10ffff}'])
      for (const prefix of ['', 'a', '/', 'é/', 'a\u{10ffff}'])
        for (const what of ['current', 'versions'] as const) {
          const wanted = plainly(versions, { delimiter, prefix, what })
          for (const maxKeys of [1, 7, 1000])
            assert.deepEqual(
              await paged(store, { delimiter, prefix, what, maxKeys }),
              wanted,
              JSON.stringify({ delimiter, prefix, what, maxKeys }),
            )
        }
  })
}

/** What a listing shows, from all versions in their order. */
function plainly(
  versions: readonly ListedVersion[],
  { delimiter, prefix, what }: Pick<ListOptions, 'delimiter' | 'prefix' | 'what'>,
): readonly string[] {
  const shown = versions
    .filter(({ key }) => key.startsWith(prefix))
    .filter(({ isLatest, isDeleteMarker }) => what === 'versions' || (isLatest && !isDeleteMarker))
    .map(({ key, versionId }) => {
      const at = key.indexOf(delimiter, prefix.length)
      return at < 0 ? `${key}@${versionId}` : `${key.slice(0, at + delimiter.length)}*`
    })
  return [...new Set(shown)]
}

const order = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right))
