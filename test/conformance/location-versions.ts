// Conformance cases of locations: versions and delete markers, or their absence.
import assert from 'node:assert/strict'
import type { Capabilities } from '../../src/locations/location.ts'
import { type LocationCase, marked, put, read } from './location-subject.ts'

const needsVersions = (capabilities: Capabilities): string | undefined =>
  capabilities.versions ? undefined : 'it keeps no versions'
const needsNoVersions = (capabilities: Capabilities): string | undefined =>
  capabilities.versions ? 'it keeps versions' : undefined

export const versionCases: readonly LocationCase[] = [
  {
    name: 'each write is a version of its own, listed newest first with its markers',
    skip: needsVersions,
    async run(subject) {
      const { location, key } = subject
      const one = await put(subject, 'one', marked('1'))
      const two = await put(subject, 'two', marked('2'))
      const marker = await location.delete(key, '')
      const three = await put(subject, 'three', marked('3'))
      await put({ ...subject, key: `${key}-longer` }, 'another key')
      const history = await location.history(key, 100)
      const told = history.map(object => [object.versionId, object.isDeleteMarker, object.markers['scal-version-id']])
      assert.deepEqual(told, [
        [three.versionId, false, '3'],
        [marker.versionId, true, undefined],
        [two.versionId, false, '2'],
        [one.versionId, false, '1'],
      ])
      assert.deepEqual(
        history.map(object => object.isLatest),
        [true, false, false, false],
      )
      assert.equal((await read(subject, one.versionId)).toString(), 'one')
      assert.equal((await read(subject)).toString(), 'three')
    },
  },
  {
    name: 'a history can be cut short',
    skip: needsVersions,
    async run(subject) {
      for (const text of ['1', '2', '3']) await put(subject, text, marked(text))
      const [newest, ...rest] = await subject.location.history(subject.key, 1)
      assert.equal(newest?.markers['scal-version-id'], '3')
      assert.deepEqual(rest, [])
    },
  },
  {
    name: 'a delete adds a marker, whose removal brings the object back',
    skip: needsVersions,
    async run(subject) {
      const { location, key } = subject
      const { versionId } = await put(subject, 'x')
      const marker = await location.delete(key, '')
      assert.notEqual(marker.versionId, '')
      assert.equal(await location.head(key, ''), null)
      assert.equal((await location.head(key, marker.versionId))?.isDeleteMarker, true)
      assert.equal((await location.head(key, versionId))?.isDeleteMarker, false)
      await location.delete(key, marker.versionId)
      assert.equal((await location.head(key, ''))?.versionId, versionId)
    },
  },
  {
    name: 'a version can be removed, twice',
    skip: needsVersions,
    async run(subject) {
      const { location, key } = subject
      const one = await put(subject, 'one')
      const two = await put(subject, 'two')
      await location.delete(key, two.versionId)
      await location.delete(key, two.versionId)
      assert.equal((await location.head(key, ''))?.versionId, one.versionId)
      assert.equal(await location.head(key, two.versionId), null)
    },
  },
  {
    name: 'tags go to the version that is named',
    skip: needsVersions,
    async run(subject) {
      const { location, key } = subject
      const one = await put(subject, 'one', marked('1'))
      await put(subject, 'two', marked('2'))
      const tagged = await location.putTags(key, one.versionId, { a: 'b' })
      assert.equal(tagged.versionId, one.versionId)
      assert.equal((await location.history(key, 10)).length, 2)
    },
  },
  {
    name: 'a write replaces what was there',
    skip: needsNoVersions,
    async run(subject) {
      await put(subject, 'one', marked('1'))
      const two = await put(subject, 'two', marked('2'))
      const history = await subject.location.history(subject.key, 10)
      assert.deepEqual(
        history.map(object => [object.versionId, object.etag, object.markers['scal-version-id']]),
        [['', two.etag, '2']],
      )
      await subject.location.delete(subject.key, '')
      assert.deepEqual(await subject.location.history(subject.key, 10), [])
    },
  },
]
